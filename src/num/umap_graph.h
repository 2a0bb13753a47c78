/*
 * umap_graph.h: UMAP's first half, the fuzzy graph of nearest neighbours (McInnes, Healy, Melville 2018, algorithms
 * 1 to 3), with local connectivity 1, bandwidth 1 and a pure fuzzy union.             Layer: num, inside UMAP.
 */
#ifndef CLIO_NUM_UMAP_GRAPH_H
#define CLIO_NUM_UMAP_GRAPH_H

#include "base/par.h"

#include <stddef.h>
#include <stdint.h>

/* Edges sorted by head, then tail; every pair is there in both directions, with the same weight. Zeroed is empty. */
struct umap_graph {
    size_t rows, edges;
    uint32_t *heads, *tails; /* [edges] */
    float *weights;          /* [edges] above 0, at most 1 */
};

/* The nearest others of n rows: ids and distances [n][k], nearest first, as neighbours_exact gives them. */
struct umap_lists {
    const uint32_t *ids;
    const float *distances;
    size_t n, k;
};

void umap_graph_build(const struct umap_lists *lists, struct umap_graph *graph, struct par *par);
void umap_graph_release(struct umap_graph *graph);

#endif
