#include "num/umap_layout.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows a piece of parallel work takes: fixed, because partial sums are kept for each piece. */
enum { ROWS = 512, ROUNDS = 40, AXES = 2 };

/* Power iteration for the main axes, without forming the covariance. */
struct axes {
    struct mat points;
    double *mean; /* [d] */
    double *axis; /* [2][d] unit, orthogonal */
    double *sums; /* [pieces][2][d] */
    struct mat layout;
};

static size_t pieces_of(struct mat points)
{
    return (points.n + ROWS - 1) / ROWS;
}

static void project_row(const struct axes *a, const float *row, double out[AXES])
{
    size_t d = a->points.d;
    out[0] = out[1] = 0;
    for (size_t j = 0; j < d; j++) {
        double x = (double)row[j] - a->mean[j];
        out[0] += x * a->axis[j];
        out[1] += x * a->axis[d + j];
    }
}

/* This block's part of covariance times axis, for both axes. */
static void multiply_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct axes *a = arg;
    size_t d = a->points.d;
    struct mat rows = mat_rows(a->points, piece * ROWS, ROWS);
    double *sum = a->sums + piece * AXES * d;
    memset(sum, 0, AXES * d * sizeof *sum);
    for (size_t i = 0; i < rows.n; i++) {
        const float *row = mat_row(rows, i);
        double p[AXES];
        project_row(a, row, p);
        for (size_t j = 0; j < d; j++) {
            double x = (double)row[j] - a->mean[j];
            sum[j] += p[0] * x;
            sum[d + j] += p[1] * x;
        }
    }
}

static void place_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct axes *a = arg;
    struct mat rows = mat_rows(a->points, piece * ROWS, ROWS);
    for (size_t i = 0; i < rows.n; i++) {
        double p[AXES];
        project_row(a, mat_row(rows, i), p);
        float *place = mat_row(a->layout, piece * ROWS + i);
        place[0] = (float)p[0];
        place[1] = (float)p[1];
    }
}

static double product(const double *x, const double *y, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++)
        sum += x[j] * y[j];
    return sum;
}

/* Scales to length 1. A vector of (almost) nothing means that the points have no such axis: it becomes 0. */
static void make_unit(double *x, size_t d)
{
    double norm = sqrt(product(x, x, d));
    for (size_t j = 0; j < d; j++)
        x[j] = norm > 1e-150 ? x[j] / norm : 0;
}

/* Gram-Schmidt: the second axis keeps only what is orthogonal to the first. */
static void make_orthogonal(double *axis, size_t d)
{
    make_unit(axis, d);
    double shared = product(axis, axis + d, d);
    for (size_t j = 0; j < d; j++)
        axis[d + j] -= shared * axis[j];
    make_unit(axis + d, d);
}

static void find_mean(struct axes *a)
{
    size_t n = a->points.n, d = a->points.d;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            a->mean[j] += (double)mat_row(a->points, i)[j];
    for (size_t j = 0; j < d; j++)
        a->mean[j] /= (double)n;
}

/* Enough rounds for a starting position; exact axes are not needed. Partial sums are added in the order of the rows. */
static void find_axes(struct axes *a, uint64_t seed, struct par *par)
{
    size_t d = a->points.d, pieces = pieces_of(a->points);
    struct rng rng = rng_seed(seed, 1);
    for (size_t j = 0; j < AXES * d; j++)
        a->axis[j] = rng_unit(&rng) - 0.5;
    for (int round = 0; round < ROUNDS; round++) {
        make_orthogonal(a->axis, d);
        par_for(par, pieces, multiply_piece, a);
        memset(a->axis, 0, AXES * d * sizeof *a->axis);
        for (size_t i = 0; i < pieces; i++)
            for (size_t j = 0; j < AXES * d; j++)
                a->axis[j] += a->sums[i * AXES * d + j];
    }
    make_orthogonal(a->axis, d);
}

/* umap-learn's scale: each coordinate from 0 to 10. All equal stays all 0. The noise is 1e-4 at most either way. */
static void stretch(struct mat layout, size_t c, uint64_t seed)
{
    float low = INFINITY, high = -INFINITY;
    struct rng rng = rng_seed(seed, 2 + c);
    for (size_t i = 0; i < layout.n; i++) {
        float x = mat_row(layout, i)[c];
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    double range = (double)high - (double)low;
    for (size_t i = 0; i < layout.n; i++) {
        float *x = mat_row(layout, i) + c;
        double noise = (rng_unit(&rng) - 0.5) * 2e-4;
        *x = (float)((range > 0 ? 10 * ((double)*x - (double)low) / range : 0) + noise);
    }
}

void umap_start(struct mat points, uint64_t seed, struct mat layout, struct par *par)
{
    size_t d = points.d;
    struct axes a = {
        .points = points,
        .mean = mem_zero(d, sizeof(double)),
        .axis = mem_zero(AXES * d, sizeof(double)),
        .sums = mem_new(pieces_of(points) * AXES * d, sizeof(double)),
        .layout = layout,
    };
    find_mean(&a);
    find_axes(&a, seed, par);
    par_for(par, pieces_of(points), place_piece, &a);
    for (size_t c = 0; c < AXES; c++)
        stretch(layout, c, seed);
    free(a.mean);
    free(a.axis);
    free(a.sums);
}
