/*
 * tier.h: one level of the tree while the next is made: its nodes, and a unit vector for each name + description.
 * Shared by the steps of hierarchy.c.                                                               Layer: hierarchy.
 */
#ifndef CLIO_HIERARCHY_TIER_H
#define CLIO_HIERARCHY_TIER_H

#include "stage/ask.h"
#include "stage/samples.h"

struct tier {
    struct node *nodes;
    struct group *groups; /* [n] the base clusters below each */
    size_t n;
    struct mat vectors; /* [n][d] */
};

/* What all steps need. */
struct growth {
    struct stage_context *c;
    size_t facet_index;
    const struct facet_def *facet;
    struct samples samples; /* of the facet's base clusters */
    struct arena *arena;    /* lives as long as the facet's tree is being built */
};

/* Proposed parents: names that differ, with their vectors. */
struct proposals {
    struct str *names;
    size_t n;
    struct mat vectors; /* [n][d] */
};

/* "name. description", the text a node stands for; and vectors of n texts in the arena. */
struct str tier_text(const struct node *n, struct arena *a);
MUST_USE enum err tier_embed(struct growth *g, const struct str *texts, size_t n, struct mat *out, struct error *e);

/* The `max` rows of vectors most similar to `to`, most similar first, skipping those where skip[i]; skip may be NULL.
 * Returns how many. */
size_t tier_nearest(struct mat vectors, const float *to, const unsigned char *skip, size_t max, uint32_t *out);

/* Steps 1-3 of paper G.7: neighbourhoods of about config->neighbourhood clusters, and names proposed for each. */
MUST_USE enum err propose_parents(struct growth *g, const struct tier *below, size_t target, struct proposals *out,
                                  struct error *e);

/* Step 4: one name for what several neighbourhoods proposed; about `target` remain. */
MUST_USE enum err merge_proposals(struct growth *g, struct proposals *p, size_t target, struct error *e);

/*
 * The grouping of step 4: what means the same first, then the closest until about `target` groups are left. group
 * [vectors.n] gets the lowest member's number; returns how many groups. Cost: about n^2 d, at worst n^3 d.
 */
size_t merge_groups(struct mat vectors, size_t target, uint32_t *group);

/* Step 5: the best parent of every lower cluster. parent[below->n] is written in full, 0..p->n-1. */
MUST_USE enum err assign_parents(struct growth *g, const struct tier *below, const struct proposals *p,
                                 uint32_t *parent, struct error *e);

#endif
