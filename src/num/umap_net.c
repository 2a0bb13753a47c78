#include "num/umap_net.h"

#include "base/mem.h"
#include "num/umap_forces.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

struct building {
    const struct umap_lists *lists;
    const struct umap_forces *forces;
    struct umap_net *net;
    float mean;
    uint32_t *vertex_of; /* [n] of each row */
    uint32_t *near;      /* [n][k] lists in vertices */
    float *weights;      /* [n][k] memberships */
    uint16_t *rates;     /* [n][k] united weights */
    uint8_t *one_way;    /* [n][k] 1: the other does not list this vertex */
    uint16_t least;
};

/* Rows p of the order with p % UMAP_SETS equal are a set. */
static void number_vertices(struct building *b, const uint32_t *order)
{
    struct umap_net *net = b->net;
    size_t v = 0;
    for (size_t s = 0; s < UMAP_SETS; s++) {
        net->sets[s] = v;
        for (size_t p = s; p < net->rows; p += UMAP_SETS, v++) {
            net->row_of[v] = order ? order[p] : (uint32_t)p;
            b->vertex_of[net->row_of[v]] = (uint32_t)v;
        }
    }
    net->sets[UMAP_SETS] = v;
}

/* Memberships and lists of sixteen vertices. */
static void smooth_sixteen(const struct building *b, size_t first, float *values)
{
    size_t n = b->net->rows, k = b->lists->k;
    for (size_t l = 0; l < UMAP_LANES; l++) {
        size_t row = b->net->row_of[first + l < n ? first + l : first];
        for (size_t j = 0; j < k; j++)
            values[j * UMAP_LANES + l] = b->lists->distances[row * k + j];
    }
    b->forces->smooth(&(struct umap_smooth){values, k, b->mean});
    for (size_t v = first; v < first + UMAP_LANES && v < n; v++)
        for (size_t j = 0; j < k; j++) {
            b->weights[v * k + j] = values[j * UMAP_LANES + v - first];
            b->near[v * k + j] = b->vertex_of[b->lists->ids[b->net->row_of[v] * k + j]];
        }
}

static void smooth_block(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct building *b = arg;
    float *values = mem_aligned(b->lists->k * UMAP_LANES, sizeof *values);
    for (size_t v = piece * BLOCK; v < (piece + 1) * BLOCK && v < b->net->rows; v += UMAP_LANES)
        smooth_sixteen(b, v, values);
    free(values);
}

/* The fuzzy union w + v - wv of both directions. */
static void unite_block(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct building *b = arg;
    size_t k = b->lists->k;
    for (size_t i = piece * BLOCK * k; i < (piece + 1) * BLOCK * k && i < b->net->rows * k; i++) {
        size_t back = b->near[i] * k, j = 0;
        while (j < k && b->near[back + j] != i / k)
            j++;
        float w = b->weights[i];
        b->one_way[i] = j == k;
        if (j < k)
            w = (w + b->weights[back + j]) - w * b->weights[back + j];
        b->rates[i] = (uint16_t)(w * 65535.0f + 0.5f);
    }
}

/* One pass counts the edges of each vertex in starts[v + 1], the other files them. */
static void file_edges(const struct building *b, bool count)
{
    struct umap_net *net = b->net;
    size_t k = b->lists->k, *next = net->starts + 1;
    for (size_t i = 0; i < net->rows * k; i++) {
        size_t ends[2] = {i / k, b->near[i]};
        if (b->rates[i] < b->least)
            continue;
        for (size_t e = 0; e < 1u + b->one_way[i]; e++) {
            size_t at = next[ends[e]]++;
            if (count)
                continue;
            net->tails[at] = (uint32_t)ends[1 - e];
            net->rates[at] = b->rates[i];
        }
    }
}

/* starts [v + 1] is where the edges of v begin until they are filed, and where they end from then on. */
static void make_edges(const struct building *b)
{
    struct umap_net *net = b->net;
    size_t total = 0;
    net->starts = mem_zero(net->rows + 1, sizeof *net->starts);
    file_edges(b, true);
    for (size_t v = 1; v <= net->rows; v++) {
        size_t count = net->starts[v];
        net->starts[v] = total;
        total += count;
    }
    net->tails = mem_new(total, sizeof *net->tails);
    net->rates = mem_new(total, sizeof *net->rates);
    file_edges(b, false);
}

void umap_net_build(const struct umap_lists *lists, const uint32_t *order, size_t epochs, struct umap_net *net,
                    struct par *par)
{
    size_t n = lists->n, k = lists->k, blocks = (n + BLOCK - 1) / BLOCK;
    double sum = 0;
    for (size_t i = 0; i < n * k; i++)
        sum += (double)lists->distances[i];
    *net = (struct umap_net){.rows = n, .row_of = mem_new(n, sizeof(uint32_t))};
    struct building b = {
        .lists = lists,
        .forces = umap_forces_best(),
        .net = net,
        .mean = (float)(sum / ((double)n * (double)(k + 1))),
        .vertex_of = mem_new(n, sizeof(uint32_t)),
        .near = mem_new(n * k, sizeof(uint32_t)),
        .weights = mem_new(n * k, sizeof(float)),
        .rates = mem_new(n * k, sizeof(uint16_t)),
        .one_way = mem_new(n * k, 1),
        .least = (uint16_t)(65536 / (epochs ? epochs : 1) < 65535 ? 65536 / (epochs ? epochs : 1) : 65535),
    };
    number_vertices(&b, order);
    par_for(par, blocks, smooth_block, &b);
    par_for(par, blocks, unite_block, &b);
    free(b.vertex_of);
    free(b.weights);
    make_edges(&b);
    free(b.near);
    free(b.rates);
    free(b.one_way);
}

void umap_net_release(struct umap_net *net)
{
    free(net->row_of);
    free(net->starts);
    free(net->tails);
    free(net->rates);
    *net = (struct umap_net){0};
}
