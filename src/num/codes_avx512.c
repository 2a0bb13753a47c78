#include "num/codes_sets.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 8 };

/*
 * vpdpbusd multiplies unsigned by signed: b is shifted by 128 into the unsigned range, and 128 times the sum of a,
 * which that adds to every product, is where the sums start from.
 */
TARGET INLINE __m512i shifted(const int8_t *b)
{
    return _mm512_xor_si512(_mm512_loadu_si512(b), _mm512_set1_epi8((char)0x80));
}

TARGET INLINE __m512i start_of(const int8_t *a, size_t stride)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t q = 0; q < stride; q += CODES_CHUNK)
        sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), _mm512_loadu_si512(a + q));
    return _mm512_set1_epi32(-128 * _mm512_reduce_add_epi32(sum));
}

TARGET INLINE __m512i four_columns(const int8_t *a)
{
    return _mm512_castps_si512(_mm512_set1_ps(*(const float *)(const void *)a));
}

/* Eight rows by one or two packed panels. */
TARGET INLINE void tile(const int8_t *a, const int8_t *b, size_t stride, size_t panels, int32_t *out, size_t ld)
{
    __m512i s[ROWS][2];
    const int8_t *next = panels > 1 ? b + CODES_PANEL * stride : b;
#pragma GCC unroll 8
    for (size_t r = 0; r < ROWS; r++)
        s[r][0] = s[r][1] = start_of(a + r * stride, stride);
    for (size_t q = 0; q < stride; q += 4) {
        __m512i b0 = shifted(b + q * CODES_PANEL), b1 = shifted(next + q * CODES_PANEL);
#pragma GCC unroll 8
        for (size_t r = 0; r < ROWS; r++) {
            __m512i x = four_columns(a + r * stride + q);
            s[r][0] = _mm512_dpbusd_epi32(s[r][0], b0, x);
            if (panels > 1)
                s[r][1] = _mm512_dpbusd_epi32(s[r][1], b1, x);
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < ROWS; r++) {
        _mm512_storeu_si512(out + r * ld, s[r][0]);
        if (panels > 1)
            _mm512_storeu_si512(out + r * ld + CODES_PANEL, s[r][1]);
    }
}

TARGET static void dots(const struct codes_block *k)
{
    for (size_t j = 0; j < k->bn; j += 2 * CODES_PANEL)
        for (size_t i = 0; i < k->an; i += ROWS) {
            const int8_t *a = k->a + i * k->stride, *b = k->b + j * k->stride;
            int32_t *out = k->out + i * k->bn + j;
            if (j + CODES_PANEL < k->bn)
                tile(a, b, k->stride, 2, out, k->bn);
            else
                tile(a, b, k->stride, 1, out, k->bn);
        }
}

TARGET static int32_t dot(const int8_t *a, const int8_t *b, size_t stride)
{
    __m512i sum = _mm512_setzero_si512(), shift = sum;
    for (size_t i = 0; i < stride; i += CODES_CHUNK) {
        __m512i x = _mm512_loadu_si512(a + i);
        sum = _mm512_dpbusd_epi32(sum, shifted(b + i), x);
        shift = _mm512_dpbusd_epi32(shift, _mm512_set1_epi8((char)0x80), x);
    }
    return _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, shift));
}

TARGET static size_t above(const int32_t *dots_at, const float *scales, size_t n, float floor, uint32_t *where,
                           float *products)
{
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t found = 0;
    for (size_t i = 0; i < n; i += CODES_PANEL) {
        __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(dots_at + i)), _mm512_loadu_ps(scales + i));
        __mmask16 mask = _mm512_cmp_ps_mask(v, _mm512_set1_ps(floor), _CMP_GT_OQ);
        if (n - i < CODES_PANEL)
            mask &= (__mmask16)((1u << (n - i)) - 1);
        if (!mask)
            continue;
        __m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)i));
        _mm512_storeu_si512(where + found, _mm512_maskz_compress_epi32(mask, index));
        _mm512_storeu_ps(products + found, _mm512_maskz_compress_ps(mask, v));
        found += (size_t)__builtin_popcount(mask);
    }
    return found;
}

/* Sixteen lanes of a list: those at `stays` stay, the new one goes to the lane at `enters`, the others move up one. */
TARGET INLINE __m512i enter(__m512i lanes, __m512i below, __m512i new_one, __mmask16 stays, __mmask16 enters)
{
    __m512i moved = _mm512_mask_mov_epi32(_mm512_alignr_epi32(lanes, below, 15), stays, lanes);
    return _mm512_mask_mov_epi32(moved, enters, new_one);
}

TARGET INLINE __mmask16 not_less(__m512i scores, __m512i new_one)
{
    return _mm512_cmp_ps_mask(_mm512_castsi512_ps(scores), _mm512_castsi512_ps(new_one), _CMP_GE_OQ);
}

/* A list of 32 stays in registers while it takes in what a block of products has for it. */
TARGET static void keep(struct codes_list list, const uint32_t *ids, const float *scores, size_t n)
{
    if (list.size != 2 * CODES_PANEL) {
        codes_plain_keep(list, ids, scores, n);
        return;
    }
    __m512i s0 = _mm512_loadu_si512(list.scores), s1 = _mm512_loadu_si512(list.scores + CODES_PANEL);
    __m512i i0 = _mm512_loadu_si512(list.ids), i1 = _mm512_loadu_si512(list.ids + CODES_PANEL);
    for (size_t i = 0; i < n; i++) {
        __m512i score = _mm512_castps_si512(_mm512_set1_ps(scores[i])), id = _mm512_set1_epi32((int)ids[i]);
        __mmask16 stay0 = not_less(s0, score), stay1 = not_less(s1, score);
        if (stay1 == 0xffff)
            continue;
        __mmask16 enter0 = (__mmask16)(~stay0 & (stay0 << 1 | 1)),
                  enter1 = (__mmask16)(~stay1 & (stay1 << 1 | stay0 >> 15));
        s1 = enter(s1, s0, score, stay1, enter1);
        i1 = enter(i1, i0, id, stay1, enter1);
        s0 = enter(s0, s0, score, stay0, enter0);
        i0 = enter(i0, i0, id, stay0, enter0);
    }
    _mm512_storeu_si512(list.scores, s0);
    _mm512_storeu_si512(list.scores + CODES_PANEL, s1);
    _mm512_storeu_si512(list.ids, i0);
    _mm512_storeu_si512(list.ids + CODES_PANEL, i1);
}

const struct codes_kernels *codes_avx512(void)
{
    static const struct codes_kernels set = {.name = "avx512", .dots = dots, .dot = dot, .above = above, .keep = keep};
    bool runs = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
    return runs ? &set : NULL;
}

/* Every processor with tiles has all of the above. */
const struct codes_kernels *codes_amx(void)
{
    static const struct codes_kernels set = {
        .name = "amx", .dots = codes_amx_dots, .dot = dot, .above = above, .keep = keep};
    return codes_avx512() && codes_amx_granted() ? &set : NULL;
}

#else

const struct codes_kernels *codes_avx512(void)
{
    return NULL;
}

const struct codes_kernels *codes_amx(void)
{
    return NULL;
}

#endif
