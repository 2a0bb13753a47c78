#include "num/quality.h"

#include "base/mem.h"
#include "num/dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void quality_means(struct mat points, const uint32_t *labels, struct mat out, uint32_t *sizes)
{
    double *sums = mem_zero(out.n * out.d, sizeof *sums);
    memset(sizes, 0, out.n * sizeof *sizes);
    for (size_t i = 0; i < points.n; i++) {
        double *sum = sums + labels[i] * out.d;
        sizes[labels[i]]++;
        for (size_t j = 0; j < out.d; j++)
            sum[j] += (double)mat_row(points, i)[j];
    }
    for (size_t c = 0; c < out.n; c++)
        for (size_t j = 0; j < out.d; j++)
            mat_row(out, c)[j] = sizes[c] ? (float)(sums[c * out.d + j] / sizes[c]) : 0;
    free(sums);
}

/* Rows a piece of parallel work takes, and the means compared with them at once. */
enum { ROWS = 32, COLS = 64 };

struct comparing {
    struct mat points, means;
    const uint32_t *labels, *sizes, *rows;
    size_t count;
    double *scores; /* [count] */
};

static double score(double own, double other)
{
    double most = own > other ? own : other;
    return most > 0 && isfinite(other) ? (other - own) / most : 0;
}

static void compare_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct comparing *c = arg;
    size_t first = piece * ROWS, n = c->count - first < ROWS ? c->count - first : ROWS, d = c->points.d;
    struct mat asking = {mem_new(ROWS * d, sizeof(float)), n, d};
    float squares[ROWS * COLS], own[ROWS], other[ROWS];
    for (size_t i = 0; i < n; i++) {
        memcpy(mat_row(asking, i), mat_row(c->points, c->rows[first + i]), d * sizeof(float));
        own[i] = other[i] = INFINITY;
    }
    for (size_t m = 0; m < c->means.n; m += COLS) {
        struct mat some = mat_rows(c->means, m, COLS);
        dist_squares(asking, some, squares);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < some.n; j++) {
                float square = squares[i * some.n + j];
                if (c->labels[c->rows[first + i]] == m + j)
                    own[i] = square;
                else if (c->sizes[m + j] && square < other[i])
                    other[i] = square;
            }
    }
    for (size_t i = 0; i < n; i++) {
        bool alone = c->sizes[c->labels[c->rows[first + i]]] < 2;
        c->scores[first + i] = alone ? 0 : score(sqrt((double)own[i]), sqrt((double)other[i]));
    }
    free(asking.at);
}

double quality_silhouette(struct mat points, const uint32_t *labels, struct mat means, const uint32_t *sizes,
                          const uint32_t *rows, size_t count, struct par *par)
{
    struct comparing c = {points, means, labels, sizes, rows, count, mem_zero(count, sizeof(double))};
    double sum = 0;
    par_for(par, (count + ROWS - 1) / ROWS, compare_piece, &c);
    for (size_t i = 0; i < count; i++)
        sum += c.scores[i];
    free(c.scores);
    return count ? sum / (double)count : 0;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Pairs of rows within the groups that equal keys make. */
static double pairs_within(uint64_t *keys, size_t n)
{
    double pairs = 0;
    qsort(keys, n, sizeof *keys, ascending);
    for (size_t i = 0, first = 0; i < n; i++)
        if (i + 1 == n || keys[i + 1] != keys[i]) {
            double size = (double)(i + 1 - first);
            pairs += size * (size - 1) / 2;
            first = i + 1;
        }
    return pairs;
}

double quality_agreement(const uint32_t *a, const uint32_t *b, size_t n)
{
    uint64_t *keys = mem_new(n, sizeof *keys);
    double within[3], all = (double)n * ((double)n - 1) / 2;
    for (size_t which = 0; which < 3; which++) {
        for (size_t i = 0; i < n; i++)
            keys[i] = (which != 1 ? (uint64_t)a[i] << 32 : 0) | (which != 0 ? b[i] : 0);
        within[which] = pairs_within(keys, n);
    }
    free(keys);
    double chance = n > 1 ? within[0] * within[1] / all : 0, most = (within[0] + within[1]) / 2;
    /* Both one group, or both all groups of one: the same. */
    return most > chance ? (within[2] - chance) / (most - chance) : 1;
}
