/* cells_split.h: the tree of k-means that makes the cells of cells.h.                             Layer: num, inside
 * cells. */
#ifndef CLIO_NUM_CELLS_SPLIT_H
#define CLIO_NUM_CELLS_SPLIT_H

#include "num/cells.h"

/* Rows order[first] .. order[first + n - 1]. */
struct group {
    size_t first, n;
};

struct split {
    const struct codes_kernels *kernels;
    const int8_t *codes; /* [n][stride] in row order */
    const float *scales; /* [n] */
    size_t n, stride;
    uint64_t seed;
    uint32_t *order;      /* [n] rows, those of a group together and ascending */
    struct group *groups; /* in the order of `order`; the caller frees both */
    size_t count;
};

/* Splits the groups until none has more than CELLS_MAX rows. */
void split_run(struct split *s, struct par *par);

/* The direction of some rows' sum as codes of a unit row; returns their scale, 0 (and zeros) when the sum is zero. */
float split_centre(const int8_t *codes, const float *scales, size_t n, size_t stride, int8_t *out);

#endif
