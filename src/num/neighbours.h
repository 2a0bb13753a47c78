/*
 * neighbours.h: the k nearest other rows of every row, by cosine.                                         Layer: num.
 */
#ifndef CLIO_NUM_NEIGHBOURS_H
#define CLIO_NUM_NEIGHBOURS_H

#include "base/error.h"
#include "base/par.h"
#include "num/mat.h"

/*
 * Exactly. The plain version and the oracle.
 * Shape    points [n][d], unit rows (dot product is cosine); ids [n][k] and distances [n][k] written in full,
 *          nearest first, distance = 1 - cosine clamped to >= 0; ties go to the lower row. The row itself is left out.
 * Errors   ERR_RANGE k is 0 or k >= n; ERR_NUMERIC NaN or infinity in.
 * Cost     O(n n d). Same bits for any number of threads.
 */
MUST_USE enum err neighbours_exact(struct mat points, size_t k, uint32_t *ids, float *distances, struct par *par,
                                   struct error *e);

struct neighbours_opts {
    size_t k;
    size_t visit;           /* rows each row is compared with, about; more is better and slower. 0 means 6,000 */
    const uint32_t *labels; /* [n] clusters that are known already, any numbers; NULL: none are */
    uint64_t seed;
    uint32_t *cells; /* [n] receives each row's cell, 0 .. report.cells - 1, near ones often with near numbers; or NULL.
                        Not written by the exact search */
};

struct neighbours_report {
    size_t cells;      /* 0: the search was exact */
    uint64_t products; /* of two rows each, without the descent's; n * n for the exact search */
};

/*
 * Nearly all of them, in far less time: recall (the share of the exact ones found) is about 0.98 to 0.99 at k = 15.
 * Method   Rows stand in cells of a hundred (num/cells.h; the clusters given are split or used as they are). Each row
 * is compared with the rows of the cells whose centres are nearest to it, as 8-bit codes; then, as in NN-descent (Dong,
 * Moses, Li 2011, section 2), with its neighbours' neighbours in cells it has not visited; the best half more than k
 * are decided in floats. Shape    as above; distances are the exact ones, in order, ties to the lower row. Zero rows
 * have distance 1 to all. Among more than k rows at the same distance, any may be listed. Up to 4,096 rows, or k above
 * 128: the exact search. Clusters of fewer than 16 rows on average: as if labels were NULL. Errors   as above, and
 * ERR_RANGE d above 65,536. report may be NULL. Memory   about 3 n d bytes while the cells are made, then 2 n d + 13 n
 * k, besides points and results. Cost     O(n visit d) products of bytes. Same bytes for any number of threads and on
 * every machine.
 */
MUST_USE enum err neighbours_find(struct mat points, const struct neighbours_opts *opts, uint32_t *ids,
                                  float *distances, struct neighbours_report *report, struct par *par, struct error *e);

#endif
