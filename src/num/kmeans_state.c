#include "num/kmeans_state.h"

#include "base/mem.h"
#include "num/kmeans_look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUM_ROWS = 128, /* added in floats, before doubles take over */
    AHEAD = 4,
    WIDEN_SAMPLE = 1024,
    WIDEN_MISSED = 50, /* one row in so many may miss its nearest centroid */
};

static void make_lists(struct km *m, size_t near_count)
{
    size_t k = m->means.n;
    m->near_count = near_count < k ? near_count : k;
    m->near = mem_grow(m->near, k * m->near_count, sizeof *m->near);
    for (size_t c = 0; c <= k; c++)
        m->near_ends[c] = c * m->near_count;
}

struct km km_new(const struct coded *rows, struct mat means, bool spherical, struct par *par)
{
    size_t n = rows->n, k = means.n;
    struct km m = {.par = par, .spherical = spherical, .rows = *rows, .means = means};
    m.centres = coded_new(rows->kernels, k, means.d);
    m.labels = mem_zero(n, sizeof *m.labels);
    m.next = mem_new(n, sizeof *m.next);
    m.squared = mem_zero(n, sizeof *m.squared);
    m.order = mem_new(n, sizeof *m.order);
    m.starts = mem_new(k + 1, sizeof *m.starts);
    m.homes = mem_zero(k, sizeof *m.homes);
    m.near_ends = mem_new(k + 1, sizeof *m.near_ends);
    make_lists(&m, KM_NEAR);
    m.touched = mem_new(k, sizeof *m.touched);
    m.changed = mem_new(k, sizeof *m.changed);
    m.skip = mem_zero(k, sizeof *m.skip);
    m.gains = mem_zero(k, sizeof *m.gains);
    m.judged = mem_zero(k, sizeof *m.judged);
    memset(m.touched, true, k * sizeof *m.touched);
    memset(m.changed, true, k * sizeof *m.changed);
    return m;
}

void km_free(struct km *m)
{
    coded_free(&m->centres);
    coded_free(&m->towns);
    free(m->labels);
    free(m->next);
    free(m->squared);
    free(m->order);
    free(m->starts);
    free(m->homes);
    free(m->near);
    free(m->near_ends);
    free(m->touched);
    free(m->changed);
    free(m->skip);
    free(m->gains);
    free(m->judged);
}

void km_sort(struct km *m)
{
    size_t n = m->rows.n, k = m->means.n;
    size_t *ends = mem_zero(k + 1, sizeof *ends);
    for (size_t i = 0; i < n; i++)
        ends[m->labels[i] + 1]++;
    for (size_t c = 0; c < k; c++)
        ends[c + 1] += ends[c];
    memcpy(m->starts, ends, (k + 1) * sizeof *ends);
    for (size_t i = 0; i < n; i++)
        m->order[ends[m->labels[i]]++] = (uint32_t)i;
    free(ends);
}

/* The mean of a cluster's rows: in floats for some rows, in doubles for those sums. */
static void mean_of(const struct km *m, size_t c, double *total, float *mean)
{
    size_t d = m->means.d, stride = m->rows.stride, begin = m->starts[c], end = m->starts[c + 1];
    float *sum = mem_new(stride, sizeof *sum);
    memset(total, 0, d * sizeof *total);
    for (size_t first = begin; first < end; first += SUM_ROWS) {
        memset(sum, 0, stride * sizeof *sum);
        for (size_t i = first; i < end && i < first + SUM_ROWS; i++) {
            if (i + AHEAD < end)
                coded_prefetch(&m->rows, m->order[i + AHEAD]);
            coded_add(sum, m->rows.codes + m->order[i] * stride, m->rows.scales[m->order[i]], stride);
        }
        for (size_t j = 0; j < d; j++)
            total[j] += (double)sum[j];
    }
    double squares = 0, scale = 1 / (double)(end - begin);
    for (size_t j = 0; j < d; j++)
        squares += total[j] * total[j];
    if (m->spherical && squares > 0)
        scale = 1 / sqrt(squares);
    for (size_t j = 0; j < d; j++)
        mean[j] = (float)(total[j] * scale);
    free(sum);
}

static void move_piece(void *arg, size_t c, size_t worker)
{
    (void)worker;
    struct km *m = arg;
    size_t stride = m->rows.stride;
    m->changed[c] = false;
    if (!m->touched[c] || m->starts[c] == m->starts[c + 1])
        return;
    double *total = mem_new(m->means.d, sizeof *total);
    int8_t *before = mem_new(stride, 1), *code = m->centres.codes + c * stride;
    float scale = m->centres.scales[c];
    memcpy(before, code, stride);
    mean_of(m, c, total, mat_row(m->means, c));
    coded_set(&m->centres, c, mat_row(m->means, c));
    m->changed[c] = memcmp(before, code, stride) != 0 || m->centres.scales[c] < scale || m->centres.scales[c] > scale;
    free(before);
    free(total);
}

void km_move(struct km *m)
{
    par_for(m->par, m->means.n, move_piece, m);
}

void km_place(struct km *m, size_t centre, size_t row)
{
    float *at = mat_row(m->means, centre);
    coded_row(&m->rows, row, at);
    coded_set(&m->centres, centre, at);
    m->changed[centre] = true;
}

size_t km_take_labels(struct km *m)
{
    size_t moved = 0;
    memset(m->touched, false, m->means.n * sizeof *m->touched);
    for (size_t i = 0; i < m->rows.n; i++)
        if (m->next[i] != m->labels[i]) {
            m->touched[m->labels[i]] = m->touched[m->next[i]] = true;
            m->judged[m->labels[i]] = m->judged[m->next[i]] = false;
            m->labels[i] = m->next[i];
            moved++;
        }
    return moved;
}

size_t km_assign_all(struct km *m)
{
    size_t n = m->rows.n, starts[2] = {0, n};
    for (size_t i = 0; i < n; i++)
        m->order[i] = (uint32_t)i;
    m->products += look_run(&(struct look){.rows = &m->rows,
                                           .centres = &m->centres,
                                           .groups = 1,
                                           .order = m->order,
                                           .starts = starts,
                                           .labels = m->next,
                                           .squared = m->squared},
                            m->par);
    return km_take_labels(m);
}

bool km_widen(struct km *m)
{
    size_t n = m->rows.n, sample = n < WIDEN_SAMPLE ? n : WIDEN_SAMPLE, missed = 0, starts[2] = {0, sample};
    if (m->near_count == m->means.n || m->near_count >= KM_NEAR_MAX)
        return false;
    uint32_t *rows = mem_new(sample, sizeof *rows);
    float *squared = mem_new(n, sizeof *squared);
    for (size_t i = 0; i < sample; i++)
        rows[i] = (uint32_t)(i * n / sample);
    m->products += look_run(&(struct look){.rows = &m->rows,
                                           .centres = &m->centres,
                                           .groups = 1,
                                           .order = rows,
                                           .starts = starts,
                                           .labels = m->next,
                                           .squared = squared},
                            m->par);
    for (size_t i = 0; i < sample; i++)
        missed += squared[rows[i]] < m->squared[rows[i]];
    bool few = missed * WIDEN_MISSED < sample;
    if (!few) {
        make_lists(m, 2 * m->near_count);
        memset(m->touched, true, m->means.n * sizeof *m->touched);
    }
    free(rows);
    free(squared);
    return !few;
}

/* A cluster whose rows and whose near centroids are as they were needs no look. */
static void choose_skips(struct km *m)
{
    for (size_t c = 0; c < m->means.n; c++) {
        bool active = m->touched[c];
        for (size_t i = 0; i < m->near_count && !active; i++)
            active = m->changed[m->near[c * m->near_count + i]];
        m->skip[c] = !active;
    }
}

size_t km_assign_near(struct km *m)
{
    choose_skips(m);
    memcpy(m->next, m->labels, m->rows.n * sizeof *m->next);
    m->products += look_run(&(struct look){.rows = &m->rows,
                                           .centres = &m->centres,
                                           .groups = m->means.n,
                                           .order = m->order,
                                           .starts = m->starts,
                                           .ids = m->near,
                                           .ends = m->near_ends,
                                           .skip = m->skip,
                                           .labels = m->next,
                                           .squared = m->squared},
                            m->par);
    return km_take_labels(m);
}

static int farthest_first(const void *a, const void *b)
{
    const struct km_far *x = a, *y = b;
    if (x->squared != y->squared)
        return x->squared < y->squared ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

struct km_far *km_farthest(const float *squared, size_t n)
{
    struct km_far *far = mem_new(n, sizeof *far);
    for (size_t i = 0; i < n; i++)
        far[i] = (struct km_far){squared[i], (uint32_t)i};
    qsort(far, n, sizeof *far, farthest_first);
    return far;
}

size_t km_fill_empty(struct km *m)
{
    size_t k = m->means.n, n = m->rows.n, empty = 0, filled = 0;
    for (size_t c = 0; c < k; c++)
        empty += m->starts[c] == m->starts[c + 1];
    if (empty == 0)
        return 0;
    struct km_far *far = km_farthest(m->squared, n);
    size_t *sizes = mem_new(k, sizeof *sizes), next = 0;
    for (size_t c = 0; c < k; c++)
        sizes[c] = m->starts[c + 1] - m->starts[c];
    for (size_t c = 0; c < k; c++) {
        if (m->starts[c] < m->starts[c + 1])
            continue;
        while (next < n && sizes[m->labels[far[next].row]] < 2)
            next++;
        if (next == n || !(far[next].squared > 0))
            break;
        size_t row = far[next++].row, from = m->labels[row];
        sizes[from]--;
        sizes[c] = 1;
        m->labels[row] = (uint32_t)c;
        m->squared[row] = 0;
        m->homes[c] = m->homes[from];
        m->touched[from] = m->touched[c] = true;
        m->judged[from] = m->judged[c] = false;
        km_place(m, c, row);
        filled++;
    }
    free(sizes);
    free(far);
    km_sort(m);
    return filled;
}

double km_cost(const struct km *m)
{
    double sum = 0;
    for (size_t i = 0; i < m->rows.n; i++)
        sum += (double)m->squared[i];
    return sum / (double)m->rows.n;
}
