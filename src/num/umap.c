#include "num/umap.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/dist.h"
#include "num/neighbours.h"
#include "num/umap_graph.h"
#include "num/umap_layout.h"
#include "num/umap_net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const float JITTER = 0.5f;

static size_t or_default(size_t value, size_t otherwise)
{
    return value ? value : otherwise;
}

/* How many others a row is compared with: the row itself counts as one of n_neighbors, and there are n - 1 others. */
static size_t others_of(const struct umap_opts *opts, size_t n)
{
    size_t k = or_default(opts->n_neighbors, 15);
    k = k < 2 ? 2 : k;
    return (k < n ? k : n) - 1;
}

static enum err build_graph(struct mat points, size_t k, struct umap_graph *graph, struct par *par, struct error *e)
{
    uint32_t *ids = mem_new(points.n * k, sizeof *ids);
    float *distances = mem_new(points.n * k, sizeof *distances);
    enum err err = neighbours_exact(points, k, ids, distances, par, e);
    if (!err)
        umap_graph_build(&(struct umap_lists){.ids = ids, .distances = distances, .n = points.n, .k = k}, graph, par);
    free(ids);
    free(distances);
    return err;
}

static void centre(struct mat layout)
{
    double sum[2] = {0, 0};
    for (size_t i = 0; i < layout.n; i++)
        for (size_t c = 0; c < 2; c++)
            sum[c] += (double)mat_row(layout, i)[c];
    for (size_t i = 0; i < layout.n; i++)
        for (size_t c = 0; c < 2; c++)
            mat_row(layout, i)[c] = (float)((double)mat_row(layout, i)[c] - sum[c] / (double)layout.n);
}

static enum err check(struct mat points, const struct umap_opts *opts, struct error *e)
{
    if (points.n == 0)
        return error_set(e, ERR_RANGE, "umap: no points");
    if (!(opts->min_dist >= 0 && opts->min_dist <= 1))
        return error_set(e, ERR_RANGE, "umap: min_dist is %g, not between 0 and 1", (double)opts->min_dist);
    return ERR_OK;
}

static enum err check_finite(struct mat points, struct error *e)
{
    return dist_finite(points) ? ERR_OK
                               : error_set(e, ERR_NUMERIC, "umap: a point holds NaN, infinity or a value beyond 1e15");
}

static size_t epochs_of(const struct umap_opts *opts, size_t n)
{
    return or_default(opts->epochs, n <= 10000 ? 500 : 200);
}

enum err umap_plain(struct mat points, const struct umap_opts *opts, struct mat layout, struct par *par,
                    struct error *e)
{
    size_t n = points.n;
    struct umap_graph graph = {0};
    enum err err = check(points, opts, e);
    assert(layout.n == n && layout.d == 2);
    if (!err)
        err = check_finite(points, e);
    if (err)
        return err;
    if (n == 1) {
        layout.at[0] = layout.at[1] = 0;
        return ERR_OK;
    }
    err = build_graph(points, others_of(opts, n), &graph, par, e);
    if (err)
        return err;
    umap_start(points, opts->seed, layout, par);
    umap_descend(&graph, umap_curve_fit((double)opts->min_dist), epochs_of(opts, n), opts->seed, layout);
    umap_graph_release(&graph);
    centre(layout);
    assert(dist_finite(layout));
    return ERR_OK;
}

/* Rows by cell, and where each cell's begin [cell_count + 1]. */
static uint32_t *order_rows(const struct umap_given *g, size_t *starts)
{
    uint32_t *order = mem_new(g->points.n, sizeof *order);
    memset(starts, 0, (g->cell_count + 1) * sizeof *starts);
    for (size_t i = 0; i < g->points.n; i++)
        starts[g->cells[i] + 1]++;
    for (size_t c = 0; c < g->cell_count; c++)
        starts[c + 1] += starts[c];
    for (size_t i = 0; i < g->points.n; i++)
        order[starts[g->cells[i]]++] = (uint32_t)i;
    memmove(starts + 1, starts, g->cell_count * sizeof *starts);
    starts[0] = 0;
    return order;
}

struct centring {
    const struct umap_given *given;
    const uint32_t *order;
    const size_t *starts;
    struct mat centres;
};

static void centre_of_cell(void *arg, size_t cell, size_t worker)
{
    (void)worker;
    const struct centring *c = arg;
    float *sum = mat_row(c->centres, cell);
    for (size_t i = c->starts[cell]; i < c->starts[cell + 1]; i++) {
        const float *row = mat_row(c->given->points, c->order[i]);
        for (size_t j = 0; j < c->centres.d; j++)
            sum[j] += row[j];
    }
    dist_normalise(mat_rows(c->centres, cell, 1));
}

/* Rows start near the place of their cell's centre in the centres' own layout. */
static enum err start_from_cells(const struct umap_given *g, const struct umap_opts *opts, const uint32_t *order,
                                 const size_t *starts, struct mat layout, struct par *par, struct error *e)
{
    size_t count = g->cell_count, d = g->points.d;
    struct mat centres = {mem_zero(count * d, sizeof(float)), count, d};
    struct mat places = {mem_new(count * 2, sizeof(float)), count, 2};
    struct centring c = {g, order, starts, centres};
    par_for(par, count, centre_of_cell, &c);
    enum err err =
        umap_run(centres, &(struct umap_opts){.min_dist = opts->min_dist, .seed = opts->seed}, places, par, e);
    struct rng r = rng_seed(opts->seed, 4);
    for (size_t i = 0; i < layout.n && !err; i++)
        for (size_t x = 0; x < 2; x++)
            mat_row(layout, i)[x] = mat_row(places, g->cells[i])[x] + JITTER * ((float)rng_unit(&r) - 0.5f);
    free(centres.at);
    free(places.at);
    return err;
}

enum err umap_lay_out(const struct umap_given *g, const struct umap_opts *opts, struct mat layout, struct par *par,
                      struct error *e)
{
    size_t n = g->points.n, epochs = epochs_of(opts, n), *starts = NULL;
    uint32_t *order = NULL;
    struct umap_net net = {0};
    enum err err = check(g->points, opts, e);
    assert(layout.n == n && layout.d == 2 && g->k > 0);
    if (!err && g->cell_count > 0) {
        starts = mem_new(g->cell_count + 1, sizeof *starts);
        order = order_rows(g, starts);
        err = start_from_cells(g, opts, order, starts, layout, par, e);
    } else if (!err) {
        umap_start(g->points, opts->seed, layout, par);
    }
    if (!err) {
        struct umap_lists lists = {.ids = g->ids, .distances = g->distances, .n = n, .k = g->k};
        struct umap_moves moves = {umap_curve_fit((double)opts->min_dist), epochs, opts->seed};
        umap_net_build(&lists, order, epochs, &net, par);
        umap_net_descend(&net, &moves, layout, par);
        umap_net_release(&net);
        centre(layout);
        assert(dist_finite(layout));
    }
    free(order);
    free(starts);
    return err;
}

enum err umap_run(struct mat points, const struct umap_opts *opts, struct mat layout, struct par *par, struct error *e)
{
    size_t n = points.n, k = others_of(opts, n);
    enum err err = check(points, opts, e);
    assert(layout.n == n && layout.d == 2);
    if (err)
        return err;
    if (n == 1) {
        layout.at[0] = layout.at[1] = 0;
        return check_finite(points, e);
    }
    struct neighbours_report report = {0};
    uint32_t *ids = mem_new(n * k, sizeof *ids), *cells = mem_new(n, sizeof *cells);
    float *distances = mem_new(n * k, sizeof *distances);
    struct neighbours_opts search = {.k = k, .seed = opts->seed, .cells = cells};
    err = neighbours_find(points, &search, ids, distances, &report, par, e);
    if (!err) {
        struct umap_given given = {points, ids, distances, k, cells, report.cells};
        err = umap_lay_out(&given, opts, layout, par, e);
    }
    free(ids);
    free(distances);
    free(cells);
    return err;
}
