/*
 * samples.h: what a namer is shown of a group, and what its answer is judged by (Clio paper G.5, G.7): a random sample
 * of the members of one base cluster or of several, and the summaries nearest to their centroid that are not in it, as
 * contrast. Only clusters large enough lend any.                          Layer: stage, uses store, num, config, base.
 */
#ifndef CLIO_STAGE_SAMPLES_H
#define CLIO_STAGE_SAMPLES_H

#include "stage/naming.h"
#include "store/clusters.h"
#include "store/vectors.h"

struct samples {
    struct stage_context *c;
    struct arena arena;
    size_t facet;
    struct vectors vectors;
    struct str *texts; /* [vectors.at.n] facet texts */
    int64_t *account;  /* [vectors.at.n] */
    struct common_words common;
    const struct node *shown; /* the clusters large enough, by id */
    size_t shown_count;
    uint32_t *rows;     /* of the shown clusters, one cluster behind the other */
    size_t *start;      /* [shown_count + 1] where each begins in rows */
    struct mat centres; /* [shown_count][d] unit vectors */
};

/* Rows of the vectors, in the arena they were asked for. */
struct row_set {
    uint32_t *at;
    size_t n;
};

/* The clusters that make up a group: ids among those shown. */
struct group {
    const int64_t *clusters;
    size_t n;
};

/* shown [n], level 0, by id: borrowed. Memory: texts, accounts and centroids of all members; the vectors stay on disk.
 */
MUST_USE enum err samples_open(struct samples *s, struct stage_context *c, size_t facet, const struct node *shown,
                               size_t n, struct error *e);
void samples_close(struct samples *s); /* zeroed is fine */

/* At most max members in an order of their own, drawn by the run's seed and the group's first cluster. */
struct row_set samples_members(const struct samples *s, struct group g, size_t max, struct arena *a);

/* At most max rows nearest to the group's centroid that are not in it, nearest first. Looked for among the nearest
 * clusters only, so that the cost does not grow with the run: O(shown d) and a few hundred rows a cluster. */
struct row_set samples_contrast(const struct samples *s, struct group g, size_t max, struct arena *a);

/* Fills members and contrast of the question. */
void samples_ask(const struct samples *s, struct group g, struct arena *a, struct naming_question *out);

/* Fills all of the judge but what is taken and the fallback. */
void samples_judge(const struct samples *s, struct group g, struct arena *a, struct naming_judge *out);

#endif
