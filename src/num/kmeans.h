/*
 * kmeans.h: group n vectors into k clusters (base clusters, and the hierarchy's neighbourhoods).
 * Method: Clio paper B.2 and G.5; seeding after Arthur and Vassilvitskii 2007, then Lloyd. This is the plain version:
 * it stays as the oracle of faster ones.                                                              Layer: num.
 */
#ifndef CLIO_NUM_KMEANS_H
#define CLIO_NUM_KMEANS_H

#include "base/error.h"
#include "base/par.h"
#include "num/mat.h"

struct kmeans_opts {
    size_t k;         /* clusters wanted, 1..n; no default */
    size_t iters_max; /* 0 means 100 */
    uint64_t seed;    /* same seed and input: same result for any number of threads */
};

struct kmeans_report {
    double wcss;  /* mean squared distance of a point to its centroid */
    size_t iters; /* Lloyd iterations done; it stops early when no label moves */
};

/*
 * Assign every row of points to its nearest centroid (squared Euclidean; on unit rows the order of cosine).
 * Shape    points [n][d], finite; centroids [k][d] and labels [n] are written in full.
 * Rules    ties go to the lower index. A cluster left empty takes the point farthest from its own centroid (lowest
 *          index on ties) as its centroid, and every point nearer to that than to its own; so none is empty unless
 *          fewer than k rows are distinct (the rest then hold copies of rows). Sums in double, fixed order.
 *          On return each point is nearest to its own centroid, also when iters_max ended the run.
 * Owns     everything is the caller's; report may be NULL.
 * Errors   ERR_RANGE k is 0 or above n; ERR_NUMERIC NaN, infinity or a value of 1e15 and more in.
 * Cost     O(iters n k d); about 8n + 16k + 8d per thread bytes of scratch.
 */
MUST_USE enum err kmeans_run(struct mat points, const struct kmeans_opts *opts, struct mat centroids, uint32_t *labels,
                             struct kmeans_report *report, struct par *par, struct error *e);

/* The second half alone: Lloyd from the centroids given (opts->seed is not used). Same rules and errors. */
MUST_USE enum err kmeans_lloyd(struct mat points, const struct kmeans_opts *opts, struct mat centroids,
                               uint32_t *labels, struct kmeans_report *report, struct par *par, struct error *e);

/*
 * The same result as kmeans_lloyd(), bit for bit, several times as fast: 8-bit codes rule out most centroids, floats
 * decide between those left (num/kmeans_decide.h). Errors: also ERR_RANGE d above 65,536. Memory: n (d + 20) and k (d +
 * 20) bytes more.
 */
MUST_USE enum err kmeans_exact(struct mat points, const struct kmeans_opts *opts, struct mat centroids,
                               uint32_t *labels, struct kmeans_report *report, struct par *par, struct error *e);

/* Only labels: the nearest of the centroids given, which stay as they are. Otherwise as kmeans_exact(). */
MUST_USE enum err kmeans_label(struct mat points, struct mat centroids, uint32_t *labels, struct kmeans_report *report,
                               struct par *par, struct error *e);

#endif
