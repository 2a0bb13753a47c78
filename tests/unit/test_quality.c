/* How good a clustering is: silhouette and agreement against sums written out, and on data with a known answer. */
#include "num/quality.h"

#include "base/mem.h"
#include "base/rng.h"
#include "cluster/health.h"
#include "num/dist.h"
#include "num/kmeans.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The definition: pairs of rows, one by one. */
static double plain_agreement(const uint32_t *a, const uint32_t *b, size_t n)
{
    double both = 0, in_a = 0, in_b = 0, all = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++, all++) {
            both += a[i] == a[j] && b[i] == b[j];
            in_a += a[i] == a[j];
            in_b += b[i] == b[j];
        }
    return (both - in_a * in_b / all) / ((in_a + in_b) / 2 - in_a * in_b / all);
}

static void agreement_as_defined(void **state)
{
    (void)state;
    enum { N = 200 };
    uint32_t a[N], b[N];
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct rng r = rng_seed(seed, 1);
        for (size_t i = 0; i < N; i++) {
            a[i] = (uint32_t)rng_below(&r, 2 + seed);
            b[i] = rng_below(&r, 30) < seed ? a[i] * 7 + 3 : (uint32_t)rng_below(&r, 9);
        }
        assert_true(fabs(quality_agreement(a, b, N) - plain_agreement(a, b, N)) < 1e-12);
    }
    for (size_t i = 0; i < N; i++)
        b[i] = 1000000 - a[i];
    assert_true(quality_agreement(a, b, N) > 1 - 1e-12);
    assert_true(fabs(quality_agreement(a, a, 1) - 1) < 1e-12);
    memset(a, 0, sizeof a);
    assert_true(quality_agreement(a, a, N) > 1 - 1e-12);
}

/* Groups of rows about corners of a cube of `d` sides. */
static struct mat corners(size_t n, size_t d, float spread, uint32_t *truth)
{
    struct mat m = {mem_new(n * d, sizeof(float)), n, d};
    struct rng r = rng_seed(1, 2);
    for (size_t i = 0; i < n; i++) {
        truth[i] = (uint32_t)rng_below(&r, d);
        for (size_t j = 0; j < d; j++)
            mat_row(m, i)[j] = (j == truth[i]) + spread * ((float)rng_unit(&r) - 0.5f);
    }
    return m;
}

static double plain_silhouette(struct mat m, const uint32_t *labels, struct mat means, const uint32_t *sizes)
{
    double sum = 0;
    for (size_t i = 0; i < m.n; i++) {
        double own = 0, other = (double)INFINITY;
        for (size_t c = 0; c < means.n; c++) {
            double square = 0;
            for (size_t j = 0; j < m.d; j++) {
                double difference = (double)mat_row(m, i)[j] - (double)mat_row(means, c)[j];
                square += difference * difference;
            }
            if (labels[i] == c)
                own = sqrt(square);
            else if (sizes[c] && sqrt(square) < other)
                other = sqrt(square);
        }
        if (sizes[labels[i]] > 1 && isfinite(other))
            sum += (other - own) / fmax(own, other);
    }
    return sum / (double)m.n;
}

static void silhouette_as_defined(void **state)
{
    (void)state;
    enum { N = 500, D = 100 };
    uint32_t truth[N], rows[N], sizes[D + 1];
    struct mat means = {mem_new((D + 1) * D, sizeof(float)), D + 1, D};
    double before = 2;
    for (size_t i = 0; i < N; i++)
        rows[i] = (uint32_t)i;
    for (size_t s = 0; s < 4; s++) { /* the wider, the worse */
        struct mat m = corners(N, D, 0.1f + 0.3f * (float)s, truth);
        truth[0] = D; /* one of them alone */
        quality_means(m, truth, means, sizes);
        struct par *two = par_new(2);
        double one = quality_silhouette(m, truth, means, sizes, rows, N, NULL);
        assert_true(one == quality_silhouette(m, truth, means, sizes, rows, N, two));
        assert_true(fabs(one - plain_silhouette(m, truth, means, sizes)) < 1e-5);
        assert_true(one < before && one > -1);
        before = one;
        par_free(two);
        free(m.at);
    }
    free(means.at);
}

static void health_of_good_and_bad(void **state)
{
    (void)state;
    enum { N = 400, D = 8 };
    uint32_t truth[N], bad[N];
    struct health good, worse;
    struct error e = {0};
    struct mat m = corners(N, D, 0.2f, truth);
    assert_int_equal(health_measure(m, truth, D, 1, &good, NULL, &e), ERR_OK);
    assert_int_equal(good.n, N);
    assert_int_equal(good.k, D);
    assert_int_equal(good.empty, 0);
    assert_true(good.smallest > 20 && good.largest < 90 && good.silhouette > 0.5);
    for (size_t i = 0; i < N; i++)
        bad[i] = (uint32_t)(i % D);
    assert_int_equal(health_measure(m, bad, D, 1, &worse, NULL, &e), ERR_OK);
    assert_true(worse.silhouette < 0.1 && worse.wcss > 5 * good.wcss);

    bad[7] = D;
    assert_int_equal(health_measure(m, bad, D, 1, &worse, NULL, &e), ERR_FAILED);
    assert_non_null(strstr(e.text, "row 7"));
    assert_int_equal(health_measure(m, truth, D + 1, 1, &worse, NULL, &e), ERR_FAILED);
    assert_non_null(strstr(e.text, "1 of 9 clusters are empty"));
    mat_row(m, 3)[1] = NAN;
    assert_int_equal(health_measure(m, truth, D, 1, &worse, NULL, &e), ERR_NUMERIC);

    for (size_t i = 0; i < (size_t)N * D; i++) /* all equal: nobody can fill a second cluster */
        m.at[i] = 1;
    memset(truth, 0, sizeof truth);
    assert_int_equal(health_measure(m, truth, D, 1, &good, NULL, &e), ERR_OK);
    assert_int_equal(good.empty, D - 1);
    assert_true(good.silhouette == 0);
    free(m.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement_as_defined),
        cmocka_unit_test(silhouette_as_defined),
        cmocka_unit_test(health_of_good_and_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
