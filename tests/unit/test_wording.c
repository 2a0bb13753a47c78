/* The outward form of names. */
#include "stage/wording.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

static const struct str small[] = {STR_INIT("cooking"), STR_INIT("help")};
static const struct common_words common = {(struct str *)small, 2};

static void becomes(const char *proposed, const char *name)
{
    struct arena a = {0};
    struct str got = wording_name((struct str){proposed, strlen(proposed)}, &common, &a);
    if (got.n != strlen(name) || memcmp(got.at, name, got.n) != 0)
        fail_msg("\"%s\" became \"" STR_FMT "\"", proposed, STR_ARG(got));
    arena_release(&a);
}

static void names_keep_to_ten_words(void **state)
{
    (void)state;
    becomes("get help with mathematics.", "Get help with mathematics");
    becomes("one two three four five six seven eight nine ten", "One two three four five six seven eight nine ten");
    becomes("one two three four five six seven eight nine ten eleven",
            "One two three four five six seven eight nine ten");
    becomes("Get help with one, two and three, four, five six seven, eight nine",
            "Get help with one, two and three, four");
}

static void a_cut_leaves_no_half_phrase(void **state)
{
    (void)state;
    becomes("Get help with electronics, photography, and printing with a fast",
            "Get help with electronics, photography, and printing with a fast");
    becomes("Get help with electronics photography design and printing with a fast machine",
            "Get help with electronics photography design and printing");
    becomes("Write code for", "Write code");
    becomes("Learn about cats and the", "Learn about cats");
    becomes("the", "The");
    becomes("", "");
}

static void a_name_asks_nobody(void **state)
{
    (void)state;
    becomes("Please provide help with programming", "Provide help with programming");
    becomes("please  fix code", "Fix code");
    becomes("Please", "Please");
    becomes("Pleased customers", "Pleased customers");
}

static void common_words_are_small(void **state)
{
    (void)state;
    becomes("Cooking Help with Python", "Cooking help with Python");
    becomes("learn COOKING and OpenCL", "Learn COOKING and OpenCL");
    becomes("Several\nlines\there", "Several lines here");
}

static void lines_end_with_whole_words(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str s = wording_line(STR("alpha beta gamma"), 12, &a);
    assert_true(str_eqz(s, "alpha beta"));
    assert_true(str_eqz(wording_line(STR("alphabet"), 5, &a), "alpha"));
    assert_int_equal(wording_count(STR("  two   words ")), 2);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_keep_to_ten_words),    cmocka_unit_test(a_cut_leaves_no_half_phrase),
        cmocka_unit_test(a_name_asks_nobody),         cmocka_unit_test(common_words_are_small),
        cmocka_unit_test(lines_end_with_whole_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
