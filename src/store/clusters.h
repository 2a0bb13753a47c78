/*
 * clusters.h: the tree of one clustered facet: nodes (level 0: base clusters), who belongs to which leaf, and verdicts.
 * A node's id is unique in the run and comes from cluster_id().
 *                                                                                       Layer: store, uses base only.
 */
#ifndef CLIO_STORE_CLUSTERS_H
#define CLIO_STORE_CLUSTERS_H

#include "store/run.h"

struct node {
    int64_t id;
    struct str facet;
    int level;      /* 0: base cluster */
    int64_t parent; /* id of a node one level up; -1 at the top */
    struct str name, description, short_name;
    int64_t conversations, accounts; /* distinct, of all members below */
    bool large_enough;               /* passed the threshold; set by privacy/threshold */
    int rating;                      /* audit 1..5; 0: not rated yet */
    struct str rating_reason;        /* private */
};

/* (facet_index, level, index) -> id, the same in every run of the same shape; and back. */
int64_t cluster_id(size_t facet_index, int level, size_t index);
void cluster_parts(int64_t id, size_t *facet_index, int *level, size_t *index);

/* Nodes at and above the level; at level 0 also the members. */
MUST_USE enum err clusters_clear(struct run *r, struct str facet, int from_level, struct error *e);
MUST_USE enum err clusters_put(struct run *r, const struct node *n, struct error *e); /* insert or replace */
MUST_USE enum err clusters_set_parent(struct run *r, int64_t id, int64_t parent, struct error *e);
MUST_USE enum err clusters_set_rating(struct run *r, int64_t id, int rating, struct str reason, struct error *e);
MUST_USE enum err clusters_load(struct run *r, struct str facet, int level_or_minus_1, struct arena *a,
                                struct node **nodes, size_t *n, struct error *e); /* by level, id */

/* The facets that have clusters, in the configuration's order (that of their numbers). */
MUST_USE enum err clusters_facets(struct run *r, struct arena *a, struct str **names, size_t *n, struct error *e);

MUST_USE enum err members_put(struct run *r, struct str facet, int64_t rec, int64_t leaf, struct error *e);
typedef enum err member_fn(void *arg, int64_t rec, int64_t leaf, struct error *e);
MUST_USE enum err members_each(struct run *r, struct str facet, member_fn *fn, void *arg, struct error *e); /* by rec */

/* The map's points, one a conversation of a facet; private like everything else in run.db. */
MUST_USE enum err points_clear(struct run *r, struct str facet, struct error *e);
MUST_USE enum err points_put(struct run *r, struct str facet, int64_t rec, float x, float y, struct error *e);
typedef enum err point_fn(void *arg, int64_t rec, float x, float y, struct error *e);
MUST_USE enum err points_each(struct run *r, struct str facet, point_fn *fn, void *arg, struct error *e); /* by rec */

#endif
