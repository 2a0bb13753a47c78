#include "cluster/health.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/dist.h"
#include "num/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double mean_square(struct mat points, const uint32_t *labels, struct mat means)
{
    double sum = 0;
    for (size_t i = 0; i < points.n; i++)
        sum += (double)dist_squared(mat_row(points, i), mat_row(means, labels[i]), points.d);
    return sum / (double)points.n;
}

/* Rows that differ from their mean could have filled an empty cluster. */
static enum err check_sizes(const struct health *h, size_t rows, struct error *e)
{
    if (rows != h->n)
        return error_set(e, ERR_FAILED, "clusters hold %zu of %zu rows", rows, h->n);
    if (h->empty > 0 && h->wcss > 1e-6)
        return error_set(e, ERR_FAILED, "%zu of %zu clusters are empty although rows differ within others", h->empty,
                         h->k + h->empty);
    return ERR_OK;
}

static enum err check_labels(struct mat points, const uint32_t *labels, size_t k, struct error *e)
{
    if (!dist_finite(points))
        return error_set(e, ERR_NUMERIC, "a vector holds NaN, infinity or a value beyond 1e15");
    for (size_t i = 0; i < points.n; i++)
        if (labels[i] >= k)
            return error_set(e, ERR_FAILED, "row %zu is in cluster %u of %zu", i, (unsigned)labels[i], k);
    return ERR_OK;
}

static double measure_silhouette(struct mat points, const uint32_t *labels, struct mat means, const uint32_t *sizes,
                                 uint64_t seed, struct par *par)
{
    uint32_t *rows = mem_new(points.n, sizeof *rows);
    struct rng r = rng_seed(seed, 0x6865616c7468); /* "health" */
    for (size_t i = 0; i < points.n; i++)
        rows[i] = (uint32_t)i;
    rng_sample(&r, rows, points.n, HEALTH_ROWS);
    double s =
        quality_silhouette(points, labels, means, sizes, rows, points.n < HEALTH_ROWS ? points.n : HEALTH_ROWS, par);
    free(rows);
    return s;
}

enum err health_measure(struct mat points, const uint32_t *labels, size_t k, uint64_t seed, struct health *out,
                        struct par *par, struct error *e)
{
    *out = (struct health){.n = points.n, .smallest = points.n};
    enum err result = check_labels(points, labels, k, e);
    if (result != ERR_OK)
        return result;
    struct mat means = {mem_new(k * points.d, sizeof(float)), k, points.d};
    uint32_t *sizes = mem_new(k, sizeof *sizes);
    size_t rows = 0;
    quality_means(points, labels, means, sizes);
    for (size_t c = 0; c < k; c++) {
        rows += sizes[c];
        out->k += sizes[c] > 0;
        out->empty += sizes[c] == 0;
        out->smallest = sizes[c] > 0 && sizes[c] < out->smallest ? sizes[c] : out->smallest;
        out->largest = sizes[c] > out->largest ? sizes[c] : out->largest;
    }
    out->wcss = mean_square(points, labels, means);
    result = check_sizes(out, rows, e);
    if (result == ERR_OK && !dist_finite(means))
        result = error_set(e, ERR_NUMERIC, "the mean of a cluster is not finite");
    if (result == ERR_OK)
        out->silhouette = measure_silhouette(points, labels, means, sizes, seed, par);
    free(means.at);
    free(sizes);
    return result;
}

void health_write(const struct health *h, const char *k_by, struct buf *out)
{
    buf_printf(out,
               "{\"n\":%zu,\"k\":%zu,\"k_by\":\"%s\",\"empty\":%zu,\"smallest\":%zu,\"largest\":%zu,"
               "\"mean_squared_distance\":%.6f,\"silhouette\":%.4f,\"stability\":%.4f}",
               h->n, h->k, k_by, h->empty, h->smallest, h->largest, h->wcss, h->silhouette, h->stability);
}
