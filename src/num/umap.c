#include "num/umap.h"

#include "base/mem.h"
#include "num/dist.h"
#include "num/neighbours.h"
#include "num/umap_graph.h"
#include "num/umap_layout.h"

#include <assert.h>
#include <stdlib.h>

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

enum err umap_run(struct mat points, const struct umap_opts *opts, struct mat layout, struct par *par, struct error *e)
{
    size_t n = points.n;
    assert(layout.n == n && layout.d == 2);
    if (n == 0)
        return error_set(e, ERR_RANGE, "umap: no points");
    if (!(opts->min_dist >= 0 && opts->min_dist <= 1))
        return error_set(e, ERR_RANGE, "umap: min_dist is %g, not between 0 and 1", (double)opts->min_dist);
    if (!dist_finite(points))
        return error_set(e, ERR_NUMERIC, "umap: a point holds NaN, infinity or a value beyond 1e15");
    if (n == 1) {
        layout.at[0] = layout.at[1] = 0;
        return ERR_OK;
    }
    struct umap_graph graph = {0};
    enum err err = build_graph(points, others_of(opts, n), &graph, par, e);
    if (err)
        return err;
    umap_start(points, opts->seed, layout, par);
    umap_descend(&graph, umap_curve_fit((double)opts->min_dist), or_default(opts->epochs, n <= 10000 ? 500 : 200),
                 opts->seed, layout);
    umap_graph_release(&graph);
    centre(layout);
    assert(dist_finite(layout));
    return ERR_OK;
}
