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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_scikit_learn),    cmocka_unit_test(complete_lists_are_permutations),
        cmocka_unit_test(short_lists_are_prefixes), cmocka_unit_test(same_bytes_for_any_thread_count_and_machine),
        cmocka_unit_test(equal_and_zero_rows),      cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
