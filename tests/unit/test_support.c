#include "stage/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct str texts[] = {
    STR_INIT("travel: plan a week in Porto with a toddler"),
    STR_INIT("travel: find a quiet hotel in Porto"),
    STR_INIT("travel: compare trains between Porto and Lisbon"),
    STR_INIT("travel: help Oda Brandt plan a trip, budget included"),
};
static const int64_t accounts[] = {1, 2, 3, 3};
static struct str small[] = {STR_INIT("budget"), STR_INIT("plan"), STR_INIT("trip")};
static const struct common_words common = {small, 3};

static bool holds(uint64_t k, const char *text)
{
    struct support s = {.texts = texts, .accounts = accounts, .n = 4, .k = k, .common = &common};
    return support_has(&s, str_of(text), true);
}

static void names_need_enough_accounts(void **state)
{
    (void)state;
    assert_true(holds(3, "Plan a trip to Porto"));
    assert_false(holds(3, "Plan a trip to Lisbon"));
    assert_true(holds(1, "Plan a trip to Lisbon"));
    assert_false(holds(3, "Help Oda Brandt plan a trip"));
    assert_false(holds(1, "Plan a trip to Atlantis")); /* invented */
    assert_false(holds(4, "Plan a trip to Porto"));    /* two texts of account 3 count once */
    assert_false(holds(3, "Plan a trip in 2019"));
    assert_false(holds(1, "Plan a trip to \xe4\xba\x91\xe5\x8d\x97"));
}

static void ordinary_words_need_none(void **state)
{
    (void)state;
    assert_true(holds(3, "Compare hotels, trains and prices"));
    assert_true(holds(3, "Trip Planning and Budgets")); /* a heading: the words are written small elsewhere */
    assert_true(holds(3, ""));
}

/* Without an excuse for the first word, and with none behind a full stop. */
static void a_text_by_itself_has_no_excuse(void **state)
{
    (void)state;
    struct support s = {.texts = texts, .accounts = accounts, .n = 4, .k = 3, .common = &common};
    assert_false(support_has(&s, STR("Brandt"), false));
    assert_false(support_has(&s, STR("Brandt travel"), false));
    assert_true(support_has(&s, STR("Porto travel"), false));
    assert_true(support_has(&s, STR("Plan trips"), false));
    assert_false(support_has(&s, STR("Help people of st. Brandt"), true));
    assert_true(support_has_word(&s, STR("travel")));
    assert_false(support_has_word(&s, STR("toddler")));
    assert_false(support_has_word(&s, STR("rave"))); /* within a word is not in the text */
}

static void only_supported_sentences_stay(void **state)
{
    (void)state;
    struct arena a = {0};
    struct support s = {.texts = texts, .accounts = accounts, .n = 4, .k = 3, .common = &common};
    struct str kept =
        support_sentences(&s, STR("Users asked for trips to Porto. One was Oda Brandt. They had little time."), &a);
    assert_string_equal(kept.at, "Users asked for trips to Porto. They had little time.");
    assert_int_equal(support_sentences(&s, STR("It was Lisbon."), &a).n, 0);
    kept = support_sentences(&s, STR("Users asked for hotels, trains to Lisbon, and prices."), &a);
    assert_string_equal(kept.at, "Users asked for hotels, and prices.");
    kept = support_sentences(&s, STR("Users asked for hotels, Brandt, and prices."), &a);
    assert_string_equal(kept.at, "Users asked for hotels, and prices.");
    kept = support_sentences(&s, STR("Users asked for help by st. Brandt was there. They wanted a plan."), &a);
    assert_string_equal(kept.at, "Users asked for help by st. They wanted a plan.");
    kept = support_sentences(&s, STR("Users asked for hotels, trains to Lisbon."), &a);
    assert_string_equal(kept.at, "Users asked for hotels.");
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_need_enough_accounts),
        cmocka_unit_test(ordinary_words_need_none),
        cmocka_unit_test(a_text_by_itself_has_no_excuse),
        cmocka_unit_test(only_supported_sentences_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
