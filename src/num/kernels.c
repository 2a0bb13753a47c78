#include "num/kernels.h"

#include "num/codes.h"
#include "num/isa.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    TILE_ROWS = 6, /* twelve sums, two columns and a broadcast fit the sixteen registers of AVX2 */
    BLOCK_K = 384  /* a panel's block of k is 48 KB: it stays close while all rows pass over it */
};

struct tile {
    const float *a, *b, *init;
    float *c;
    size_t lda, ldi, ldc, k;
};

#define ONE_ROW(X)  X(0)
#define SIX_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)

#if defined(__x86_64__)
#define KERNEL(x) avx512_##x
#define TARGET    __attribute__((target("avx512f,avx512vl,avx512dq")))
#define WIDTH     16
#define SET_NAME  "avx512"
#define MIN(a, b) ((VEC)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define MAX(a, b) ((VEC)_mm512_max_ps((__m512)(a), (__m512)(b)))
#include "num/kernels.inc"

#define KERNEL(x) avx2_##x
#define TARGET    __attribute__((target("avx2")))
#define WIDTH     8
#define SET_NAME  "avx2"
#define MIN(a, b) ((VEC)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define MAX(a, b) ((VEC)_mm256_max_ps((__m256)(a), (__m256)(b)))
#include "num/kernels.inc"
#endif

/* SSE2 on x86-64, NEON on arm64. */
#define KERNEL(x) plain_##x
#define TARGET
#define WIDTH     4
#define SET_NAME  "plain"
#define MIN(a, b) KERNEL(pick)((a) < (b), a, b)
#define MAX(a, b) KERNEL(pick)((a) > (b), a, b)
#include "num/kernels.inc"

const struct kernels *kernels_at(size_t i)
{
    static const struct kernels *const sets[ISAS] = {
#if defined(__x86_64__)
        [ISA_AVX512] = &avx512_set,
        [ISA_AVX2] = &avx2_set,
#endif
        [ISA_PLAIN] = &plain_set,
    };
    enum isa isa = isa_at(i);
    return isa < ISAS ? sets[isa] : NULL;
}

const struct kernels *kernels_best(void)
{
    return kernels_at(0);
}

void kernels_pack_rows(const float *w, size_t ld, size_t n, size_t k, float *out)
{
    for (size_t panel = 0; panel < n; panel += KERNELS_PANEL)
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < KERNELS_PANEL; j++)
                *out++ = panel + j < n ? w[(panel + j) * ld + i] : 0.0f;
}
