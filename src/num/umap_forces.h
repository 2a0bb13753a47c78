/*
 * umap_forces.h: the arithmetic of the fast UMAP, once for every instruction set. A lane is a vertex (or a row) and
 * lanes never meet, so every set gives the same bits; umap_forces_best() is a choice of speed only.
 *                                                                                    Layer: num, inside UMAP.
 */
#ifndef CLIO_NUM_UMAP_FORCES_H
#define CLIO_NUM_UMAP_FORCES_H

#include "num/umap_layout.h"

#include <stddef.h>
#include <stdint.h>

enum {
    UMAP_LANES = 16,
    UMAP_NEGATIVES = 5, /* of each edge that is drawn, as in the reference implementation */
};

/* Sixteen vertices and what pulls and pushes them, round by round. */
struct umap_pull {
    struct umap_curve curve;
    float rate;                       /* learning rate */
    size_t rounds;                    /* edges drawn for the vertex with most of them */
    const uint32_t *drawn;            /* [16] edges drawn for each */
    const float *x, *y;               /* [rounds][16] the other end of each edge; anything finite where there is none */
    const float *others_x, *others_y; /* positions of vertices drawn at random */
    const uint16_t *from;             /* [rounds][UMAP_NEGATIVES] where in those the sixteen of a step begin */
    float *at_x, *at_y;               /* [16] the vertices; they move */
};

/* Sixteen rows' distances [k][16] become memberships (algorithm 3), in place. */
struct umap_smooth {
    float *values;
    size_t k;
    float mean; /* of all distances, for rows that equal all their neighbours */
};

struct umap_forces {
    const char *name;
    void (*pull)(const struct umap_pull *p);
    void (*smooth)(const struct umap_smooth *s);
};

/* The fastest set this processor runs; the i-th of those it runs, or NULL behind the last. */
const struct umap_forces *umap_forces_best(void);
const struct umap_forces *umap_forces_at(size_t i);

#endif
