/* The paper's encoder against the reference: its words and its vectors. ./check does not install this model. */
/* label: long */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encoder_check.h"
#include "num/wordpiece.h"

static void same_ids_as_the_reference(void **state)
{
    (void)state;
    enum { ROOM = 64 };
    struct file_map map = model_map("all-mpnet-base-v2", "tokenizer.json");
    yyjson_doc *doc = reference("wordpiece_mpnet.json");
    struct wordpiece *w = NULL;
    struct error e = {0};
    uint32_t got[ROOM];
    assert_int_equal(wordpiece_new(map.bytes, &w, &e), ERR_OK);
    yyjson_arr_iter rows = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
    for (yyjson_val *row; (row = yyjson_arr_iter_next(&rows));) {
        yyjson_val *want = yyjson_arr_get(row, 1);
        size_t n = wordpiece_encode(w, json_str(yyjson_arr_get(row, 0)), got, ROOM);
        assert_int_equal(n, yyjson_arr_size(want));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[i], yyjson_get_uint(yyjson_arr_get(want, i)));
    }
    wordpiece_free(w);
    yyjson_doc_free(doc);
    file_map_close(&map);
}

static void same_vectors_as_the_reference(void **state)
{
    (void)state;
    struct test_model m = test_model_open("all-mpnet-base-v2", ENCODER_FLOATS);
    assert_int_equal(encoder_width(m.enc), 768);
    check_reference(m.enc, "encoder_mpnet.json");
    test_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_ids_as_the_reference),
        cmocka_unit_test(same_vectors_as_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
