#include "num/scan.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* A block's products are 16 KB: they and the asking rows stay in the first cache. */
enum { ROWS = 32, COLS = 128 };

static size_t panels_of(size_t n)
{
    return (n + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL;
}

struct best best_new(size_t lists, size_t size)
{
    return (struct best){mem_aligned(lists * size, sizeof(uint32_t)), mem_aligned(lists * size, sizeof(float)), size};
}

void best_free(struct best b)
{
    free(b.ids);
    free(b.scores);
}

void best_clear(struct best b, size_t first, size_t lists)
{
    for (size_t i = first * b.size; i < (first + lists) * b.size; i++) {
        b.ids[i] = SCAN_NONE;
        b.scores[i] = -INFINITY;
    }
}

struct codes_list best_list(struct best b, size_t list)
{
    return (struct codes_list){b.ids + list * b.size, b.scores + list * b.size, b.size};
}

/* The products of some asking rows (at most ROWS) with some of the others (at most COLS). */
static void multiply(const struct scan *s, size_t row, size_t rows, size_t col, size_t cols, int32_t *dots)
{
    s->kernels->dots(&(struct codes_block){.a = s->rows + row * s->stride,
                                           .b = s->panels + col * s->stride,
                                           .an = panels_of(rows),
                                           .bn = panels_of(cols),
                                           .stride = s->stride,
                                           .out = dots});
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void scan_run(const struct scan *s, struct best best)
{
    _Alignas(64) int32_t dots[ROWS * COLS];
    uint32_t where[COLS + CODES_PANEL];
    float products[COLS + CODES_PANEL];
    for (size_t row = 0; row < s->n; row += ROWS)
        for (size_t col = 0; col < s->count; col += COLS) {
            size_t rows = least(s->n - row, ROWS), cols = least(s->count - col, COLS);
            multiply(s, row, rows, col, cols, dots);
            for (size_t i = 0; i < rows; i++) {
                struct codes_list list = best_list(best, s->lists ? s->lists[row + i] : row + i);
                size_t found = s->kernels->above(dots + i * panels_of(cols), s->scales + col, cols,
                                                 list.scores[list.size - 1], where, products);
                for (size_t f = 0; f < found; f++)
                    where[f] += s->first + (uint32_t)col;
                if (found > 0)
                    s->kernels->keep(list, where, products, found);
            }
        }
}

void scan_label(const struct scan *s, uint32_t *labels)
{
    _Alignas(64) int32_t dots[ROWS * COLS];
    for (size_t row = 0; row < s->n; row += ROWS) {
        size_t rows = least(s->n - row, ROWS);
        float best[ROWS];
        for (size_t i = 0; i < rows; i++)
            best[i] = -INFINITY;
        for (size_t col = 0; col < s->count; col += COLS) {
            size_t cols = least(s->count - col, COLS);
            multiply(s, row, rows, col, cols, dots);
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++) {
                    float product = (float)dots[i * panels_of(cols) + j] * s->scales[col + j];
                    if (product > best[i]) {
                        best[i] = product;
                        labels[row + i] = s->first + (uint32_t)(col + j);
                    }
                }
        }
    }
}
