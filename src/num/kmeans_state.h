/*
 * kmeans_state.h: the working state of fast k-means and its two half steps. Rows and centroids are codes; centroids are
 * also floats, the means of their coded rows.                                                            Layer: num.
 */
#ifndef CLIO_NUM_KMEANS_STATE_H
#define CLIO_NUM_KMEANS_STATE_H

#include "num/coded.h"

#include <stdbool.h>

/* How many centroids a row is compared with: those nearest to its own. The first is where clusters are clear; where
 * they are not, more are needed (km_widen()). */
enum { KM_NEAR = 48, KM_NEAR_MAX = 768 };

struct km {
    struct par *par;
    bool spherical;       /* centroids have length 1 */
    struct coded rows;    /* borrowed: [n] */
    struct coded centres; /* [k] */
    struct mat means;     /* [k][d], borrowed */
    uint32_t *labels;     /* [n] */
    uint32_t *next;       /* [n] the labels a look finds */
    float *squared;       /* [n] squared distance to the own centroid, between codes */
    uint32_t *order;      /* [n] rows sorted by label, ascending within one */
    size_t *starts;       /* [k + 1] where each label's rows begin in order */
    uint32_t *homes;      /* [k] centroids with the same home are near one another */
    struct coded towns;   /* the homes' own centres; n is 0 while there is one home only */
    uint32_t *near;       /* [k][near_count] the nearest centroids to each, itself first */
    size_t *near_ends;    /* [k + 1] multiples of near_count */
    size_t near_count;
    bool *touched;     /* [k] its rows are others than at the last move */
    bool *changed;     /* [k] its code is another than before the last move */
    bool *skip;        /* [k] nothing in sight of its rows has changed */
    float *gains;      /* [k] what a split saves (kmeans_swap.h) */
    bool *judged;      /* [k] gains has that, and its rows are the same since */
    uint64_t products; /* of two rows, so far */
};

struct km km_new(const struct coded *rows, struct mat means, bool spherical, struct par *par);
void km_free(struct km *m);

/* Rows sorted by label. */
void km_sort(struct km *m);
/* Centroids move to the mean of their rows, where those are other rows than before. Needs km_sort(). */
void km_move(struct km *m);
/* The centroids' codes as rows are, from the codes of other rows or from means. */
void km_place(struct km *m, size_t centre, size_t row);

/* Each row to the nearest of all centroids. Returns how many labels changed. */
size_t km_assign_all(struct km *m);
/* Each row to the nearest of the centroids near its own. Needs km_sort() and km_find_near(). */
size_t km_assign_near(struct km *m);
/* Takes over m->next; returns how many labels changed. */
size_t km_take_labels(struct km *m);

/* The near centroids of each centroid (kmeans_near.c). */
void km_find_near(struct km *m);
/* Compares some rows with all centroids; where too many have a nearer one than those near their own, doubles the lists
 * and returns true: then km_find_near(). */
bool km_widen(struct km *m);

/*
 * The rule for empty clusters: in order of their numbers they take the rows farthest from their own centroids (the
 * lower row among equals), each as its centroid; a row at distance 0 is not taken, nor the last one of a cluster. Needs
 * km_sort(); returns how many were filled (and sorts again).
 */
size_t km_fill_empty(struct km *m);

/* All rows, those farthest from their centroids first, the lower row among equals. free(). */
struct km_far {
    float squared;
    uint32_t row;
};

struct km_far *km_farthest(const float *squared, size_t n);

double km_cost(const struct km *m); /* mean of squared */

#endif
