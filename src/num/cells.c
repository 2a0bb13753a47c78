#include "num/cells.h"

#include "base/mem.h"
#include "num/cells_split.h"
#include "num/scan.h"
#include "num/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

static size_t padded(size_t n)
{
    return (n + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL;
}

struct quantising {
    struct mat points;
    int8_t *codes;
    float *scales;
    size_t stride;
};

static void quantise_block(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct quantising *q = arg;
    size_t first = piece * BLOCK, end = first + mat_rows(q->points, first, BLOCK).n;
    for (size_t i = first; i < end; i++)
        q->scales[i] = codes_quantise(mat_row(q->points, i), q->points.d, q->codes + i * q->stride);
}

static int by_label(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b; /* label, row */
    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

/* The clusters given, unless they are so small that panels of codes would be mostly padding. */
static void group_by_label(struct split *s, const uint32_t *labels)
{
    size_t n = s->n, count = 0;
    uint32_t(*pairs)[2] = mem_new(n, sizeof *pairs);
    for (size_t i = 0; i < n; i++) {
        pairs[i][0] = labels[i];
        pairs[i][1] = (uint32_t)i;
    }
    qsort(pairs, n, sizeof *pairs, by_label);
    for (size_t i = 0; i < n; i++)
        count += i == 0 || pairs[i][0] != pairs[i - 1][0];
    if (count * CODES_PANEL <= n) {
        s->count = 0;
        for (size_t i = 0; i < n; i++) {
            s->order[i] = pairs[i][1];
            if (i == 0 || pairs[i][0] != pairs[i - 1][0])
                s->groups[s->count++] = (struct group){.first = i};
            s->groups[s->count - 1].n++;
        }
    }
    free(pairs);
}

/* The first groups: all rows, or the clusters given. */
static void start_groups(struct split *s, const uint32_t *labels)
{
    size_t n = s->n;
    s->order = mem_new(n, sizeof *s->order);
    s->groups = mem_new(n, sizeof *s->groups);
    s->groups[0] = (struct group){0, n};
    s->count = 1;
    for (size_t i = 0; i < n; i++)
        s->order[i] = (uint32_t)i;
    if (labels)
        group_by_label(s, labels);
}

struct laying {
    struct cells *cells;
    const struct split *split;
};

/* A cell's codes to their places, once as they are and once packed; and its centre. */
static void lay_out(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct laying *l = arg;
    struct cells *c = l->cells;
    const struct split *s = l->split;
    size_t first = c->first[piece], n = c->sizes[piece], stride = c->stride, room = padded(n);
    const uint32_t *rows = s->order + s->groups[piece].first;
    for (size_t i = 0; i < room; i++) {
        int8_t *code = c->rows + (first + i) * stride;
        c->row_of[first + i] = i < n ? rows[i] : SCAN_NONE;
        c->scales[first + i] = i < n ? s->scales[rows[i]] : 0;
        if (i < n)
            memcpy(code, s->codes + rows[i] * stride, stride);
        else
            memset(code, 0, stride);
    }
    codes_pack(c->rows + first * stride, room, stride, c->panels + first * stride);
    for (size_t i = 0; i < room / CODES_PANEL; i++)
        c->cell_of[first / CODES_PANEL + i] = (uint32_t)piece;
    c->centre_scales[piece] =
        split_centre(c->rows + first * stride, c->scales + first, n, stride, c->centres + piece * stride);
}

static void lay_out_all(struct cells *c, const struct split *s, struct par *par)
{
    size_t places = 0, count = s->count, stride = c->stride;
    c->count = count;
    c->first = mem_new(count + 1, sizeof *c->first);
    c->sizes = mem_new(count, sizeof *c->sizes);
    for (size_t i = 0; i < count; i++) {
        c->first[i] = (uint32_t)places;
        c->sizes[i] = (uint32_t)s->groups[i].n;
        places += padded(s->groups[i].n);
    }
    c->first[count] = (uint32_t)places;
    c->row_of = mem_new(places, sizeof *c->row_of);
    c->cell_of = mem_new(places / CODES_PANEL, sizeof *c->cell_of);
    c->rows = mem_aligned(places, stride);
    c->panels = mem_aligned(places, stride);
    c->scales = mem_aligned(places, sizeof *c->scales);
    c->centres = mem_aligned(padded(count) + CODES_PANEL, stride);
    c->centre_scales = mem_zero(padded(count), sizeof *c->centre_scales);
    memset(c->centres + count * stride, 0, (padded(count) + CODES_PANEL - count) * stride);
    par_for(par, count, lay_out, &(struct laying){c, s});
}

static void make_blocks(struct cells *c)
{
    enum { CELLS = 64 }; /* at most in a block, where they are tiny */
    size_t rows = 0;
    c->blocks = mem_new(c->count + 1, sizeof *c->blocks);
    for (size_t i = 0; i < c->count; i++) {
        size_t last = c->blocks_count ? c->blocks[c->blocks_count - 1] : 0;
        if (i == 0 || rows + c->sizes[i] > CELLS_BLOCK || i - last == CELLS) {
            c->blocks[c->blocks_count++] = (uint32_t)i;
            rows = 0;
        }
        rows += c->sizes[i];
    }
    c->blocks[c->blocks_count] = (uint32_t)c->count;
}

struct nearing {
    struct cells *cells;
    const int8_t *panels; /* of the centres */
};

/* How near each cell is to the nearest of a block's cells. */
static void score_cells(const struct nearing *a, size_t block, float *scores)
{
    const struct cells *c = a->cells;
    size_t wide = padded(c->count), first = c->blocks[block], end = c->blocks[block + 1];
    int32_t *dots = mem_aligned(CODES_PANEL * wide, sizeof *dots);
    for (size_t j = 0; j < c->count; j++)
        scores[j] = j >= first && j < end ? INFINITY : -INFINITY;
    for (size_t i = first; i < end; i += CODES_PANEL) {
        c->kernels->dots(&(struct codes_block){.a = c->centres + i * c->stride,
                                               .b = a->panels,
                                               .an = CODES_PANEL,
                                               .bn = wide,
                                               .stride = c->stride,
                                               .out = dots});
        for (size_t r = 0; r < CODES_PANEL && i + r < end; r++)
            for (size_t j = 0; j < c->count; j++) {
                float score = (float)dots[r * wide + j] * c->centre_scales[j] * c->centre_scales[i + r];
                scores[j] = score > scores[j] ? score : scores[j];
            }
    }
    free(dots);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void find_near(void *arg, size_t block, size_t worker)
{
    (void)worker;
    const struct nearing *a = arg;
    struct cells *c = a->cells;
    uint32_t *near = c->near + block * c->near_count;
    float *scores = mem_new(c->count, sizeof *scores);
    uint64_t *keys = mem_new(c->count, sizeof *keys);
    score_cells(a, block, scores);
    for (size_t j = 0; j < c->count; j++) { /* as an integer that sorts like the negative score; then the lower cell */
        uint32_t bits;
        memcpy(&bits, &scores[j], sizeof bits);
        bits = bits >> 31 ? bits : ~bits & 0x7fffffff;
        keys[j] = (uint64_t)bits << 32 | j;
    }
    select_least(keys, c->count, c->near_count);
    for (size_t t = 0; t < c->near_count; t++)
        near[t] = (uint32_t)keys[t];
    qsort(near, c->near_count, sizeof *near, ascending);
    free(keys);
    free(scores);
}

void cells_build(struct cells *c, struct mat points, const uint32_t *labels, uint64_t seed, struct par *par)
{
    size_t n = points.n, stride = codes_stride(points.d);
    const struct codes_kernels *kernels = codes_best();
    int8_t *codes = mem_aligned(n, stride);
    float *scales = mem_new(n, sizeof *scales);
    struct split s = {.kernels = kernels, .codes = codes, .scales = scales, .n = n, .stride = stride, .seed = seed};
    *c = (struct cells){.n = n, .stride = stride, .kernels = kernels};
    par_for(par, (n + BLOCK - 1) / BLOCK, quantise_block, &(struct quantising){points, codes, scales, stride});
    start_groups(&s, labels);
    split_run(&s, par);
    lay_out_all(c, &s, par);
    free(codes);
    free(scales);
    free(s.order);
    free(s.groups);

    make_blocks(c);
    c->near_count = c->count < CELLS_NEAR ? c->count : CELLS_NEAR;
    c->near = mem_new(c->blocks_count * c->near_count, sizeof *c->near);
    int8_t *panels = mem_aligned(padded(c->count), stride);
    codes_pack(c->centres, padded(c->count), stride, panels);
    par_for(par, c->blocks_count, find_near, &(struct nearing){c, panels});
    free(panels);
}

void cells_release(struct cells *c)
{
    free(c->first);
    free(c->sizes);
    free(c->row_of);
    free(c->cell_of);
    free(c->rows);
    free(c->panels);
    free(c->scales);
    free(c->centres);
    free(c->centre_scales);
    free(c->blocks);
    free(c->near);
    *c = (struct cells){0};
}
