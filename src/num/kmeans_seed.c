#include "num/kmeans_seed.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/kmeans_look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* See dist.c. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define KERNEL __attribute__((target_clones("avx512f", "default")))
#else
#define KERNEL
#endif

enum {
    DRAWS = CODES_PANEL, /* rows drawn at once */
    PICKS = 4,           /* of which so many become centroids */
    TOWN_K = 256,        /* fewer centroids live in one town */
    TOWN_SAMPLE = 256,   /* rows a town's centre is trained on */
    TOWN_ROUNDS = 6,
    SEED_SAMPLE = 32, /* rows a centroid is chosen from */
    SAMPLE_MIN = 4096,
    LOOK_HOMES = 4, /* towns whose centroids a row is first compared with */
};

typedef float lanes __attribute__((vector_size(DRAWS * sizeof(float)), aligned(sizeof(float)), may_alias));

typedef int32_t whole __attribute__((vector_size(DRAWS * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

/* Some rows of one town, from which its centroids are drawn. */
struct town {
    struct km *m;
    uint32_t *rows; /* [n] */
    size_t n;
    int8_t *codes;    /* [n padded][stride] */
    float *nearest;   /* [n] squared distance to the nearest centroid drawn */
    float *distances; /* [n padded][DRAWS] */
    struct rng rng;
};

static struct town town_new(struct km *m, const uint32_t *members, size_t n, size_t centres, struct rng rng)
{
    size_t want = centres * SEED_SAMPLE > SAMPLE_MIN ? centres * SEED_SAMPLE : SAMPLE_MIN, stride = m->rows.stride;
    struct town t = {.m = m, .n = n < want ? n : want, .rng = rng};
    size_t room = coded_padded(t.n);
    t.rows = mem_new(n, sizeof *t.rows);
    memcpy(t.rows, members, n * sizeof *t.rows);
    rng_sample(&t.rng, t.rows, n, want);
    t.codes = mem_aligned(room, stride);
    memset(t.codes + t.n * stride, 0, (room - t.n) * stride);
    for (size_t i = 0; i < t.n; i++)
        memcpy(t.codes + i * stride, m->rows.codes + t.rows[i] * stride, stride);
    t.nearest = mem_new(t.n, sizeof *t.nearest);
    for (size_t i = 0; i < t.n; i++)
        t.nearest[i] = INFINITY;
    t.distances = mem_aligned(room * DRAWS, sizeof *t.distances);
    return t;
}

static void town_free(struct town *t)
{
    free(t->rows);
    free(t->codes);
    free(t->nearest);
    free(t->distances);
}

static void sort_ascending(double *at, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double value = at[i];
        size_t j = i;
        for (; j > 0 && at[j - 1] > value; j--)
            at[j] = at[j - 1];
        at[j] = value;
    }
}

/* DRAWS rows by D^2 (any rows at first, or when all distances are 0): out holds places in the town. */
static void draw(struct town *t, bool first, uint32_t *out)
{
    double total = 0, sum = 0, at[DRAWS];
    for (size_t i = 0; i < t->n && !first; i++)
        total += (double)t->nearest[i];
    for (size_t l = 0; l < DRAWS; l++) {
        out[l] = (uint32_t)rng_below(&t->rng, t->n);
        at[l] = rng_unit(&t->rng) * total;
    }
    if (first || !(total > 0))
        return;
    sort_ascending(at, DRAWS);
    for (size_t i = 0, l = 0; i < t->n && l < DRAWS; i++) {
        sum += (double)t->nearest[i];
        for (; l < DRAWS && at[l] < sum; l++)
            out[l] = (uint32_t)i;
    }
}

KERNEL static void distances_of(const struct town *t, const int32_t *products, const float *scales,
                                const float *squares)
{
    const struct coded *rows = &t->m->rows;
    for (size_t i = 0; i < t->n; i++) {
        lanes dot = __builtin_convertvector(*(const whole *)(products + i * DRAWS), lanes);
        dot = dot * *(const lanes *)scales * rows->scales[t->rows[i]];
        lanes squared = *(const lanes *)squares + rows->squares[t->rows[i]] - dot * 2;
        whole positive = squared > 0;
        *(lanes *)(t->distances + i * DRAWS) = (lanes)((whole)squared & positive);
    }
}

/* How far each row is from each of those drawn. */
static void measure(struct town *t, const uint32_t *drawn)
{
    const struct coded *rows = &t->m->rows;
    size_t stride = rows->stride, room = coded_padded(t->n);
    int8_t *plain = mem_aligned(DRAWS, stride), *packed = mem_aligned(DRAWS, stride);
    int32_t *products = mem_aligned(room * DRAWS, sizeof *products);
    for (size_t l = 0; l < DRAWS; l++)
        memcpy(plain + l * stride, t->codes + drawn[l] * stride, stride);
    codes_pack(plain, DRAWS, stride, packed);
    rows->kernels->dots(
        &(struct codes_block){.a = t->codes, .b = packed, .an = room, .bn = DRAWS, .stride = stride, .out = products});
    float scales[DRAWS], squares[DRAWS];
    for (size_t l = 0; l < DRAWS; l++) {
        scales[l] = rows->scales[t->rows[drawn[l]]];
        squares[l] = rows->squares[t->rows[drawn[l]]];
    }
    distances_of(t, products, scales, squares);
    for (size_t l = 0; l < DRAWS; l++)
        t->distances[drawn[l] * DRAWS + l] = 0;
    free(plain);
    free(packed);
    free(products);
}

/* What is left of the squared distances with each of those drawn as a further centroid. */
KERNEL static void costs_of(const struct town *t, float *costs)
{
    lanes sum = {0}, nearest, other;
    for (size_t i = 0; i < t->n; i++) {
        nearest = (lanes){0} + t->nearest[i];
        other = *(const lanes *)(t->distances + i * DRAWS);
        whole less = other < nearest;
        sum += (lanes)(((whole)other & less) | ((whole)nearest & ~less));
    }
    *(lanes *)costs = sum;
}

static size_t pick(struct town *t)
{
    float costs[DRAWS];
    size_t best = 0;
    costs_of(t, costs);
    for (size_t l = 1; l < DRAWS; l++)
        if (costs[l] < costs[best])
            best = l;
    for (size_t i = 0; i < t->n; i++)
        if (t->distances[i * DRAWS + best] < t->nearest[i])
            t->nearest[i] = t->distances[i * DRAWS + best];
    return best;
}

struct seeding {
    struct km *m;
    const uint32_t *order; /* [n] rows by town */
    const size_t *starts;  /* [towns + 1] */
    const size_t *firsts;  /* [towns + 1] the first centroid of each town */
    uint64_t seed;
};

static void seed_town(void *arg, size_t at, size_t worker)
{
    (void)worker;
    const struct seeding *s = arg;
    size_t first = s->firsts[at], end = s->firsts[at + 1], begin = s->starts[at];
    if (first == end)
        return;
    struct town t = town_new(s->m, s->order + begin, s->starts[at + 1] - begin, end - first, rng_seed(s->seed, at + 1));
    for (size_t c = first; c < end;) {
        uint32_t drawn[DRAWS];
        draw(&t, c == first, drawn);
        measure(&t, drawn);
        for (size_t picks = c == first ? 1 : PICKS; picks > 0 && c < end; picks--, c++) {
            km_place(s->m, c, t.rows[drawn[pick(&t)]]);
            s->m->homes[c] = (uint32_t)at;
        }
    }
    town_free(&t);
}

/* Centroids for each town: one where there are rows, at most as many as rows, and by cost; k in all. */
static void share_out(const struct km *m, const size_t *starts, const double *costs, size_t towns, size_t *firsts)
{
    size_t left = m->means.n, *counts = mem_zero(towns, sizeof *counts);
    double total = 0;
    for (size_t t = 0; t < towns; t++) {
        total += costs[t];
        counts[t] = starts[t] < starts[t + 1];
        left -= counts[t];
    }
    size_t rest = left;
    for (size_t t = 0; t < towns && total > 0; t++) {
        size_t room = starts[t + 1] - starts[t] - counts[t], wanted = (size_t)(costs[t] / total * (double)left);
        counts[t] += wanted < room ? wanted : room;
        rest -= wanted < room ? wanted : room;
    }
    for (; rest > 0; rest--) { /* to where a centroid's share of the cost is highest; k is at most n */
        size_t best = towns;
        for (size_t t = 0; t < towns; t++)
            if (counts[t] < starts[t + 1] - starts[t] &&
                (best == towns || costs[t] / (double)(counts[t] + 1) > costs[best] / (double)(counts[best] + 1)))
                best = t;
        counts[best]++;
    }
    firsts[0] = 0;
    for (size_t t = 0; t < towns; t++)
        firsts[t + 1] = firsts[t] + counts[t];
    free(counts);
}

/* The towns' centres, by Lloyd's algorithm on a sample. */
static struct coded train_towns(const struct km *m, size_t towns, struct rng *rng)
{
    size_t n = m->rows.n, want = towns * TOWN_SAMPLE, d = m->means.d, stride = m->rows.stride;
    uint32_t *sample = mem_new(n, sizeof *sample);
    for (size_t i = 0; i < n; i++)
        sample[i] = (uint32_t)i;
    rng_sample(rng, sample, n, want);
    want = want < n ? want : n;
    struct coded rows = coded_new(m->rows.kernels, want, d);
    for (size_t i = 0; i < want; i++) {
        memcpy(rows.codes + i * stride, m->rows.codes + sample[i] * stride, stride);
        rows.scales[i] = m->rows.scales[sample[i]];
        rows.squares[i] = m->rows.squares[sample[i]];
        rows.errors[i] = m->rows.errors[sample[i]];
    }
    struct mat means = {mem_zero(towns * d, sizeof(float)), towns, d};
    struct km t = km_new(&rows, means, m->spherical, m->par);
    for (size_t c = 0; c < towns; c++)
        km_place(&t, c, c); /* the sample is in random order */
    for (size_t round = 0; round < TOWN_ROUNDS; round++) {
        km_assign_all(&t);
        km_sort(&t);
        km_move(&t);
    }
    struct coded centres = t.centres;
    t.centres = (struct coded){0};
    km_free(&t);
    free(means.at);
    coded_free(&rows);
    free(sample);
    return centres;
}

/* Each row to its town. Leaves rows by town in order and starts [towns + 1]; costs [towns]. */
static void settle(struct km *m, size_t *starts, double *costs)
{
    size_t n = m->rows.n, towns = m->towns.n, all[2] = {0, n};
    for (size_t i = 0; i < n; i++)
        m->order[i] = (uint32_t)i;
    m->products += look_run(&(struct look){.rows = &m->rows,
                                           .centres = &m->towns,
                                           .groups = 1,
                                           .order = m->order,
                                           .starts = all,
                                           .labels = m->next,
                                           .squared = m->squared},
                            m->par);
    size_t *ends = mem_zero(towns + 1, sizeof *ends);
    for (size_t i = 0; i < n; i++) {
        ends[m->next[i] + 1]++;
        costs[m->next[i]] += (double)m->squared[i];
    }
    for (size_t t = 0; t < towns; t++)
        ends[t + 1] += ends[t];
    memcpy(starts, ends, (towns + 1) * sizeof *ends);
    for (size_t i = 0; i < n; i++)
        m->order[ends[m->next[i]]++] = (uint32_t)i;
    free(ends);
}

/* Each row to the nearest centroid of its own town and those next to it. */
static void look_around(struct km *m, const size_t *starts)
{
    struct homes h = homes_of(m, LOOK_HOMES);
    m->products += look_run(&(struct look){.rows = &m->rows,
                                           .centres = &m->centres,
                                           .groups = h.count,
                                           .order = m->order,
                                           .starts = starts,
                                           .ids = h.ids,
                                           .ends = h.ends,
                                           .labels = m->labels,
                                           .squared = m->squared},
                            m->par);
    homes_free(&h);
    memset(m->touched, true, m->means.n * sizeof *m->touched);
}

void seed_run(struct km *m, uint64_t seed)
{
    size_t k = m->means.n, towns = k < TOWN_K ? 1 : (size_t)sqrt((double)k);
    struct rng rng = rng_seed(seed, 0);
    size_t *starts = mem_zero(towns + 1, sizeof *starts), *firsts = mem_zero(towns + 1, sizeof *firsts);
    double *costs = mem_zero(towns, sizeof *costs);
    struct seeding s = {m, m->order, starts, firsts, rng_u64(&rng)};
    m->towns = train_towns(m, towns, &rng);
    settle(m, starts, costs);
    share_out(m, starts, costs, towns, firsts);
    par_for(m->par, towns, seed_town, &s);
    look_around(m, starts);
    free(starts);
    free(firsts);
    free(costs);
}
