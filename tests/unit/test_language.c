/* The main languages of a conversation, with the real predictor; and the table of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facets/language.h"
#include "facets/languages.h"
#include "models.h"

struct fixture {
    struct file_map map;
    struct langid *model;
};

static int set_up(void **state)
{
    static struct fixture f;
    struct error e = {0};
    f.map = model_map("", "lid.176.ftz");
    *state = &f;
    return langid_new(f.map.bytes, &f.model, &e) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    langid_free(f->model);
    file_map_close(&f->map);
    return 0;
}

static struct language_guess guess(void **state, struct turn *turns, size_t n)
{
    const struct fixture *f = *state;
    struct conversation c = {.turns = turns, .turns_count = n};
    struct language_guess out;
    language_guess(f->model, &c, &out);
    return out;
}

#define ENGLISH "Could you please explain how I should water the tomatoes on my balcony in summer?"
#define GERMAN  "Kannst du mir bitte erklären, wie ich im Sommer die Tomaten auf dem Balkon gießen soll?"

static void one_language_is_certain(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {ENGLISH, "English"},
        {GERMAN, "German"},
        {"¿Puedes explicarme cómo debo regar los tomates de mi balcón en verano?", "Spanish"},
        {"Не могли бы вы объяснить, как летом поливать помидоры на балконе?", "Russian"},
        {"夏にベランダのトマトへどのように水をやればよいか教えてください。", "Japanese"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct turn turn = {STR("user"), str_of(cases[i].text)};
        struct language_guess g = guess(state, &turn, 1);
        assert_int_equal(g.count, 1);
        assert_true(g.sure);
        assert_true(str_eqz(g.names[0], cases[i].name));
    }
}

static void several_come_most_used_first(void **state)
{
    struct turn turns[] = {
        {STR("user"), STR(ENGLISH)}, {STR("assistant"), STR("Gern geschehen.")}, {STR("user"), STR(GERMAN " " GERMAN)}};
    struct language_guess g = guess(state, turns, 3);
    assert_int_equal(g.count, 2);
    assert_true(str_eqz(g.names[0], "German"));
    assert_true(str_eqz(g.names[1], "English"));
}

/* What the assistant wrote, code and links say nothing about the user's language. */
static void only_the_users_prose_counts(void **state)
{
    struct turn turns[] = {
        {STR("user"),
         STR(GERMAN
             "\n```\nfor (int row = 0; row < the_height_of_the_table; row++) print_the_row(row);\n"
             "return the_number_of_rows_that_were_printed;\n```\nhttps://example.org/the/way/to/water/tomatoes")},
        {STR("assistant"), STR(ENGLISH " " ENGLISH " " ENGLISH)}};
    struct language_guess g = guess(state, turns, 2);
    assert_int_equal(g.count, 1);
    assert_true(str_eqz(g.names[0], "German"));
}

static void little_text_is_never_sure(void **state)
{
    struct turn turn = {STR("user"), STR("ok")};
    assert_false(guess(state, &turn, 1).sure);
    turn.text = (struct str){0};
    struct language_guess g = guess(state, &turn, 1);
    assert_int_equal(g.count, 0);
    assert_false(g.sure);
    g = guess(state, NULL, 0);
    assert_int_equal(g.count, 0);
    turn.text = STR("12345 67890 !!! ??? 12345 67890");
    assert_false(guess(state, &turn, 1).sure);
}

static void names_are_held_to_the_table(void **state)
{
    (void)state;
    assert_true(str_eqz(language_by_code("pt"), "Portuguese"));
    assert_int_equal(language_by_code("xx").n, 0);
    assert_true(str_eqz(language_by_name(STR("portuguese")), "Portuguese"));
    assert_true(str_eqz(language_by_name(STR(" German ")), "German"));
    assert_int_equal(language_by_name(STR("Gibberish of my friend")).n, 0);
    assert_int_equal(language_by_name((struct str){0}).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_language_is_certain),     cmocka_unit_test(several_come_most_used_first),
        cmocka_unit_test(only_the_users_prose_counts), cmocka_unit_test(little_text_is_never_sure),
        cmocka_unit_test(names_are_held_to_the_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
