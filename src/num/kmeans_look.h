/*
 * kmeans_look.h: rows in groups, each group with its own list of centroids that may be nearest to its rows.  Layer:
 * num.
 */
#ifndef CLIO_NUM_KMEANS_LOOK_H
#define CLIO_NUM_KMEANS_LOOK_H

#include "num/coded.h"

#include <stdbool.h>

struct look {
    const struct coded *rows, *centres;
    size_t groups;
    const uint32_t *order; /* [n] rows, group after group */
    const size_t *starts;  /* [groups + 1] where each group begins in order */
    const uint32_t *ids;   /* the lists, one after another; NULL: every group looks at all centroids */
    const size_t *ends;    /* [groups + 1] where each list begins in ids */
    const bool *skip;      /* [groups] groups to leave as they are; NULL: none */
    uint32_t *labels;      /* [n] written for the rows that were looked at: the nearest centroid of the list */
    float *squared;        /* [n] and the squared distance to it, between codes */
};

/* Returns the products of two rows it took: one for each row and centroid of its list. Same result for any number of
 * threads. */
uint64_t look_run(const struct look *l, struct par *par);

#endif
