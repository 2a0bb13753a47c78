/* Arrays of numpy: read where they lie; what is not one, or not whole, is refused by name. */
#include "base/npy.h"
#include "npy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static const char path[] = "test_npy.npy";

static void reads_where_it_lies(void **state)
{
    (void)state;
    static const float at[6] = {1, 2, 3, 4, 5, 6};
    static const int32_t ids[3] = {7, 8, -1};
    struct npy_map m;
    npy_file_floats(path, at, 2, 3);
    assert_int_equal(npy_map_open(&m, path, NULL), ERR_OK);
    assert_int_equal(m.kind, NPY_F32);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.d, 3);
    assert_memory_equal(m.at, at, sizeof at);
    npy_map_close(&m);
    npy_file(path, "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", ids, sizeof ids);
    assert_int_equal(npy_map_open(&m, path, NULL), ERR_OK);
    assert_int_equal(m.kind, NPY_I32);
    assert_int_equal(m.d, 1);
    assert_memory_equal(m.at, ids, sizeof ids);
    npy_map_close(&m);
    npy_map_close(&m);
    unlink(path);
}

static void refused_by_name(void **state)
{
    (void)state;
    static const float at[6] = {1, 2, 3, 4, 5, 6};
    static const struct {
        const char *dictionary, *says;
    } wrong[] = {
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", "neither float32 nor int32"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "neither float32 nor int32"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "fortran_order"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 1), }", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "shape"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }", "ends before its last row"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "ends before its last row"},
        {"", "neither"},
    };
    struct npy_map m;
    struct error e = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        npy_file(path, wrong[i].dictionary, at, sizeof at);
        assert_int_equal(npy_map_open(&m, path, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, wrong[i].says));
        assert_null(m.at);
    }
    FILE *f = fopen(path, "wb");
    fputs("not an array at all", f);
    fclose(f);
    assert_int_equal(npy_map_open(&m, path, &e), ERR_INPUT);
    unlink(path);
    assert_int_not_equal(npy_map_open(&m, path, &e), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_where_it_lies), cmocka_unit_test(refused_by_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
