#include "bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "num/codes.h"
#include "num/dist.h"
#include "num/kmeans.h"
#include "num/kmeans_fast.h"
#include "points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trial {
    struct mat points, centroids;
    size_t k, iterations, threads, seed, memory_mb;
    bool exact, spherical;
    uint32_t *labels;
    double seconds, cpu_seconds, cost, cost_of_all;
    struct kmeans_fast_report report;
    struct par *par;
};

/* Where an exact run starts: --start FILE.npy, or rows drawn. */
static enum err start(struct trial *t, const char *path, struct error *e)
{
    size_t n = t->points.n, d = t->points.d;
    struct npy file = {0};
    if (path) {
        enum err err = npy_read(path, &file, e);
        if (err == ERR_OK && (file.kind != NPY_F32 || file.n != t->k || file.d != d))
            err = error_set(e, ERR_INPUT, "%s is not float32 of %zu rows and %zu columns", path, t->k, d);
        if (err == ERR_OK)
            memcpy(t->centroids.at, file.at, t->k * d * sizeof(float));
        free(file.at);
        return err;
    }
    uint32_t *rows = mem_new(n, sizeof *rows);
    struct rng r = rng_seed(t->seed, 0);
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)i;
    rng_sample(&r, rows, n, t->k);
    for (size_t c = 0; c < t->k; c++)
        memcpy(mat_row(t->centroids, c), mat_row(t->points, rows[c]), d * sizeof(float));
    free(rows);
    return ERR_OK;
}

static enum err run_exact(struct trial *t, const char *path, struct error *e)
{
    struct kmeans_opts opts = {.k = t->k, .iters_max = t->iterations};
    struct kmeans_report report = {0};
    enum err err = start(t, path, e);
    double begin = clock_seconds(), cpu = bench_cpu_seconds();
    if (err == ERR_OK)
        err = kmeans_exact(t->points, &opts, t->centroids, t->labels, &report, t->par, e);
    t->seconds = clock_seconds() - begin;
    t->cpu_seconds = bench_cpu_seconds() - cpu;
    t->cost = report.wcss;
    t->report = (struct kmeans_fast_report){.iters = report.iters, .trained = t->points.n};
    t->report.products = (uint64_t)(report.iters + 1) * t->points.n * t->k;
    return err;
}

static enum err run_fast(struct trial *t, struct bench_file *file, struct error *e)
{
    struct kmeans_fast_opts opts = {.k = t->k,
                                    .iters_max = t->iterations,
                                    .seed = t->seed,
                                    .objective = t->spherical ? KMEANS_SPHERICAL : KMEANS_EUCLID,
                                    .memory_bytes = t->memory_mb << 20,
                                    .release = bench_file_release,
                                    .release_arg = file};
    double begin = clock_seconds(), cpu = bench_cpu_seconds();
    enum err err = kmeans_fast(t->points, &opts, t->centroids, t->labels, &t->report, t->par, e);
    t->seconds = clock_seconds() - begin;
    t->cpu_seconds = bench_cpu_seconds() - cpu;
    t->cost = t->report.cost;
    return err;
}

/* What labels by all centroids would cost: as other programs' results are measured. */
static enum err check(struct trial *t, struct error *e)
{
    struct kmeans_report report = {0};
    enum err err = kmeans_label(t->points, t->centroids, t->labels, &report, t->par, e);
    t->cost_of_all = report.wcss;
    return err;
}

static void print(const struct trial *t, double peak, double rss_mb)
{
    char cpu[100], all[40] = "null";
    size_t *sizes = mem_zero(t->k, sizeof *sizes), empty = 0, largest = 0;
    for (size_t i = 0; i < t->points.n; i++)
        sizes[t->labels[i]]++;
    for (size_t c = 0; c < t->k; c++) {
        empty += sizes[c] == 0;
        largest = sizes[c] > largest ? sizes[c] : largest;
    }
    free(sizes);
    bench_cpu(cpu, sizeof cpu);
    if (t->cost_of_all > 0)
        snprintf(all, sizeof all, "%.7f", t->cost_of_all);
    double operations = 2.0 * (double)t->report.products * (double)codes_stride(t->points.d);
    printf("{\"benchmark\": \"kmeans\", \"mode\": \"%s\", \"n\": %zu, \"d\": %zu, \"k\": %zu, \"seed\": %zu, "
           "\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"quality\": %.7f, \"quality_of_all\": %s, \"iterations\": %zu, "
           "\"swaps\": %zu, "
           "\"trained\": %zu, \"empty\": %zu, \"largest\": %zu, \"flops_share\": %.3f, \"peak_gops\": %.0f, "
           "\"rss_mb\": %.0f, \"threads\": %zu, \"kernels\": \"%s\", \"cpu\": \"%s\"}\n",
           t->exact ? "exact" : "fast", t->points.n, t->points.d, t->k, t->seed, t->seconds, t->cpu_seconds, t->cost,
           all, t->report.iters, t->report.swaps, t->report.trained, empty, largest, operations / t->seconds / peak,
           peak / 1e9, rss_mb, par_threads(t->par), codes_best()->name, cpu);
}

static enum err run(struct trial *t, struct bench_file *file, int argc, char **argv, struct error *e)
{
    const char *save = bench_option(argc, argv, "--save", NULL);
    const char *save_labels = bench_option(argc, argv, "--save-labels", NULL);
    if (t->k == 0 || t->k > t->points.n)
        return error_set(e, ERR_RANGE, "--k is %zu: it must be above 0 and at most the %zu rows", t->k, t->points.n);
    t->centroids = (struct mat){mem_new(t->k * t->points.d, sizeof(float)), t->k, t->points.d};
    t->labels = mem_new(t->points.n, sizeof *t->labels);
    double peak = bench_peak_operations(t->par);
    enum err err = t->exact ? run_exact(t, bench_option(argc, argv, "--start", NULL), e) : run_fast(t, file, e);
    double rss_mb = bench_peak_mb();
    if (err == ERR_OK && save)
        err = npy_write(save, NPY_F32, t->centroids.at, t->k, t->points.d, e);
    if (err == ERR_OK && save_labels)
        err = npy_write(save_labels, NPY_I32, t->labels, t->points.n, 1, e);
    if (err == ERR_OK && bench_flag(argc, argv, "--check"))
        err = check(t, e);
    if (err == ERR_OK)
        print(t, peak, rss_mb);
    return err;
}

enum err bench_kmeans(int argc, char **argv, struct error *e)
{
    struct trial t = {.k = 100, .seed = 1};
    struct bench_file file = {0};
    enum err err = bench_number(argc, argv, "--k", 100000000, &t.k, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--iterations", 100000, &t.iterations, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--threads", 1024, &t.threads, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--seed", SIZE_MAX / 2, &t.seed, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--memory-mb", 1 << 24, &t.memory_mb, e);
    t.exact = bench_flag(argc, argv, "--exact");
    t.spherical = bench_flag(argc, argv, "--spherical");
    t.par = par_new(t.threads);
    if (err == ERR_OK)
        err = bench_file_open(argc, argv, &file, &t.points, t.par, e);
    if (err == ERR_OK)
        err = run(&t, &file, argc, argv, e);
    bench_file_close(&file);
    free(t.centroids.at);
    free(t.labels);
    par_free(t.par);
    return err;
}

enum err bench_points_only(int argc, char **argv, struct error *e)
{
    struct mat points = {0};
    const char *save = bench_option(argc, argv, "--save", NULL);
    struct par *par = par_new(0);
    enum err err = save ? bench_points(argc, argv, &points, par, e)
                        : error_set(e, ERR_USAGE, "--save FILE.npy says where the points go");
    if (err == ERR_OK)
        err = npy_write(save, NPY_F32, points.at, points.n, points.d, e);
    free(points.at);
    par_free(par);
    return err;
}
