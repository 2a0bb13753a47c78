#include "num/kmeans_finish.h"

#include "base/mem.h"
#include "num/dist.h"
#include "num/kmeans_decide.h"
#include "num/kmeans_seed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_HOMES = 8 }; /* towns whose centroids a new row is compared with */

/* Some rows that follow one another. */
struct chunk {
    struct finish *f;
    size_t first, n;
    struct coded rows; /* of f->m, or own ones */
    uint32_t *order;   /* [n] */
    size_t *starts;    /* [groups + 1] */
    double *sums;      /* [k][d] */
};

static void sort_chunk(struct chunk *c, const uint32_t *labels, size_t groups)
{
    size_t *ends = mem_zero(groups + 1, sizeof *ends);
    for (size_t i = 0; i < c->n; i++)
        ends[labels[i] + 1]++;
    for (size_t g = 0; g < groups; g++)
        ends[g + 1] += ends[g];
    memcpy(c->starts, ends, (groups + 1) * sizeof *ends);
    for (size_t i = 0; i < c->n; i++)
        c->order[ends[labels[i]]++] = (uint32_t)i;
    free(ends);
}

/* Rows that were not trained on: to the nearest town, then to the nearest centroid around it. */
static void label_chunk(struct chunk *c)
{
    struct km *m = c->f->m;
    uint32_t *labels = c->f->labels + c->first;
    struct homes h = homes_of(m, LOOK_HOMES);
    struct look look = {.rows = &c->rows,
                        .centres = &m->towns,
                        .groups = 1,
                        .order = c->order,
                        .starts = c->starts,
                        .labels = labels,
                        .squared = c->f->squared + c->first};
    memset(labels, 0, c->n * sizeof *labels);
    sort_chunk(c, labels, 1);
    m->products += look_run(&look, m->par);
    sort_chunk(c, labels, h.count);
    look.centres = &m->centres;
    look.groups = h.count;
    look.ids = h.ids;
    look.ends = h.ends;
    m->products += look_run(&look, m->par);
    homes_free(&h);
}

/* Floats choose between the centroids near to the one the row has. */
static void decide_chunk(struct chunk *c)
{
    struct km *m = c->f->m;
    sort_chunk(c, c->f->labels + c->first, m->means.n);
    m->products += decide_run(&(struct decision){.look = {.rows = &c->rows,
                                                          .centres = &m->centres,
                                                          .groups = m->means.n,
                                                          .order = c->order,
                                                          .starts = c->starts,
                                                          .ids = m->near,
                                                          .ends = m->near_ends,
                                                          .labels = c->f->labels + c->first,
                                                          .squared = c->f->squared + c->first},
                                                 .points = mat_rows(c->f->points, c->first, c->n),
                                                 .means = m->means},
                              m->par);
}

static void add_piece(void *arg, size_t centre, size_t worker)
{
    (void)worker;
    struct chunk *c = arg;
    size_t d = c->f->points.d;
    double *sum = c->sums + centre * d;
    for (size_t i = c->starts[centre]; i < c->starts[centre + 1]; i++) {
        const float *row = mat_row(c->f->points, c->first + c->order[i]);
        for (size_t j = 0; j < d; j++)
            sum[j] += (double)row[j];
    }
}

/* In order, with codes at hand; false when a row is not finite. */
static bool each_chunk(struct finish *f, double *sums, void (*work)(struct chunk *c))
{
    struct km *m = f->m;
    size_t n = f->points.n, k = m->means.n, most = n < FINISH_ROWS ? n : FINISH_ROWS;
    size_t groups = m->towns.n > k ? m->towns.n : k;
    struct chunk c = {
        .f = f, .order = mem_new(most, sizeof *c.order), .starts = mem_new(groups + 1, sizeof *c.starts), .sums = sums};
    struct coded own = f->all ? m->rows : coded_new(m->rows.kernels, most, f->points.d);
    bool finite = true;
    for (; c.first < n && finite; c.first += FINISH_ROWS) {
        c.n = n - c.first < FINISH_ROWS ? n - c.first : FINISH_ROWS;
        c.rows = coded_part(&own, f->all ? c.first : 0, c.n);
        if (!f->all)
            finite = coded_fill(&c.rows, mat_rows(f->points, c.first, c.n), NULL, m->par);
        if (finite)
            work(&c);
        if (f->opts->release)
            f->opts->release(f->opts->release_arg, c.first, c.n);
    }
    if (!f->all)
        coded_free(&own);
    free(c.order);
    free(c.starts);
    return finite;
}

static void sum_up(struct chunk *c)
{
    if (!c->f->all) {
        label_chunk(c);
        decide_chunk(c);
    }
    sort_chunk(c, c->f->labels + c->first, c->f->m->means.n);
    par_for(c->f->m->par, c->f->m->means.n, add_piece, c);
}

/* The centroids become the means of their rows, in doubles. One without rows stays. */
static void take_means(struct finish *f, const double *sums)
{
    size_t k = f->m->means.n, d = f->m->means.d, *counts = mem_zero(k, sizeof *counts);
    for (size_t i = 0; i < f->points.n; i++)
        counts[f->labels[i]]++;
    for (size_t c = 0; c < k; c++) {
        float *mean = mat_row(f->m->means, c);
        double squares = 0, by = (double)counts[c];
        for (size_t j = 0; j < d; j++)
            squares += sums[c * d + j] * sums[c * d + j];
        if (f->m->spherical && squares > 0)
            by = sqrt(squares);
        for (size_t j = 0; j < d && counts[c] > 0; j++)
            mean[j] = (float)(sums[c * d + j] / by);
        coded_set(&f->m->centres, c, mean);
    }
    free(counts);
}

/* The rule of km_fill_empty(), in floats. */
static void fill_empty(struct finish *f)
{
    size_t n = f->points.n, k = f->m->means.n, d = f->points.d, empty = 0, next = 0;
    size_t *sizes = mem_zero(k, sizeof *sizes);
    for (size_t i = 0; i < n; i++)
        sizes[f->labels[i]]++;
    for (size_t c = 0; c < k; c++)
        empty += sizes[c] == 0;
    struct km_far *far = empty ? km_farthest(f->squared, n) : NULL;
    for (size_t c = 0; c < k && empty; c++) {
        if (sizes[c] > 0)
            continue;
        while (next < n && sizes[f->labels[far[next].row]] < 2)
            next++;
        if (next == n || !(far[next].squared > 0))
            break;
        size_t row = far[next++].row;
        sizes[f->labels[row]]--;
        sizes[c] = 1;
        f->labels[row] = (uint32_t)c;
        f->squared[row] = 0;
        memcpy(mat_row(f->m->means, c), mat_row(f->points, row), d * sizeof(float));
    }
    free(far);
    free(sizes);
}

bool finish_run(struct finish *f)
{
    struct km *m = f->m;
    double *sums = mem_zero(m->means.n * m->means.d, sizeof *sums);
    if (f->all)
        memcpy(f->labels, m->labels, f->points.n * sizeof *f->labels);
    km_find_near(m);
    bool finite = each_chunk(f, sums, sum_up);
    if (finite)
        take_means(f, sums);
    free(sums);
    if (!finite)
        return false;
    km_find_near(m);
    finite = each_chunk(f, NULL, decide_chunk);
    fill_empty(f);
    return finite;
}
