#include "num/cells_split.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH_MAX = 128, /* children of a group: their centres are one block of a scan */
    SAMPLE = 64,     /* rows a centre is trained on */
    ROUNDS = 5,      /* of Lloyd's algorithm */
    BLOCK = 1024,    /* rows a piece of parallel work labels */
    LEVELS_MAX = 16,
};

/* A group that is being split. */
struct parent {
    struct group group;
    size_t children;
    int8_t *panels;            /* packed centres, [children rounded up to 16][stride] */
    float scales[WIDTH_MAX];   /* of the centres */
    uint32_t sizes[WIDTH_MAX]; /* rows each child got */
};

struct block {
    size_t parent, first, n;
};

struct level {
    struct split *split;
    size_t depth;
    struct parent *parents;
    size_t count;
    struct block *blocks;
    size_t blocks_count;
    uint8_t *labels; /* [n] the child of order[i] */
    uint32_t *next;  /* [n] the order of the next level */
};

static size_t padded(size_t n)
{
    return (n + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL;
}

/* The direction of a sum, as codes of a unit row; returns their scale, and writes nothing for a zero sum. */
static float direction(const float *sum, size_t stride, int8_t *out)
{
    double squares = 0;
    for (size_t j = 0; j < stride; j++)
        squares += (double)sum[j] * (double)sum[j];
    return squares > 0 ? (float)((double)codes_quantise(sum, stride, out) / sqrt(squares)) : 0;
}

static void add_code(float *sum, const int8_t *code, float scale, size_t stride)
{
    for (size_t j = 0; j < stride; j++)
        sum[j] += scale * (float)code[j];
}

float split_centre(const int8_t *codes, const float *scales, size_t n, size_t stride, int8_t *out)
{
    float *sum = mem_zero(stride, sizeof *sum);
    for (size_t i = 0; i < n; i++)
        add_code(sum, codes + i * stride, scales[i], stride);
    memset(out, 0, stride);
    float scale = direction(sum, stride, out);
    free(sum);
    return scale;
}

/* Which rows of the group to train on: all, or some drawn with replacement. */
static size_t draw(const struct split *s, const struct parent *p, size_t depth, uint32_t *rows)
{
    const uint32_t *all = s->order + p->group.first;
    size_t want = p->children * SAMPLE;
    struct rng r = rng_seed(rng_mix(s->seed, depth), p->group.first);
    if (p->group.n <= want) {
        memcpy(rows, all, p->group.n * sizeof *rows);
        rng_shuffle(&r, rows, p->group.n);
        return p->group.n;
    }
    for (size_t i = 0; i < want; i++)
        rows[i] = all[rng_below(&r, p->group.n)];
    return want;
}

struct training {
    const struct split *split;
    struct parent *parent;
    size_t n;         /* rows of the sample */
    int8_t *codes;    /* [n padded][stride] */
    float *scales;    /* [n] */
    uint32_t *labels; /* [n] the centre of each row */
    int8_t *centres;  /* [children padded][stride] */
    float *sums;      /* [children][stride] */
};

static void label_sample(struct training *t)
{
    const struct split *s = t->split;
    codes_pack(t->centres, padded(t->parent->children), s->stride, t->parent->panels);
    scan_label(&(struct scan){.kernels = s->kernels,
                              .stride = s->stride,
                              .rows = t->codes,
                              .n = t->n,
                              .panels = t->parent->panels,
                              .scales = t->parent->scales,
                              .count = t->parent->children},
               t->labels);
}

/* A centre is the direction of its rows' sum; one without rows stays where it is. */
static void move_centres(struct training *t)
{
    size_t stride = t->split->stride;
    memset(t->sums, 0, t->parent->children * stride * sizeof *t->sums);
    for (size_t i = 0; i < t->n; i++)
        add_code(t->sums + t->labels[i] * stride, t->codes + i * stride, t->scales[i], stride);
    for (size_t c = 0; c < t->parent->children; c++) {
        float scale = direction(t->sums + c * stride, stride, t->centres + c * stride);
        if (scale > 0)
            t->parent->scales[c] = scale;
    }
}

static void train(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct level *l = arg;
    const struct split *s = l->split;
    struct parent *p = &l->parents[piece];
    size_t want = p->children * SAMPLE, stride = s->stride, most = p->group.n < want ? p->group.n : want;
    uint32_t *rows = mem_new(most, sizeof *rows);
    struct training t = {.split = s, .parent = p, .n = draw(s, p, l->depth, rows)};
    t.codes = mem_aligned(padded(t.n) * stride, 1);
    t.scales = mem_new(t.n, sizeof(float));
    t.centres = mem_aligned(padded(p->children) * stride, 1);
    t.sums = mem_new(p->children * stride, sizeof(float));
    t.labels = mem_new(t.n, sizeof(uint32_t));
    for (size_t i = 0; i < t.n; i++) {
        memcpy(t.codes + i * stride, s->codes + rows[i] * stride, stride);
        t.scales[i] = s->scales[rows[i]];
    }
    memset(t.codes + t.n * stride, 0, (padded(t.n) - t.n) * stride);
    memset(t.centres, 0, padded(p->children) * stride);
    memcpy(t.centres, t.codes, p->children * stride); /* the sample is in random order */
    memcpy(p->scales, t.scales, p->children * sizeof *p->scales);
    for (size_t round = 0; round < ROUNDS; round++) {
        label_sample(&t);
        move_centres(&t);
    }
    codes_pack(t.centres, padded(p->children), stride, p->panels);
    free(rows);
    free(t.codes);
    free(t.scales);
    free(t.centres);
    free(t.sums);
    free(t.labels);
}

static void label_block(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct level *l = arg;
    const struct split *s = l->split;
    const struct block *b = &l->blocks[piece];
    const struct parent *p = &l->parents[b->parent];
    uint32_t labels[BLOCK];
    int8_t *codes = mem_aligned(padded(b->n) * s->stride, 1);
    for (size_t i = 0; i < b->n; i++)
        memcpy(codes + i * s->stride, s->codes + s->order[b->first + i] * s->stride, s->stride);
    memset(codes + b->n * s->stride, 0, (padded(b->n) - b->n) * s->stride);
    scan_label(&(struct scan){.kernels = s->kernels,
                              .stride = s->stride,
                              .rows = codes,
                              .n = b->n,
                              .panels = p->panels,
                              .scales = p->scales,
                              .count = p->children},
               labels);
    for (size_t i = 0; i < b->n; i++)
        l->labels[b->first + i] = (uint8_t)labels[i];
    free(codes);
}

/* Sorts a group's rows by child; within one they stay in row order. */
static void regroup(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct level *l = arg;
    struct parent *p = &l->parents[piece];
    size_t starts[WIDTH_MAX], first = p->group.first, end = first + p->group.n, at = first;
    memset(p->sizes, 0, sizeof p->sizes);
    for (size_t i = first; i < end; i++)
        p->sizes[l->labels[i]]++;
    for (size_t c = 0; c < p->children; c++) {
        starts[c] = at;
        at += p->sizes[c];
    }
    for (size_t i = first; i < end; i++)
        l->next[starts[l->labels[i]]++] = l->split->order[i];
    memcpy(l->split->order + first, l->next + first, p->group.n * sizeof *l->next);
}

/* The groups too large, as parents; their rows as blocks. */
static void level_open(struct level *l)
{
    struct split *s = l->split;
    l->parents = mem_new(s->count, sizeof *l->parents);
    l->blocks = mem_new(s->n / BLOCK + s->count, sizeof *l->blocks);
    for (size_t g = 0; g < s->count; g++) {
        if (s->groups[g].n <= CELLS_MAX)
            continue;
        struct parent *p = &l->parents[l->count];
        size_t wanted = (s->groups[g].n + CELLS_MEAN - 1) / CELLS_MEAN;
        p->group = s->groups[g];
        p->children = wanted < WIDTH_MAX ? wanted : WIDTH_MAX;
        p->panels = mem_aligned(padded(p->children) * s->stride, 1);
        memset(p->scales, 0, sizeof p->scales);
        for (size_t i = 0; i < p->group.n; i += BLOCK) {
            size_t left = p->group.n - i;
            l->blocks[l->blocks_count++] = (struct block){l->count, p->group.first + i, left < BLOCK ? left : BLOCK};
        }
        l->count++;
    }
}

static void level_close(struct level *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->parents[i].panels);
    free(l->parents);
    free(l->blocks);
}

/* Appends a group, cut into pieces no larger than `most`. */
static size_t append(struct group *groups, size_t count, struct group g, size_t most)
{
    for (size_t i = 0; i < g.n; i += most)
        groups[count++] = (struct group){g.first + i, g.n - i < most ? g.n - i : most};
    return count;
}

/* Children in place of their parents. What k-means could not divide is cut. */
static void replace_groups(struct level *l)
{
    struct split *s = l->split;
    struct group *groups = mem_new(s->count + l->count * WIDTH_MAX + s->n / CELLS_MAX, sizeof *groups);
    size_t count = 0, parent = 0;
    for (size_t g = 0; g < s->count; g++) {
        if (s->groups[g].n <= CELLS_MAX) {
            groups[count++] = s->groups[g];
            continue;
        }
        const struct parent *p = &l->parents[parent++];
        struct group child = {.first = p->group.first};
        for (size_t c = 0; c < p->children; c++, child.first += child.n) {
            child.n = p->sizes[c];
            bool stuck = child.n == p->group.n || l->depth + 1 == LEVELS_MAX;
            count = append(groups, count, child, stuck ? CELLS_MAX : s->n);
        }
    }
    free(s->groups);
    s->groups = groups;
    s->count = count;
}

void split_run(struct split *s, struct par *par)
{
    uint8_t *labels = mem_new(s->n, sizeof *labels);
    uint32_t *next = mem_new(s->n, sizeof *next);
    for (size_t depth = 0; depth < LEVELS_MAX; depth++) {
        struct level l = {.split = s, .depth = depth, .labels = labels, .next = next};
        level_open(&l);
        bool done = l.count == 0;
        par_for(par, l.count, train, &l);
        par_for(par, l.blocks_count, label_block, &l);
        par_for(par, l.count, regroup, &l);
        if (!done)
            replace_groups(&l);
        level_close(&l);
        if (done)
            break;
    }
    free(labels);
    free(next);
}
