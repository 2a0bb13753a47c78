/*
 * umap_net.h: the fuzzy graph of umap_graph.h in the form the fast descent wants: vertices numbered so that those near
 * one another lie near one another in memory, edges filed under each vertex, weights as 16-bit shares of an epoch.
 *                                                                                    Layer: num, inside UMAP.
 */
#ifndef CLIO_NUM_UMAP_NET_H
#define CLIO_NUM_UMAP_NET_H

#include "base/par.h"
#include "num/umap_graph.h"
#include "num/umap_layout.h"

enum { UMAP_SETS = 8 }; /* of vertices that move together; consecutive rows of the order are in different ones */

struct umap_net {
    size_t rows;
    size_t sets[UMAP_SETS + 1]; /* the first vertex of each set */
    uint32_t *row_of;           /* [rows] */
    size_t *starts;             /* [rows + 1] edges of a vertex */
    uint32_t *tails;            /* [edges] vertices */
    uint16_t *rates;            /* [edges] weight in 1/65535; those drawn less than once in all epochs are left out */
};

/*
 * order [n] rows, near ones after one another; NULL: as they are. Weights are umap_graph_build's to about 1e-5.
 * Cost O(n k^2); same bytes for any number of threads. umap_net_release() frees.
 */
void umap_net_build(const struct umap_lists *lists, const uint32_t *order, size_t epochs, struct umap_net *net,
                    struct par *par);
void umap_net_release(struct umap_net *net);

/* Positions start [rows][2], in order of rows, moved by stochastic gradient descent, in place. */
struct umap_moves {
    struct umap_curve curve;
    size_t epochs;
    uint64_t seed;
};

void umap_net_descend(const struct umap_net *net, const struct umap_moves *moves, struct mat layout, struct par *par);

#endif
