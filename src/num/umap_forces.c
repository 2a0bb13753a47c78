#include "num/umap_forces.h"

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
    const struct umap_forces *sets[4];
    size_t n = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        sets[n++] = &avx512_set;
    if (__builtin_cpu_supports("avx2"))
        sets[n++] = &avx2_set;
#endif
    sets[n++] = &plain_set;
    return i < n ? sets[i] : NULL;
}

const struct umap_forces *umap_forces_best(void)
{
    return umap_forces_at(0);
}
