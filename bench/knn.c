#include "bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "num/codes.h"
#include "num/dist.h"
#include "num/neighbours.h"
#include "npy.h"
#include "points.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct knn {
    struct mat points;
    size_t k, visit, threads, seed, sample;
    uint32_t *labels; /* or NULL */
    uint32_t *ids;    /* [n][k] */
    float *distances;
    struct neighbours_report report;
    double seconds, cpu_seconds, recall, recall_tie;
    struct par *par;
};

/* How many of the k ids are among the true ones, and how many are as near as the last of those. */
static void count_hits(const struct knn *q, size_t row, const uint32_t *truth, float last, size_t hits[2])
{
    for (size_t i = 0; i < q->k; i++) {
        bool same = false;
        for (size_t j = 0; j < q->k; j++)
            same = same || q->ids[row * q->k + i] == truth[j];
        hits[0] += same;
        hits[1] += same || q->distances[row * q->k + i] <= last + 1e-6f;
    }
}

struct sampling {
    const struct knn *knn;
    const uint32_t *rows;
    size_t (*hits)[2];
};

/* One row against all, by sorting nothing but the k best. */
static void check_row(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct sampling *s = arg;
    const struct knn *q = s->knn;
    size_t k = q->k, row = s->rows[piece];
    uint32_t *ids = mem_zero(k, sizeof *ids);
    float *distances = mem_new(k, sizeof *distances);
    for (size_t i = 0; i < k; i++)
        distances[i] = INFINITY;
    for (size_t j = 0; j < q->points.n; j++) {
        float distance = 1.0f - dist_dot(mat_row(q->points, row), mat_row(q->points, j), q->points.d);
        size_t at = k;
        for (; at > 0 && distances[at - 1] > distance; at--)
            ;
        if (at == k || j == row)
            continue;
        memmove(distances + at + 1, distances + at, (k - at - 1) * sizeof *distances);
        memmove(ids + at + 1, ids + at, (k - at - 1) * sizeof *ids);
        distances[at] = distance;
        ids[at] = (uint32_t)j;
    }
    count_hits(q, row, ids, distances[k - 1], s->hits[piece]);
    free(ids);
    free(distances);
}

static void recall_of(struct knn *q, size_t (*hits)[2], size_t rows)
{
    size_t total[2] = {0, 0};
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < 2; c++)
            total[c] += hits[i][c];
    q->recall = (double)total[0] / (double)(rows * q->k);
    q->recall_tie = (double)total[1] / (double)(rows * q->k);
}

static void measure_sampled(struct knn *q)
{
    size_t n = q->points.n;
    uint32_t *rows = mem_new(n, sizeof *rows);
    struct rng r = rng_seed(q->seed, 0x7472757468); /* "truth" */
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)i;
    rng_sample(&r, rows, n, q->sample);
    q->sample = q->sample < n ? q->sample : n;
    struct sampling s = {q, rows, mem_zero(q->sample, sizeof *s.hits)};
    par_for(q->par, q->sample, check_row, &s);
    recall_of(q, s.hits, q->sample);
    free(s.hits);
    free(rows);
}

static enum err read_ids(const char *path, size_t n, size_t d_min, struct npy *out, struct error *e)
{
    enum err err = npy_read(path, out, e);
    if (err == ERR_OK && (out->kind != NPY_I32 || out->n != n || out->d < d_min)) {
        free(out->at);
        return error_set(e, ERR_INPUT, "%s is not int32 of %zu rows and %zu or more columns", path, n, d_min);
    }
    return err;
}

static enum err measure_given(struct knn *q, const char *path, struct error *e)
{
    struct npy truth;
    enum err err = read_ids(path, q->points.n, q->k, &truth, e);
    if (err != ERR_OK)
        return err;
    size_t(*hits)[2] = mem_zero(q->points.n, sizeof *hits);
    for (size_t i = 0; i < q->points.n; i++) {
        const uint32_t *ids = (const uint32_t *)truth.at + i * truth.d;
        uint32_t last = ids[q->k - 1];
        float distance =
            last < q->points.n ? 1.0f - dist_dot(mat_row(q->points, i), mat_row(q->points, last), q->points.d) : -1.0f;
        count_hits(q, i, ids, distance, hits[i]);
    }
    recall_of(q, hits, q->points.n);
    q->sample = q->points.n;
    free(hits);
    free(truth.at);
    return ERR_OK;
}

static void print(const struct knn *q, double peak)
{
    char cpu[100];
    bench_cpu(cpu, sizeof cpu);
    double operations = 2.0 * (double)q->report.products * (double)codes_stride(q->points.d);
    printf("{\"benchmark\": \"knn\", \"n\": %zu, \"d\": %zu, \"k\": %zu, \"visit\": %zu, \"clusters\": \"%s\", "
           "\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"quality\": %.5f, \"quality_tie\": %.5f, \"quality_rows\": %zu, "
           "\"cells\": %zu, "
           "\"rows_compared\": %.0f, \"flops_share\": %.3f, \"peak_gops\": %.0f, \"rss_mb\": %.0f, \"threads\": %zu, "
           "\"kernels\": \"%s\", \"cpu\": \"%s\"}\n",
           q->points.n, q->points.d, q->k, q->visit, q->labels ? "given" : "own", q->seconds, q->cpu_seconds, q->recall,
           q->recall_tie, q->sample, q->report.cells, (double)q->report.products / (double)q->points.n,
           operations / q->seconds / peak, peak / 1e9, bench_peak_mb(), par_threads(q->par), codes_best()->name, cpu);
}

static enum err run(struct knn *q, int argc, char **argv, struct error *e)
{
    size_t n = q->points.n, k = q->k;
    if (k == 0 || k >= n)
        return error_set(e, ERR_RANGE, "--k is %zu: it must be above 0 and below the %zu rows", k, n);
    q->ids = mem_new(n * k, sizeof *q->ids);
    q->distances = mem_new(n * k, sizeof *q->distances);
    struct neighbours_opts opts = {.k = k, .visit = q->visit, .labels = q->labels, .seed = q->seed};
    double peak = bench_peak_operations(q->par), start = clock_seconds(), cpu = bench_cpu_seconds();
    enum err err = neighbours_find(q->points, &opts, q->ids, q->distances, &q->report, q->par, e);
    q->seconds = clock_seconds() - start;
    q->cpu_seconds = bench_cpu_seconds() - cpu;
    const char *truth = bench_option(argc, argv, "--truth", NULL), *save = bench_option(argc, argv, "--save", NULL);
    if (err == ERR_OK && truth)
        err = measure_given(q, truth, e);
    else if (err == ERR_OK)
        measure_sampled(q);
    if (err == ERR_OK && save)
        err = npy_write(save, NPY_I32, q->ids, n, k, e);
    if (err == ERR_OK)
        print(q, peak);
    return err;
}

enum err bench_knn(int argc, char **argv, struct error *e)
{
    struct knn q = {.k = 15, .seed = 1, .sample = 1000};
    const char *labels = bench_option(argc, argv, "--labels", NULL);
    enum err err = bench_number(argc, argv, "--k", 1000000, &q.k, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--visit", 100000000, &q.visit, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--threads", 1024, &q.threads, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--seed", SIZE_MAX / 2, &q.seed, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--sample", 1000000, &q.sample, e);
    q.par = par_new(q.threads);
    if (err == ERR_OK)
        err = bench_points(argc, argv, &q.points, q.par, e);
    if (err == ERR_OK)
        dist_normalise(q.points);
    struct npy given = {0};
    if (err == ERR_OK && labels)
        err = read_ids(labels, q.points.n, 1, &given, e);
    q.labels = given.at;
    if (err == ERR_OK)
        err = run(&q, argc, argv, e);
    free(q.labels);
    free(q.points.at);
    free(q.ids);
    free(q.distances);
    par_free(q.par);
    return err;
}
