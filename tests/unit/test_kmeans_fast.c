/* Fast and exact k-means against the plain version, other numbers of threads, and awkward rows. */
#include "num_data.h"

#include "num/kmeans.h"
#include "num/kmeans_fast.h"

struct result {
    struct mat centroids;
    uint32_t *labels;
    struct kmeans_fast_report report;
};

static void result_free(struct result *r)
{
    free(r->centroids.at);
    free(r->labels);
}

static struct result run(struct mat points, const struct kmeans_fast_opts *opts, struct par *par)
{
    struct result r = {.centroids = data_new(opts->k, points.d), .labels = mem_new(points.n, sizeof(uint32_t))};
    assert_int_equal(kmeans_fast(points, opts, r.centroids, r.labels, &r.report, par, NULL), ERR_OK);
    for (size_t i = 0; i < points.n; i++)
        assert_true(r.labels[i] < opts->k);
    assert_true(dist_finite(r.centroids));
    return r;
}

static size_t clusters_used(const struct result *r, size_t n)
{
    size_t used = 0;
    bool *seen = mem_zero(r->centroids.n, sizeof *seen);
    for (size_t i = 0; i < n; i++) {
        used += !seen[r->labels[i]];
        seen[r->labels[i]] = true;
    }
    free(seen);
    return used;
}

static double plain_cost(struct mat points, size_t k)
{
    struct kmeans_report report;
    struct mat centroids = data_new(k, points.d);
    uint32_t *labels = mem_new(points.n, sizeof *labels);
    assert_int_equal(
        kmeans_run(points, &(struct kmeans_opts){.k = k, .seed = 1}, centroids, labels, &report, NULL, NULL), ERR_OK);
    free(labels);
    free(centroids.at);
    return report.wcss;
}

/* The cost with each row at the nearest of all centroids, by the plain version. */
static double cost_of_all(struct mat points, struct mat centroids)
{
    double sum = 0;
    for (size_t i = 0; i < points.n; i++) {
        float least = INFINITY;
        for (size_t c = 0; c < centroids.n; c++)
            least = fminf(least, dist_squared(mat_row(points, i), mat_row(centroids, c), points.d));
        sum += (double)least;
    }
    return sum / (double)points.n;
}

static void as_good_as_plain(void **state)
{
    (void)state;
    static const size_t ks[] = {1, 10, 40, 300};
    struct mat points = data_unit_blobs(6000, 50, 120, 1);
    for (size_t i = 0; i < 4; i++) {
        struct result r = run(points, &(struct kmeans_fast_opts){.k = ks[i], .seed = 1}, NULL);
        double plain = plain_cost(points, ks[i]), all = cost_of_all(points, r.centroids);
        print_message("  k = %zu, %zu iterations\n", ks[i], r.report.iters);
        data_at_most("cost relative to the plain version's", r.report.cost / plain, 1.01);
        data_at_most("cost relative to labels by all centroids", r.report.cost / all, 1.002);
        assert_int_equal(clusters_used(&r, points.n), ks[i]);
        if (ks[i] <= 40) /* every list holds all centroids */
            data_at_most("difference from labels by all centroids", fabs(r.report.cost / all - 1), 1e-12);
        result_free(&r);
    }
    free(points.at);
}

static void same_for_any_threads(struct mat points, const struct kmeans_fast_opts *opts)
{
    struct result one = run(points, opts, NULL);
    assert_int_equal(clusters_used(&one, points.n), opts->k);
    for (size_t threads = 2; threads <= 3; threads++) {
        struct par *par = par_new(threads);
        struct result other = run(points, opts, par);
        assert_memory_equal(one.labels, other.labels, points.n * sizeof *one.labels);
        assert_memory_equal(one.centroids.at, other.centroids.at, opts->k * points.d * sizeof(float));
        assert_true(one.report.cost <= other.report.cost && one.report.cost >= other.report.cost);
        result_free(&other);
        par_free(par);
    }
    result_free(&one);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(9000, 20, 2000, 2), plain = data_blobs(3000, 33, 50, 3);
    same_for_any_threads(plain, &(struct kmeans_fast_opts){.k = 7});
    same_for_any_threads(plain, &(struct kmeans_fast_opts){.k = 290, .seed = 5});
    same_for_any_threads(points, &(struct kmeans_fast_opts){.k = 4300, .seed = 6}); /* looks in near towns only */
    same_for_any_threads(points, &(struct kmeans_fast_opts){.k = 600, .memory_bytes = 300000});
    same_for_any_threads(points, &(struct kmeans_fast_opts){.k = 300, .objective = KMEANS_SPHERICAL});
    free(points.at);
    free(plain.at);
}

static void spherical(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(2000, 40, 60, 4);
    struct result r = run(points, &(struct kmeans_fast_opts){.k = 30, .objective = KMEANS_SPHERICAL}, NULL);
    for (size_t c = 0; c < 30; c++) {
        const float *centre = mat_row(r.centroids, c);
        assert_true(fabsf(dist_dot(centre, centre, points.d) - 1) < 1e-6f);
    }
    for (size_t i = 0; i < points.n; i++)
        for (size_t c = 0; c < 30; c++)
            assert_true(dist_dot(mat_row(points, i), mat_row(r.centroids, c), points.d) <=
                        dist_dot(mat_row(points, i), mat_row(r.centroids, r.labels[i]), points.d) + 1e-6f);
    result_free(&r);
    free(points.at);
}

/* Clumps of very different sizes, where Lloyd's from any start leaves some with two centroids and some without. */
static void swaps_help(void **state)
{
    (void)state;
    enum { CLUMPS = 300, N = 9000, D = 30 };
    struct mat points = data_new(N, D);
    double within = 0;
    for (uint32_t i = 0; i < N; i++) {
        uint32_t clump = data_mix(i, 1, 2) % 4 ? data_mix(i, 2, 2) % 30 : data_mix(i, 3, 2) % CLUMPS;
        for (uint32_t j = 0; j < D; j++) {
            float off = 0.1f * data_bell(i, j, 12);
            mat_row(points, i)[j] = data_bell(clump, j, 11) + off;
            within += (double)off * (double)off / N;
        }
    }
    struct result r = run(points, &(struct kmeans_fast_opts){.k = CLUMPS}, NULL);
    print_message("  %zu swaps, %zu iterations\n", r.report.swaps, r.report.iters);
    data_at_most("cost relative to the clumps' own", r.report.cost / within, 1.01);
    data_at_most("cost relative to the plain version's", r.report.cost / plain_cost(points, CLUMPS), 1);
    assert_true(r.report.swaps > 0);
    result_free(&r);
    free(points.at);
}

/* Counts the passes over the rows given back: rows out of order would count as more. */
struct released {
    size_t next, passes, n;
};

static void count_released(void *arg, size_t first, size_t n)
{
    struct released *r = arg;
    r->passes += first < r->next || r->next == 0;
    r->next = first + n;
    assert_true(n > 0 && r->next <= r->n);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(70000, 30, 500, 5);
    struct released seen = {.n = points.n};
    struct kmeans_fast_opts opts = {.k = 500, .release = count_released, .release_arg = &seen};
    struct result all = run(points, &opts, NULL);
    assert_int_equal(all.report.trained, points.n);
    assert_int_equal(seen.passes, 3); /* codes, means, labels */
    assert_int_equal(seen.next, points.n);
    opts.memory_bytes = 2000000;
    struct result some = run(points, &opts, NULL);
    print_message("  trained on %zu of %zu rows\n", some.report.trained, points.n);
    assert_in_range(some.report.trained, 10000, 2000000 / 64);
    assert_int_equal(seen.passes, 6);
    assert_int_equal(seen.next, points.n);
    data_at_most("cost of a sample relative to all", some.report.cost / all.report.cost, 1.03);
    data_at_most("cost relative to labels by all centroids", some.report.cost / cost_of_all(points, some.centroids),
                 1.01);
    result_free(&some);
    opts.memory_bytes = 1; /* k rows, whatever the limit says */
    some = run(points, &opts, NULL);
    assert_int_equal(some.report.trained, 500);
    result_free(&some);
    result_free(&all);
    free(points.at);
}

static void awkward_rows(void **state)
{
    (void)state;
    struct mat points = data_new(1000, 24);
    struct result r = run(points, &(struct kmeans_fast_opts){.k = 300}, NULL); /* zero rows */
    assert_true(r.report.cost <= 0);
    result_free(&r);
    for (size_t i = 0; i < points.n * points.d; i++)
        points.at[i] = 0.25f; /* equal rows */
    r = run(points, &(struct kmeans_fast_opts){.k = 300}, NULL);
    assert_true(r.report.cost <= 0);
    result_free(&r);
    for (uint32_t i = 0; i < points.n; i++) /* 40 distinct rows */
        for (uint32_t j = 0; j < points.d; j++)
            mat_row(points, i)[j] = data_bell(i % 40, j, 9);
    r = run(points, &(struct kmeans_fast_opts){.k = 300}, NULL);
    data_at_most("cost of 40 distinct rows in 300 clusters", r.report.cost, 0);
    assert_int_equal(clusters_used(&r, points.n), 40);
    result_free(&r);
    r = run(points, &(struct kmeans_fast_opts){.k = 30}, NULL);
    assert_int_equal(clusters_used(&r, points.n), 30);
    result_free(&r);
    struct mat few = mat_rows(points, 0, 40); /* n = k */
    r = run(few, &(struct kmeans_fast_opts){.k = 40}, NULL);
    data_at_most("cost of n = k", r.report.cost, 0);
    assert_int_equal(clusters_used(&r, 40), 40);
    result_free(&r);
    for (size_t j = 0; j < points.d; j++)
        mat_row(points, 999)[j] = j % 2 ? 9e14f : -9e14f; /* one row far from all */
    r = run(points, &(struct kmeans_fast_opts){.k = 20}, NULL);
    assert_int_equal(clusters_used(&r, points.n), 20);
    result_free(&r);
    free(points.at);
}

static void expect(struct mat points, size_t k, size_t memory, enum err wanted)
{
    struct error e = {0};
    struct mat centroids = data_new(k ? k : 1, points.d);
    uint32_t *labels = mem_new(points.n, sizeof *labels);
    struct kmeans_fast_opts opts = {.k = k, .memory_bytes = memory};
    assert_int_equal(kmeans_fast(points, &opts, centroids, labels, NULL, NULL, &e), wanted);
    free(labels);
    free(centroids.at);
}

static void errors(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e15f};
    struct mat points = data_blobs(3000, 6, 3, 7);
    expect(points, 0, 0, ERR_RANGE);
    expect(points, 3001, 0, ERR_RANGE);
    expect(points, 5, 0, ERR_OK);
    for (size_t i = 0; i < 4; i++) {
        mat_row(points, 2999)[5] = bad[i];
        expect(points, 5, 0, ERR_NUMERIC);
        expect(points, 5, 10000, ERR_NUMERIC); /* also where the row is not in the sample */
    }
    free(points.at);
}

static void exact_equals_lloyd(struct mat points, size_t k, size_t iters)
{
    struct par *par = par_new(3);
    struct mat a = data_new(k, points.d), b = data_new(k, points.d);
    uint32_t *la = mem_new(points.n, sizeof *la), *lb = mem_new(points.n, sizeof *lb);
    struct kmeans_report ra, rb, rl;
    struct kmeans_opts opts = {.k = k, .iters_max = iters};
    for (size_t c = 0; c < k; c++)
        memcpy(mat_row(a, c), mat_row(points, c * (points.n / k)), points.d * sizeof(float));
    memcpy(b.at, a.at, k * points.d * sizeof(float));
    assert_int_equal(kmeans_lloyd(points, &opts, a, la, &ra, par, NULL), ERR_OK);
    assert_int_equal(kmeans_exact(points, &opts, b, lb, &rb, par, NULL), ERR_OK);
    assert_memory_equal(la, lb, points.n * sizeof *la);
    assert_memory_equal(a.at, b.at, k * points.d * sizeof(float));
    assert_int_equal(ra.iters, rb.iters);
    assert_true(ra.wcss <= rb.wcss && ra.wcss >= rb.wcss);
    assert_int_equal(kmeans_label(points, a, lb, &rl, NULL, NULL), ERR_OK);
    assert_memory_equal(la, lb, points.n * sizeof *la);
    free(a.at);
    free(b.at);
    free(la);
    free(lb);
    par_free(par);
}

static void exact_is_exact(void **state)
{
    (void)state;
    struct mat unit = data_unit_blobs(3000, 100, 90, 8), plain = data_blobs(2000, 5, 700, 9);
    struct mat same = data_new(500, 12);
    for (uint32_t i = 0; i < same.n; i++) /* many ties, repairs of empty clusters, zero rows */
        for (uint32_t j = 0; j < same.d; j++)
            mat_row(same, i)[j] = (float)(i % 7) * (float)(data_mix(i % 5, j, 1) % 3);
    for (size_t iters = 1; iters <= 4; iters += 3) {
        exact_equals_lloyd(unit, 150, iters);
        exact_equals_lloyd(plain, 200, iters);
        exact_equals_lloyd(same, 60, iters);
    }
    for (size_t i = 0; i < plain.n * plain.d; i++)
        plain.at[i] = 1000 + 0.01f * plain.at[i]; /* far from the origin: codes say little */
    exact_equals_lloyd(plain, 50, 3);
    free(unit.at);
    free(plain.at);
    free(same.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_good_as_plain), cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(spherical),        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(awkward_rows),     cmocka_unit_test(errors),
        cmocka_unit_test(exact_is_exact),   cmocka_unit_test(swaps_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
