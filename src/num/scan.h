/*
 * scan.h: the best of many rows for each of some rows, by the dot products of codes: what a search by cells is made of.
 * Scores are approximate (codes.h), in units of the asking row's scale, so they compare within one list only.
 * Rows are offered in a fixed order and a tie keeps the earlier: same lists on every machine.          Layer: num.
 */
#ifndef CLIO_NUM_SCAN_H
#define CLIO_NUM_SCAN_H

#include "num/codes.h"

#define SCAN_NONE UINT32_MAX

/* Lists of `size` (a multiple of 16) ids and scores each; places not yet filled hold SCAN_NONE and minus infinity. */
struct best {
    uint32_t *ids;
    float *scores;
    size_t size;
};

struct best best_new(size_t lists, size_t size); /* uninitialised */
void best_free(struct best b);
void best_clear(struct best b, size_t first, size_t lists);
struct codes_list best_list(struct best b, size_t list);

struct scan {
    const struct codes_kernels *kernels;
    size_t stride;
    const int8_t *rows; /* [n rounded up to 16][stride] that ask */
    size_t n;
    const uint32_t *lists; /* [n] the list of each; NULL: row i has list i */
    const int8_t *panels;  /* packed, [count rounded up to 16][stride] that are asked about */
    const float *scales;   /* [count rounded up to 16] */
    size_t count;
    uint32_t first; /* the id of the first of them; the others follow */
};

/* Memory as codes.h wants it. Cost n * count * stride. */
void scan_run(const struct scan *s, struct best best);

/* The one best for each row that asks, lowest id on ties: labels [n]. count > 0; lists is not used. */
void scan_label(const struct scan *s, uint32_t *labels);

#endif
