#include "num/kmeans_fast.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/kmeans_finish.h"
#include "num/kmeans_seed.h"
#include "num/kmeans_state.h"
#include "num/kmeans_swap.h"

#include <stdlib.h>
#include <string.h>

enum {
    ITERS = 30,
    STILL = 1000,   /* refinement ends when fewer than one row in so many changes its label */
    NEAR_EVERY = 4, /* iterations for which lists of near centroids hold, after the first ones */
    SWAP_FROM = 3,
    SWAP_EVERY = 2,
    SWAP_ROUNDS = 8,
    SWAP_FEW = 500, /* swapping ends when fewer than one centroid in so many is swapped */
    ROW_BYTES = 4 * sizeof(uint32_t),
};

static enum err check(struct mat points, const struct kmeans_fast_opts *opts, struct error *e)
{
    if (opts->k == 0 || opts->k > points.n)
        return error_set(e, ERR_RANGE, "k-means: %zu clusters wanted of %zu rows", opts->k, points.n);
    if (points.n > UINT32_MAX)
        return error_set(e, ERR_RANGE, "k-means: %zu rows are more than a 32-bit label counts", points.n);
    if (points.d == 0 || points.d > CODES_D_MAX)
        return error_set(e, ERR_RANGE, "k-means: rows of %zu columns; 1 to %d are possible", points.d, CODES_D_MAX);
    return ERR_OK;
}

/* As many rows as memory allows, but k at least. */
static size_t rows_to_train(struct mat points, const struct kmeans_fast_opts *opts)
{
    size_t fit = opts->memory_bytes / (coded_bytes(points.d) + ROW_BYTES);
    if (opts->memory_bytes == 0 || fit > points.n)
        return points.n;
    return fit > opts->k ? fit : opts->k;
}

/* `want` of n, each set as likely as any other, ascending (Knuth, volume 2, 3.4.2, algorithm S). */
static uint32_t *draw_rows(size_t n, size_t want, uint64_t seed)
{
    uint32_t *rows = mem_new(want, sizeof *rows);
    struct rng r = rng_seed(seed, 0x73616d706c65); /* "sample" */
    size_t found = 0;
    for (size_t i = 0; found < want; i++)
        if (rng_below(&r, n - i) < want - found)
            rows[found++] = (uint32_t)i;
    return rows;
}

/* Codes of the rows, some thousands at a time. False when one is not finite. */
static bool code_rows(struct coded *rows, struct mat points, const uint32_t *drawn, const struct kmeans_fast_opts *opts,
                      struct par *par)
{
    bool finite = true;
    size_t step = FINISH_ROWS * rows->n / points.n + 1; /* drawn rows lie among about so many */
    for (size_t i = 0; i < rows->n && finite; i += step) {
        size_t n = rows->n - i < step ? rows->n - i : step;
        size_t first = drawn ? drawn[i] : i, end = drawn ? drawn[i + n - 1] + 1 : i + n;
        struct coded part = coded_part(rows, i, n);
        finite = coded_fill(&part, drawn ? points : mat_rows(points, i, n), drawn ? drawn + i : NULL, par);
        if (opts->release)
            opts->release(opts->release_arg, first, end - first);
    }
    return finite;
}

/* Now and then, until few do: centroids go where they are missed. */
static size_t maybe_swap(struct km *m, size_t iter, size_t *rounds)
{
    if (*rounds == 0 || iter < SWAP_FROM || (iter - SWAP_FROM) % SWAP_EVERY != 0)
        return 0;
    size_t swaps = km_swap(m);
    *rounds = swaps * SWAP_FEW < m->means.n ? 0 : *rounds - 1;
    if (swaps > 0)
        km_sort(m);
    return swaps;
}

static void refine(struct km *m, size_t iters_max, struct kmeans_fast_report *report)
{
    size_t moved = m->rows.n, rounds = SWAP_ROUNDS, iter = 0;
    for (; iter < iters_max && (moved * STILL >= m->rows.n || rounds > 0); iter++) {
        km_sort(m);
        km_fill_empty(m);
        km_move(m);
        if (iter < SWAP_FROM || iter % NEAR_EVERY == 0)
            km_find_near(m);
        size_t swaps = maybe_swap(m, iter, &rounds);
        if (swaps > 0)
            km_find_near(m);
        report->swaps += swaps;
        moved = km_assign_near(m);
        if (iter > 0 && (iter <= SWAP_FROM || iter % NEAR_EVERY == NEAR_EVERY - 1) && km_widen(m)) {
            moved = m->rows.n;
            km_find_near(m);
        }
    }
    report->iters = iter;
    km_sort(m);
    km_fill_empty(m);
}

static double mean(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i];
    return sum / (double)n;
}

/* Trains on coded rows, then labels all; false when a row is not finite. */
static bool cluster(struct mat points, const struct kmeans_fast_opts *opts, const struct coded *rows,
                    struct mat centroids, uint32_t *labels, struct kmeans_fast_report *report, struct par *par)
{
    struct km m = km_new(rows, centroids, opts->objective == KMEANS_SPHERICAL, par);
    float *squared = mem_new(points.n, sizeof *squared);
    struct finish f = {&m, points, opts, labels, squared, rows->n == points.n};
    seed_run(&m, opts->seed);
    refine(&m, opts->iters_max ? opts->iters_max : ITERS, report);
    bool finite = finish_run(&f);
    report->cost = finite ? mean(squared, points.n) : 0;
    report->trained = rows->n;
    report->products = m.products;
    free(squared);
    km_free(&m);
    return finite;
}

enum err kmeans_fast(struct mat points, const struct kmeans_fast_opts *opts, struct mat centroids, uint32_t *labels,
                     struct kmeans_fast_report *report, struct par *par, struct error *e)
{
    enum err err = check(points, opts, e);
    if (err != ERR_OK)
        return err;
    struct kmeans_fast_report ignored, *to = report ? report : &ignored;
    *to = (struct kmeans_fast_report){0};
    struct coded rows = coded_new(codes_best(), rows_to_train(points, opts), points.d);
    uint32_t *drawn = rows.n < points.n ? draw_rows(points.n, rows.n, opts->seed) : NULL;
    bool finite = code_rows(&rows, points, drawn, opts, par);
    free(drawn);
    finite = finite && cluster(points, opts, &rows, centroids, labels, to, par);
    coded_free(&rows);
    return finite ? ERR_OK : error_set(e, ERR_NUMERIC, "k-means: a row holds NaN, infinity or a value beyond 1e15");
}
