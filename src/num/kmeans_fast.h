/*
 * kmeans_fast.h: k-means for up to 100,000 clusters of millions of rows. The plain version (kmeans.h) compares every
 * row with every centroid; this one nearly never does.
 *
 * Method   Rows and centroids are 8-bit codes. Start: D^2 draws within about sqrt(k) towns (kmeans_seed.h). Then, as in
 * k2-means (Agustsson, Timofte, Van Gool 2016), a row is compared with the centroids nearest to its own (48 of them;
 * more, up to 768, where one row in fifty has a nearer one elsewhere), until one row in a thousand moves; meanwhile
 * centroids of little use go where they are missed (kmeans_swap.h). The last means and labels come from the rows as
 * floats. With clear clusters the cost is below that of k-means++ with Lloyd's; a row's label is the nearest of all
 * centroids but for one row in some thousands.                               Layer: num.
 */
#ifndef CLIO_NUM_KMEANS_FAST_H
#define CLIO_NUM_KMEANS_FAST_H

#include "base/error.h"
#include "base/par.h"
#include "num/mat.h"

enum kmeans_objective {
    KMEANS_EUCLID,   /* centroids are means */
    KMEANS_SPHERICAL /* centroids are means scaled to length 1: largest sum of cosines, for unit rows */
};

struct kmeans_fast_opts {
    size_t k;         /* 1..n; no default */
    size_t iters_max; /* 0 means 30 */
    uint64_t seed;    /* same seed and input: same result for any number of threads */
    enum kmeans_objective objective;
    size_t memory_bytes; /* for copies of rows; where codes of all rows are more, a sample is trained on. 0: no limit */
    void (*release)(void *arg, size_t first, size_t n); /* told when rows are not needed for a while: the owner of a */
    void *release_arg;                                  /* mapped file can give their memory back. May be NULL */
};

struct kmeans_fast_report {
    double cost;       /* mean squared distance of a row to its centroid, in floats */
    size_t swaps;      /* centroids that went elsewhere */
    size_t iters;      /* of refinement */
    size_t trained;    /* rows trained on */
    uint64_t products; /* of two rows each */
};

/*
 * Shape    points [n][d], finite; centroids [k][d] and labels [n] are written in full.
 * Rules    A row's label is the nearest (dist_squared, lower number among equals) of the 48 centroids nearest to the
 * one it had before, which is nearly always the nearest of all. No cluster is empty unless fewer than k rows are
 *          distinct; the rule for empty ones stands at km_fill_empty().
 * Errors   ERR_RANGE k is 0 or above n, n above 32 bits, d above 65,536; ERR_NUMERIC NaN, infinity or a value of 1e15
 *          and more.
 * Memory   memory_bytes, or n (d + 32), and k (14 d + 300); rows are read in order, some thousands at a time.
 */
MUST_USE enum err kmeans_fast(struct mat points, const struct kmeans_fast_opts *opts, struct mat centroids,
                              uint32_t *labels, struct kmeans_fast_report *report, struct par *par, struct error *e);

#endif
