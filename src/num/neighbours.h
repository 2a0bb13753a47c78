/*
 * neighbours.h: the k nearest other rows of every row, by cosine, exactly. The plain version and the oracle.
 *                                                                                                      Layer: num.
 */
#ifndef CLIO_NUM_NEIGHBOURS_H
#define CLIO_NUM_NEIGHBOURS_H

#include "base/error.h"
#include "base/par.h"
#include "num/mat.h"

/*
 * Shape    points [n][d], unit rows (dot product is cosine); ids [n][k] and distances [n][k] written in full,
 *          nearest first, distance = 1 - cosine clamped to >= 0; ties go to the lower row. The row itself is left out.
 * Errors   ERR_RANGE k is 0 or k >= n; ERR_NUMERIC NaN or infinity in.
 * Cost     O(n n d). Same bits for any number of threads.
 */
MUST_USE enum err neighbours_exact(struct mat points, size_t k, uint32_t *ids, float *distances, struct par *par,
                                   struct error *e);

#endif
