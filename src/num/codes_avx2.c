#include "num/codes_sets.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

enum { ROWS = 4, HALF = CODES_PANEL / 2 };

/* The instruction multiplies unsigned by signed: |a| times b with the sign of a. 2 * 127 * 127 fits its 16 bits. */
TARGET static inline __m256i multiply_add(__m256i sum, __m256i a, __m256i b)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

TARGET static inline __m256i four_columns(const int8_t *a)
{
    return _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)a));
}

/* Four rows by one packed panel. */
TARGET static void tile(const int8_t *a, const int8_t *b, size_t stride, int32_t *out, size_t ld)
{
    __m256i s[ROWS][2];
    for (size_t r = 0; r < ROWS; r++)
        s[r][0] = s[r][1] = _mm256_setzero_si256();
    for (size_t q = 0; q < stride; q += 4, b += 4 * CODES_PANEL) {
        __m256i b0 = _mm256_loadu_si256((const __m256i *)(const void *)b);
        __m256i b1 = _mm256_loadu_si256((const __m256i *)(const void *)(b + 4 * HALF));
#pragma GCC unroll 4
        for (size_t r = 0; r < ROWS; r++) {
            __m256i x = four_columns(a + r * stride + q);
            s[r][0] = multiply_add(s[r][0], x, b0);
            s[r][1] = multiply_add(s[r][1], x, b1);
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        _mm256_storeu_si256((__m256i *)(void *)(out + r * ld), s[r][0]);
        _mm256_storeu_si256((__m256i *)(void *)(out + r * ld + HALF), s[r][1]);
    }
}

TARGET static void dots(const struct codes_block *k)
{
    for (size_t j = 0; j < k->bn; j += CODES_PANEL)
        for (size_t i = 0; i < k->an; i += ROWS)
            tile(k->a + i * k->stride, k->b + j * k->stride, k->stride, k->out + i * k->bn + j, k->bn);
}

TARGET static int32_t dot(const int8_t *a, const int8_t *b, size_t stride)
{
    __m256i s0 = _mm256_setzero_si256(), s1 = s0;
    for (size_t i = 0; i < stride; i += CODES_CHUNK) {
        const __m256i *x = (const __m256i *)(const void *)(a + i), *y = (const __m256i *)(const void *)(b + i);
        s0 = multiply_add(s0, _mm256_loadu_si256(x), _mm256_loadu_si256(y));
        s1 = multiply_add(s1, _mm256_loadu_si256(x + 1), _mm256_loadu_si256(y + 1));
    }
    int32_t lanes[HALF], sum = 0;
    _mm256_storeu_si256((__m256i *)(void *)lanes, _mm256_add_epi32(s0, s1));
    for (size_t i = 0; i < HALF; i++)
        sum += lanes[i];
    return sum;
}

TARGET static size_t above(const int32_t *dots_at, const float *scales, size_t n, float floor, uint32_t *where,
                           float *products)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i += HALF) {
        float lanes[HALF];
        __m256 v = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)(dots_at + i)));
        v = _mm256_mul_ps(v, _mm256_loadu_ps(scales + i));
        unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_set1_ps(floor), _CMP_GT_OQ));
        if (n - i < HALF)
            mask &= (1u << (n - i)) - 1;
        if (!mask)
            continue;
        _mm256_storeu_ps(lanes, v);
        for (; mask; mask &= mask - 1) {
            unsigned lane = (unsigned)__builtin_ctz(mask);
            where[found] = (uint32_t)(i + lane);
            products[found++] = lanes[lane];
        }
    }
    return found;
}

const struct codes_kernels *codes_avx2(void)
{
    static const struct codes_kernels set = {
        .name = "avx2", .dots = dots, .dot = dot, .above = above, .keep = codes_plain_keep};
    return __builtin_cpu_supports("avx2") ? &set : NULL;
}

#else

const struct codes_kernels *codes_avx2(void)
{
    return NULL;
}

#endif
