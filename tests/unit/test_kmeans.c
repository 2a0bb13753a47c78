/* k-means against scikit-learn, and against itself for other thread counts and awkward points. */
#include "num_data.h"

#include "../reference/kmeans_reference.h"
#include "num/kmeans.h"

struct result {
    struct mat centroids;
    uint32_t *labels;
    struct kmeans_report report;
};

static struct result result_new(struct mat points, size_t k)
{
    return (struct result){.centroids = data_new(k, points.d), .labels = mem_zero(points.n, sizeof(uint32_t))};
}

static void result_free(struct result *r)
{
    free(r->centroids.at);
    free(r->labels);
}

static struct result cluster(struct mat points, size_t k, uint64_t seed, struct par *par)
{
    struct result r = result_new(points, k);
    struct kmeans_opts opts = {.k = k, .seed = seed};
    assert_int_equal(kmeans_run(points, &opts, r.centroids, r.labels, &r.report, par, NULL), ERR_OK);
    return r;
}

/* How many clusters hold a point, after checking that every point is nearest to its own centroid. */
static size_t clusters_used(struct mat points, const struct result *r)
{
    size_t k = r->centroids.n, used = 0;
    size_t *counts = mem_zero(k, sizeof *counts);
    for (size_t i = 0; i < points.n; i++) {
        assert_true(r->labels[i] < k);
        float own = dist_squared(mat_row(points, i), mat_row(r->centroids, r->labels[i]), points.d);
        counts[r->labels[i]]++;
        for (size_t c = 0; c < k; c++)
            assert_true(own <= dist_squared(mat_row(points, i), mat_row(r->centroids, c), points.d));
    }
    for (size_t c = 0; c < k; c++)
        used += counts[c] > 0;
    free(counts);
    return used;
}

static void check_lloyd(size_t iters_max, const uint32_t *labels, double wcss, size_t iters)
{
    struct mat points = data_blobs(400, 19, 12, 1);
    struct result r = result_new(points, 9);
    struct kmeans_opts opts = {.k = 9, .iters_max = iters_max};
    size_t wrong = 0;
    for (size_t c = 0; c < 9; c++)
        memcpy(mat_row(r.centroids, c), mat_row(points, c * 37), points.d * sizeof(float));
    assert_int_equal(kmeans_lloyd(points, &opts, r.centroids, r.labels, &r.report, NULL, NULL), ERR_OK);
    for (size_t i = 0; i < points.n; i++)
        wrong += r.labels[i] != labels[i];
    data_at_most("labels other than scikit-learn's", (double)wrong, 0);
    data_at_most("relative difference of wcss", fabs(r.report.wcss / wcss - 1), 1e-6);
    assert_int_equal(r.report.iters, iters);
    result_free(&r);
    free(points.at);
}

static void lloyd_equals_scikit_learn(void **state)
{
    (void)state;
    check_lloyd(2, lloyd_two_labels, lloyd_two_wcss, 2);
    /* scikit-learn counts its last look, in which nothing moves, as an iteration. */
    check_lloyd(300, lloyd_end_labels, lloyd_end_wcss, (size_t)lloyd_end_iters - 1);
}

/* Against scikit-learn's Lloyd from plain D^2 seeds, as ours are; its own default (greedy k-means++) is printed too. */
static void seeded_runs_are_as_good(void **state)
{
    (void)state;
    struct mat points = data_blobs(1000, 24, 40, 2);
    double sum = 0, best = HUGE_VAL;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct result r = cluster(points, 30, seed, NULL);
        assert_int_equal(clusters_used(points, &r), 30);
        sum += r.report.wcss;
        best = fmin(best, r.report.wcss);
        result_free(&r);
    }
    print_message("    mean wcss, to that of scikit-learn's greedy seeding: %.4f\n", sum / 200 / greedy_mean_wcss);
    data_at_most("mean wcss of 200 seeds, to scikit-learn's", sum / 200 / plain_mean_wcss, 1.01);
    data_at_most("best wcss of 200 seeds, to the best of 10 greedy ones", best / greedy_best_wcss, 1.03);
    free(points.at);
}

static void same_bytes_for_any_thread_count_and_machine(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(1500, 37, 50, 3);
    struct result one = cluster(points, 60, 7, NULL);
    for (size_t threads = 1; threads <= 3; threads++) {
        struct par *par = par_new(threads);
        struct result r = cluster(points, 60, 7, par);
        assert_memory_equal(r.labels, one.labels, points.n * sizeof *r.labels);
        assert_memory_equal(r.centroids.at, one.centroids.at, 60 * points.d * sizeof(float));
        assert_memory_equal(&r.report.wcss, &one.report.wcss, sizeof(double));
        result_free(&r);
        par_free(par);
    }
    data_same_bytes(one.centroids.at, 60 * points.d * sizeof(float), 0x107c853b49bc3fcfu);
    struct result other = cluster(points, 60, 8, NULL); /* and the seed is used */
    assert_memory_not_equal(other.labels, one.labels, points.n * sizeof *one.labels);
    result_free(&other);
    result_free(&one);
    free(points.at);
}

/* 10 distinct rows, 20 times each: with 10 clusters or more every row is its own centroid. */
static void duplicates(void **state)
{
    (void)state;
    struct mat points = data_blobs(200, 5, 10, 4);
    for (size_t i = 10; i < 200; i++)
        memcpy(mat_row(points, i), mat_row(points, i % 10), points.d * sizeof(float));
    for (uint64_t seed = 0; seed < 5; seed++)
        for (size_t k = 10; k <= 25; k += 5) {
            struct result r = cluster(points, k, seed, NULL);
            assert_int_equal(clusters_used(points, &r), 10);
            assert_true(r.report.wcss < 1e-12);
            result_free(&r);
        }
    free(points.at);
}

static void equal_zero_and_single_rows(void **state)
{
    (void)state;
    struct mat zeros = data_new(40, 3), one = data_blobs(1, 6, 1, 1), few = data_blobs(7, 6, 7, 1);
    struct result r = cluster(zeros, 5, 1, NULL);
    assert_int_equal(clusters_used(zeros, &r), 1);
    assert_true(r.report.wcss == 0);
    result_free(&r);
    r = cluster(one, 1, 1, NULL);
    assert_memory_equal(r.centroids.at, one.at, 6 * sizeof(float));
    result_free(&r);
    r = cluster(few, 7, 1, NULL); /* k = n: a cluster for each */
    assert_int_equal(clusters_used(few, &r), 7);
    assert_true(r.report.wcss == 0);
    result_free(&r);
    free(zeros.at);
    free(one.at);
    free(few.at);
}

/* All centroids in one far place: one cluster takes everything, and the rule must fill the others. */
static void empty_clusters_are_filled(void **state)
{
    (void)state;
    struct mat points = data_blobs(300, 8, 12, 5);
    for (size_t iters = 1; iters <= 50; iters += 49) {
        struct result r = result_new(points, 12);
        struct kmeans_opts opts = {.k = 12, .iters_max = iters};
        for (size_t i = 0; i < 12 * 8; i++)
            r.centroids.at[i] = 50;
        assert_int_equal(kmeans_lloyd(points, &opts, r.centroids, r.labels, &r.report, NULL, NULL), ERR_OK);
        assert_int_equal(clusters_used(points, &r), 12);
        result_free(&r);
    }
    /* The first to be filled takes the farthest point: rows 0, 1, 2 on a line, both centroids at 0. */
    float at[3] = {0, 1, 5}, centroids[2] = {0, 0};
    uint32_t labels[3];
    struct mat line = {at, 3, 1};
    struct kmeans_opts opts = {.k = 2};
    assert_int_equal(kmeans_lloyd(line, &opts, (struct mat){centroids, 2, 1}, labels, NULL, NULL, NULL), ERR_OK);
    assert_true(labels[0] == 0 && labels[1] == 0 && labels[2] == 1);
    assert_true(centroids[0] == 0.5f && centroids[1] == 5);
    free(points.at);
}

static void expect_error(struct mat points, size_t k, enum err wanted)
{
    struct error e = {0};
    struct kmeans_opts opts = {.k = k};
    struct result r = result_new(points, k);
    assert_int_equal(kmeans_run(points, &opts, r.centroids, r.labels, NULL, NULL, &e), wanted);
    assert_int_equal(e.code, wanted);
    assert_true(strlen(e.text) > 0);
    result_free(&r);
}

static void errors(void **state)
{
    (void)state;
    struct mat points = data_blobs(20, 4, 4, 6);
    expect_error(points, 0, ERR_RANGE);
    expect_error(points, 21, ERR_RANGE);
    expect_error((struct mat){NULL, 0, 4}, 1, ERR_RANGE);
    points.at[79] = NAN;
    expect_error(points, 3, ERR_NUMERIC);
    points.at[79] = -INFINITY;
    expect_error(points, 3, ERR_NUMERIC);
    points.at[79] = 0;
    float centroid[4] = {0, NAN, 0, 0};
    uint32_t labels[20];
    struct kmeans_opts opts = {.k = 1};
    assert_int_equal(kmeans_lloyd(points, &opts, (struct mat){centroid, 1, 4}, labels, NULL, NULL, NULL), ERR_NUMERIC);
    free(points.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lloyd_equals_scikit_learn),
        cmocka_unit_test(seeded_runs_are_as_good),
        cmocka_unit_test(same_bytes_for_any_thread_count_and_machine),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(equal_zero_and_single_rows),
        cmocka_unit_test(empty_clusters_are_filled),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
