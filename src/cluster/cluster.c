#include "cluster/cluster.h"

#include "base/mem.h"
#include "base/rng.h"
#include "cluster/choose_k.h"
#include "num/hartigan.h"
#include "num/kmeans.h"
#include "num/kmeans_fast.h"
#include "store/clusters.h"
#include "store/vectors.h"

#include <stdlib.h>
#include <string.h>

struct size_rank {
    size_t members;
    uint32_t label;
};

static int larger_first(const void *a, const void *b)
{
    const struct size_rank *x = a, *y = b;
    if (x->members != y->members)
        return x->members < y->members ? 1 : -1;
    return (x->label > y->label) - (x->label < y->label);
}

/* Number the clusters by size, so that ids do not depend on which centroid was seeded first. */
static void rank_by_size(const uint32_t *labels, size_t n, size_t k, struct size_rank *rank, uint32_t *place)
{
    for (size_t j = 0; j < k; j++)
        rank[j] = (struct size_rank){.label = (uint32_t)j};
    for (size_t i = 0; i < n; i++)
        rank[labels[i]].members++;
    qsort(rank, k, sizeof *rank, larger_first);
    for (size_t j = 0; j < k; j++)
        place[rank[j].label] = (uint32_t)j;
}

static enum err store_clusters(struct stage_context *c, size_t facet_index, const struct vectors *v,
                               const uint32_t *labels, size_t k, struct arena *a, struct error *e)
{
    struct str facet = c->config->facets[facet_index].name;
    struct size_rank *rank = arena_zero(a, k, sizeof *rank);
    uint32_t *place = arena_zero(a, k, sizeof *place);
    rank_by_size(labels, v->at.n, k, rank, place);

    enum err result = db_begin(c->run->db, e);
    if (result == ERR_OK)
        result = clusters_clear(c->run, facet, 0, e);
    for (size_t j = 0; j < k && result == ERR_OK; j++) {
        if (rank[j].members == 0)
            continue; /* fewer distinct texts than clusters */
        struct node node = {.id = cluster_id(facet_index, 0, j),
                            .facet = facet,
                            .parent = -1,
                            .conversations = (int64_t)rank[j].members};
        result = clusters_put(c->run, &node, e);
    }
    for (size_t i = 0; i < v->at.n && result == ERR_OK; i++)
        result = members_put(c->run, facet, v->recs[i], cluster_id(facet_index, 0, place[labels[i]]), e);
    if (result == ERR_OK)
        return db_commit(c->run->db, e);
    db_rollback(c->run->db);
    return result;
}

/*
 * The one place that says what is large. A bad start costs a small run a topic or two, and another start costs it
 * nothing: several starts of the plain version. What cannot afford two has the fast one (0 starts).
 */
static size_t choose_starts(size_t n, size_t k, size_t d)
{
    enum { STARTS = 16 };
    const double affordable = 2e10; /* multiplications of one sweep over all starts: well under a second */
    double starts = affordable / ((double)n * (double)k * (double)d);
    return starts < 2 ? 0 : starts > STARTS ? STARTS : (size_t)starts;
}

enum { REFINE_PASSES = 50 };

/* The best of several seeded starts, by the mean squared distance; ties go to the earlier one. */
static enum err best_of_starts(struct stage_context *c, struct mat points, size_t starts, struct mat centroids,
                               uint32_t *labels, struct kmeans_report *best, struct error *e)
{
    uint32_t *tried = mem_new(points.n, sizeof *tried);
    enum err result = ERR_OK;
    for (size_t s = 0; s < starts && result == ERR_OK; s++) {
        struct kmeans_opts opts = {.k = centroids.n, .seed = rng_mix(c->config->seed, s)};
        struct kmeans_report report;
        result = kmeans_run(points, &opts, centroids, tried, &report, c->par, e);
        if (result != ERR_OK)
            break;
        report.wcss = hartigan_refine(points, centroids, tried, REFINE_PASSES);
        if (s == 0 || report.wcss < best->wcss) {
            *best = report;
            memcpy(labels, tried, points.n * sizeof *labels);
        }
    }
    free(tried);
    return result;
}

static enum err cluster_points(struct stage_context *c, struct mat points, size_t k, uint32_t *labels,
                               struct kmeans_report *report, struct error *e)
{
    struct mat centroids = {mem_new(k * points.d, sizeof(float)), k, points.d};
    size_t starts = choose_starts(points.n, k, points.d);
    enum err result;
    if (starts > 0) {
        result = best_of_starts(c, points, starts, centroids, labels, report, e);
    } else {
        struct kmeans_fast_opts opts = {.k = k, .seed = c->config->seed};
        struct kmeans_fast_report fast = {0};
        result = kmeans_fast(points, &opts, centroids, labels, &fast, c->par, e);
        *report = (struct kmeans_report){.wcss = fast.cost, .iters = fast.iters};
    }
    free(centroids.at);
    return result;
}

static enum err cluster_facet(struct stage_context *c, size_t facet_index, struct error *e)
{
    const struct config *cfg = c->config;
    struct vectors v;
    enum err result = vectors_open(c->run, cfg->facets[facet_index].name, &v, e);
    if (result != ERR_OK)
        return result;
    struct arena a = {0};
    size_t n = v.at.n, k = n ? choose_k(n, cfg->k, cfg->min_conversations) : 0;
    uint32_t *labels = arena_zero(&a, n, sizeof *labels);
    if (k) {
        struct kmeans_report report = {0};
        result = cluster_points(c, v.at, k, labels, &report, e);
        stage_note(c, "%zu conversations in %zu clusters, mean squared distance %.4f after %zu iterations", n, k,
                   report.wcss, report.iters);
    }
    if (result == ERR_OK)
        result = store_clusters(c, facet_index, &v, labels, k, &a, e);
    arena_release(&a);
    vectors_close(&v);
    return result;
}

enum err cluster_run(struct stage_context *c, struct error *e)
{
    return stage_each_tree(c, cluster_facet, e);
}
