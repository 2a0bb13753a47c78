/* Languages against fastText itself, and damaged model files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models.h"
#include "num/langid.h"

#include <math.h>

enum { GUESSES = 3 };

static bool close_to(double a, double b)
{
    return fabs(a - b) <= 1e-4;
}

/* The same codes in the same order; where two probabilities are as good as equal, either order will do. */
static void check_guesses(const struct langid *l, struct str text, yyjson_val *want)
{
    struct langid_guess got[GUESSES];
    size_t n = langid_guess(l, text, got, GUESSES);
    if (n == 0)
        return; /* nothing but the end of the line: fastText guesses from that, we do not */
    assert_int_equal(n, yyjson_arr_size(want));
    for (size_t i = 0; i < n; i++) {
        yyjson_val *row = yyjson_arr_get(want, i);
        double p = yyjson_get_num(yyjson_arr_get(row, 1));
        assert_true(close_to((double)got[i].p, p > 1 ? 1 : p));
        bool found = false;
        for (size_t j = 0; j < n; j++)
            found = found || (str_eqz(json_str(yyjson_arr_get(row, 0)), got[j].code) &&
                              close_to((double)got[j].p, p > 1 ? 1 : p));
        assert_true(found || close_to(p, (double)got[n - 1].p)); /* a tie may cut another code off */
    }
}

static void same_guesses_as_fasttext(void **state)
{
    (void)state;
    struct file_map map = model_map("", "lid.176.ftz");
    yyjson_doc *doc = reference("langid.json");
    struct langid *l = NULL;
    struct error e = {0};
    assert_int_equal(langid_new(map.bytes, &l, &e), ERR_OK);
    yyjson_arr_iter rows = yyjson_arr_iter_with(yyjson_doc_get_root(doc));
    for (yyjson_val *row; (row = yyjson_arr_iter_next(&rows));)
        check_guesses(l, json_str(yyjson_arr_get(row, 0)), yyjson_arr_get(row, 1));
    langid_free(l);
    yyjson_doc_free(doc);
    file_map_close(&map);
}

static void plain_facts(void **state)
{
    (void)state;
    struct file_map map = model_map("", "lid.176.ftz");
    struct langid *l = NULL;
    struct error e = {0};
    struct langid_guess g[200];
    assert_int_equal(langid_new(map.bytes, &l, &e), ERR_OK);
    assert_int_equal(langid_guess(l, STR(""), g, 1), 0);
    assert_int_equal(langid_guess(l, STR(" \n\t "), g, 1), 0);
    assert_int_equal(langid_guess(l, STR("xyz 123"), g, 1), 0); /* nothing the model has kept an n-gram of */
    assert_int_equal(langid_guess(l, STR("hello"), g, 0), 0);
    assert_int_equal(langid_guess(l, STR("This is\nEnglish text."), g, 1), 1);
    assert_string_equal(g[0].code, "en");
    size_t n = langid_guess(l, STR("Das ist ein deutscher Satz."), g, 200);
    assert_string_equal(g[0].code, "de");
    assert_true(n >= 1 && n <= 176 && g[0].p > 0.5f && g[0].p <= 1.0f);
    n = langid_guess(l, STR("hello world"), g, 200);
    assert_true(n > 1 && n <= 176);
    for (size_t i = 1; i < n; i++)
        assert_true(g[i].p <= g[i - 1].p);
    assert_true(langid_guess(l, STR("\xff\xfe\x80 \xc3"), g, 3) <= 3); /* no UTF-8, no harm */
    langid_free(l);
    file_map_close(&map);
}

static void damaged_files(void **state)
{
    (void)state;
    struct file_map map = model_map("", "lid.176.ftz");
    struct error e = {0};
    for (size_t n = 0; n < map.bytes.n; n += n < 200 ? 1 : 40009) {
        struct str part = alone(map.bytes, n);
        struct langid *l = NULL;
        assert_int_equal(langid_new(part, &l, &e), ERR_MODEL);
        assert_null(l);
        assert_true(e.hint[0] != '\0');
        free((void *)(uintptr_t)part.at);
    }
    /* Any byte of the head turned over: refused, or usable without harm. */
    for (size_t i = 0; i < 400; i++) {
        struct str copy = alone(map.bytes, map.bytes.n);
        struct langid *l = NULL;
        struct langid_guess g[3];
        ((char *)(uintptr_t)copy.at)[i < 200 ? i : (i - 200) * 4689] ^= (char)0xff;
        if (langid_new(copy, &l, &e) == ERR_OK)
            assert_true(langid_guess(l, STR("Can this be read?"), g, 3) <= 3);
        langid_free(l);
        free((void *)(uintptr_t)copy.at);
    }
    file_map_close(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_guesses_as_fasttext),
        cmocka_unit_test(plain_facts),
        cmocka_unit_test(damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
