/*
 * cells.h: rows grouped into cells of a hundred or so that are near one another, as 8-bit codes laid out for scanning.
 * The first half of an approximate search: rows are compared within near cells only.
 *
 * Method: a tree of spherical k-means, each trained on a sample and at most 128 wide, until no cell has more than
 * CELLS_MAX rows; clusters that exist already take the place of its first level. Cells that k-means cannot split (equal
 * rows) are cut in row order.                                                                          Layer: num.
 */
#ifndef CLIO_NUM_CELLS_H
#define CLIO_NUM_CELLS_H

#include "base/par.h"
#include "num/codes.h"
#include "num/mat.h"

#include <stdbool.h>

enum {
    CELLS_MEAN = 96,    /* rows a split aims at */
    CELLS_MAX = 256,    /* rows a cell may have */
    CELLS_BLOCK = 1024, /* rows of a block, at most: some cells that follow one another and are worked on together */
    CELLS_NEAR = 1024,  /* near cells a block knows, from which each of its rows chooses */
};

/* A row's place is where its codes stand: cell c has the places first[c] .. first[c] + sizes[c] - 1, then padding. */
struct cells {
    size_t n, stride, count; /* rows, bytes of a code, cells */
    uint32_t *first;         /* [count + 1] multiples of 16 */
    uint32_t *sizes;         /* [count] */
    uint32_t *row_of;        /* [places] */
    uint32_t *cell_of;       /* [places / 16] */
    int8_t *rows, *panels;   /* [places][stride], the second packed */
    float *scales;           /* [places]; 0 in padding */
    int8_t *centres;         /* [count rounded up to 16, and 16 more][stride] */
    float *centre_scales;    /* [count rounded up to 16] */
    uint32_t *blocks;        /* [blocks_count + 1] the first cell of each; as a rule siblings in the tree */
    size_t blocks_count;
    uint32_t *near; /* [blocks_count][near_count] cells near to a block, its own among them, ascending */
    size_t near_count;
    const struct codes_kernels *kernels;
};

/*
 * Shape    points [n][d] finite unit or zero rows, n > 0; labels [n] any numbers, rows with equal ones are a cluster,
 *          or NULL; clusters of fewer than 16 rows on average are not used.
 * Memory   about 3 n d bytes while it runs and 2 n d afterwards; cells_release() frees. Points are only read here.
 * Cost     O(n d sqrt(n)) multiplications of bytes, at worst. Same bytes for any number of threads.
 */
void cells_build(struct cells *c, struct mat points, const uint32_t *labels, uint64_t seed, struct par *par);
void cells_release(struct cells *c);

#endif
