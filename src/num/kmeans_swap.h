/*
 * kmeans_swap.h: centroids from where they are of little use to where they are missed. Lloyd's steps cannot do that:
 * two centroids that share one clump stay there for good, and so does one that has two clumps.          Layer: num.
 */
#ifndef CLIO_NUM_KMEANS_SWAP_H
#define CLIO_NUM_KMEANS_SWAP_H

#include "num/kmeans_state.h"

/*
 * Pairs off the splits that save most (two means within a cluster) with the merges that cost least (Ward 1963: two near
 * clusters become one), while the one saves more than the other costs. A cluster takes part in one of them at most.
 * Needs km_sort(), km_move() and km_find_near(); afterwards wants km_sort(), km_find_near() and km_assign_near().
 * Returns how many centroids went elsewhere. Cost: about that of km_assign_near(). Same result for any number of
 * threads.
 */
size_t km_swap(struct km *m);

#endif
