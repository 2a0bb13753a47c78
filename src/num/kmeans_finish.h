/* kmeans_finish.h: from centroids trained on codes to means and labels in floats, some rows at a time.   Layer: num. */
#ifndef CLIO_NUM_KMEANS_FINISH_H
#define CLIO_NUM_KMEANS_FINISH_H

#include "num/kmeans_fast.h"
#include "num/kmeans_state.h"

enum { FINISH_ROWS = 32768 }; /* rows in hand at a time */

struct finish {
    struct km *m; /* trained; its means are the result's centroids */
    struct mat points;
    const struct kmeans_fast_opts *opts;
    uint32_t *labels; /* [n] */
    float *squared;   /* [n] */
    bool all;         /* the rows of m are all rows, in order: their labels and codes are known */
};

/* False when a row is not finite (those not trained on are seen here first); nothing is worth anything then. */
MUST_USE bool finish_run(struct finish *f);

#endif
