#include "project/project.h"

#include "base/rng.h"
#include "num/umap.h"
#include "store/clusters.h"
#include "store/vectors.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Rows that are laid out, in order: all of them, or a seeded sample. */
static uint32_t *choose_rows(size_t n, size_t most, size_t *chosen, uint64_t seed, struct arena *a)
{
    uint32_t *rows = arena_new(a, n, sizeof *rows);
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)i;
    *chosen = n;
    if (n > most) {
        struct rng r = rng_seed(seed, 0x6d6170); /* "map" */
        rng_sample(&r, rows, n, most);
        qsort(rows, most, sizeof *rows, ascending);
        *chosen = most;
    }
    return rows;
}

static enum err store_points(struct stage_context *c, struct str facet, const struct vectors *v, const uint32_t *rows,
                             struct mat layout, struct error *e)
{
    enum err result = db_begin(c->run->db, e);
    if (result == ERR_OK)
        result = points_clear(c->run, facet, e);
    for (size_t i = 0; i < layout.n && result == ERR_OK; i++)
        result = points_put(c->run, facet, v->recs[rows[i]], mat_row(layout, i)[0], mat_row(layout, i)[1], e);
    if (result == ERR_OK)
        return db_commit(c->run->db, e);
    db_rollback(c->run->db);
    return result;
}

static enum err project_facet(struct stage_context *c, size_t facet_index, struct error *e)
{
    struct str facet = c->config->facets[facet_index].name;
    struct vectors v;
    enum err result = vectors_open(c->run, facet, &v, e);
    if (result != ERR_OK)
        return result;
    struct arena a = {0};
    size_t n = 0;
    uint32_t *rows = choose_rows(v.at.n, c->config->map_points, &n, c->config->seed, &a);
    struct mat points = v.at, layout = {arena_zero(&a, 2 * n, sizeof(float)), n, 2};
    if (n < v.at.n) {
        points = (struct mat){arena_new(&a, n * v.at.d, sizeof(float)), n, v.at.d};
        for (size_t i = 0; i < n; i++)
            memcpy(mat_row(points, i), mat_row(v.at, rows[i]), v.at.d * sizeof(float));
    }
    if (n)
        result = umap_run(points, &(struct umap_opts){.seed = c->config->seed}, layout, c->par, e);
    if (result == ERR_OK)
        result = store_points(c, facet, &v, rows, layout, e);
    if (n < v.at.n)
        stage_note(c, "%zu of %zu conversations drawn on the map", n, v.at.n);
    arena_release(&a);
    vectors_close(&v);
    return result;
}

enum err project_run(struct stage_context *c, struct error *e)
{
    return stage_each_tree(c, project_facet, e);
}
