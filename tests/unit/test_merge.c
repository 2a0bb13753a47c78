/* Grouping of proposals: the same groups as by looking at all pairs for every merge, and at a size where that fails. */
#include "hierarchy/tier.h"

#include "base/clock.h"
#include "base/rng.h"
#include "num/dist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* All pairs of heads, every time. */
static void plain(struct mat vectors, size_t target, uint32_t *group)
{
    size_t n = vectors.n, d = vectors.d;
    struct mat sums = {mem_new(n * d, sizeof(float)), n, d};
    memcpy(sums.at, vectors.at, n * d * sizeof(float));
    for (size_t i = 0; i < n; i++)
        group[i] = (uint32_t)i;
    for (size_t left = n; left > 1; left--) {
        float best = -2;
        size_t a = 0, b = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n && group[i] == i; j++) {
                float s = group[j] == j ? dist_dot(mat_row(sums, i), mat_row(sums, j), d) : -2;
                if (s > best) {
                    best = s;
                    a = i;
                    b = j;
                }
            }
        if (best < 0.85f && (double)left <= 1.5 * (double)target)
            break;
        for (size_t i = 0; i < n; i++)
            group[i] = group[i] == b ? (uint32_t)a : group[i];
        for (size_t j = 0; j < d; j++)
            mat_row(sums, a)[j] += mat_row(sums, b)[j];
        dist_normalise((struct mat){mat_row(sums, a), 1, d});
    }
    free(sums.at);
}

/* Unit rows about `topics` directions, some of them twice. */
static struct mat made(size_t n, size_t d, size_t topics, float spread, uint64_t seed)
{
    struct mat m = {mem_new(n * d, sizeof(float)), n, d};
    struct rng r = rng_seed(seed, 0);
    for (size_t i = 0; i < n; i++) {
        size_t topic = rng_below(&r, topics);
        struct rng direction = rng_seed(seed, topic + 1);
        for (size_t j = 0; j < d; j++)
            mat_row(m, i)[j] = (float)rng_unit(&direction) - 0.5f + spread * ((float)rng_unit(&r) - 0.5f);
        if (i > 0 && rng_below(&r, 8) == 0)
            memcpy(mat_row(m, i), mat_row(m, i - 1), d * sizeof(float));
    }
    dist_normalise(m);
    return m;
}

static void same_groups_as_all_pairs(void **state)
{
    (void)state;
    enum { N = 150, D = 16 };
    uint32_t got[N], want[N];
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct mat m = made(N - seed, D, 1 + seed, 0.2f * (float)(seed % 8), seed);
        size_t left = merge_groups(m, 1 + seed, got), heads = 0;
        plain(m, 1 + seed, want);
        assert_memory_equal(got, want, m.n * sizeof *got);
        for (size_t i = 0; i < m.n; i++)
            heads += want[i] == i;
        assert_int_equal(left, heads);
        free(m.at);
    }
}

static void equal_and_few(void **state)
{
    (void)state;
    uint32_t group[5];
    float rows[5 * 2] = {1, 0, 1, 0, 1, 0, 0, 1, 1, 0};
    assert_int_equal(merge_groups((struct mat){rows, 5, 2}, 1, group), 1);
    assert_int_equal(merge_groups((struct mat){rows, 5, 2}, 2, group), 2);
    assert_int_equal(group[4], 0);
    assert_int_equal(group[3], 3);
    assert_int_equal(merge_groups((struct mat){rows, 1, 2}, 1, group), 1);
    assert_int_equal(merge_groups((struct mat){rows, 0, 2}, 1, group), 0);
}

static void thousands_in_a_moment(void **state)
{
    (void)state;
    enum { N = 3000, D = 64 };
    struct mat m = made(N, D, 400, 1.0f, 1);
    uint32_t *group = mem_new(N, sizeof *group);
    double start = clock_seconds();
    size_t left = merge_groups(m, 100, group);
    print_message("%d proposals in %zu groups: %.2f s\n", N, left, clock_seconds() - start);
    assert_true(left >= 1 && left <= 150);
    free(group);
    free(m.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_groups_as_all_pairs),
        cmocka_unit_test(equal_and_few),
        cmocka_unit_test(thousands_in_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
