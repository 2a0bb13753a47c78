/*
 * kmeans_decide.h: the nearest centroid by floats, after codes have ruled out most: exactly what comparing with all
 * centroids of the list gives.                                                                           Layer: num.
 */
#ifndef CLIO_NUM_KMEANS_DECIDE_H
#define CLIO_NUM_KMEANS_DECIDE_H

#include "num/kmeans_look.h"

/* A look (rows, centres, groups, lists, labels, squared), with the rows [n][d] and centroids [k][d] as floats. */
struct decision {
    struct look look;
    struct mat points, means;
};

/*
 * labels: the centroid of the list with the least dist_squared(), the lowest number among equals; squared: that.
 * Returns as look_run(). Method  A row is at most errors[i] from its code, a centroid likewise. So with u the distance
 * to the centroid whose code is nearest, none is nearer than u whose code is farther from the row's code than u and
 * both errors.
 */
uint64_t decide_run(const struct decision *d, struct par *par);

#endif
