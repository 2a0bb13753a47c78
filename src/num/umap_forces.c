#include "num/umap_forces.h"

#include "num/isa.h"
#include "num/power.h"

#include <stdbool.h>
#include <string.h>

enum { SEARCH_STEPS = 64 };

#if defined(__x86_64__)
#define FORCES(x) avx512_##x
#define TARGET    __attribute__((target("avx512f,avx512vl,avx512dq")))
#define WIDTH     16
#define SET_NAME  "avx512"
#include "num/umap_forces.inc"

#define FORCES(x) avx2_##x
#define TARGET    __attribute__((target("avx2")))
#define WIDTH     8
#define SET_NAME  "avx2"
#include "num/umap_forces.inc"
#endif

/* SSE2 on x86-64, NEON on arm64. */
#define FORCES(x) plain_##x
#define TARGET
#define WIDTH    4
#define SET_NAME "plain"
#include "num/umap_forces.inc"

const struct umap_forces *umap_forces_at(size_t i)
{
    static const struct umap_forces *const sets[ISAS] = {
#if defined(__x86_64__)
        [ISA_AVX512] = &avx512_set,
        [ISA_AVX2] = &avx2_set,
#endif
        [ISA_PLAIN] = &plain_set,
    };
    enum isa isa = isa_at(i);
    return isa < ISAS ? sets[isa] : NULL;
}

const struct umap_forces *umap_forces_best(void)
{
    return umap_forces_at(0);
}
