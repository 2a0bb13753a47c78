/*
 * umap.h: a two-dimensional layout for display only (Clio paper G.6; McInnes, Healy, Melville 2018).
 * n_neighbors 15, min_dist 0, cosine. The plain version: exact neighbours, PCA start, deterministic SGD, one thread
 * in the SGD, the same bytes for any number of threads.                                               Layer: num.
 */
#ifndef CLIO_NUM_UMAP_H
#define CLIO_NUM_UMAP_H

#include "base/error.h"
#include "base/par.h"
#include "num/mat.h"

struct umap_opts {
    size_t n_neighbors; /* 0 means 15; the row itself counts as one, as in umap-learn */
    float min_dist;     /* 0 is the paper's value */
    size_t epochs;      /* 0 means 500 up to 10,000 rows, 200 above */
    uint64_t seed;
};

/*
 * Shape    points [n][d] unit rows; layout [n][2] written in full, centred on 0, finite.
 * Rules    n of 1 gives the origin; fewer than n_neighbors rows use what there is. Equal rows end close together.
 * Errors   ERR_RANGE n is 0, or min_dist outside 0..1; ERR_NUMERIC NaN or infinity in.
 * Cost     neighbours O(n n d), then O(epochs n n_neighbors).
 */
MUST_USE enum err umap_run(struct mat points, const struct umap_opts *opts, struct mat layout, struct par *par,
                           struct error *e);

#endif
