#include "num/hartigan.h"

#include "num/dist.h"
#include "num/kmeans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { N = 90, D = 128, K = 9 };

/* Nine loose groups in many dimensions: the case in which Lloyd's stands still. */
static void fill(float *at)
{
    uint64_t x = 7;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            float noise = (float)((int32_t)(x >> 33) - (1 << 30)) / (float)(1 << 30);
            at[i * D + j] = noise + (j % K == i % K ? 0.7f : 0);
        }
    dist_normalise((struct mat){at, N, D});
}

static double cost(struct mat points, struct mat centroids, const uint32_t *labels)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += (double)dist_squared(mat_row(points, i), mat_row(centroids, labels[i]), D);
    return sum / N;
}

static void gets_on_where_lloyd_stands_still(void **state)
{
    (void)state;
    static float at[N * D], centres[K * D];
    static uint32_t labels[N], again[N];
    struct mat points = {at, N, D}, centroids = {centres, K, D};
    fill(at);
    size_t better = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct kmeans_report lloyd;
        assert_int_equal(
            kmeans_run(points, &(struct kmeans_opts){.k = K, .seed = seed}, centroids, labels, &lloyd, NULL, NULL), 0);
        memcpy(again, labels, sizeof labels);
        double refined = hartigan_refine(points, centroids, labels, 50);
        assert_true(refined <= lloyd.wcss * 1.00001);
        assert_true(refined - cost(points, centroids, labels) < 1e-9);
        better += refined < 0.99 * lloyd.wcss;
        assert_true(hartigan_refine(points, centroids, again, 50) == refined); /* repeatable */
        assert_memory_equal(labels, again, sizeof labels);
        size_t members[K] = {0};
        for (size_t i = 0; i < N; i++)
            members[labels[i]]++;
        for (size_t c = 0; c < K; c++)
            assert_true(members[c] > 0);
    }
    print_message("better by more than 1%% in %zu of 10 starts\n", better);
    assert_true(better >= 5);
}

static void leaves_equal_and_single_points_alone(void **state)
{
    (void)state;
    float at[4 * 2] = {1, 0, 1, 0, 0, 1, 0, 1}, centres[2 * 2];
    uint32_t labels[4] = {0, 0, 1, 1};
    struct mat points = {at, 4, 2}, centroids = {centres, 2, 2};
    assert_true(hartigan_refine(points, centroids, labels, 10) == 0);
    assert_int_equal(labels[1], 0);
    assert_int_equal(labels[2], 1);
    uint32_t one[1] = {0};
    assert_true(hartigan_refine((struct mat){at, 1, 2}, (struct mat){centres, 1, 2}, one, 10) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_on_where_lloyd_stands_still),
        cmocka_unit_test(leaves_equal_and_single_points_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
