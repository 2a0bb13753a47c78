/*
 * kmeans_seed.h: where fast k-means starts. Rows fall into about sqrt(k) towns (k-means of a sample); a town gets
 * centroids in proportion to its share of the squared distances; within it they are drawn by D^2 (Arthur and
 * Vassilvitskii 2007), the best few of sixteen draws at a time.                                         Layer: num.
 */
#ifndef CLIO_NUM_KMEANS_SEED_H
#define CLIO_NUM_KMEANS_SEED_H

#include "num/kmeans_state.h"

enum { HOMES_NEAR = 16 }; /* towns near a town whose centroids may be near to its own */

/* Places all centroids and labels all rows with one near to them. Same result for any number of threads. */
void seed_run(struct km *m, uint64_t seed);

/* Centroids by home, and for each home the centroids of the homes near it. */
struct homes {
    size_t count;
    uint32_t *order; /* [k] centroids, home after home */
    size_t *starts;  /* [count + 1] */
    uint32_t *ids;   /* ascending within a list */
    size_t *ends;    /* [count + 1] */
};

struct homes homes_of(const struct km *m, size_t near_homes);
void homes_free(struct homes *h);

#endif
