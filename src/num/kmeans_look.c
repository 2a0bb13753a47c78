#include "num/kmeans_decide.h"

#include "base/mem.h"
#include "num/dist.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 1024 }; /* rows */

struct piece {
    size_t group, first, n;
};

struct thread {
    struct panel panel;
    struct block block;
    float *scores; /* [CODED_ROWS][longest list], for decisions */
};

struct looking {
    const struct look *look;
    const struct decision *decision; /* or NULL: codes decide */
    struct piece *pieces;
    struct panel all; /* of all centroids, where there are no lists */
    struct thread *threads;
};

/* Codes decide. */
static void look_block(const struct looking *k, struct thread *t, const struct panel *panel, const uint32_t *rows)
{
    const struct look *l = k->look;
    uint32_t places[CODED_ROWS];
    float scores[CODED_ROWS];
    block_nearest(&t->block, panel, places, scores);
    for (size_t i = 0; i < t->block.n; i++) {
        l->labels[rows[i]] = panel->ids[places[i]];
        l->squared[rows[i]] = coded_distance(l->rows->squares[rows[i]], scores[i]);
    }
}

/* What a score must reach for the centroid to come into question; lower by what floats may have rounded. */
static float least_score(float squares, float squared, float errors)
{
    double most = sqrt((double)squared) * (1 + 1e-5) + (double)errors;
    return (float)(((double)squares - most * most) / 2 - 1e-5 * ((double)squares + most * most));
}

/* Floats decide between the centroids that codes leave. */
static void decide_row(const struct looking *k, const struct panel *panel, const float *scores, uint32_t row)
{
    const struct look *l = k->look;
    const struct mat points = k->decision->points, means = k->decision->means;
    size_t best = 0;
    for (size_t j = 1; j < panel->count; j++)
        if (scores[j] > scores[best])
            best = j;
    uint32_t id = panel->ids[best];
    float squared = dist_squared(mat_row(points, row), mat_row(means, id), points.d);
    float floor = least_score(l->rows->squares[row], squared, l->rows->errors[row] + panel->error);
    for (size_t j = 0; j < panel->count; j++) {
        if (scores[j] < floor || j == best)
            continue;
        float other = dist_squared(mat_row(points, row), mat_row(means, panel->ids[j]), points.d);
        if (other < squared || (other <= squared && panel->ids[j] < id)) {
            squared = other;
            id = panel->ids[j];
        }
    }
    l->labels[row] = id;
    l->squared[row] = squared;
}

static void decide_block(const struct looking *k, struct thread *t, const struct panel *panel, const uint32_t *rows)
{
    size_t wide = coded_padded(panel->count);
    block_scores(&t->block, panel, t->scores);
    for (size_t i = 0; i < t->block.n; i++)
        decide_row(k, panel, t->scores + i * wide, rows[i]);
}

static void look_piece(void *arg, size_t at, size_t worker)
{
    const struct looking *k = arg;
    const struct look *l = k->look;
    const struct piece *p = &k->pieces[at];
    struct thread *t = &k->threads[worker];
    const struct panel *panel = &k->all;
    if (l->ids) {
        size_t begin = l->ends[p->group];
        panel_load(&t->panel, l->centres, l->ids + begin, l->ends[p->group + 1] - begin);
        panel = &t->panel;
    }
    for (size_t done = 0; done < p->n; done += CODED_ROWS) {
        const uint32_t *rows = l->order + p->first + done;
        size_t n = p->n - done < CODED_ROWS ? p->n - done : CODED_ROWS;
        block_load(&t->block, l->rows, rows, n);
        if (k->decision)
            decide_block(k, t, panel, rows);
        else
            look_block(k, t, panel, rows);
    }
}

static size_t make_pieces(const struct look *l, struct piece **out)
{
    struct piece *pieces = mem_new(l->groups + l->rows->n / PIECE + 1, sizeof *pieces);
    size_t count = 0;
    for (size_t g = 0; g < l->groups; g++) {
        if (l->skip && l->skip[g])
            continue;
        for (size_t i = l->starts[g]; i < l->starts[g + 1]; i += PIECE) {
            size_t left = l->starts[g + 1] - i;
            pieces[count++] = (struct piece){g, i, left < PIECE ? left : PIECE};
        }
    }
    *out = pieces;
    return count;
}

static size_t longest_list(const struct look *l)
{
    size_t longest = 0;
    for (size_t g = 0; g < l->groups; g++)
        if (l->ends[g + 1] - l->ends[g] > longest)
            longest = l->ends[g + 1] - l->ends[g];
    return longest;
}

static uint64_t run(const struct look *l, const struct decision *decision, struct par *par)
{
    size_t threads = par_threads(par), stride = l->rows->stride;
    struct looking k = {.look = l, .decision = decision, .threads = mem_zero(threads, sizeof *k.threads)};
    size_t count = make_pieces(l, &k.pieces), room = l->ids ? longest_list(l) : 0, wide = l->ids ? room : l->centres->n;
    if (!l->ids) {
        k.all = panel_new(l->rows->kernels, l->centres->n, stride);
        panel_load(&k.all, l->centres, NULL, l->centres->n);
    }
    for (size_t t = 0; t < threads; t++) {
        k.threads[t] = (struct thread){panel_new(l->rows->kernels, room, stride), block_new(stride), NULL};
        if (decision)
            k.threads[t].scores = mem_aligned(CODED_ROWS * coded_padded(wide), sizeof(float));
    }
    par_for(par, count, look_piece, &k);
    uint64_t products = 0;
    for (size_t i = 0; i < count; i++) {
        size_t g = k.pieces[i].group;
        products += (uint64_t)k.pieces[i].n * (l->ids ? l->ends[g + 1] - l->ends[g] : l->centres->n);
    }
    for (size_t t = 0; t < threads; t++) {
        panel_free(&k.threads[t].panel);
        block_free(&k.threads[t].block);
        free(k.threads[t].scores);
    }
    panel_free(&k.all);
    free(k.threads);
    free(k.pieces);
    return products;
}

uint64_t look_run(const struct look *l, struct par *par)
{
    return run(l, NULL, par);
}

uint64_t decide_run(const struct decision *d, struct par *par)
{
    return run(&d->look, d, par);
}
