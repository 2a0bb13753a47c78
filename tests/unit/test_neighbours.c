/* Exact neighbours against scikit-learn's brute force, and against sorting everything. */
#include "num_data.h"

#include "../reference/neighbours_reference.h"
#include "num/neighbours.h"

struct lists {
    uint32_t *ids;
    float *distances;
};

static struct lists find(struct mat points, size_t k, struct par *par)
{
    struct lists l = {mem_zero(points.n * k, sizeof(uint32_t)), mem_zero(points.n * k, sizeof(float))};
    assert_int_equal(neighbours_exact(points, k, l.ids, l.distances, par, NULL), ERR_OK);
    return l;
}

static void lists_free(struct lists *l)
{
    free(l->ids);
    free(l->distances);
}

static void equal_to_scikit_learn(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(120, 20, 8, 3);
    struct lists l = find(points, 9, NULL);
    double worst = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < 120 * 9; i++) {
        wrong += l.ids[i] != nearest_ids[i];
        worst = fmax(worst, fabs((double)l.distances[i] - (double)nearest_distances[i]));
    }
    data_at_most("ids other than scikit-learn's", (double)wrong, 0);
    data_at_most("largest difference of a distance", worst, 5e-7);
    lists_free(&l);
    free(points.at);
}

/* Each list holds every row but its own once, in order, ties by row: k = n - 1 leaves no other answer. */
static void complete_lists_are_permutations(void **state)
{
    (void)state;
    const size_t n = 101, k = 100;
    struct mat points = data_unit_blobs(n, 6, 9, 7);
    for (size_t i = 50; i < 80; i++) /* ties: rows 50 to 79 are rows 0 to 9, three times */
        memcpy(mat_row(points, i), mat_row(points, i % 10), points.d * sizeof(float));
    struct lists l = find(points, k, NULL);
    for (size_t i = 0; i < n; i++) {
        unsigned char seen[101] = {0};
        seen[i] = 1;
        for (size_t j = 0; j < k; j++) {
            uint32_t id = l.ids[i * k + j];
            float distance = l.distances[i * k + j];
            float dot = dist_dot(mat_row(points, i), mat_row(points, id), points.d);
            assert_true(id < n && !seen[id]);
            seen[id] = 1;
            assert_true(distance >= 0 && distance == fmaxf(0, 1.0f - dot));
            if (j > 0) {
                float before = l.distances[i * k + j - 1];
                assert_true(before < distance || (before == distance && l.ids[i * k + j - 1] < id));
            }
        }
    }
    lists_free(&l);
    free(points.at);
}

/* A shorter list is the front of a longer one. */
static void short_lists_are_prefixes(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(150, 33, 5, 8);
    struct lists all = find(points, 149, NULL);
    for (size_t k = 1; k < 20; k += 6) {
        struct lists l = find(points, k, NULL);
        for (size_t i = 0; i < points.n; i++) {
            assert_memory_equal(l.ids + i * k, all.ids + i * 149, k * sizeof *l.ids);
            assert_memory_equal(l.distances + i * k, all.distances + i * 149, k * sizeof *l.distances);
        }
        lists_free(&l);
    }
    lists_free(&all);
    free(points.at);
}

static void same_bytes_for_any_thread_count_and_machine(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(1000, 50, 20, 9);
    struct lists one = find(points, 15, NULL);
    for (size_t threads = 1; threads <= 3; threads++) {
        struct par *par = par_new(threads);
        struct lists l = find(points, 15, par);
        assert_memory_equal(l.ids, one.ids, points.n * 15 * sizeof *l.ids);
        assert_memory_equal(l.distances, one.distances, points.n * 15 * sizeof *l.distances);
        lists_free(&l);
        par_free(par);
    }
    data_same_bytes(one.distances, points.n * 15 * sizeof *one.distances, 0x66e458e167ff47acu);
    lists_free(&one);
    free(points.at);
}

static void equal_and_zero_rows(void **state)
{
    (void)state;
    struct mat zeros = data_new(40, 3);
    struct lists l = find(zeros, 3, NULL); /* distance 1 to everything: the lowest rows */
    assert_true(l.ids[0] == 1 && l.ids[1] == 2 && l.ids[2] == 3);
    assert_true(l.ids[39 * 3] == 0 && l.ids[39 * 3 + 2] == 2 && l.distances[39 * 3] == 1);
    lists_free(&l);
    for (size_t i = 0; i < 40; i++)
        mat_row(zeros, i)[1] = 1;
    l = find(zeros, 3, NULL);
    assert_true(l.ids[0] == 1 && l.ids[2] == 3 && l.ids[3] == 0 && l.distances[5] == 0);
    lists_free(&l);
    free(zeros.at);
}

static void errors(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(10, 4, 3, 1);
    uint32_t ids[100];
    float distances[100];
    struct error e = {0};
    assert_int_equal(neighbours_exact(points, 0, ids, distances, NULL, &e), ERR_RANGE);
    assert_int_equal(neighbours_exact(points, 10, ids, distances, NULL, &e), ERR_RANGE);
    assert_int_equal(neighbours_exact((struct mat){NULL, 0, 4}, 1, ids, distances, NULL, &e), ERR_RANGE);
    points.at[39] = NAN;
    assert_int_equal(neighbours_exact(points, 9, ids, distances, NULL, &e), ERR_NUMERIC);
    points.at[39] = INFINITY;
    assert_int_equal(neighbours_exact(points, 9, ids, distances, NULL, &e), ERR_NUMERIC);
    assert_true(strlen(e.text) > 0);
    free(points.at);
}

/* The approximate search, with its report; the exact distances of what it lists, and their order, are checked here. */
static struct lists find_fast(struct mat points, const struct neighbours_opts *opts, struct par *par,
                              struct neighbours_report *report)
{
    size_t n = points.n, k = opts->k;
    struct lists l = {mem_zero(n * k, sizeof(uint32_t)), mem_zero(n * k, sizeof(float))};
    assert_int_equal(neighbours_find(points, opts, l.ids, l.distances, report, par, NULL), ERR_OK);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++) {
            uint32_t id = l.ids[i * k + j];
            float distance = l.distances[i * k + j];
            assert_true(id < n && id != i);
            assert_true(distance == fmaxf(0, 1.0f - dist_dot(mat_row(points, i), mat_row(points, id), points.d)));
            for (size_t b = 0; b < j; b++) {
                assert_true(l.distances[i * k + b] <= distance && l.ids[i * k + b] != id);
                assert_true(l.distances[i * k + b] < distance || l.ids[i * k + b] < id);
            }
        }
    return l;
}

/* The share of the exact neighbours found, counting others at the same distance. */
static double recall(struct mat points, size_t k, const struct lists *l)
{
    struct lists exact = find(points, k, NULL);
    size_t hits = 0;
    for (size_t i = 0; i < points.n; i++)
        for (size_t j = 0; j < k; j++)
            hits += l->distances[i * k + j] <= exact.distances[i * k + k - 1];
    lists_free(&exact);
    return (double)hits / (double)(points.n * k);
}

static void fast_finds_nearly_all(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(6000, 48, 12, 11);
    struct neighbours_report report;
    struct lists l = find_fast(points, &(struct neighbours_opts){.k = 15, .visit = 600}, NULL, &report);
    assert_true(report.cells > 20 && report.products < points.n * 1200);
    data_at_least("recall at a tenth of the rows", recall(points, 15, &l), 0.98);
    lists_free(&l);

    uint32_t *labels = mem_new(points.n, sizeof *labels);
    for (uint32_t i = 0; i < points.n; i++)
        labels[i] = i % 12;
    l = find_fast(points, &(struct neighbours_opts){.k = 15, .visit = 600, .labels = labels}, NULL, &report);
    assert_true(report.cells > 24);
    data_at_least("recall with clusters given", recall(points, 15, &l), 0.98);
    lists_free(&l);
    free(labels);
    free(points.at);
}

static void fast_gives_the_same_bytes(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(5000, 30, 40, 12);
    struct neighbours_opts opts = {.k = 10, .visit = 400, .seed = 5};
    struct lists one = find_fast(points, &opts, NULL, NULL);
    for (size_t threads = 1; threads <= 3; threads++) {
        struct par *par = par_new(threads);
        struct lists l = find_fast(points, &opts, par, NULL);
        assert_memory_equal(l.ids, one.ids, points.n * 10 * sizeof *l.ids);
        assert_memory_equal(l.distances, one.distances, points.n * 10 * sizeof *l.distances);
        lists_free(&l);
        par_free(par);
    }
    data_same_bytes(one.ids, points.n * 10 * sizeof *one.ids, 0x89c6da75de326c3bu);
    lists_free(&one);
    free(points.at);
}

/* Few rows or many neighbours: exactly the exact search. */
static void fast_is_exact_where_that_is_cheap(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(4500, 4, 40, 13);
    const size_t n[2] = {300, 4500}, k[2] = {15, 200};
    for (size_t i = 0; i < 2; i++) {
        struct mat some = mat_rows(points, 0, n[i]);
        struct lists exact = find(some, k[i], NULL);
        struct lists l = {mem_zero(n[i] * k[i], sizeof(uint32_t)), mem_zero(n[i] * k[i], sizeof(float))};
        assert_int_equal(
            neighbours_find(some, &(struct neighbours_opts){.k = k[i]}, l.ids, l.distances, NULL, NULL, NULL), ERR_OK);
        assert_memory_equal(l.ids, exact.ids, n[i] * k[i] * sizeof *l.ids);
        lists_free(&exact);
        lists_free(&l);
    }
    free(points.at);
}

static void fast_with_equal_and_zero_rows(void **state)
{
    (void)state;
    const size_t n = 4200;
    struct mat points = data_new(n, 3);
    struct neighbours_opts opts = {.k = 15};
    struct lists l = find_fast(points, &opts, NULL, NULL); /* all zero: distance 1 to everything */
    for (size_t i = 0; i < n * 15; i++)
        assert_true(l.distances[i] == 1);
    lists_free(&l);
    for (size_t i = 0; i < n; i++)
        mat_row(points, i)[0] = 1;
    l = find_fast(points, &opts, NULL, NULL);
    for (size_t i = 0; i < n * 15; i++)
        assert_true(l.distances[i] == 0);
    lists_free(&l);
    for (size_t i = 0; i < n; i++) { /* each row a hundred times, and some zero rows */
        double angle = (double)(i % 42);
        mat_row(points, i)[0] = i < 10 ? 0 : (float)cos(angle);
        mat_row(points, i)[1] = i < 10 ? 0 : (float)sin(angle);
    }
    dist_normalise(points);
    l = find_fast(points, &opts, NULL, NULL);
    data_at_least("recall among duplicates", recall(points, 15, &l), 1);
    lists_free(&l);
    free(points.at);
}

/* Cells of one row: the near ones hold fewer than k others. */
static void fast_fills_lists_of_lonely_rows(void **state)
{
    (void)state;
    const size_t n = 4200;
    struct mat points = data_unit_blobs(n, 8, 20, 14);
    uint32_t *labels = mem_zero(n, sizeof *labels);
    for (uint32_t i = 0; i < 200; i++)
        labels[i] = i + 1;
    struct lists l = find_fast(points, &(struct neighbours_opts){.k = 100, .visit = 1, .labels = labels}, NULL, NULL);
    data_at_least("recall of rows that visit their own cell only", recall(points, 100, &l), 0.3);
    lists_free(&l);
    free(labels);
    free(points.at);
}

static void fast_errors(void **state)
{
    (void)state;
    const size_t n = 4200;
    struct mat points = data_unit_blobs(n, 4, 3, 1);
    uint32_t *ids = mem_new(n, sizeof *ids);
    float *distances = mem_new(n, sizeof *distances);
    struct error e = {0};
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e16f};
    assert_int_equal(neighbours_find(points, &(struct neighbours_opts){.k = 0}, ids, distances, NULL, NULL, &e),
                     ERR_RANGE);
    assert_int_equal(neighbours_find(points, &(struct neighbours_opts){.k = n}, ids, distances, NULL, NULL, &e),
                     ERR_RANGE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        points.at[n * 4 - 1] = bad[i];
        e = (struct error){0};
        assert_int_equal(neighbours_find(points, &(struct neighbours_opts){.k = 1}, ids, distances, NULL, NULL, &e),
                         ERR_NUMERIC);
        assert_true(strlen(e.text) > 0);
    }
    free(ids);
    free(distances);
    free(points.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_scikit_learn),
        cmocka_unit_test(complete_lists_are_permutations),
        cmocka_unit_test(short_lists_are_prefixes),
        cmocka_unit_test(same_bytes_for_any_thread_count_and_machine),
        cmocka_unit_test(equal_and_zero_rows),
        cmocka_unit_test(errors),
        cmocka_unit_test(fast_finds_nearly_all),
        cmocka_unit_test(fast_gives_the_same_bytes),
        cmocka_unit_test(fast_is_exact_where_that_is_cheap),
        cmocka_unit_test(fast_with_equal_and_zero_rows),
        cmocka_unit_test(fast_fills_lists_of_lonely_rows),
        cmocka_unit_test(fast_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
