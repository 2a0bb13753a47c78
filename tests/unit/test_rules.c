/* The two rules that decide how many clusters there are, and the language table. */
#include "cluster/choose_k.h"
#include "facets/languages.h"
#include "hierarchy/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void k_follows_the_rule(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint64_t wanted, min_conversations;
        size_t k;
    } rows[] = {
        {1, 0, 20, 1},         {120, 0, 3, 19},         {1000, 0, 3, 66}, {1000, 0, 20, 25}, {10000, 0, 20, 250},
        {100000, 0, 20, 1052}, {1000000, 0, 20, 10000}, {50, 7, 20, 7},   {50, 70, 20, 50},  {30, 0, 20, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t k = choose_k(rows[i].n, rows[i].wanted, rows[i].min_conversations);
        if (k != rows[i].k)
            fail_msg("n %zu: k is %zu, not %zu", rows[i].n, k, rows[i].k);
    }
}

static void levels_follow_the_paper(void **state)
{
    (void)state;
    size_t s[HIERARCHY_LEVELS_MAX];
    assert_int_equal(hierarchy_plan(1000, 3, 10, s), 3); /* the paper's example: 1000, 100, 10 */
    assert_int_equal(s[1], 100);
    assert_int_equal(s[2], 10);
    assert_int_equal(hierarchy_plan(1000, 0, 0, s), 3);
    assert_int_equal(hierarchy_plan(11, 0, 0, s), 2);
    assert_int_equal(s[1], 3);
    assert_int_equal(hierarchy_plan(3, 0, 0, s), 1);
    assert_int_equal(hierarchy_plan(0, 0, 0, s), 1);
    for (size_t n = 4; n < 20000; n = n * 3 / 2)
        for (size_t levels = 2; levels < HIERARCHY_LEVELS_MAX; levels++) {
            size_t count = hierarchy_plan(n, levels, 5, s);
            assert_in_range(count, 1, levels);
            for (size_t l = 1; l < count; l++)
                assert_true(s[l] >= 1 && s[l] < s[l - 1]);
        }
}

static void languages_are_held_to_the_table(void **state)
{
    (void)state;
    assert_true(str_eqz(language_by_code("pt"), "Portuguese"));
    assert_true(str_eqz(language_by_name(STR(" portuguese. ")), "Portuguese"));
    assert_true(str_eqz(language_by_name(STR("pt-BR")), "Portuguese"));
    assert_true(str_eqz(language_by_name(STR("Mandarin")), "Chinese"));
    assert_int_equal(language_by_name(STR("Python")).n, 0);
    assert_int_equal(language_by_name(STR("")).n, 0);
    assert_int_equal(language_by_code("xx").n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k_follows_the_rule),
        cmocka_unit_test(levels_follow_the_paper),
        cmocka_unit_test(languages_are_held_to_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
