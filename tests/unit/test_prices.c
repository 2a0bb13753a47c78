/* Prices: what fits, what is unknown, and files that are wrong. */
#include "model/prices.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"

static const char *const some = "{\"date\": \"2026-01-02\", \"currency\": \"EUR\", \"models\": ["
                                "{\"model\": \"openai:a@*\", \"input\": 2, \"cached_input\": 0.5, \"output\": 10},"
                                "{\"model\": \"openai:b*\", \"input\": 3},"
                                "{\"model\": \"local:*\", \"input\": 0, \"output\": 0, \"read_tokens_a_second\": 130},"
                                "]} // a comment";

static enum err load(void **state, const char *text, struct prices *out, struct error *e)
{
    char path[256];
    scratch_path(state, "prices.json", path);
    OK(file_write_atomic(path, str_of(text), e));
    return prices_load(path, out, e);
}

static void assert_near(double is, double should)
{
    if (!(is > should - 1e-9 && is < should + 1e-9))
        fail_msg("%.12g instead of %.12g", is, should);
}

static double cost(const struct prices *p, struct str spec, const struct usage *u)
{
    struct price price = prices_find(p, spec);
    return price_of(&price, u);
}

static void test_a_use_costs_what_the_row_says(void **state)
{
    struct prices p;
    struct error e = {0};
    OK(load(state, some, &p, &e));
    assert_string_equal(p.date, "2026-01-02");
    assert_string_equal(p.currency, "EUR");
    struct price a = prices_find(&p, STR("openai:a@https://somewhere/v1?context=8192"));
    struct usage u = {.calls = 1, .tokens_in = 3000000, .tokens_cached = 1000000, .tokens_out = 500000};
    assert_near(price_of(&a, &u), 2 * 2 + 0.5 + 5);
    assert_near(cost(&p, STR("local:any"), &u), 0);
    assert_near(prices_find(&p, STR("local:any")).read, 130);
    prices_release(&p);
}

/* What a server takes into its cache has a price of its own; in batches it is that of an hour, at the batch's factor.
 */
static void test_what_caches_take_is_billed(void **state)
{
    struct prices p;
    struct error e = {0};
    OK(load(
        state,
        "{\"date\": \"2026-01-02\", \"currency\": \"EUR\", \"models\": [{\"model\": \"anthropic:*\", \"input\": 4, "
        "\"cached_input\": 0.4, \"cache_write\": 5, \"cache_write_hour\": 8, \"output\": 20, \"batch_factor\": 0.5},"
        "{\"model\": \"openai:*\", \"input\": 4, \"output\": 20}]}",
        &p, &e));
    struct usage u = {.tokens_in = 4000000, .tokens_cached = 1000000, .tokens_to_cache = 2000000};
    assert_near(cost(&p, STR("anthropic:a@https://host/v1"), &u), 4 + 0.4 + 2 * 5);
    assert_near(cost(&p, STR("anthropic:a@https://host/v1?batch=1"), &u), (4 + 0.4 + 2 * 8) / 2);
    assert_near(cost(&p, STR("openai:a@https://host/v1"), &u), 4 * 4);
    prices_release(&p);
}

static void test_unknown_is_not_nothing(void **state)
{
    struct prices p;
    struct error e = {0};
    OK(load(state, some, &p, &e));
    struct usage reads = {.tokens_in = 1000000}, writes = {.tokens_in = 1, .tokens_out = 1},
                 cached = {.tokens_in = 1000000, .tokens_cached = 1000000}, none = {0};
    struct price b = prices_find(&p, STR("openai:b@x")), nobody = prices_find(&p, STR("openai:ab@x"));
    assert_near(price_of(&b, &reads), 3); /* an embedding model only reads */
    assert_true(price_of(&b, &writes) < 0);
    assert_near(price_of(&b, &cached), 3); /* no price of its own for what is cached: as the rest */
    assert_true(price_of(&nobody, &reads) < 0);
    assert_near(price_of(&nobody, &none), 0); /* what is not used costs nothing */
    prices_release(&p);
}

static void refuse(void **state, const char *text, const char *why)
{
    struct prices p;
    struct error e = {0};
    assert_int_equal(load(state, text, &p, &e), ERR_CONFIG);
    if (!strstr(e.text, why))
        fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void test_wrong_files_are_refused(void **state)
{
    refuse(state, "{", "prices.json");
    refuse(state, "[]", "has \"date\"");
    refuse(state, "{\"date\": \"x\", \"currency\": \"y\", \"models\": [{\"input\": 1}]}", "model 1: a price needs");
    refuse(
        state,
        "{\"date\": \"x\", \"currency\": \"y\", \"models\": [{\"model\": \"a\"}, {\"model\": \"b\", \"input\": -1}]}",
        "model 2: input must be");
    refuse(state, "{\"date\": \"x\", \"currency\": \"y\", \"models\": [{\"model\": \"a\", \"inptu\": 1}]}",
           "no \"inptu\"");
    struct prices p;
    struct error e = {0};
    char path[256];
    assert_int_equal(prices_load(scratch_path(state, "missing", path), &p, &e), ERR_CONFIG);
    assert_non_null(strstr(e.hint, "--list-prices"));
}

/* Half the price where there is a batch API; unknown where none is known; nothing stays nothing. */
static void test_batches_have_their_own_price(void **state)
{
    static const char text[] =
        "{\"date\": \"2026-01-02\", \"currency\": \"EUR\", \"models\": ["
        "{\"model\": \"openai:a@*\", \"input\": 2, \"cached_input\": 1, \"output\": 10, \"batch_factor\": 0.5},"
        "{\"model\": \"openai:b@*\", \"input\": 2, \"output\": 10},"
        "{\"model\": \"openai:c@*\", \"input\": 0, \"output\": 0}]}";
    struct prices p;
    struct error e = {0};
    struct usage u = {.tokens_in = 2000000, .tokens_cached = 1000000, .tokens_out = 1000000};
    OK(load(state, text, &p, &e));
    assert_near(cost(&p, STR("openai:a@https://x/v1"), &u), 13);
    assert_near(cost(&p, STR("openai:a@https://x/v1?context=8192&batch=1"), &u), 6.5);
    assert_near(cost(&p, STR("openai:a@https://x/v1?batch=0"), &u), 13);
    assert_true(cost(&p, STR("openai:b@https://x/v1?batch=1"), &u) < 0);
    assert_near(cost(&p, STR("openai:c@https://x/v1?batch=1"), &u), 0);
    prices_release(&p);
}

/* The program's own: it can be read, is dated, knows the default models, and knows nothing of others. */
static void test_own_prices(void **state)
{
    (void)state;
    struct prices p;
    struct error e = {0};
    struct usage u = {.tokens_in = 130000000, .tokens_out = 10000000};
    OK(prices_load(NULL, &p, &e));
    assert_int_equal(strlen(p.date), 10);
    assert_near(cost(&p, STR("local:qwen2.5-coder-1.5b"), &u), 0);
    assert_true(prices_find(&p, STR("local:qwen2.5-coder-1.5b")).read > 0);
    assert_near(cost(&p, STR("anthropic:claude-3-haiku-20240307"), &u), 45); /* the paper's table 3 */
    assert_true(cost(&p, STR("openai:something@https://somewhere/v1"), &u) < 0);
    assert_near(cost(&p, STR("openai:qwen@http://127.0.0.1:8080/v1"), &u), 0);
    prices_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_a_use_costs_what_the_row_says), SCRATCH_TEST(test_what_caches_take_is_billed),
        SCRATCH_TEST(test_unknown_is_not_nothing),        SCRATCH_TEST(test_batches_have_their_own_price),
        SCRATCH_TEST(test_wrong_files_are_refused),       cmocka_unit_test(test_own_prices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
