/*
 * coded.h: rows as 8-bit codes (num/codes.h), and which of some centroids is nearest to each of them: what fast k-means
 * is made of. Distances between codes are exact but for the rounding of floats; how far a code is from its row is kept
 * beside it, so that codes can rule a centroid out and floats decide about the rest.                     Layer: num.
 */
#ifndef CLIO_NUM_CODED_H
#define CLIO_NUM_CODED_H

#include "base/error.h"
#include "base/par.h"
#include "num/codes.h"
#include "num/mat.h"

#include <stdbool.h>

enum { CODED_ROWS = 32 }; /* rows worked on at once */

/* n rows of d values. A coded row is scale * code. */
struct coded {
    const struct codes_kernels *kernels;
    size_t n, d, stride;
    int8_t *codes;  /* [n rounded up to 16][stride] */
    float *scales;  /* [n] */
    float *squares; /* [n] squared length of the coded row */
    float *errors;  /* [n] how far the row is from the coded row, rounded up */
};

/* d <= CODES_D_MAX; uninitialised but for the padding. */
struct coded coded_new(const struct codes_kernels *kernels, size_t n, size_t d);
void coded_free(struct coded *c);
/* Rows first .. first + n - 1 of it, borrowed. */
struct coded coded_part(const struct coded *c, size_t first, size_t n);
size_t coded_bytes(size_t d); /* memory a row takes */

void coded_set(struct coded *c, size_t i, const float *row);
/* All rows: points [n][d], or those of its rows that `rows` [n] names. False when dist_finite() is for a row. */
MUST_USE bool coded_fill(struct coded *c, struct mat points, const uint32_t *rows, struct par *par);
/* out [d] = the coded row. */
void coded_row(const struct coded *c, size_t i, float *out);

/* sum [stride] += scale * code. */
void coded_add(float *restrict sum, const int8_t *restrict code, float scale, size_t stride);

/* Some centroids, packed: the columns of a block product. */
struct panel {
    const struct codes_kernels *kernels;
    size_t stride, count, room;
    int8_t *packed; /* [room][stride] */
    float *scales;  /* [room] 0 in padding */
    float *halves;  /* [room] half the squared length; infinite in padding */
    uint32_t *ids;  /* [room] */
    float error;    /* the largest of theirs */
    int8_t *plain;  /* [16][stride] scratch */
};

struct panel panel_new(const struct codes_kernels *kernels, size_t room, size_t stride);
void panel_free(struct panel *p);
/* The centroids named, or (ids NULL) the first `count`. count <= room. */
void panel_load(struct panel *p, const struct coded *centres, const uint32_t *ids, size_t count);

/* Rows gathered to be multiplied: memory of one thread. */
struct block {
    const struct coded *of;
    size_t n;
    int8_t *codes; /* [CODED_ROWS][stride] */
    float scales[CODED_ROWS];
    int32_t *products; /* scratch */
};

struct block block_new(size_t stride);
void block_free(struct block *b);
/* Rows rows[0 .. n), n <= CODED_ROWS. */
void block_load(struct block *b, const struct coded *c, const uint32_t *rows, size_t n);

/*
 * For each row of the block its nearest centroid (place in the panel; ties go to the first) and the score of it:
 * dot product less half the centroid's squared length, so that distance squared = squares - 2 score.
 */
void block_nearest(struct block *b, const struct panel *p, uint32_t *places, float *scores);
/* The scores of all of them: [n][count rounded up to 16]; minus infinity in padding. */
void block_scores(struct block *b, const struct panel *p, float *scores);

static inline float coded_distance(float squares, float score)
{
    float squared = squares - 2 * score;
    return squared > 0 ? squared : 0;
}

/* Asks for a row's code before it is needed: rows in random order wait for memory otherwise. */
static inline void coded_prefetch(const struct coded *c, size_t row)
{
    for (size_t j = 0; j < c->stride; j += CODES_CHUNK)
        __builtin_prefetch(c->codes + row * c->stride + j);
}

static inline size_t coded_padded(size_t n)
{
    return (n + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL;
}

#endif
