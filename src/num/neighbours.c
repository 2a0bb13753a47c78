#include "num/neighbours.h"

#include "num/dist.h"

#include <math.h>

/* Rows a piece of parallel work takes, and the rows compared with them at once. */
enum { ROWS = 32, COLS = 64 };

struct search {
    struct mat points;
    size_t k;
    uint32_t *ids;    /* [n][k] */
    float *distances; /* [n][k] */
};

/*
 * Puts row j into the list of the k nearest, which is sorted. Candidates come in ascending order, and an equal one goes
 * behind: ties are the lower row's.
 */
static void insert(uint32_t *ids, float *distances, size_t k, uint32_t j, float distance)
{
    size_t at = k - 1;
    for (; at > 0 && distances[at - 1] > distance; at--) {
        distances[at] = distances[at - 1];
        ids[at] = ids[at - 1];
    }
    distances[at] = distance;
    ids[at] = j;
}

static void search_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct search *s = arg;
    size_t first = piece * ROWS, k = s->k;
    struct mat rows = mat_rows(s->points, first, ROWS);
    float dots[ROWS * COLS];
    for (size_t i = 0; i < rows.n * k; i++)
        s->distances[first * k + i] = INFINITY;
    for (size_t c = 0; c < s->points.n; c += COLS) {
        struct mat cols = mat_rows(s->points, c, COLS);
        dist_dots(rows, cols, dots);
        for (size_t i = 0; i < rows.n; i++) {
            uint32_t *ids = s->ids + (first + i) * k;
            float *distances = s->distances + (first + i) * k;
            for (size_t j = 0; j < cols.n; j++) {
                float distance = 1.0f - dots[i * cols.n + j];
                if (distance < 0)
                    distance = 0;
                if (distance < distances[k - 1] && c + j != first + i)
                    insert(ids, distances, k, (uint32_t)(c + j), distance);
            }
        }
    }
}

enum err neighbours_exact(struct mat points, size_t k, uint32_t *ids, float *distances, struct par *par,
                          struct error *e)
{
    if (k == 0 || k >= points.n)
        return error_set(e, ERR_RANGE, "neighbours: %zu wanted of %zu other rows", k, points.n ? points.n - 1 : 0);
    if (points.n > UINT32_MAX)
        return error_set(e, ERR_RANGE, "neighbours: %zu rows are more than a 32-bit id counts", points.n);
    if (!dist_finite(points))
        return error_set(e, ERR_NUMERIC, "neighbours: a row holds NaN, infinity or a value beyond 1e15");
    struct search s = {.points = points, .k = k, .ids = ids, .distances = distances};
    par_for(par, (points.n + ROWS - 1) / ROWS, search_piece, &s);
    return ERR_OK;
}
