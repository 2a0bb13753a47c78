/* ask_each: order, the ledger, asking again, giving up, stopping. The scripted model answers, and plays faults. */
#include "stage/ask.h"

#include "base/file.h"
#include "store/ledger.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

enum { MANY = 300 /* more than the scripted model takes at once */ };

static const struct field fields[] = {{.name = "line", .kind = FIELD_TEXT, .max_chars = 120}};
static const struct schema schema = {fields, 1};

/* A run, a scripted model with the rules given, and what came back. */
struct fixture {
    struct run run;
    struct config config;
    struct stage_context c;
    struct ask_job job;
    atomic_bool stop;
    struct error e;
    char spec[300];
    size_t skip_every; /* 0: never */
    size_t stop_at;    /* building this one sets the stop flag; 0: never */
    size_t refuse;     /* accept says no to so many answers for index 1; SIZE_MAX: to all */
    size_t taken, good, last;
    bool in_order;
    const char *reason;
    char texts[MANY][128];
};

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct fixture *f = arg;
    (void)e;
    if (f->stop_at && i == f->stop_at)
        atomic_store(&f->stop, true);
    if (f->skip_every && i % f->skip_every == 0)
        return ERR_OK;
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    ask->user = str_printf(a, "Say something about number %c%c%c.", (int)('a' + i % 26), (int)('a' + i / 26 % 26),
                           (int)('a' + i / 676));
    ask->answer = &schema;
    out->asks = ask;
    out->asks_count = 1;
    return ERR_OK;
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct fixture *f = arg;
    (void)e;
    f->in_order = f->in_order && (f->taken == 0 || i > f->last);
    f->last = i;
    f->taken++;
    f->good += answer->ok;
    if (!answer->ok)
        f->reason = answer->reason;
    snprintf(f->texts[i], sizeof f->texts[i], STR_FMT,
             STR_ARG(answer->ok ? answer->values[0][0].text : (struct str){0}));
    return ERR_OK;
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    struct fixture *f = arg;
    assert_true(answer->ok);
    assert_true(answer->values[0][0].text.n > 0);
    if (i != 1 || f->refuse == 0)
        return true;
    f->refuse -= f->refuse != SIZE_MAX;
    *reason = "not this one";
    return false;
}

static void open_fixture(void **state, struct fixture *f, const char *rules)
{
    char path[256];
    *f = (struct fixture){.in_order = true};
    OK(run_open(scratch_path(state, "run", path), RUN_CREATE, &f->run, &f->e));
    OK(file_write_atomic(scratch_path(state, "rules.json", path), str_of(rules), &f->e));
    snprintf(f->spec, sizeof f->spec, "script:%s", path);
    f->config = (struct config){.model_fast = str_of(f->spec), .model_strong = str_of(f->spec), .seed = 7};
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .stop = &f->stop, .stage = "facets"};
    f->job =
        (struct ask_job){.role = ROLE_FAST, .count = MANY, .temperature = 0.5, .build = build, .take = take, .arg = f};
}

/* Asks once more, as a run that goes on would: what was counted starts at zero, the ledger stays. */
static enum err ask(struct fixture *f)
{
    f->taken = f->good = 0;
    f->c.usage = (struct usage){0};
    f->c.done = 0;
    f->in_order = true;
    return ask_each(&f->c, &f->job, &f->e);
}

static void close_fixture(struct fixture *f)
{
    stage_close_models(&f->c);
    run_close(&f->run);
}

static int64_t answers(struct fixture *f)
{
    int64_t n;
    OK(db_get_int(f->run.db, &f->e, &n, -1, "SELECT count(*) FROM answer", ""));
    return n;
}

static void test_order_and_ledger(void **state)
{
    static char first[MANY][128];
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{}");
    OK(ask(f));
    assert_int_equal(f->taken, MANY);
    assert_int_equal(f->good, MANY);
    assert_true(f->in_order);
    assert_int_equal(f->c.usage.calls, MANY);
    assert_true(f->c.usage.tokens_in > 0 && f->c.usage.tokens_out > 0);
    assert_int_equal(f->c.done, MANY);
    assert_int_equal(answers(f), MANY);
    memcpy(first, f->texts, sizeof first);

    memset(f->texts, 0, sizeof f->texts);
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, 0);
    assert_int_equal(f->good, MANY);
    assert_true(f->in_order);
    assert_memory_equal(first, f->texts, sizeof first);

    /* Another stage, another temperature or another seed is another question. */
    f->c.stage = "label";
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, MANY);
    f->job.temperature = 0.6;
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, MANY);
    f->config.seed = 8;
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, MANY);
    assert_int_equal(answers(f), 4 * MANY);
    close_fixture(f);
    free(f);
}

static void test_skips(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{}");
    f->skip_every = 3;
    OK(ask(f));
    assert_int_equal(f->taken, MANY - MANY / 3);
    assert_int_equal(f->c.usage.calls, MANY - MANY / 3);
    assert_int_equal(f->c.done, MANY);
    assert_true(f->in_order);
    f->skip_every = 1;
    OK(ask(f));
    assert_int_equal(f->taken, 0);
    f->job.count = 0;
    OK(ask(f));
    assert_int_equal(f->taken, 0);
    close_fixture(f);
    free(f);
}

/* Answers that do not parse are kept, so that asking again later does not begin at the first try. */
static void test_asks_again(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{\"faults\": {\"garbage\": 3}}");
    OK(ask(f));
    uint64_t calls = f->c.usage.calls;
    size_t good = f->good;
    assert_int_equal(f->taken, MANY);
    assert_in_range(calls, MANY + MANY / 4, 2 * MANY);
    assert_in_range(good, MANY - MANY / 9, MANY - 1); /* one in 27 fails three times */
    assert_int_equal(answers(f), calls);
    assert_string_equal(f->reason, "the answer does not have the form asked for");
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, 0);
    assert_int_equal(f->good, good);
    close_fixture(f);
    free(f);
}

static void test_gives_up(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{\"faults\": {\"garbage\": 1}}");
    f->job.count = 10;
    OK(ask(f));
    assert_int_equal(f->taken, 10);
    assert_int_equal(f->good, 0);
    assert_int_equal(f->c.usage.calls, 10 * ASK_TRIES);
    assert_int_equal(answers(f), 10 * ASK_TRIES); /* every try has a key of its own */
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, 0);
    assert_int_equal(f->good, 0);
    close_fixture(f);
    free(f);
}

static void test_one_try(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{\"faults\": {\"garbage\": 1}}");
    f->job.count = 10;
    f->job.tries = 1;
    OK(ask(f));
    assert_int_equal(f->good, 0);
    assert_int_equal(f->c.usage.calls, 10);
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, 0);
    assert_int_equal(f->good, 0);
    close_fixture(f);
    free(f);
}

/* What was no answer is not in the ledger: the next run asks again. */
/* What a model said instead of an answer is paid for, and kept; that nothing came is not. */
static void test_only_what_was_said_is_kept(void **state)
{
    static const struct {
        const char *rules, *reason;
        int kept;
    } cases[] = {
        {"{\"faults\": {\"fail\": 1}}", "the model did not answer", 0},
        {"{\"faults\": {\"cut\": 1}}", "the answer was cut by a length limit", 5 * ASK_TRIES},
        {"{\"faults\": {\"refuse\": 1}}", "the model declined to answer", 5 * ASK_TRIES},
    };
    struct fixture *f = mem_zero(1, sizeof *f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[256];
        file_remove_tree(scratch_path(state, "run", path));
        open_fixture(state, f, cases[i].rules);
        f->job.count = 5;
        OK(ask(f));
        assert_int_equal(f->good, 0);
        assert_string_equal(f->reason, cases[i].reason);
        assert_int_equal(answers(f), cases[i].kept);
        OK(ask(f));
        assert_int_equal(f->c.usage.calls, 5 * ASK_TRIES - cases[i].kept);
        assert_int_equal(f->good, 0);
        assert_string_equal(f->reason, cases[i].reason);
        close_fixture(f);
    }
    free(f);
}

static void test_accept(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{}");
    f->job.count = 4;
    f->job.accept = accept;
    f->refuse = 2;
    OK(ask(f));
    assert_int_equal(f->good, 4);
    assert_int_equal(f->c.usage.calls, 6);
    assert_int_equal(answers(f), 6);
    f->refuse = SIZE_MAX;
    OK(ask(f));
    assert_int_equal(f->good, 3);
    assert_string_equal(f->reason, "not this one");
    assert_int_equal(f->c.usage.calls, 0); /* the three tries were there already */
    close_fixture(f);
    free(f);
}

/* The user stops: what was answered before is kept, and going on asks only the rest. */
static void test_stop(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{}");
    f->stop_at = MANY - 10;
    assert_int_equal(ask(f), ERR_INTERRUPTED);
    int64_t kept = answers(f);
    assert_in_range(f->taken, 1, MANY - 10);
    assert_int_equal(f->taken, kept);
    f->stop_at = 0;
    atomic_store(&f->stop, false);
    OK(ask(f));
    assert_int_equal(f->taken, MANY);
    assert_int_equal(f->c.usage.calls, MANY - kept);

    atomic_store(&f->stop, true);
    assert_int_equal(ask(f), ERR_INTERRUPTED);
    assert_int_equal(f->taken, 0);
    close_fixture(f);
    free(f);
}

/* The model goes away in the middle: its answers so far are durable, also in another process. */
static void test_model_goes_down(void **state)
{
    char path[256];
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{\"faults\": {\"down_after\": 100}}");
    assert_int_equal(ask(f), ERR_MODEL);
    assert_int_equal(f->taken, 100);
    assert_int_equal(answers(f), 100);
    stage_close_models(&f->c);
    run_close(&f->run);
    OK(run_open(scratch_path(state, "run", path), RUN_EXISTING, &f->run, &f->e));
    assert_int_equal(answers(f), 100);
    assert_int_equal(ask(f), ERR_MODEL); /* a hundred more */
    assert_int_equal(f->c.usage.calls, 100);
    stage_close_models(&f->c);
    OK(ask(f));
    assert_int_equal(f->c.usage.calls, 100);
    assert_int_equal(f->good, MANY);
    assert_int_equal(answers(f), MANY);
    close_fixture(f);
    free(f);
}

static enum err take_badly(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    (void)arg;
    (void)answer;
    return i == 5 ? error_set(e, ERR_IO, "no more room") : ERR_OK;
}

static void test_errors_of_take(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{}");
    f->job.count = 10;
    f->job.take = take_badly;
    assert_int_equal(ask(f), ERR_IO);
    assert_string_equal(f->e.text, "no more room");
    assert_int_equal(answers(f), 6); /* what was answered until then is kept */
    close_fixture(f);
    free(f);
}

static void test_missing_model(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    open_fixture(state, f, "{}");
    f->config.model_fast = STR("script:/nowhere/rules.json");
    assert_int_not_equal(ask(f), ERR_OK);
    assert_int_equal(f->taken, 0);
    close_fixture(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_order_and_ledger), SCRATCH_TEST(test_skips),
        SCRATCH_TEST(test_asks_again),       SCRATCH_TEST(test_gives_up),
        SCRATCH_TEST(test_one_try),          SCRATCH_TEST(test_only_what_was_said_is_kept),
        SCRATCH_TEST(test_accept),           SCRATCH_TEST(test_stop),
        SCRATCH_TEST(test_model_goes_down),  SCRATCH_TEST(test_errors_of_take),
        SCRATCH_TEST(test_missing_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
