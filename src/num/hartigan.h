/*
 * hartigan.h: single moves behind Lloyd's (Hartigan 1975). In high dimensions a point of a small cluster pulls its own
 * centroid so close that Lloyd's never lets it go; this counts a move's whole cost, both centroids' shifts included,
 * and gets on from where Lloyd's stands still.                                                              Layer: num.
 */
#ifndef CLIO_NUM_HARTIGAN_H
#define CLIO_NUM_HARTIGAN_H

#include "num/mat.h"

/*
 * Moves points between clusters, one after the other in their order, as long as the sum of squared distances falls; at
 * most passes_max sweeps. No cluster is emptied. Sequential, so the same on any machine.
 * Shape    points [n][d], finite; labels [n], all below centroids.n, none empty but where the caller's are; both are
 *          updated, the centroids are the members' means (sums in double).
 * Returns the mean squared distance. Cost: O(passes n k d).
 */
double hartigan_refine(struct mat points, struct mat centroids, uint32_t *labels, size_t passes_max);

#endif
