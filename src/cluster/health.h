/*
 * health.h: whether a clustering is what it should be (checked), and how good it is (measured): for the run's report.
 *                                                                                                    Layer: cluster.
 */
#ifndef CLIO_CLUSTER_HEALTH_H
#define CLIO_CLUSTER_HEALTH_H

#include "base/error.h"
#include "base/par.h"
#include "base/str.h"
#include "num/mat.h"

enum { HEALTH_ROWS = 10000 }; /* rows that quality is measured on, at most */

struct health {
    size_t n, k;              /* rows; clusters that have rows */
    size_t empty;             /* clusters asked for that there were too few different rows for */
    size_t smallest, largest; /* rows */
    double wcss;              /* mean squared distance to the cluster's mean */
    double silhouette;        /* num/quality.h */
    double stability;         /* agreement (num/quality.h) of clusterings from two seeds */
};

/*
 * Checks what any clustering must fulfil: finite rows, labels below k, no empty cluster where there are enough
 * different rows. Fills everything but stability. Quality is measured on a sample of HEALTH_ROWS rows, by the seed.
 * Shape    points [n][d], labels [n], n > 0, k > 0.
 * Errors   ERR_NUMERIC a row or a cluster's mean is not finite; ERR_FAILED labels or sizes are not as they must be: the
 *          text says which. Cost: O(n d + HEALTH_ROWS k d).
 */
MUST_USE enum err health_measure(struct mat points, const uint32_t *labels, size_t k, uint64_t seed, struct health *out,
                                 struct par *par, struct error *e);

/* {"n":..,"k":..,"k_by":"rule" or "user",...} */
void health_write(const struct health *h, const char *k_by, struct buf *out);

#endif
