/* What is asked of models is counted, and a limit on it is held: nothing is sent that could break it. */
#include "stage/meter.h"

#include "base/file.h"
#include "stage/ask.h"
#include "store/ledger.h"
#include "store/spent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

enum { MANY = 100 };

static const struct field fields[] = {{.name = "line", .kind = FIELD_TEXT, .max_chars = 60}};
static const struct schema schema = {fields, 1};

struct fixture {
    struct run run;
    struct config config;
    struct prices prices;
    struct stage_context c;
    struct ask_job job;
    struct error e;
    char spec[300];
    size_t taken;
};

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    (void)arg, (void)e;
    ask->user = str_printf(a, "Say something about thing %c%c.", (int)('a' + i % 26), (int)('a' + i / 26));
    ask->answer = &schema;
    out->asks = ask;
    out->asks_count = 1;
    return ERR_OK;
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    (void)i, (void)answer, (void)e;
    ((struct fixture *)arg)->taken++;
    return ERR_OK;
}

/* One unit of money a thousand tokens read, ten a thousand written. */
static const char *const priced =
    "{\"date\": \"2026-01-01\", \"currency\": \"XYZ\", \"models\": [{\"model\": \"script:*\", \"input\": 1000, "
    "\"output\": 10000}, {\"model\": \"hash:*\", \"input\": 0}]}";
static const char *const unpriced =
    "{\"date\": \"2026-01-01\", \"currency\": \"XYZ\", \"models\": [{\"model\": \"hash:*\", \"input\": 0}]}";

static struct fixture *open_fixture(void **state, const char *rules, const char *prices)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    char path[256];
    OK(file_write_atomic(scratch_path(state, "prices.json", path), str_of(prices), &f->e));
    OK(prices_load(path, &f->prices, &f->e));
    OK(file_write_atomic(scratch_path(state, "rules.json", path), str_of(rules), &f->e));
    snprintf(f->spec, sizeof f->spec, "script:%s", path);
    f->config = (struct config){
        .model_fast = str_of(f->spec), .model_strong = str_of(f->spec), .model_embed = STR("hash:64"), .seed = 3};
    OK(run_open(scratch_path(state, "run", path), RUN_CREATE, &f->run, &f->e));
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .prices = &f->prices, .stage = "facets"};
    f->job = (struct ask_job){.role = ROLE_FAST, .count = MANY, .build = build, .take = take, .arg = f};
    return f;
}

static void close_fixture(struct fixture *f)
{
    stage_close_models(&f->c);
    prices_release(&f->prices);
    run_close(&f->run);
    free(f);
}

/* As a command would: what was spent before counts. */
static enum err ask(struct fixture *f, double max_cost, uint64_t max_tokens)
{
    f->taken = 0;
    f->c.budget = (struct budget){.max_cost = max_cost, .max_tokens = max_tokens};
    enum err result = meter_open_budget(&f->c, &f->e);
    return result == ERR_OK ? ask_each(&f->c, &f->job, &f->e) : result;
}

struct seen {
    struct spent sum;
    size_t rows;
    char stage[16];
};

static void see(void *arg, struct str stage, struct str model, const struct spent *s)
{
    struct seen *seen = arg;
    assert_true(str_has_prefix(model, STR("script:")) || str_has_prefix(model, STR("hash:")));
    snprintf(seen->stage, sizeof seen->stage, STR_FMT, STR_ARG(stage));
    seen->sum = *s;
    seen->rows++;
}

static struct spent spent_of(struct fixture *f)
{
    struct seen seen = {0};
    OK(spent_each(&f->run, see, &seen, &f->e));
    assert_int_equal(seen.rows, 1);
    assert_string_equal(seen.stage, "facets");
    return seen.sum;
}

static int64_t answers(struct fixture *f)
{
    int64_t n;
    OK(ledger_count(&f->run, "facets", &n, &f->e));
    return n;
}

static void test_calls_are_counted_once(void **state)
{
    struct fixture *f = open_fixture(state, "{}", priced);
    OK(ask(f, 0, 0));
    struct spent s = spent_of(f);
    assert_int_equal(s.calls, MANY);
    assert_true(s.tokens_in > 0 && s.tokens_out > 0);
    assert_int_equal(s.again + s.cut + s.refused + s.failed, 0);
    OK(ask(f, 0, 0)); /* all of it is in the ledger */
    assert_int_equal(spent_of(f).calls, MANY);
    assert_int_equal(f->taken, MANY);
    close_fixture(f);
}

static void test_calls_without_an_answer_are_counted_too(void **state)
{
    struct fixture *f = open_fixture(state, "{\"faults\": {\"cut\": 5, \"refuse\": 7, \"garbage\": 6}}", priced);
    OK(ask(f, 0, 0));
    struct spent s = spent_of(f);
    assert_true(s.cut > 3 && s.refused > 3 && s.again > s.cut);
    assert_true(s.calls > MANY);
    assert_true(s.calls <= (uint64_t)MANY + s.again);
    close_fixture(f);
}

static void test_a_limit_on_tokens(void **state)
{
    struct fixture *whole = open_fixture(state, "{}", unpriced);
    OK(ask(whole, 0, 0));
    uint64_t all = whole->c.budget.tokens;
    close_fixture(whole);

    struct fixture *f = open_fixture(state, "{}", unpriced);
    OK(db_exec(f->run.db, "DELETE FROM answer; DELETE FROM spent;", &f->e));
    assert_int_equal(ask(f, 0, all / 2), ERR_BUDGET);
    assert_non_null(strstr(f->e.text, "tokens is reached in stage facets"));
    assert_non_null(strstr(f->e.hint, "higher limit"));
    int64_t first = answers(f);
    assert_true(f->c.budget.tokens <= all / 2);
    assert_true(first > MANY / 4 && first < MANY);    /* it is used, not just kept */
    assert_int_equal(ask(f, 0, all / 2), ERR_BUDGET); /* what was spent before counts */
    assert_true(answers(f) - first <= 1);
    OK(ask(f, 0, 2 * all));
    assert_int_equal(f->taken, MANY);
    assert_int_equal(answers(f), MANY);
    struct spent s = spent_of(f);
    assert_int_equal(s.calls, MANY); /* nothing was asked twice */
    assert_int_equal(s.tokens_in + s.tokens_out, all);
    close_fixture(f);
}

static void test_a_limit_on_money(void **state)
{
    struct fixture *f = open_fixture(state, "{}", priced);
    assert_int_equal(ask(f, 5, 0), ERR_BUDGET);
    assert_non_null(strstr(f->e.text, "5 XYZ is reached"));
    struct spent s = spent_of(f);
    double cost = (double)s.tokens_in / 1000 + (double)s.tokens_out / 100;
    assert_true(cost > 2 && cost <= 5);
    assert_true(f->c.budget.cost > cost - 1e-9 && f->c.budget.cost < cost + 1e-9);
    OK(ask(f, 1000, 0));
    assert_int_equal(f->taken, MANY);
    close_fixture(f);
}

static void test_money_needs_prices(void **state)
{
    struct fixture *f = open_fixture(state, "{}", unpriced);
    assert_int_equal(ask(f, 5, 0), ERR_CONFIG);
    assert_non_null(strstr(f->e.text, f->spec));
    assert_non_null(strstr(f->e.hint, "--prices"));
    assert_int_equal(answers(f), 0);
    OK(ask(f, 0, 1000000)); /* tokens need none */
    close_fixture(f);
}

static void test_a_run_of_an_older_version(void **state)
{
    struct fixture *f = open_fixture(state, "{}", priced);
    char path[256];
    struct run old;
    OK(db_exec(f->run.db,
               "DROP TABLE spent; ALTER TABLE answer DROP COLUMN status; DROP TABLE batch; DROP TABLE batch_item;"
               "PRAGMA user_version=1;",
               &f->e));
    run_close(&f->run);
    struct seen seen = {0};
    OK(run_open(scratch_path(state, "run", path), RUN_READ, &old, &f->e));
    OK(spent_each(&old, see, &seen, &f->e)); /* reading changes nothing, and finds nothing */
    assert_int_equal(seen.rows, 0);
    run_close(&old);
    OK(run_open(path, RUN_EXISTING, &f->run, &f->e));
    OK(ask(f, 0, 0));
    assert_int_equal(spent_of(f).calls, MANY);
    close_fixture(f);
}

static void test_a_dialogue_is_sent_again(void **state)
{
    (void)state;
    const struct ask asks[] = {{STR("aaaa aaaa aaaa aaaa"), &schema}, {STR("bbbb"), &schema}};
    struct request one = {.system = STR("ssss ssss"), .asks = asks, .asks_count = 1}, two = one;
    two.asks_count = 2;
    struct usage u = meter_request(&one), v = meter_request(&two);
    assert_int_equal(u.calls, 1);
    assert_int_equal(v.calls, 2);
    assert_int_equal(v.tokens_out, 2 * u.tokens_out);
    assert_true(v.tokens_in >= 2 * u.tokens_in + u.tokens_out);
    assert_int_equal(u.tokens_cached, 0);
    assert_int_equal(v.tokens_cached, u.tokens_in + u.tokens_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_calls_are_counted_once),      SCRATCH_TEST(test_calls_without_an_answer_are_counted_too),
        SCRATCH_TEST(test_a_limit_on_tokens),           SCRATCH_TEST(test_a_limit_on_money),
        SCRATCH_TEST(test_money_needs_prices),          SCRATCH_TEST(test_a_run_of_an_older_version),
        cmocka_unit_test(test_a_dialogue_is_sent_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
