/*
 * umap.h: a two-dimensional layout for display only (Clio paper G.6; McInnes, Healy, Melville 2018).
 * n_neighbors 15, min_dist 0, cosine.                                                                 Layer: num.
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
 * Method   neighbours_find; the fuzzy graph; a start from the layout of the cells' centres (themselves laid out in this
 *          way), from the main axes where there are no cells; then gradient descent by sets of vertices.
 * Rules    n of 1 gives the origin; fewer than n_neighbors rows use what there is. Equal rows end close together.
 * Errors   ERR_RANGE n is 0, or min_dist outside 0..1; ERR_NUMERIC NaN or infinity in.
 * Memory   neighbours_find's, then about 50 bytes a neighbour. Same bytes for any number of threads and every machine.
 */
MUST_USE enum err umap_run(struct mat points, const struct umap_opts *opts, struct mat layout, struct par *par,
                           struct error *e);

/* The neighbours of n rows, where they are known. */
struct umap_given {
    struct mat points;
    const uint32_t *ids; /* [n][k] and their distances, nearest first */
    const float *distances;
    size_t k;              /* at least 1 */
    const uint32_t *cells; /* [n] each row's cell, 0 .. cell_count - 1; used when cell_count is above 0 */
    size_t cell_count;
};

/* umap_run behind its first step: n_neighbors of opts is not used for these rows. n at least 2, points finite. */
MUST_USE enum err umap_lay_out(const struct umap_given *given, const struct umap_opts *opts, struct mat layout,
                               struct par *par, struct error *e);

/*
 * The plain version, the oracle of the other: exact neighbours, main axes, one step after another in double. Shape,
 * rules and errors as above. Cost O(n n d), then O(epochs n n_neighbors) on one thread.
 */
MUST_USE enum err umap_plain(struct mat points, const struct umap_opts *opts, struct mat layout, struct par *par,
                             struct error *e);

#endif
