/*
 * dist.h: dot products and squared distances, the arithmetic all kernels share.
 *
 * Every result is summed in 16 lanes (element i goes to lane i mod 16) that are then added as a binary tree. That order
 * does not depend on the instruction set, on the blocking or on the number of threads, so neither do the bits: the
 * blocked functions give exactly what the single ones give.                                            Layer: num.
 */
#ifndef CLIO_NUM_DIST_H
#define CLIO_NUM_DIST_H

#include "num/mat.h"

#include <stdbool.h>

float dist_dot(const float *a, const float *b, size_t d);
float dist_squared(const float *a, const float *b, size_t d); /* sum of (a - b)^2; exactly 0 for equal rows */

/*
 * All pairs: out [a.n][b.n], row-major; a.d == b.d. Meant for blocks of some 32 x 64 rows, which fit the caches.
 * Example: struct mat rows = mat_rows(points, i, 32), cols = mat_rows(points, j, 64); dist_dots(rows, cols, out);
 */
void dist_dots(struct mat a, struct mat b, float *out);
void dist_squares(struct mat a, struct mat b, float *out);

/* False when a value is NaN, infinite, or at least 1e15 in size: squares of such values do not fit a float. */
bool dist_finite(struct mat m);

/* Scales every row to length 1, in place; norms in double. Zero rows stay zero. */
void dist_normalise(struct mat m);

#endif
