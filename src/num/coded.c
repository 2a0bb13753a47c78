#include "num/coded.h"

#include "base/mem.h"
#include "num/dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The same source for two instruction sets, with the same bits: see dist.c. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define KERNEL __attribute__((target_clones("avx512f", "default")))
#else
#define KERNEL
#endif

enum { LANES = 16, COLS = 128, FILL = 256, AHEAD = 4 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t whole __attribute__((vector_size(LANES * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

struct coded coded_new(const struct codes_kernels *kernels, size_t n, size_t d)
{
    struct coded c = {.kernels = kernels, .n = n, .d = d, .stride = codes_stride(d)};
    size_t room = coded_padded(n);
    c.codes = mem_aligned(room, c.stride);
    memset(c.codes + n * c.stride, 0, (room - n) * c.stride);
    c.scales = mem_new(n, sizeof *c.scales);
    c.squares = mem_new(n, sizeof *c.squares);
    c.errors = mem_new(n, sizeof *c.errors);
    return c;
}

void coded_free(struct coded *c)
{
    free(c->codes);
    free(c->scales);
    free(c->squares);
    free(c->errors);
    *c = (struct coded){0};
}

size_t coded_bytes(size_t d)
{
    return codes_stride(d) + 3 * sizeof(float);
}

/* Squared distance of a row to its code, in 16 sums. */
KERNEL static float error_of(const float *row, const int8_t *code, float scale, size_t d)
{
    float sums[LANES] = {0}, sum = 0;
    size_t j = 0;
    for (; j + LANES <= d; j += LANES)
        for (size_t l = 0; l < LANES; l++) {
            float off = row[j + l] - scale * (float)code[j + l];
            sums[l] += off * off;
        }
    for (; j < d; j++) {
        float off = row[j] - scale * (float)code[j];
        sums[0] += off * off;
    }
    for (size_t l = 0; l < LANES; l++)
        sum += sums[l];
    return sum;
}

void coded_set(struct coded *c, size_t i, const float *row)
{
    int8_t *code = c->codes + i * c->stride;
    float scale = codes_quantise(row, c->d, code);
    c->scales[i] = scale;
    c->squares[i] = scale * scale * (float)c->kernels->dot(code, code, c->stride);
    c->errors[i] = sqrtf(error_of(row, code, scale, c->d)) * 1.0001f;
}

struct coded coded_part(const struct coded *c, size_t first, size_t n)
{
    struct coded part = *c;
    part.n = n;
    part.codes += first * c->stride;
    part.scales += first;
    part.squares += first;
    part.errors += first;
    return part;
}

struct filling {
    struct coded *c;
    struct mat points;
    const uint32_t *rows;
    bool *finite; /* [pieces] */
};

static void fill_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct filling *f = arg;
    size_t end = (piece + 1) * FILL < f->c->n ? (piece + 1) * FILL : f->c->n;
    for (size_t i = piece * FILL; i < end && f->finite[piece]; i++) {
        struct mat row = mat_rows(f->points, f->rows ? f->rows[i] : i, 1);
        f->finite[piece] = dist_finite(row);
        if (f->finite[piece])
            coded_set(f->c, i, row.at);
    }
}

bool coded_fill(struct coded *c, struct mat points, const uint32_t *rows, struct par *par)
{
    size_t pieces = (c->n + FILL - 1) / FILL;
    struct filling f = {c, points, rows, mem_new(pieces, sizeof *f.finite)};
    bool finite = true;
    memset(f.finite, true, pieces * sizeof *f.finite);
    par_for(par, pieces, fill_piece, &f);
    for (size_t i = 0; i < pieces; i++)
        finite = finite && f.finite[i];
    free(f.finite);
    return finite;
}

void coded_row(const struct coded *c, size_t i, float *out)
{
    const int8_t *code = c->codes + i * c->stride;
    for (size_t j = 0; j < c->d; j++)
        out[j] = c->scales[i] * (float)code[j];
}

KERNEL void coded_add(float *restrict sum, const int8_t *restrict code, float scale, size_t stride)
{
    for (size_t j = 0; j < stride; j += CODES_CHUNK)
        for (size_t l = 0; l < CODES_CHUNK; l++) /* gcc converts bytes well in loops, and badly in vectors */
            sum[j + l] += scale * (float)code[j + l];
}

struct panel panel_new(const struct codes_kernels *kernels, size_t room, size_t stride)
{
    room = coded_padded(room);
    return (struct panel){
        .kernels = kernels,
        .stride = stride,
        .room = room,
        .packed = mem_aligned(room, stride),
        .scales = mem_aligned(room, sizeof(float)),
        .halves = mem_aligned(room, sizeof(float)),
        .ids = mem_new(room, sizeof(uint32_t)),
        .plain = mem_aligned(CODES_PANEL, stride),
    };
}

void panel_free(struct panel *p)
{
    free(p->packed);
    free(p->scales);
    free(p->halves);
    free(p->ids);
    free(p->plain);
    *p = (struct panel){0};
}

void panel_load(struct panel *p, const struct coded *centres, const uint32_t *ids, size_t count)
{
    p->count = count;
    p->error = 0;
    for (size_t i = 0; i < coded_padded(count); i++) {
        size_t in_panel = i % CODES_PANEL;
        bool real = i < count;
        size_t id = !real ? 0 : ids ? ids[i] : i;
        p->ids[i] = (uint32_t)id;
        p->scales[i] = real ? centres->scales[id] : 0;
        p->halves[i] = real ? centres->squares[id] / 2 : INFINITY;
        if (real && centres->errors[id] > p->error)
            p->error = centres->errors[id];
        memcpy(p->plain + in_panel * p->stride, centres->codes + id * p->stride, p->stride);
        if (in_panel == CODES_PANEL - 1)
            codes_pack(p->plain, CODES_PANEL, p->stride, p->packed + (i - in_panel) * p->stride);
    }
}

struct block block_new(size_t stride)
{
    return (struct block){.codes = mem_aligned(CODED_ROWS, stride),
                          .products = mem_aligned(CODED_ROWS * COLS, sizeof(int32_t))};
}

void block_free(struct block *b)
{
    free(b->codes);
    free(b->products);
    *b = (struct block){0};
}

void block_load(struct block *b, const struct coded *c, const uint32_t *rows, size_t n)
{
    b->of = c;
    b->n = n;
    for (size_t i = 0; i < n && i < AHEAD; i++)
        coded_prefetch(c, rows[i]);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            coded_prefetch(c, rows[i + AHEAD]);
        memcpy(b->codes + i * c->stride, c->codes + (size_t)rows[i] * c->stride, c->stride);
        b->scales[i] = c->scales[rows[i]];
    }
    memset(b->codes + n * c->stride, 0, (coded_padded(n) - n) * c->stride);
}

/* The products of the block with some columns of the panel (at most COLS); returns how many, padding included. */
static size_t multiply(struct block *b, const struct panel *p, size_t col)
{
    size_t left = coded_padded(p->count) - col, cols = left < COLS ? left : COLS;
    p->kernels->dots(&(struct codes_block){.a = b->codes,
                                           .b = p->packed + col * p->stride,
                                           .an = coded_padded(b->n),
                                           .bn = cols,
                                           .stride = p->stride,
                                           .out = b->products});
    return cols;
}

/* The scores of one row: [cols], a multiple of 16. */
KERNEL static void score_row(const int32_t *products, const struct panel *p, size_t col, size_t cols, float scale,
                             float *out)
{
    for (size_t j = 0; j < cols; j += LANES) {
        lanes v = __builtin_convertvector(*(const whole *)(products + j), lanes);
        v = v * *(const lanes *)(p->scales + col + j) * scale - *(const lanes *)(p->halves + col + j);
        *(lanes *)(out + j) = v;
    }
}

/* The best of those of one row joins the best so far, if it is better. */
KERNEL static void pick_row(const int32_t *products, const struct panel *p, size_t col, size_t cols, float scale,
                            uint32_t *place, float *score)
{
    lanes best, v;
    whole at = {0}, here = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    best = (lanes){0} - INFINITY;
    for (size_t j = 0; j < cols; j += LANES, here += LANES) {
        v = __builtin_convertvector(*(const whole *)(products + j), lanes);
        v = v * *(const lanes *)(p->scales + col + j) * scale - *(const lanes *)(p->halves + col + j);
        whole better = v > best;
        best = (lanes)(((whole)v & better) | ((whole)best & ~better));
        at = (here & better) | (at & ~better);
    }
    float top = -INFINITY;
    int32_t first = 0;
    for (size_t l = 0; l < LANES; l++)
        if (best[l] > top || (best[l] == top && at[l] < first)) {
            top = best[l];
            first = at[l];
        }
    if (top > *score) {
        *score = top;
        *place = (uint32_t)col + (uint32_t)first;
    }
}

void block_nearest(struct block *b, const struct panel *p, uint32_t *places, float *scores)
{
    for (size_t i = 0; i < b->n; i++) {
        places[i] = 0;
        scores[i] = -INFINITY;
    }
    for (size_t col = 0; col < p->count; col += COLS) {
        size_t cols = multiply(b, p, col);
        for (size_t i = 0; i < b->n; i++)
            pick_row(b->products + i * cols, p, col, cols, b->scales[i], &places[i], &scores[i]);
    }
}

void block_scores(struct block *b, const struct panel *p, float *scores)
{
    size_t wide = coded_padded(p->count);
    for (size_t col = 0; col < p->count; col += COLS) {
        size_t cols = multiply(b, p, col);
        for (size_t i = 0; i < b->n; i++)
            score_row(b->products + i * cols, p, col, cols, b->scales[i], scores + i * wide + col);
    }
}
