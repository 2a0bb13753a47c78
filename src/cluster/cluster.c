#include "cluster/cluster.h"

#include "base/mem.h"
#include "base/rng.h"
#include "cluster/choose_k.h"
#include "cluster/health.h"
#include "num/hartigan.h"
#include "num/kmeans.h"
#include "num/kmeans_fast.h"
#include "num/quality.h"
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
    const double affordable = 6e9; /* multiplications of one sweep over all starts: well under a second */
    double starts = affordable / ((double)n * (double)k * (double)d);
    return starts < 2 ? 0 : starts > STARTS ? STARTS : (size_t)starts;
}

enum { REFINE_PASSES = 50 };

/* The best of several seeded starts, by the mean squared distance; ties go to the earlier one. */
static enum err best_of_starts(struct stage_context *c, struct mat points, size_t starts, uint64_t seed,
                               struct mat centroids, uint32_t *labels, struct kmeans_report *best, struct error *e)
{
    uint32_t *tried = mem_new(points.n, sizeof *tried);
    enum err result = ERR_OK;
    for (size_t s = 0; s < starts && result == ERR_OK; s++) {
        struct kmeans_opts opts = {.k = centroids.n, .seed = rng_mix(seed, s)};
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

/* From so many starts, or none: the fast way of large runs. */
static enum err cluster_points(struct stage_context *c, struct mat points, size_t k, size_t starts, uint64_t seed,
                               uint32_t *labels, struct kmeans_report *report, struct error *e)
{
    struct mat centroids = {mem_new(k * points.d, sizeof(float)), k, points.d};
    enum err result;
    if (starts > 0) {
        result = best_of_starts(c, points, starts, seed, centroids, labels, report, e);
    } else {
        struct kmeans_fast_opts opts = {.k = k, .seed = seed};
        struct kmeans_fast_report fast = {0};
        result = kmeans_fast(points, &opts, centroids, labels, &fast, c->par, e);
        *report = (struct kmeans_report){.wcss = fast.cost, .iters = fast.iters};
    }
    free(centroids.at);
    return result;
}

/* A sample, in row order. */
static struct mat sample_rows(struct mat points, size_t want, uint64_t seed, struct arena *a)
{
    uint32_t *rows = arena_new(a, points.n, sizeof *rows);
    unsigned char *drawn = arena_zero(a, points.n, 1);
    struct mat out = {arena_new(a, want * points.d, sizeof(float)), 0, points.d};
    struct rng r = rng_seed(seed, 0x737461626c65); /* "stable" */
    for (size_t i = 0; i < points.n; i++)
        rows[i] = (uint32_t)i;
    rng_sample(&r, rows, points.n, want);
    for (size_t i = 0; i < want; i++)
        drawn[rows[i]] = 1;
    for (size_t i = 0; i < points.n; i++)
        if (drawn[i])
            memcpy(mat_row(out, out.n++), mat_row(points, i), out.d * sizeof(float));
    return out;
}

/*
 * How far another seed finds the same groups. Large runs are asked on a sample, with as many rows a cluster: there both
 * clusterings are made anew, in the way the run itself was clustered and not in the costlier one of small runs.
 */
static enum err measure_stability(struct stage_context *c, struct mat points, size_t k, const uint32_t *labels,
                                  double *stability, struct error *e)
{
    struct arena a = {0};
    struct kmeans_report report;
    uint64_t seed = c->config->seed;
    size_t starts = choose_starts(points.n, k, points.d);
    enum err result = ERR_OK;
    uint32_t *first = arena_new(&a, points.n, sizeof *first), *second = arena_new(&a, points.n, sizeof *second);
    if (points.n > HEALTH_ROWS) {
        k = (size_t)((double)k * HEALTH_ROWS / (double)points.n + 0.5);
        k = k < 2 ? 2 : k;
        points = sample_rows(points, HEALTH_ROWS, seed, &a);
        result = cluster_points(c, points, k, starts, seed, first, &report, e);
    } else {
        memcpy(first, labels, points.n * sizeof *first);
    }
    if (result == ERR_OK)
        result = cluster_points(c, points, k, starts, rng_mix(seed, 0x6f74686572), second, &report, e); /* "other" */
    if (result == ERR_OK)
        *stability = quality_agreement(first, second, points.n);
    arena_release(&a);
    return result;
}

static enum err note_health(struct stage_context *c, struct str facet, const struct health *h, struct error *e)
{
    struct arena a = {0};
    struct buf json = {0};
    health_write(h, c->config->k ? "user" : "rule", &json);
    enum err result = run_note(c->run, str_printf(&a, "health." STR_FMT, STR_ARG(facet)).at, buf_str(&json), e);
    stage_note(c, "%zu conversations in %zu clusters of %zu to %zu (k %s), silhouette %.2f, stability %.2f", h->n, h->k,
               h->smallest, h->largest, c->config->k ? "as asked" : "by rule", h->silhouette, h->stability);
    buf_release(&json);
    arena_release(&a);
    return result;
}

static enum err cluster_facet(struct stage_context *c, size_t facet_index, struct error *e)
{
    const struct config *cfg = c->config;
    struct str facet = cfg->facets[facet_index].name;
    struct vectors v;
    struct health health = {0};
    enum err result = vectors_open(c->run, facet, &v, e);
    if (result != ERR_OK)
        return result;
    struct arena a = {0};
    size_t n = v.at.n, k = n ? choose_k(n, cfg->k, cfg->min_conversations) : 0;
    uint32_t *labels = arena_zero(&a, n, sizeof *labels);
    if (k) {
        struct kmeans_report report = {0};
        result = cluster_points(c, v.at, k, choose_starts(n, k, v.at.d), cfg->seed, labels, &report, e);
        if (result == ERR_OK)
            result = health_measure(v.at, labels, k, cfg->seed, &health, c->par, e);
        if (result == ERR_OK)
            result = measure_stability(c, v.at, k, labels, &health.stability, e);
    }
    if (result == ERR_OK)
        result = store_clusters(c, facet_index, &v, labels, k, &a, e);
    if (result == ERR_OK && k)
        result = note_health(c, facet, &health, e);
    arena_release(&a);
    vectors_close(&v);
    return result;
}

enum err cluster_run(struct stage_context *c, struct error *e)
{
    return stage_each_tree(c, cluster_facet, e);
}
