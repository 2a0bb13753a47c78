/* file: vectors made elsewhere. Rows by record number, unit length; what cannot be used is refused with its row. */
#include "model/model.h"
#include "npy_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 5, D = 8 };
static const char path[] = "test_model_file.npy";

/* Row i points to i, twice as long as a unit row. */
static void write_rows(float rows[N * D])
{
    memset(rows, 0, N * D * sizeof *rows);
    for (size_t i = 0; i < N; i++)
        rows[i * D + i] = 2;
    npy_file_floats(path, rows, N, D);
}

static void rows_by_record(void **state)
{
    (void)state;
    static const int64_t recs[3] = {4, 0, 2};
    float rows[N * D], at[3 * D];
    struct model m;
    write_rows(rows);
    assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, NULL), ERR_OK);
    assert_int_equal(m.info.width, D);
    assert_true(m.info.apart);
    assert_int_equal(m.ops->lookup(m.ctx, recs, 3, (struct mat){at, 3, D}, NULL), ERR_OK);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < D; j++)
            assert_true(at[i * D + j] == (j == (size_t)recs[i] ? 1.0f : 0.0f));
    static const struct str names[2] = {STR_INIT("bicycle repair"), STR_INIT("bicycle repair")};
    assert_int_equal(m.ops->embed(m.ctx, names, 2, (struct mat){at, 2, D}, NULL, NULL), ERR_OK);
    assert_memory_equal(at, at + D, D * sizeof *at);
    model_close(&m);
    assert_int_equal(model_open(STR("file:test_model_file.npy+hash:8"), NULL, &m, NULL), ERR_OK);
    assert_false(m.info.apart);
    model_close(&m);
    unlink(path);
}

static void refused_with_its_row(void **state)
{
    (void)state;
    static const int64_t all[N] = {0, 1, 2, 3, 4}, missing[1] = {N}, before[1] = {-1};
    float rows[N * D], at[N * D];
    struct model m;
    struct error e = {0};
    struct mat out = {at, N, D}, one = {at, 1, D};
    write_rows(rows);
    assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, NULL), ERR_OK);
    assert_int_equal(m.ops->lookup(m.ctx, missing, 1, one, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "5 rows, but record 5"));
    assert_int_equal(m.ops->lookup(m.ctx, before, 1, one, &e), ERR_INPUT);
    model_close(&m);
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f, 0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rows[3 * D + 3] = bad[i];
        npy_file_floats(path, rows, N, D);
        assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, NULL), ERR_OK);
        assert_int_equal(m.ops->lookup(m.ctx, all, N, out, &e), ERR_NUMERIC);
        assert_non_null(strstr(e.text, "row 3"));
        model_close(&m);
    }
    unlink(path);
}

static void refused_when_opened(void **state)
{
    (void)state;
    float rows[N * D];
    struct model m;
    struct error e = {0};
    assert_int_equal(model_open(STR("file:"), NULL, &m, &e), ERR_CONFIG);
    assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, &e), ERR_MODEL);
    write_rows(rows);
    assert_int_equal(model_open(STR("file:test_model_file.npy+hash:16"), NULL, &m, &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "16 numbers"));
    assert_int_equal(model_open(STR("file:test_model_file.npy+file:test_model_file.npy"), NULL, &m, &e), ERR_CONFIG);
    assert_int_equal(model_open(STR("file:test_model_file.npy+script:"), NULL, &m, &e), ERR_CONFIG);
    npy_file(path, "{'descr': '<i4', 'fortran_order': False, 'shape': (5, 8), }", rows, sizeof rows);
    assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, &e), ERR_INPUT);
    npy_file_floats(path, rows, N * D / 2, 2);
    assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "2 columns"));
    assert_int_equal(truncate(path, 200), 0);
    assert_int_equal(model_open(STR("file:test_model_file.npy"), NULL, &m, &e), ERR_INPUT);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_by_record),
        cmocka_unit_test(refused_with_its_row),
        cmocka_unit_test(refused_when_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
