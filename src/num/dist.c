#include "num/dist.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/*
 * The same source compiled for two instruction sets; the loader picks one. Fixed lanes keep the bits the same.
 * No avx2 row: gcc 12 splits 64-byte vectors badly there, and runs at half the speed of plain SSE2. Not with clang: the
 * clones of clang 14 cannot be called from another file. Not under the thread sanitizer: the loader would pick before
 * it has started.
 */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define KERNEL __attribute__((target_clones("avx512f", "default")))
#else
#define KERNEL
#endif
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };
enum measure { DOT, SQUARED };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* The lanes added as a tree: 0+8, 1+9 ... then 0+4 ... */
INLINE float lanes_total(const lanes *v)
{
    float t[LANES];
    memcpy(t, v, sizeof t);
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++)
            t[i] += t[i + width];
    return t[0];
}

/* The last d mod 16 elements, zeros behind them: zeros add nothing to either measure. */
INLINE void lanes_tail(lanes *v, const float *row, size_t d)
{
    float t[LANES] = {0};
    size_t done = d - d % LANES;
    memcpy(t, row + done, (d - done) * sizeof *t);
    memcpy(v, t, sizeof t);
}

INLINE void lanes_add(lanes *sum, const lanes *a, const lanes *b, enum measure m)
{
    lanes x = *a - *b;
    *sum += m == DOT ? *a * *b : x * x;
}

/* Two rows of a against two of b: four independent sums hide the latency of addition. */
INLINE void tile(const float *a[2], const float *b[2], size_t d, enum measure m, float out[4])
{
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    lanes a0, a1, b0, b1;
    for (size_t i = 0; i + LANES <= d; i += LANES) {
        a0 = *(const lanes *)(a[0] + i);
        a1 = *(const lanes *)(a[1] + i);
        b0 = *(const lanes *)(b[0] + i);
        b1 = *(const lanes *)(b[1] + i);
        lanes_add(&s0, &a0, &b0, m);
        lanes_add(&s1, &a0, &b1, m);
        lanes_add(&s2, &a1, &b0, m);
        lanes_add(&s3, &a1, &b1, m);
    }
    if (d % LANES) {
        lanes_tail(&a0, a[0], d);
        lanes_tail(&a1, a[1], d);
        lanes_tail(&b0, b[0], d);
        lanes_tail(&b1, b[1], d);
        lanes_add(&s0, &a0, &b0, m);
        lanes_add(&s1, &a0, &b1, m);
        lanes_add(&s2, &a1, &b0, m);
        lanes_add(&s3, &a1, &b1, m);
    }
    out[0] = lanes_total(&s0);
    out[1] = lanes_total(&s1);
    out[2] = lanes_total(&s2);
    out[3] = lanes_total(&s3);
}

/* An odd last row or column is computed twice, into the same place. */
INLINE void pairs(struct mat a, struct mat b, enum measure m, float *out)
{
    for (size_t i = 0; i < a.n; i += 2) {
        size_t next_i = i + 1 < a.n ? i + 1 : i;
        const float *rows[2] = {mat_row(a, i), mat_row(a, next_i)};
        for (size_t j = 0; j < b.n; j += 2) {
            size_t next_j = j + 1 < b.n ? j + 1 : j;
            const float *cols[2] = {mat_row(b, j), mat_row(b, next_j)};
            float four[4];
            tile(rows, cols, a.d, m, four);
            out[i * b.n + j] = four[0];
            out[i * b.n + next_j] = four[1];
            out[next_i * b.n + j] = four[2];
            out[next_i * b.n + next_j] = four[3];
        }
    }
}

KERNEL void dist_dots(struct mat a, struct mat b, float *out)
{
    pairs(a, b, DOT, out);
}

KERNEL void dist_squares(struct mat a, struct mat b, float *out)
{
    pairs(a, b, SQUARED, out);
}

INLINE float single(const float *a, const float *b, size_t d, enum measure m)
{
    lanes sum = {0}, x, y;
    for (size_t i = 0; i + LANES <= d; i += LANES) {
        x = *(const lanes *)(a + i);
        y = *(const lanes *)(b + i);
        lanes_add(&sum, &x, &y, m);
    }
    if (d % LANES) {
        lanes_tail(&x, a, d);
        lanes_tail(&y, b, d);
        lanes_add(&sum, &x, &y, m);
    }
    return lanes_total(&sum);
}

KERNEL float dist_dot(const float *a, const float *b, size_t d)
{
    return single(a, b, d, DOT);
}

KERNEL float dist_squared(const float *a, const float *b, size_t d)
{
    return single(a, b, d, SQUARED);
}

bool dist_finite(struct mat m)
{
    for (size_t i = 0; i < m.n * m.d; i++)
        if (!(fabsf(m.at[i]) < 1e15f)) /* false for NaN too */
            return false;
    return true;
}

void dist_normalise(struct mat m)
{
    for (size_t i = 0; i < m.n; i++) {
        float *row = mat_row(m, i);
        double sum = 0;
        for (size_t j = 0; j < m.d; j++)
            sum += (double)row[j] * (double)row[j];
        if (!(sum > 0))
            continue;
        double norm = sqrt(sum);
        for (size_t j = 0; j < m.d; j++)
            row[j] = (float)((double)row[j] / norm);
    }
}
