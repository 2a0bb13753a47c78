#include "bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "num/codes.h"
#include "num/dist.h"
#include "num/neighbours.h"
#include "num/umap.h"
#include "num/umap_forces.h"
#include "npy.h"
#include "points.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 15 };

struct layout_bench {
    struct mat points, layout;
    size_t epochs, threads, seed, sample;
    struct par *par;
    double neighbours_seconds, layout_seconds, layout_work; /* wall, and of all threads together */
    double cpu_seconds, peak; /* of both parts; operations a second on bytes that all threads reach */
    uint64_t products;        /* of two rows, by the search for neighbours */
    double trust, kept;
};

/* The K nearest of `row` among some rows, by growing distance; the row itself is left out. */
struct nearest {
    const uint32_t *among; /* NULL: all */
    size_t n, row;
    uint32_t ids[K];
    float distances[K];
};

static void nearest_clear(struct nearest *q)
{
    memset(q->ids, 0xff, sizeof q->ids);
    for (size_t i = 0; i < K; i++)
        q->distances[i] = INFINITY;
}

static void nearest_offer(struct nearest *q, uint32_t id, float distance)
{
    size_t at = K;
    if (!(distance < q->distances[K - 1]))
        return;
    for (; at > 0 && q->distances[at - 1] > distance; at--)
        ;
    memmove(q->distances + at + 1, q->distances + at, (K - at - 1) * sizeof *q->distances);
    memmove(q->ids + at + 1, q->ids + at, (K - at - 1) * sizeof *q->ids);
    q->distances[at] = distance;
    q->ids[at] = id;
}

struct judging {
    const struct layout_bench *bench;
    const uint32_t *rows; /* [sample] */
    size_t kept_rows;     /* of them, whose neighbours among all rows are compared */
    double *trust, *kept; /* [sample] */
};

/* Venna and Kaski's trustworthiness within the sample: how much too far, in ranks, the K nearest in the layout are. */
static double mistrust(const struct judging *j, size_t i)
{
    struct mat points = j->bench->points, layout = j->bench->layout;
    size_t n = j->bench->sample;
    struct nearest near;
    float *similar = mem_new(n, sizeof *similar);
    double sum = 0;
    nearest_clear(&near);
    for (size_t o = 0; o < n; o++) {
        similar[o] = dist_dot(mat_row(points, j->rows[i]), mat_row(points, j->rows[o]), points.d);
        if (o != i)
            nearest_offer(&near, (uint32_t)o,
                          dist_squared(mat_row(layout, j->rows[i]), mat_row(layout, j->rows[o]), 2));
    }
    for (size_t m = 0; m < K; m++) {
        size_t rank = 1;
        for (size_t o = 0; o < n; o++)
            rank += o != i && similar[o] > similar[near.ids[m]];
        sum += rank > K ? (double)(rank - K) : 0;
    }
    free(similar);
    return sum;
}

/* How many of a row's K nearest are still among the K nearest in the layout, all rows considered. */
static double count_kept(const struct layout_bench *b, size_t row)
{
    struct nearest before, after;
    double kept = 0;
    nearest_clear(&before);
    nearest_clear(&after);
    for (size_t o = 0; o < b->points.n; o++) {
        if (o == row)
            continue;
        nearest_offer(&before, (uint32_t)o, 1 - dist_dot(mat_row(b->points, row), mat_row(b->points, o), b->points.d));
        nearest_offer(&after, (uint32_t)o, dist_squared(mat_row(b->layout, row), mat_row(b->layout, o), 2));
    }
    for (size_t x = 0; x < K; x++)
        for (size_t y = 0; y < K; y++)
            kept += before.ids[x] == after.ids[y];
    return kept;
}

static void judge_row(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct judging *j = arg;
    j->trust[piece] = mistrust(j, piece);
    if (piece < j->kept_rows)
        j->kept[piece] = count_kept(j->bench, j->rows[piece]);
}

/* The sample's first rows are a sample too: the costly comparison with all rows is done for a fifth. */
static void judge(struct layout_bench *b)
{
    size_t n = b->points.n;
    uint32_t *rows = mem_new(n, sizeof *rows);
    struct rng r = rng_seed(b->seed, 0x6a75646765); /* "judge" */
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)i;
    b->sample = b->sample < n ? b->sample : n;
    rng_sample(&r, rows, n, b->sample);
    double count = (double)b->sample, trust = 0, kept = 0;
    struct judging j = {b, rows, (b->sample + 4) / 5, mem_zero(b->sample, sizeof(double)),
                        mem_zero(b->sample, sizeof(double))};
    par_for(b->par, b->sample, judge_row, &j);
    for (size_t i = 0; i < b->sample; i++) {
        trust += j.trust[i];
        kept += j.kept[i];
    }
    b->trust = 1 - trust * 2 / (count * K * (2 * count - 3 * K - 1));
    b->kept = kept / ((double)j.kept_rows * K);
    free(rows);
    free(j.trust);
    free(j.kept);
}

static void print(const struct layout_bench *b)
{
    char cpu[100];
    bench_cpu(cpu, sizeof cpu);
    double seconds = b->neighbours_seconds + b->layout_seconds;
    double operations = 2.0 * (double)b->products * (double)codes_stride(b->points.d);
    printf(
        "{\"benchmark\": \"umap\", \"n\": %zu, \"d\": %zu, \"epochs\": %zu, \"seconds\": %.3f, \"cpu_seconds\": %.3f, "
        "\"neighbours_seconds\": %.3f, \"layout_seconds\": %.3f, \"layout_work\": %.3f, \"quality\": "
        "{\"trustworthiness\": %.5f, "
        "\"kept\": %.5f, \"rows\": %zu}, \"flops_share\": %.3f, \"rss_mb\": %.0f, \"threads\": %zu, \"kernels\": "
        "\"%s\", \"cpu\": \"%s\"}\n",
        b->points.n, b->points.d, b->epochs, seconds, b->cpu_seconds, b->neighbours_seconds, b->layout_seconds,
        b->layout_work, b->trust, b->kept, b->sample, operations / seconds / b->peak, bench_peak_mb(),
        par_threads(b->par), umap_forces_best()->name, cpu);
}

static enum err lay_out(struct layout_bench *b, struct error *e)
{
    size_t n = b->points.n, k = K - 1 < n - 1 ? K - 1 : n - 1;
    struct neighbours_report report = {0};
    uint32_t *ids = mem_new(n * k, sizeof *ids), *cells = mem_new(n, sizeof *cells);
    float *distances = mem_new(n * k, sizeof *distances);
    b->peak = bench_peak_operations(b->par);
    double start = clock_seconds(), cpu = bench_cpu_seconds();
    struct neighbours_opts search = {.k = k, .seed = b->seed, .cells = cells};
    enum err err = neighbours_find(b->points, &search, ids, distances, &report, b->par, e);
    b->neighbours_seconds = clock_seconds() - start;
    b->products = report.products;
    struct umap_given given = {b->points, ids, distances, k, cells, report.cells};
    start = clock_seconds();
    double work = bench_cpu_seconds();
    if (err == ERR_OK)
        err = umap_lay_out(&given, &(struct umap_opts){.epochs = b->epochs, .seed = b->seed}, b->layout, b->par, e);
    b->layout_seconds = clock_seconds() - start;
    b->layout_work = bench_cpu_seconds() - work;
    b->cpu_seconds = bench_cpu_seconds() - cpu;
    free(ids);
    free(distances);
    free(cells);
    return err;
}

static enum err run(struct layout_bench *b, int argc, char **argv, struct error *e)
{
    const char *save = bench_option(argc, argv, "--save", NULL);
    if (b->points.n < 2 * K + 2 || b->sample < 2 * K + 2)
        return error_set(e, ERR_RANGE, "%zu rows and a sample of %zu: at least %d of both are needed", b->points.n,
                         b->sample, 2 * K + 2);
    b->layout = (struct mat){mem_new(b->points.n * 2, sizeof(float)), b->points.n, 2};
    enum err err = lay_out(b, e);
    if (err == ERR_OK && save)
        err = npy_write(save, NPY_F32, b->layout.at, b->layout.n, 2, e);
    if (err != ERR_OK)
        return err;
    judge(b);
    print(b);
    return ERR_OK;
}

enum err bench_umap(int argc, char **argv, struct error *e)
{
    struct layout_bench b = {.seed = 1, .sample = 5000};
    enum err err = bench_number(argc, argv, "--epochs", 100000, &b.epochs, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--threads", 1024, &b.threads, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--seed", SIZE_MAX / 2, &b.seed, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--sample", 1000000, &b.sample, e);
    b.par = par_new(b.threads);
    if (err == ERR_OK)
        err = bench_points(argc, argv, &b.points, b.par, e);
    if (err == ERR_OK) {
        dist_normalise(b.points);
        err = run(&b, argc, argv, e);
    }
    free(b.points.at);
    free(b.layout.at);
    par_free(b.par);
    return err;
}
