/*
 * umap_layout.h: UMAP's second half: where the points start, and how they move (McInnes, Healy, Melville 2018,
 * algorithm 5 and section 4.2).                                                      Layer: num, inside UMAP.
 */
#ifndef CLIO_NUM_UMAP_LAYOUT_H
#define CLIO_NUM_UMAP_LAYOUT_H

#include "base/par.h"
#include "num/mat.h"
#include "num/umap_graph.h"

/* Membership at distance x in the layout is 1 / (1 + a x^2b). */
struct umap_curve {
    double a, b;
};

/* Least squares against 1 up to min_dist, exp(min_dist - x) beyond, at 300 places in 0..3. min_dist 0..1. */
struct umap_curve umap_curve_fit(double min_dist);

/*
 * First positions: the two main axes of the points, each stretched to 0..10, and a little noise so that equal rows do
 * not start in one place. layout [n][2] is written in full.
 */
void umap_start(struct mat points, uint64_t seed, struct mat layout, struct par *par);

/* Stochastic gradient descent over the edges, in place; 5 negative samples for each. One thread, fixed order. */
void umap_descend(const struct umap_graph *graph, struct umap_curve curve, size_t epochs, uint64_t seed,
                  struct mat layout);

#endif
