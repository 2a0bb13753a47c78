#include "num/umap_graph.h"

#include "base/mem.h"
#include "num/power.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 256, SEARCH_STEPS = 64 };

static const double tolerance = 1e-5, scale_min = 1e-3; /* umap-learn's SMOOTH_K_TOLERANCE and MIN_K_DIST_SCALE */

struct smoothing {
    const struct umap_lists *lists;
    double mean;    /* of all distances, each row's own zero included */
    float *weights; /* [n][k] membership of a row's neighbours, one direction */
};

/* The distance to the nearest row that is not equal: rho of algorithm 3. 0 when there is none. */
static float nearest_distance(const float *distances, size_t k)
{
    for (size_t j = 0; j < k; j++)
        if (distances[j] > 0)
            return distances[j];
    return 0;
}

static double membership(float distance, float rho, double sigma)
{
    float beyond = distance - rho;
    return beyond > 0 && sigma > 0 ? power_exp(-((double)beyond / sigma)) : 1.0;
}

/*
 * Algorithm 3, SmoothKNNDist: the sigma at which memberships add up to log2 of the neighbourhood's size (the row
 * itself counts in the size, but not in the sum), by bisection.
 */
static double smooth_distance(const float *distances, size_t k, float rho)
{
    double low = 0, high = DBL_MAX, sigma = 1, target = power_log((double)k + 1) / power_log(2);
    for (int step = 0; step < SEARCH_STEPS; step++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += membership(distances[j], rho, sigma);
        if (fabs(sum - target) < tolerance)
            break;
        if (sum > target)
            high = sigma;
        else
            low = sigma;
        sigma = high < DBL_MAX ? (low + high) / 2 : sigma * 2;
    }
    return sigma;
}

/* Algorithm 2, LocalFuzzySimplicialSet, for a block of rows. */
static void smooth_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct smoothing *s = arg;
    size_t k = s->lists->k, end = (piece + 1) * ROWS;
    for (size_t i = piece * ROWS; i < end && i < s->lists->n; i++) {
        const float *distances = s->lists->distances + i * k;
        float rho = nearest_distance(distances, k);
        double sigma = smooth_distance(distances, k, rho), sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += (double)distances[j];
        /* Not too sharp: many equal rows would otherwise cut everything else off. */
        double least = scale_min * (rho > 0 ? sum / (double)(k + 1) : s->mean);
        if (sigma < least)
            sigma = least;
        for (size_t j = 0; j < k; j++)
            s->weights[i * k + j] = (float)membership(distances[j], rho, sigma);
    }
}

/* One direction of a pair, filed under the row `head`. */
struct half {
    uint32_t tail;
    float weight;
};

static int half_compare(const void *a, const void *b)
{
    const struct half *x = a, *y = b;
    return x->tail < y->tail ? -1 : x->tail > y->tail;
}

/* Files every directed edge under both its ends: the halves of row i are halves[starts[i]] to halves[starts[i + 1]]. */
static struct half *file_halves(const struct umap_lists *l, const float *weights, size_t *starts)
{
    size_t n = l->n, k = l->k;
    struct half *halves = mem_new(2 * n * k, sizeof *halves);
    size_t *next = mem_zero(n + 1, sizeof *next);
    for (size_t i = 0; i < n * k; i++)
        next[l->ids[i]]++;
    starts[0] = 0;
    for (size_t i = 0; i < n; i++) {
        starts[i + 1] = starts[i] + next[i] + k;
        next[i] = starts[i];
    }
    for (size_t i = 0; i < n * k; i++) {
        uint32_t head = (uint32_t)(i / k), tail = l->ids[i];
        halves[next[head]++] = (struct half){tail, weights[i]};
        halves[next[tail]++] = (struct half){head, weights[i]};
    }
    free(next);
    return halves;
}

/*
 * Algorithm 1, the fuzzy union w + v - wv of both directions. A pair has one half at each end or two; the formula is
 * symmetric to the bit, so both ends agree whatever order the sort left equal tails in.
 */
static void unite(struct half *halves, const size_t *starts, struct umap_graph *graph)
{
    size_t edges = 0;
    for (size_t i = 0; i < graph->rows; i++) {
        qsort(halves + starts[i], starts[i + 1] - starts[i], sizeof *halves, half_compare);
        for (size_t j = starts[i]; j < starts[i + 1]; j++) {
            float w = halves[j].weight;
            if (j + 1 < starts[i + 1] && halves[j + 1].tail == halves[j].tail) {
                float v = halves[++j].weight;
                w = (w + v) - w * v;
            }
            if (!(w > 0))
                continue;
            graph->heads[edges] = (uint32_t)i;
            graph->tails[edges] = halves[j].tail;
            graph->weights[edges++] = w;
        }
    }
    graph->edges = edges;
}

void umap_graph_build(const struct umap_lists *lists, struct umap_graph *graph, struct par *par)
{
    size_t n = lists->n, k = lists->k;
    struct smoothing s = {.lists = lists, .weights = mem_new(n * k, sizeof(float))};
    for (size_t i = 0; i < n * k; i++)
        s.mean += (double)lists->distances[i];
    s.mean /= (double)n * (double)(k + 1);
    par_for(par, (n + ROWS - 1) / ROWS, smooth_piece, &s);

    size_t *starts = mem_new(n + 1, sizeof *starts);
    struct half *halves = file_halves(lists, s.weights, starts);
    *graph = (struct umap_graph){
        .rows = n,
        .heads = mem_new(2 * n * k, sizeof(uint32_t)),
        .tails = mem_new(2 * n * k, sizeof(uint32_t)),
        .weights = mem_new(2 * n * k, sizeof(float)),
    };
    unite(halves, starts, graph);
    free(halves);
    free(starts);
    free(s.weights);
}

void umap_graph_release(struct umap_graph *graph)
{
    free(graph->heads);
    free(graph->tails);
    free(graph->weights);
    *graph = (struct umap_graph){0};
}
