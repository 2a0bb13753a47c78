/* Distances and powers, against the plainest code there is. */
#include "num_data.h"

#include "num/power.h"

static void blocked_equals_single_to_the_bit(void **state)
{
    (void)state;
    const size_t widths[] = {1, 15, 16, 17, 33, 384};
    float dots[7 * 5], squares[7 * 5];
    double worst = 0;
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        size_t d = widths[w];
        struct mat a = data_blobs(7, d, 7, 1), b = data_blobs(5, d, 5, 9);
        dist_dots(a, b, dots);
        dist_squares(a, b, squares);
        for (size_t i = 0; i < a.n; i++)
            for (size_t j = 0; j < b.n; j++) {
                const float *x = mat_row(a, i), *y = mat_row(b, j);
                double dot = 0, square = 0, size = 0;
                for (size_t c = 0; c < d; c++) {
                    dot += (double)x[c] * (double)y[c];
                    size += fabs((double)x[c] * (double)y[c]);
                    square += ((double)x[c] - (double)y[c]) * ((double)x[c] - (double)y[c]);
                }
                float dot1 = dist_dot(x, y, d), square1 = dist_squared(x, y, d);
                assert_memory_equal(&dots[i * b.n + j], &dot1, sizeof dot1);
                assert_memory_equal(&squares[i * b.n + j], &square1, sizeof square1);
                worst = fmax(worst, fabs((double)dot1 - dot) / size);
                worst = fmax(worst, fabs((double)square1 - square) / square);
            }
        free(a.at);
        free(b.at);
    }
    data_at_most("largest relative error", worst, 1e-6);
}

/* The order of addition is the contract: it is checked by a second, naive program for it. */
static void sums_go_through_sixteen_lanes(void **state)
{
    (void)state;
    struct mat m = data_blobs(2, 1003, 2, 5);
    float lanes[16] = {0};
    for (size_t j = 0; j < m.d; j++) {
        volatile float product = mat_row(m, 0)[j] * mat_row(m, 1)[j];
        lanes[j % 16] += product;
    }
    for (size_t width = 8; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    float dot = dist_dot(mat_row(m, 0), mat_row(m, 1), m.d);
    assert_memory_equal(&dot, &lanes[0], sizeof dot);
    free(m.at);
}

static void finite_and_normalise(void **state)
{
    (void)state;
    float bad[] = {NAN, INFINITY, -INFINITY, 1e15f, -3e38f};
    struct mat m = data_blobs(9, 21, 3, 2);
    assert_true(dist_finite(m));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float kept = m.at[100];
        m.at[100] = bad[i];
        assert_false(dist_finite(m));
        m.at[100] = kept;
    }
    assert_true(dist_finite(m));
    memset(mat_row(m, 4), 0, m.d * sizeof(float)); /* a zero row stays */
    for (size_t j = 0; j < m.d; j++) {
        mat_row(m, 5)[j] = 1e38f; /* squares that fit no float */
        mat_row(m, 6)[j] = 1e-42f;
    }
    dist_normalise(m);
    double worst = 0;
    for (size_t i = 0; i < m.n; i++)
        if (i != 4)
            worst = fmax(worst, fabs((double)dist_dot(mat_row(m, i), mat_row(m, i), m.d) - 1));
    data_at_most("distance of a squared length from 1", worst, 1e-6);
    for (size_t j = 0; j < m.d; j++)
        assert_true(mat_row(m, 4)[j] == 0);
    free(m.at);
}

static void powers_agree_with_the_c_library(void **state)
{
    (void)state;
    double worst_exp = 0, worst_log = 0, worst_power = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        double x = ((double)data_mix(i, 1, 1) / 4294967296.0 - 0.5) * 1300;
        double y = exp(((double)data_mix(i, 2, 1) / 4294967296.0 - 0.5) * 300), b = 0.5 + (i % 1000) / 500.0;
        worst_exp = fmax(worst_exp, fabs(power_exp(x) / exp(x) - 1));
        worst_log = fmax(worst_log, fabs(power_log(y) - log(y)) / fmax(1, fabs(log(y))));
        worst_power = fmax(worst_power, fabs(power_raise(y, b) / pow(y, b) - 1));
    }
    data_at_most("exp, relative error", worst_exp, 1e-15);
    data_at_most("log, relative error", worst_log, 1e-15);
    data_at_most("power, relative error", worst_power, 1e-12);
    assert_true(power_exp(0) == 1 && power_log(1) == 0 && power_raise(0, 0.8) == 0 && power_exp(-800) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocked_equals_single_to_the_bit),
        cmocka_unit_test(sums_go_through_sixteen_lanes),
        cmocka_unit_test(finite_and_normalise),
        cmocka_unit_test(powers_agree_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
