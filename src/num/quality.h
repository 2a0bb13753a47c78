/*
 * quality.h: how good a clustering is, without knowing the truth.                                         Layer: num.
 */
#ifndef CLIO_NUM_QUALITY_H
#define CLIO_NUM_QUALITY_H

#include "base/par.h"
#include "num/mat.h"

/* out [k][d] the mean of each cluster's rows, zeros for one without rows; sizes [k] its rows. Sums are in row order. */
void quality_means(struct mat points, const uint32_t *labels, struct mat out, uint32_t *sizes);

/*
 * The simplified silhouette (Hruschka et al. 2004): with a row's distance a to its own cluster's mean and b to the
 * nearest other one, the mean over some rows of (b - a) / max(a, b). 1: tight and far apart; 0: on the border; below:
 * wrong. Clusters of one row count as 0, like the silhouette they stand for.
 * Shape    labels [points.n] below means.n; rows [count] of points. means and sizes as from quality_means.
 * Cost     O(count k d). Same bits for any number of threads. 0 with fewer than two clusters that have rows.
 */
double quality_silhouette(struct mat points, const uint32_t *labels, struct mat means, const uint32_t *sizes,
                          const uint32_t *rows, size_t count, struct par *par);

/*
 * The adjusted Rand index (Hubert and Arabie 1985) of two clusterings of n rows: 1 for the same groups under any names,
 * about 0 for groups that have nothing to do with each other. Cost: O(n log n).
 */
double quality_agreement(const uint32_t *a, const uint32_t *b, size_t n);

#endif
