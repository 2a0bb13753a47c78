#include "num/kmeans_swap.h"

#include "base/mem.h"
#include "num/dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIALS = CODES_PANEL, /* rows tried as a second centre */
    ROUNDS = 2,           /* of Lloyd's between two centres */
    ROWS_MAX = 512,       /* of a cluster; larger ones are judged by some of theirs */
};

/* A split saves, or a merge with `other` costs, so much of the sum of squared distances. */
struct bid {
    float value;
    uint32_t cluster, other;
};

struct swapping {
    struct km *m;
    struct bid *splits, *merges; /* [k] */
};

/* A cluster that may be split. */
struct halves {
    const struct km *m;
    const uint32_t *rows; /* [n] */
    size_t n, stride;
    int8_t *codes;        /* [n rounded up to 16][stride] */
    bool *right;          /* [n] */
    struct coded centres; /* two */
    float *means[2];      /* [d] */
    size_t sizes[2];
};

static struct halves halves_new(const struct km *m, size_t c, uint32_t *some)
{
    size_t begin = m->starts[c], n = m->starts[c + 1] - begin, kept = n < ROWS_MAX ? n : ROWS_MAX;
    struct halves h = {.m = m,
                       .rows = some,
                       .n = kept,
                       .stride = m->rows.stride,
                       .centres = coded_new(m->rows.kernels, 2, m->means.d)};
    h.codes = mem_aligned(coded_padded(kept), h.stride);
    for (size_t i = 0; i < kept; i++)
        coded_prefetch(&m->rows, m->order[begin + i * n / kept]);
    for (size_t i = 0; i < kept; i++) {
        some[i] = m->order[begin + i * n / kept];
        memcpy(h.codes + i * h.stride, m->rows.codes + some[i] * h.stride, h.stride);
    }
    memset(h.codes + kept * h.stride, 0, (coded_padded(kept) - kept) * h.stride);
    h.right = mem_new(kept, sizeof *h.right);
    h.means[0] = mem_new(m->means.d, sizeof(float));
    h.means[1] = mem_new(m->means.d, sizeof(float));
    return h;
}

static void halves_free(struct halves *h)
{
    coded_free(&h->centres);
    free(h->codes);
    free(h->right);
    free(h->means[0]);
    free(h->means[1]);
}

/* The first sides: the row, of sixteen, that takes most of the squared distances away, against the present centre. */
static void first_sides(struct halves *h)
{
    const struct coded *rows = &h->m->rows;
    size_t room = coded_padded(h->n), best = 0;
    int8_t *plain = mem_aligned(TRIALS, h->stride), *packed = mem_aligned(TRIALS, h->stride);
    int32_t *products = mem_aligned(room * TRIALS, sizeof *products);
    float *saved = mem_zero(TRIALS, sizeof *saved);
    for (size_t t = 0; t < TRIALS; t++)
        memcpy(plain + t * h->stride, h->codes + t * h->n / TRIALS * h->stride, h->stride);
    codes_pack(plain, TRIALS, h->stride, packed);
    rows->kernels->dots(&(struct codes_block){
        .a = h->codes, .b = packed, .an = room, .bn = TRIALS, .stride = h->stride, .out = products});
    float scales[TRIALS], halves[TRIALS];
    for (size_t t = 0; t < TRIALS; t++) {
        uint32_t row = h->rows[t * h->n / TRIALS];
        scales[t] = rows->scales[row];
        halves[t] = rows->squares[row] / 2;
    }
    for (size_t i = 0; i < h->n; i++) {
        float own = h->m->squared[h->rows[i]], scale = rows->scales[h->rows[i]], square = rows->squares[h->rows[i]];
        for (size_t t = 0; t < TRIALS; t++) {
            float less = own - (square - 2 * ((float)products[i * TRIALS + t] * scales[t] * scale - halves[t]));
            saved[t] += less > 0 ? less : 0;
        }
    }
    for (size_t t = 1; t < TRIALS; t++)
        if (saved[t] > saved[best])
            best = t;
    for (size_t i = 0; i < h->n; i++) {
        float score = (float)products[i * TRIALS + best] * scales[best] * rows->scales[h->rows[i]] - halves[best];
        h->right[i] = rows->squares[h->rows[i]] - 2 * score < h->m->squared[h->rows[i]];
    }
    free(plain);
    free(packed);
    free(products);
    free(saved);
}

static void means_of_sides(struct halves *h)
{
    size_t d = h->m->means.d;
    float *sums = mem_zero(2 * h->stride, sizeof *sums);
    h->sizes[0] = h->sizes[1] = 0;
    for (size_t i = 0; i < h->n; i++) {
        size_t side = h->right[i];
        h->sizes[side]++;
        coded_add(sums + side * h->stride, h->codes + i * h->stride, h->m->rows.scales[h->rows[i]], h->stride);
    }
    for (size_t s = 0; s < 2; s++)
        for (size_t j = 0; j < d; j++)
            h->means[s][j] = h->sizes[s] ? sums[s * h->stride + j] / (float)h->sizes[s] : 0;
    free(sums);
}

static void next_sides(struct halves *h)
{
    const struct coded *c = &h->centres;
    coded_set(&h->centres, 0, h->means[0]);
    coded_set(&h->centres, 1, h->means[1]);
    for (size_t i = 0; i < h->n; i++) {
        float scale = h->m->rows.scales[h->rows[i]], scores[2];
        for (size_t s = 0; s < 2; s++) {
            int32_t product = c->kernels->dot(h->codes + i * h->stride, c->codes + s * h->stride, h->stride);
            scores[s] = (float)product * c->scales[s] * scale - c->squares[s] / 2;
        }
        h->right[i] = scores[1] > scores[0];
    }
}

/* What two centres save over one: as for all of the cluster's rows. Leaves the two means. */
static float split(struct halves *h, size_t members)
{
    first_sides(h);
    means_of_sides(h);
    for (size_t round = 0; round < ROUNDS && h->sizes[0] && h->sizes[1]; round++) {
        next_sides(h);
        means_of_sides(h);
    }
    if (h->sizes[0] == 0 || h->sizes[1] == 0)
        return 0;
    float weight = (float)h->sizes[0] * (float)h->sizes[1] / (float)h->n;
    return weight * dist_squared(h->means[0], h->means[1], h->m->means.d) * (float)members / (float)h->n;
}

static void bid_split(struct swapping *s, size_t c)
{
    struct km *m = s->m;
    size_t members = m->starts[c + 1] - m->starts[c];
    if (!m->judged[c]) {
        uint32_t some[ROWS_MAX];
        struct halves h = halves_new(m, c, some);
        m->gains[c] = members < 2 ? 0 : split(&h, members);
        m->judged[c] = true;
        halves_free(&h);
    }
    s->splits[c] = (struct bid){m->gains[c], (uint32_t)c, 0};
}

static void bid_merge(struct swapping *s, size_t c)
{
    const struct km *m = s->m;
    float n = (float)(m->starts[c + 1] - m->starts[c]);
    struct bid best = {INFINITY, (uint32_t)c, (uint32_t)c};
    for (size_t i = 1; i < m->near_count; i++) {
        uint32_t other = m->near[c * m->near_count + i];
        float others = (float)(m->starts[other + 1] - m->starts[other]);
        if (other == c)
            continue;
        float cost =
            n * others / (n + others) * dist_squared(mat_row(m->means, c), mat_row(m->means, other), m->means.d);
        if (cost < best.value)
            best = (struct bid){cost, (uint32_t)c, other};
    }
    s->merges[c] = best;
}

static void bid_piece(void *arg, size_t c, size_t worker)
{
    (void)worker;
    bid_split(arg, c);
    bid_merge(arg, c);
}

static int by_number(uint32_t x, uint32_t y)
{
    return (x > y) - (x < y);
}

static int most_saved(const void *a, const void *b)
{
    const struct bid *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return by_number(x->cluster, y->cluster);
}

static int least_cost(const void *a, const void *b)
{
    const struct bid *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return by_number(x->cluster, y->cluster);
}

static void change(struct km *m, uint32_t c, const float *mean)
{
    float *at = mat_row(m->means, c);
    memcpy(at, mean, m->means.d * sizeof *at);
    if (m->spherical)
        dist_normalise(mat_rows(m->means, c, 1));
    coded_set(&m->centres, c, at);
    m->touched[c] = m->changed[c] = true;
    m->judged[c] = false;
}

/* `from` and `to` become one at `to`; `split_up` becomes two, the second with the number of `from`. */
static void swap(struct km *m, uint32_t from, uint32_t to, uint32_t split_up)
{
    uint32_t some[ROWS_MAX];
    float a = (float)(m->starts[to + 1] - m->starts[to]), b = (float)(m->starts[from + 1] - m->starts[from]);
    struct halves h = halves_new(m, split_up, some);
    split(&h, m->starts[split_up + 1] - m->starts[split_up]);
    float *both = mem_new(m->means.d, sizeof *both);
    for (size_t j = 0; j < m->means.d; j++)
        both[j] = (a * mat_row(m->means, to)[j] + b * mat_row(m->means, from)[j]) / (a + b);
    change(m, to, both);
    change(m, split_up, h.means[0]);
    change(m, from, h.means[1]);
    for (size_t i = m->starts[from]; i < m->starts[from + 1]; i++)
        m->labels[m->order[i]] = to;
    m->homes[from] = m->homes[split_up];
    free(both);
    halves_free(&h);
}

size_t km_swap(struct km *m)
{
    size_t k = m->means.n, swaps = 0, next = 0;
    struct swapping s = {m, mem_new(k, sizeof *s.splits), mem_new(k, sizeof *s.merges)};
    bool *taken = mem_zero(k, sizeof *taken);
    par_for(m->par, k, bid_piece, &s);
    qsort(s.splits, k, sizeof *s.splits, most_saved);
    qsort(s.merges, k, sizeof *s.merges, least_cost);
    for (size_t i = 0; i < k; i++) {
        uint32_t from = s.merges[i].cluster, to = s.merges[i].other;
        if (taken[from] || taken[to])
            continue;
        while (next < k &&
               (taken[s.splits[next].cluster] || s.splits[next].cluster == from || s.splits[next].cluster == to))
            next++;
        if (next == k || !(s.splits[next].value > s.merges[i].value))
            break;
        taken[from] = taken[to] = taken[s.splits[next].cluster] = true;
        swap(m, from, to, s.splits[next].cluster);
        swaps++;
    }
    free(taken);
    free(s.splits);
    free(s.merges);
    return swaps;
}
