#include "num/kmeans.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/dist.h"
#include "num/kmeans_decide.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Rows a piece of parallel work takes, and the centroids compared with them at once. Fixed: results depend on
 * SEED_ROWS. */
enum { ROWS = 32, COLS = 64, SEED_ROWS = 256 };

/* n points, k centroids, d columns. */
struct run {
    struct mat points, centroids;
    uint32_t *labels; /* [n] */
    float *squared;   /* [n] squared distance of a point to its own centroid */
    uint32_t *order;  /* [n] rows sorted by label, ascending within one */
    size_t *starts;   /* [k + 1] where each label's rows begin in order */
    size_t *ends;     /* [k] */
    size_t *moved;    /* [pieces] labels that changed */
    double *sums;     /* [threads][d] */
    struct par *par;
    struct coded rows, centres; /* for labels by codes and floats; n is 0 where floats do it alone */
    uint32_t *before;           /* [n] the labels before, with those */
};

static size_t pieces_of(size_t n, size_t rows)
{
    return (n + rows - 1) / rows;
}

/* Lloyd's first half: the nearest centroid of 32 points. */
static void assign_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct run *r = arg;
    size_t first = piece * ROWS, moved = 0;
    struct mat rows = mat_rows(r->points, first, ROWS);
    uint32_t best[ROWS] = {0};
    float least[ROWS], all[ROWS * COLS];
    for (size_t i = 0; i < ROWS; i++)
        least[i] = INFINITY;
    for (size_t c = 0; c < r->centroids.n; c += COLS) {
        struct mat cols = mat_rows(r->centroids, c, COLS);
        dist_squares(rows, cols, all);
        for (size_t i = 0; i < rows.n; i++)
            for (size_t j = 0; j < cols.n; j++)
                if (all[i * cols.n + j] < least[i]) { /* strict: a tie stays with the lower index */
                    least[i] = all[i * cols.n + j];
                    best[i] = (uint32_t)(c + j);
                }
    }
    for (size_t i = 0; i < rows.n; i++) {
        moved += r->labels[first + i] != best[i];
        r->labels[first + i] = best[i];
        r->squared[first + i] = least[i];
    }
    r->moved[piece] = moved;
}

/* Counts the labels and sorts the rows by them. */
static void sort_by_label(struct run *r)
{
    size_t k = r->centroids.n;
    memset(r->starts, 0, (k + 1) * sizeof *r->starts);
    for (size_t i = 0; i < r->points.n; i++)
        r->starts[r->labels[i] + 1]++;
    for (size_t c = 0; c < k; c++) {
        r->starts[c + 1] += r->starts[c];
        r->ends[c] = r->starts[c];
    }
    for (size_t i = 0; i < r->points.n; i++)
        r->order[r->ends[r->labels[i]]++] = (uint32_t)i;
}

static size_t first_empty(const struct run *r)
{
    size_t c = 0;
    while (c < r->centroids.n && r->starts[c + 1] > r->starts[c])
        c++;
    return c;
}

static size_t farthest_point(const struct run *r)
{
    size_t far = 0;
    for (size_t i = 1; i < r->points.n; i++)
        if (r->squared[i] > r->squared[far])
            far = i;
    return far;
}

/*
 * The rule for empty clusters. A cluster repaired holds its own centroid at distance 0, so no later repair takes that
 * point away: at most k rounds. When the farthest point sits on its centroid, fewer than k rows are distinct.
 */
static void fill_empty_clusters(struct run *r)
{
    size_t empty, far, d = r->points.d;
    sort_by_label(r);
    while ((empty = first_empty(r)) < r->centroids.n && r->squared[far = farthest_point(r)] > 0) {
        float *centroid = mat_row(r->centroids, empty);
        memcpy(centroid, mat_row(r->points, far), d * sizeof *centroid);
        for (size_t i = 0; i < r->points.n; i++) {
            float s = dist_squared(mat_row(r->points, i), centroid, d);
            if (s < r->squared[i] || (s == r->squared[i] && empty < r->labels[i])) {
                r->squared[i] = s;
                r->labels[i] = (uint32_t)empty;
            }
        }
        sort_by_label(r);
    }
}

/* The same labels as by assign_piece(), and distances; returns how many labels changed. */
static size_t label_screened(struct run *r)
{
    size_t n = r->points.n, starts[2] = {0, n}, moved = 0;
    memcpy(r->before, r->labels, n * sizeof *r->labels);
    for (size_t i = 0; i < n; i++)
        r->order[i] = (uint32_t)i;
    bool finite = coded_fill(&r->centres, r->centroids, NULL, r->par);
    assert(finite);
    (void)finite;
    decide_run(&(struct decision){.look = {.rows = &r->rows,
                                           .centres = &r->centres,
                                           .groups = 1,
                                           .order = r->order,
                                           .starts = starts,
                                           .labels = r->labels,
                                           .squared = r->squared},
                                  .points = r->points,
                                  .means = r->centroids},
               r->par);
    for (size_t i = 0; i < n; i++)
        moved += r->labels[i] != r->before[i];
    return moved;
}

/* Returns how many labels changed, before repairs. */
static size_t assign(struct run *r)
{
    if (r->rows.n > 0) {
        size_t changed = label_screened(r);
        fill_empty_clusters(r);
        return changed;
    }
    size_t pieces = pieces_of(r->points.n, ROWS), moved = 0;
    par_for(r->par, pieces, assign_piece, r);
    for (size_t i = 0; i < pieces; i++)
        moved += r->moved[i];
    fill_empty_clusters(r);
    return moved;
}

/* Lloyd's second half: a centroid moves to the mean of its points, added in row order. */
static void update_piece(void *arg, size_t c, size_t worker)
{
    struct run *r = arg;
    size_t d = r->points.d, count = r->starts[c + 1] - r->starts[c];
    double *sum = r->sums + worker * d;
    float *centroid = mat_row(r->centroids, c);
    if (count == 0)
        return;
    memset(sum, 0, d * sizeof *sum);
    for (size_t i = r->starts[c]; i < r->starts[c + 1]; i++) {
        const float *row = mat_row(r->points, r->order[i]);
        for (size_t j = 0; j < d; j++)
            sum[j] += (double)row[j];
    }
    for (size_t j = 0; j < d; j++)
        centroid[j] = (float)(sum[j] / (double)count);
}

/* Whatever happened, these hold; a violation is a bug here. */
static void check_result(const struct run *r)
{
    assert(dist_finite(r->centroids));
    assert(r->starts[r->centroids.n] == r->points.n);
    assert(first_empty(r) == r->centroids.n || r->squared[farthest_point(r)] <= 0);
    (void)r;
}

static void lloyd(struct run *r, size_t iters_max, struct kmeans_report *report)
{
    size_t iters = 0, moved = 1;
    memset(r->labels, 0, r->points.n * sizeof *r->labels);
    assign(r);
    while (moved > 0 && iters < iters_max) {
        par_for(r->par, r->centroids.n, update_piece, r);
        moved = assign(r);
        iters++;
    }
    check_result(r);
    double sum = 0;
    for (size_t i = 0; i < r->points.n; i++)
        sum += (double)r->squared[i];
    if (report)
        *report = (struct kmeans_report){.wcss = sum / (double)r->points.n, .iters = iters};
}

/* What seeding hands to its pieces: the newest centroid, and each block's sum of squared distances. */
struct seeding {
    struct run *run;
    struct mat newest;
    double *block_sums;
};

static void seed_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct seeding *s = arg;
    size_t first = piece * SEED_ROWS;
    struct mat rows = mat_rows(s->run->points, first, SEED_ROWS);
    float squared[SEED_ROWS];
    double sum = 0;
    dist_squares(rows, s->newest, squared);
    for (size_t i = 0; i < rows.n; i++) {
        float *nearest = &s->run->squared[first + i];
        if (squared[i] < *nearest)
            *nearest = squared[i];
        sum += (double)*nearest;
    }
    s->block_sums[piece] = sum;
}

/* A row drawn with probability proportional to its squared distance: first its block, then the row in it. */
static size_t draw_row(const struct seeding *s, struct rng *rng)
{
    const struct run *r = s->run;
    size_t n = r->points.n, pieces = pieces_of(n, SEED_ROWS), block = 0;
    double total = 0, left;
    for (size_t i = 0; i < pieces; i++)
        total += s->block_sums[i];
    if (!(total > 0))
        return rng_below(rng, n); /* every row is a centroid already */
    left = rng_unit(rng) * total;
    while (block + 1 < pieces && left >= s->block_sums[block])
        left -= s->block_sums[block++];
    size_t first = block * SEED_ROWS, end = first + mat_rows(r->points, first, SEED_ROWS).n, drawn = n;
    for (size_t i = first; i < end; i++) {
        if (!(r->squared[i] > 0))
            continue;
        drawn = i;
        if (left < (double)r->squared[i])
            break;
        left -= (double)r->squared[i];
    }
    return drawn < n ? drawn : farthest_point(r); /* rounding ran past the end, into a block without distance */
}

/* k-means++: each further centroid is drawn by D^2 (Arthur and Vassilvitskii 2007, section 2.2, steps 1a to 1c). */
static void seed_centroids(struct run *r, uint64_t seed)
{
    size_t n = r->points.n, d = r->points.d, pieces = pieces_of(n, SEED_ROWS);
    struct rng rng = rng_seed(seed, 0);
    struct seeding s = {.run = r, .block_sums = mem_new(pieces, sizeof(double))};
    for (size_t i = 0; i < n; i++)
        r->squared[i] = FLT_MAX;
    size_t drawn = rng_below(&rng, n);
    for (size_t c = 0; c < r->centroids.n; c++) {
        s.newest = mat_rows(r->centroids, c, 1);
        memcpy(s.newest.at, mat_row(r->points, drawn), d * sizeof(float));
        par_for(r->par, pieces, seed_piece, &s);
        drawn = draw_row(&s, &rng);
    }
    free(s.block_sums);
}

static enum err check_input(struct mat points, const struct kmeans_opts *opts, struct mat centroids, struct error *e)
{
    (void)centroids; /* only assertions read it */
    if (opts->k == 0 || opts->k > points.n)
        return error_set(e, ERR_RANGE, "k-means: %zu clusters wanted of %zu points", opts->k, points.n);
    if (points.n > UINT32_MAX)
        return error_set(e, ERR_RANGE, "k-means: %zu points are more than a 32-bit label counts", points.n);
    assert(centroids.n == opts->k && centroids.d == points.d);
    if (!dist_finite(points))
        return error_set(e, ERR_NUMERIC, "k-means: a point holds NaN, infinity or a value beyond 1e15");
    return ERR_OK;
}

static struct run run_new(struct mat points, struct mat centroids, uint32_t *labels, struct par *par)
{
    size_t n = points.n, k = centroids.n;
    return (struct run){
        .points = points,
        .centroids = centroids,
        .labels = labels,
        .squared = mem_new(n, sizeof(float)),
        .order = mem_new(n, sizeof(uint32_t)),
        .starts = mem_new(k + 1, sizeof(size_t)),
        .ends = mem_new(k, sizeof(size_t)),
        .moved = mem_new(pieces_of(n, ROWS), sizeof(size_t)),
        .sums = mem_new(par_threads(par) * points.d, sizeof(double)),
        .par = par,
    };
}

static void run_free(struct run *r)
{
    free(r->squared);
    free(r->order);
    free(r->starts);
    free(r->ends);
    free(r->moved);
    free(r->sums);
    free(r->before);
    coded_free(&r->rows);
    coded_free(&r->centres);
}

static void screen(struct run *r)
{
    r->rows = coded_new(codes_best(), r->points.n, r->points.d);
    r->centres = coded_new(codes_best(), r->centroids.n, r->points.d);
    r->before = mem_new(r->points.n, sizeof *r->before);
    bool finite = coded_fill(&r->rows, r->points, NULL, r->par);
    assert(finite); /* check_input() saw to it */
    (void)finite;
}

static size_t iters_of(const struct kmeans_opts *opts)
{
    return opts->iters_max ? opts->iters_max : 100;
}

enum err kmeans_run(struct mat points, const struct kmeans_opts *opts, struct mat centroids, uint32_t *labels,
                    struct kmeans_report *report, struct par *par, struct error *e)
{
    enum err err = check_input(points, opts, centroids, e);
    if (err)
        return err;
    struct run r = run_new(points, centroids, labels, par);
    seed_centroids(&r, opts->seed);
    lloyd(&r, iters_of(opts), report);
    run_free(&r);
    return ERR_OK;
}

static enum err check_given(struct mat points, const struct kmeans_opts *opts, struct mat centroids, struct error *e)
{
    enum err err = check_input(points, opts, centroids, e);
    if (err == ERR_OK && !dist_finite(centroids))
        err = error_set(e, ERR_NUMERIC, "k-means: a given centroid holds NaN, infinity or a value beyond 1e15");
    return err;
}

static enum err check_codes(size_t d, struct error *e)
{
    if (d > CODES_D_MAX)
        return error_set(e, ERR_RANGE, "k-means: %zu columns are more than %d", d, CODES_D_MAX);
    return ERR_OK;
}

enum err kmeans_lloyd(struct mat points, const struct kmeans_opts *opts, struct mat centroids, uint32_t *labels,
                      struct kmeans_report *report, struct par *par, struct error *e)
{
    enum err err = check_given(points, opts, centroids, e);
    if (err)
        return err;
    struct run r = run_new(points, centroids, labels, par);
    lloyd(&r, iters_of(opts), report);
    run_free(&r);
    return ERR_OK;
}

enum err kmeans_exact(struct mat points, const struct kmeans_opts *opts, struct mat centroids, uint32_t *labels,
                      struct kmeans_report *report, struct par *par, struct error *e)
{
    enum err err = check_given(points, opts, centroids, e);
    if (err == ERR_OK)
        err = check_codes(points.d, e);
    if (err)
        return err;
    struct run r = run_new(points, centroids, labels, par);
    screen(&r);
    lloyd(&r, iters_of(opts), report);
    run_free(&r);
    return ERR_OK;
}

enum err kmeans_label(struct mat points, struct mat centroids, uint32_t *labels, struct kmeans_report *report,
                      struct par *par, struct error *e)
{
    enum err err = check_given(points, &(struct kmeans_opts){.k = centroids.n}, centroids, e);
    if (err == ERR_OK)
        err = check_codes(points.d, e);
    if (err)
        return err;
    double sum = 0;
    struct run r = run_new(points, centroids, labels, par);
    screen(&r);
    label_screened(&r);
    for (size_t i = 0; i < points.n; i++)
        sum += (double)r.squared[i];
    if (report)
        *report = (struct kmeans_report){.wcss = sum / (double)points.n};
    run_free(&r);
    return ERR_OK;
}
