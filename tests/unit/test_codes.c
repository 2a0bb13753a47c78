/* Rows as bytes: every instruction set gives the integers a plain loop gives, extremes included. */
#include "num_data.h"

#include "num/codes.h"

static int32_t slow_dot(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void *random_codes(size_t n, uint32_t seed)
{
    int8_t *codes = mem_new(n, 1);
    for (uint32_t i = 0; i < n; i++)
        codes[i] = (int8_t)((int32_t)(data_mix(i, 0, seed) % 255) - 127);
    return codes;
}

static void check_dots(const struct codes_kernels *set, const int8_t *a, size_t an, const int8_t *b, size_t bn,
                       size_t stride)
{
    int8_t *packed = mem_new(bn * stride, 1);
    int32_t *out = mem_new(an * bn, sizeof *out);
    codes_pack(b, bn, stride, packed);
    set->dots(&(struct codes_block){.a = a, .b = packed, .an = an, .bn = bn, .stride = stride, .out = out});
    for (size_t i = 0; i < an; i++)
        for (size_t j = 0; j < bn; j++) {
            int32_t right = slow_dot(a + i * stride, b + j * stride, stride);
            if (out[i * bn + j] != right || set->dot(a + i * stride, b + j * stride, stride) != right)
                fail_msg("%s: row %zu by %zu of stride %zu is %d, not %d", set->name, i, j, stride, out[i * bn + j],
                         right);
        }
    free(out);
    free(packed);
}

static void sets_agree(void **state)
{
    (void)state;
    for (size_t s = 0; codes_at(s); s++)
        for (size_t stride = 64; stride <= 448; stride += 128)
            for (size_t n = 16; n <= 64; n += 16) {
                int8_t *a = random_codes(n * stride, 1), *b = random_codes(80 * stride, 2);
                check_dots(codes_at(s), a, n, b, 80, stride);
                check_dots(codes_at(s), b, 80, a, n, stride);
                free(a);
                free(b);
            }
}

/* 127 * 127 and its negative in every column: nothing saturates. */
static void extremes(void **state)
{
    (void)state;
    const size_t stride = 1024;
    int8_t *a = mem_aligned(16 * stride, 1), *b = mem_aligned(16 * stride, 1);
    memset(a, 127, 16 * stride);
    for (size_t i = 0; i < 16 * stride; i++)
        b[i] = i / stride % 2 ? -127 : 127;
    for (size_t s = 0; codes_at(s); s++)
        check_dots(codes_at(s), a, 16, b, 16, stride);
    free(a);
    free(b);
}

static void above_lists_what_is_larger(void **state)
{
    (void)state;
    enum { MOST = 100 };
    int32_t dots[MOST + 32];
    float scales[MOST + 32], products[MOST + 32];
    uint32_t where[MOST + 32];
    for (uint32_t i = 0; i < MOST + 32; i++) {
        dots[i] = (int32_t)(data_mix(i, 1, 1) % 2001) - 1000;
        scales[i] = (float)(data_mix(i, 2, 1) % 100) / 64.0f;
    }
    for (size_t s = 0; codes_at(s); s++)
        for (size_t n = 0; n <= MOST; n++) {
            size_t found = codes_at(s)->above(dots, scales, n, 250.0f, where, products), expected = 0;
            for (size_t i = 0; i < n; i++) {
                float product = (float)dots[i] * scales[i];
                if (!(product > 250.0f))
                    continue;
                assert_true(expected < found && where[expected] == i && products[expected] == product);
                expected++;
            }
            assert_int_equal(found, expected);
        }
}

/* Every set keeps what sorting keeps, in that order; equal scores in the order they came. */
static void keep_is_a_sort(void **state)
{
    (void)state;
    enum { N = 500 };
    for (size_t s = 0; codes_at(s); s++)
        for (size_t size = 16; size <= 48; size += 16) {
            uint32_t ids[48];
            float scores[48], before = INFINITY;
            for (size_t i = 0; i < size; i++) {
                ids[i] = UINT32_MAX;
                scores[i] = -INFINITY;
            }
            for (uint32_t i = 0; i < N; i += 5) {
                uint32_t five[5];
                float given[5];
                for (uint32_t j = 0; j < 5; j++) {
                    five[j] = i + j;
                    given[j] = (float)(data_mix(i + j, 3, 1) % 64);
                }
                codes_at(s)->keep((struct codes_list){ids, scores, size}, five, given, 5);
            }
            for (size_t i = 0; i < size; i++) { /* how many come before it, of all */
                size_t ahead = 0;
                for (uint32_t j = 0; j < N; j++) {
                    float score = (float)(data_mix(j, 3, 1) % 64);
                    ahead += score > scores[i] || (score == scores[i] && j < ids[i]);
                }
                assert_int_equal(ahead, i);
                assert_true(scores[i] <= before && scores[i] == (float)(data_mix(ids[i], 3, 1) % 64));
                before = scores[i];
            }
        }
}

static void quantise(void **state)
{
    (void)state;
    struct mat points = data_unit_blobs(20, 70, 5, 3);
    int8_t code[128];
    assert_int_equal(codes_stride(70), 128);
    for (size_t i = 0; i < points.n; i++) {
        const float *row = mat_row(points, i);
        float scale = codes_quantise(row, 70, code);
        int largest = 0;
        for (size_t j = 0; j < 70; j++) {
            assert_true(fabsf(row[j] - scale * code[j]) <= scale * 0.50001f);
            largest = abs(code[j]) > largest ? abs(code[j]) : largest;
        }
        assert_int_equal(largest, 127);
        for (size_t j = 70; j < 128; j++)
            assert_int_equal(code[j], 0);
    }
    const float zero[3] = {0}, tiny[3] = {1e-42f, 0, 0}, large[3] = {1e15f, -1e15f, 1e14f};
    assert_true(codes_quantise(zero, 3, code) == 0 && code[0] == 0);
    assert_true(codes_quantise(tiny, 3, code) == 0 && code[0] == 0);
    assert_true(codes_quantise(large, 3, code) > 0 && code[0] == 127 && code[1] == -127 && code[2] == 13);
    free(points.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_agree),     cmocka_unit_test(extremes), cmocka_unit_test(above_lists_what_is_larger),
        cmocka_unit_test(keep_is_a_sort), cmocka_unit_test(quantise),
    };
    for (size_t s = 0; codes_at(s); s++)
        print_message("instruction set: %s\n", codes_at(s)->name);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
