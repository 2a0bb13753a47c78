/*
 * num_data.h: points made from integers, the same as tests/reference/make_num.py makes, and small helpers for the tests
 * of the kernels.
 */
#ifndef CLIO_TESTS_NUM_DATA_H
#define CLIO_TESTS_NUM_DATA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "num/dist.h"
#include "num/mat.h"

static inline uint32_t data_mix(uint32_t i, uint32_t j, uint32_t seed)
{
    uint32_t h = i * 2654435761u + j * 2246822519u + seed * 3266489917u;
    h = (h ^ (h >> 15)) * 2246822519u;
    h = (h ^ (h >> 13)) * 3266489917u;
    return h ^ (h >> 16);
}

/* The sum of four 16-bit numbers, centred on 0, from -2 to 2. */
static inline float data_bell(uint32_t i, uint32_t j, uint32_t seed)
{
    int32_t total = -131072;
    for (uint32_t s = 0; s < 4; s++)
        total += (int32_t)(data_mix(i, j, 4 * seed + s) >> 16);
    return (float)total / 65536.0f;
}

static inline struct mat data_new(size_t n, size_t d)
{
    return (struct mat){.at = mem_zero(n * d, sizeof(float)), .n = n, .d = d};
}

/* Points around `groups` centres. Exact in float. */
static inline struct mat data_blobs(size_t n, size_t d, size_t groups, uint32_t seed)
{
    struct mat m = data_new(n, d);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < d; j++)
            mat_row(m, i)[j] = data_bell(i % (uint32_t)groups, j, seed) + 0.5f * data_bell(i, j, seed + 1);
    return m;
}

static inline struct mat data_unit_blobs(size_t n, size_t d, size_t groups, uint32_t seed)
{
    struct mat m = data_blobs(n, d, groups, seed);
    dist_normalise(m);
    return m;
}

/*
 * Results are the same bytes on every machine, by any compiler. The expected value is recorded in the test; a change of
 * method changes it on purpose, anything else is a loss of repeatability.
 */
static inline void data_same_bytes(const void *at, size_t n, uint64_t recorded)
{
    const unsigned char *bytes = at;
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    if (hash != recorded)
        fail_msg("the result's bytes changed: 0x%016llx, recorded is 0x%016llx", (unsigned long long)hash,
                 (unsigned long long)recorded);
}

/* Prints what was measured, then fails when it is above the limit (or NaN). */
static inline void data_at_most(const char *what, double value, double limit)
{
    print_message("    %s: %.3g (at most %.3g)\n", what, value, limit);
    if (!(value <= limit))
        fail_msg("%s is %.9g, more than %.9g", what, value, limit);
}

static inline void data_at_least(const char *what, double value, double limit)
{
    print_message("    %s: %.5f (at least %.5f)\n", what, value, limit);
    if (!(value >= limit))
        fail_msg("%s is %.9g, less than %.9g", what, value, limit);
}

#endif
