#include "num/hartigan.h"

#include "base/mem.h"
#include "num/dist.h"

#include <stdlib.h>
#include <string.h>

static const float CLEARLY = 1 - 1e-5f; /* rounding must not make a point wander for ever */

struct moving {
    struct mat points, centroids;
    uint32_t *labels;
    size_t *members; /* [k] */
    float *squared;  /* [k] distances of the present point */
};

/* The members' means, summed in double in the points' order. */
static void recompute(struct moving *m)
{
    size_t k = m->centroids.n, d = m->centroids.d;
    double *sums = mem_zero(k * d, sizeof *sums);
    memset(m->members, 0, k * sizeof *m->members);
    for (size_t i = 0; i < m->points.n; i++) {
        double *sum = sums + m->labels[i] * d;
        m->members[m->labels[i]]++;
        for (size_t j = 0; j < d; j++)
            sum[j] += (double)mat_row(m->points, i)[j];
    }
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; m->members[c] && j < d; j++)
            mat_row(m->centroids, c)[j] = (float)(sums[c * d + j] / (double)m->members[c]);
    free(sums);
}

/* The cluster that the point would cost least in, the price of leaving counted in; its own when there is no better one.
 */
static uint32_t best_cluster(const struct moving *m, size_t i)
{
    uint32_t own = m->labels[i], best = own;
    float n = (float)m->members[own];
    float least = m->squared[own] * n / (n - 1) * CLEARLY;
    for (size_t c = 0; c < m->centroids.n; c++) {
        float size = (float)m->members[c], cost = m->squared[c] * size / (size + 1);
        if (c != own && m->members[c] && cost < least) {
            least = cost;
            best = (uint32_t)c;
        }
    }
    return best;
}

/* Moves the point, and both means with it. */
static void move(struct moving *m, size_t i, uint32_t to)
{
    uint32_t from = m->labels[i];
    const float *row = mat_row(m->points, i);
    float *old = mat_row(m->centroids, from), *new = mat_row(m->centroids, to);
    float left = (float)(m->members[from] - 1), grown = (float)(m->members[to] + 1);
    for (size_t j = 0; j < m->points.d; j++) {
        old[j] += (old[j] - row[j]) / left;
        new[j] += (row[j] - new[j]) / grown;
    }
    m->members[from]--;
    m->members[to]++;
    m->labels[i] = to;
}

static size_t sweep(struct moving *m)
{
    size_t moved = 0;
    for (size_t i = 0; i < m->points.n; i++) {
        if (m->members[m->labels[i]] < 2)
            continue;
        dist_squares(mat_rows(m->points, i, 1), m->centroids, m->squared);
        uint32_t to = best_cluster(m, i);
        if (to != m->labels[i]) {
            move(m, i, to);
            moved++;
        }
    }
    return moved;
}

double hartigan_refine(struct mat points, struct mat centroids, uint32_t *labels, size_t passes_max)
{
    struct moving m = {.points = points,
                       .centroids = centroids,
                       .labels = labels,
                       .members = mem_new(centroids.n, sizeof(size_t)),
                       .squared = mem_new(centroids.n, sizeof(float))};
    recompute(&m);
    for (size_t pass = 0; pass < passes_max && sweep(&m); pass++)
        recompute(&m); /* the running means drift a little */
    double sum = 0;
    for (size_t i = 0; i < points.n; i++)
        sum += (double)dist_squared(mat_row(points, i), mat_row(centroids, labels[i]), points.d);
    free(m.members);
    free(m.squared);
    return points.n ? sum / (double)points.n : 0;
}
