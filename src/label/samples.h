/*
 * samples.h: what the namer is shown of a cluster (Clio paper G.5): a random sample of its members, and the summaries
 * nearest to its centroid that are not in it, as contrast.                                             Layer: label.
 */
#ifndef CLIO_LABEL_SAMPLES_H
#define CLIO_LABEL_SAMPLES_H

#include "stage/naming.h"
#include "store/clusters.h"
#include "store/vectors.h"

struct samples {
    struct stage_context *c;
    struct arena arena;
    struct vectors vectors;
    struct str *texts; /* [vectors.at.n] facet texts */
    int64_t *leaf;     /* [vectors.at.n] cluster of each row */
    int64_t *account;  /* [vectors.at.n] */
    struct common_words common;
    const struct node *shown; /* the clusters large enough; only they lend contrast */
    size_t shown_count;
};

/* shown [n], by id: borrowed. */
MUST_USE enum err samples_open(struct samples *s, struct stage_context *c, size_t facet_index, const struct node *shown,
                               size_t n, struct error *e);
void samples_close(struct samples *s);

/* What all members of a cluster say, and whose words they are: names in a published text need support. In a. */
struct support samples_support(const struct samples *s, int64_t cluster, struct arena *a);

/* The vectors of a cluster's members, copied into a. */
struct mat samples_vectors(const struct samples *s, int64_t cluster, struct arena *a);

/* Fills members and contrast of the question, allocated in a. Seeded by the cluster's id. Cost: O(n d). */
void samples_of(const struct samples *s, int64_t cluster, struct arena *a, struct naming_question *out);

#endif
