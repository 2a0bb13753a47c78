/*
 * What the map may show: of each node its centre and spread, of all shown conversations a density grid. Single points
 * only of data declared public. Everything is rounded to 1/4096 of the map's side.
 */
#include "privacy/publish_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct plot {
    struct release *r;
    struct release_tree *t;
};

static enum err plot_point(void *arg, int64_t rec, float x, float y, struct error *e)
{
    struct plot *p = arg;
    size_t place = records_find(&p->r->records, rec);
    (void)e;
    if (place != SIZE_MAX && isfinite(x) && isfinite(y)) {
        p->t->xy[2 * place] = x;
        p->t->xy[2 * place + 1] = y;
    }
    return ERR_OK;
}

static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* One coordinate of the shown conversations of lo..hi that are on the map, ascending; returns how many. */
static size_t coordinates(const struct release_tree *t, size_t lo, size_t hi, int axis, float *out)
{
    size_t n = 0;
    for (size_t i = lo; i < hi; i++) {
        float v = t->xy[2 * (size_t)t->order[i] + (size_t)axis];
        if (!isnan(v))
            out[n++] = v;
    }
    qsort(out, n, sizeof *out, by_float);
    return n;
}

static double rounded(double v)
{
    double inside = v < 0 ? 0 : v > 1 ? 1 : v;
    return floor(inside * MAP_UNITS + 0.5) / MAP_UNITS;
}

/* The frame leaves out the outermost hundredth on each side, so that one stray conversation does not set the scale. */
static void frame_map(struct release_tree *t, float *spare)
{
    double middle[2], side = 0;
    for (int axis = 0; axis < 2; axis++) {
        size_t n = coordinates(t, 0, t->shown, axis, spare);
        if (n == 0)
            return;
        double lo = (double)spare[n / 100], hi = (double)spare[n - 1 - n / 100];
        middle[axis] = (lo + hi) / 2;
        side = hi - lo > side ? hi - lo : side;
    }
    side = side > 0 ? side * 1.25 : 1;
    for (size_t i = 0; i < t->shown; i++)
        for (int axis = 0; axis < 2; axis++) {
            float *v = &t->xy[2 * (size_t)t->order[i] + (size_t)axis];
            if (!isnan(*v))
                *v = (float)rounded(((double)*v - middle[axis]) / side + 0.5);
        }
}

/* Medians, so that a few misplaced members do not pull the centre away. */
static void centre_node(struct release_tree *t, struct release_node *n, float *spare)
{
    double middle[2];
    size_t count = 0;
    for (int axis = 0; axis < 2; axis++) {
        count = coordinates(t, n->lo, n->hi, axis, spare);
        if (count == 0)
            return;
        middle[axis] = (double)spare[count / 2];
    }
    count = 0;
    for (size_t i = n->lo; i < n->hi; i++) {
        const float *xy = &t->xy[2 * (size_t)t->order[i]];
        if (!isnan(xy[0]))
            spare[count++] = (float)hypot((double)xy[0] - middle[0], (double)xy[1] - middle[1]);
    }
    qsort(spare, count, sizeof *spare, by_float);
    n->x = middle[0];
    n->y = middle[1];
    n->radius = rounded((double)spare[count / 2]);
    n->on_map = true;
}

static size_t grid_of(float v)
{
    size_t at = (size_t)(v * GRID);
    return at < GRID ? at : GRID - 1;
}

static void fill_density(struct release *r, struct release_tree *t)
{
    uint64_t *keys = mem_new(2 * t->shown + 1, sizeof *keys);
    size_t n = 0;
    t->density = arena_zero(&r->arena, (size_t)GRID * GRID, sizeof *t->density);
    for (size_t i = 0; i < t->shown; i++) {
        const float *xy = &t->xy[2 * (size_t)t->order[i]];
        if (!isnan(xy[0]))
            keys[n++] = (uint64_t)(grid_of(xy[1]) * GRID + grid_of(xy[0])) << 32 | r->account[t->order[i]];
    }
    publish__sort(keys, keys + n, n);
    for (size_t i = 0; i < n;) {
        uint64_t cell = keys[i] >> 32, accounts = 0;
        uint32_t conversations = 0;
        for (size_t first = i; i < n && keys[i] >> 32 == cell; i++, conversations++)
            accounts += i == first || keys[i] != keys[i - 1];
        if (accounts >= r->config->min_cell_accounts)
            t->density[cell] = conversations;
    }
    free(keys);
}

enum err publish__map(struct release *r, struct error *e)
{
    float *spare = mem_new(r->records.n + 1, sizeof *spare);
    enum err result = ERR_OK;
    for (size_t i = 0; i < r->trees_count && result == ERR_OK; i++) {
        struct release_tree *t = &r->trees[i];
        struct plot p = {r, t};
        t->xy = arena_new(&r->arena, 2 * r->records.n + 2, sizeof *t->xy);
        for (size_t j = 0; j < 2 * r->records.n; j++)
            t->xy[j] = NAN;
        result = points_each(r->run, t->def->name, plot_point, &p, e);
        t->points = (int64_t)coordinates(t, 0, t->shown, 0, spare);
        t->sampled = t->points > 0 && t->points < (int64_t)t->shown;
        frame_map(t, spare);
        for (size_t j = 0; j < t->nodes_count; j++)
            centre_node(t, &t->nodes[j], spare);
        fill_density(r, t);
    }
    free(spare);
    return result;
}
