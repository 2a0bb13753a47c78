/* replay: gives what another run's ledger holds, and nothing else. */
#include "model/model.h"

#include "store/ledger.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

static const struct field fields[] = {{.name = "answer", .kind = FIELD_TEXT}};
static const struct schema schema = {fields, 1};
static const struct ask asks[] = {{STR_INIT("What?"), &schema}, {STR_INIT("And?"), &schema}};

static struct request request(uint64_t seed, size_t n)
{
    return (struct request){.system = STR("s"), .asks = asks, .asks_count = n, .temperature = 0.5, .seed = seed};
}

/* A run in which the model "the original" answered two asks in stage "label". */
static void make_run(const char *path)
{
    static const struct model_info info = {.identity = "the original"};
    static const struct str texts[] = {STR_INIT("{\"answer\": \"3:4\"}"), STR_INIT("{\"answer\": \"\xc3\xa9\"}")};
    struct request r = request(1, 2);
    struct ledger_entry entry = {.texts = texts, .texts_count = 2};
    struct run run;
    struct error e = {0};
    OK(run_open(path, RUN_CREATE, &run, &e));
    OK(run_note(&run, "model.fast",
                STR("{\"name\":\"x\",\"identity\":\"another\",\"context_tokens\":2048,\"scripted\":false}"), &e));
    OK(run_note(&run, "model.strong",
                STR("{\"name\":\"y\",\"identity\":\"the original\",\"context_tokens\":6000,\"scripted\":true}"), &e));
    OK(ledger_put(&run, "facets", hash_of(STR("something else")), &entry, &e));
    OK(ledger_put(&run, "label", model_request_key("label", &info, &r), &entry, &e));
    /* Declined, and a dialogue that was not over. */
    struct ledger_entry declined = {.status = ANSWER_REFUSED}, half = {.texts = texts, .texts_count = 1};
    struct request second = request(3, 2), third = request(4, 2);
    OK(ledger_put(&run, "label", model_request_key("label", &info, &second), &declined, &e));
    OK(ledger_put(&run, "label", model_request_key("label", &info, &third), &half, &e));
    OK(ledger_flush(&run, &e));
    run_close(&run);
}

struct got {
    enum answer_status status[6];
    char texts[6][2][64];
    size_t n;
};

static void on_answer(void *arg, size_t i, const struct answer *answer)
{
    struct got *g = arg;
    g->status[i] = answer->status;
    for (size_t a = 0; a < 2; a++)
        snprintf(g->texts[i][a], sizeof g->texts[i][a], STR_FMT, STR_ARG(answer->texts[a]));
    g->n++;
}

static void test_gives_what_is_there(void **state)
{
    char path[256], spec[300];
    struct model m;
    struct error e = {0};
    make_run(scratch_path(state, "run", path));
    snprintf(spec, sizeof spec, "replay:%s", path);
    OK(model_open(str_of(spec), NULL, &m, &e));
    assert_true(m.info.scripted);
    assert_int_equal(m.info.context_tokens, 6000); /* the strong model's: what it was asked was cut to that window */
    struct request r[] = {request(1, 2), request(2, 2), request(1, 1), request(1, 2), request(3, 2), request(4, 2)};
    struct got g = {0};
    OK(model_complete(&m, r, 6, on_answer, &g, NULL, &e));
    assert_int_equal(g.n, 6);
    assert_int_equal(g.status[0], ANSWER_OK);
    assert_string_equal(g.texts[0][0], "{\"answer\": \"3:4\"}");
    assert_string_equal(g.texts[0][1], "{\"answer\": \"\xc3\xa9\"}");
    assert_int_equal(g.status[1], ANSWER_FAILED);
    assert_int_equal(g.status[2], ANSWER_FAILED);
    assert_string_equal(g.texts[3][1], g.texts[0][1]);
    assert_int_equal(g.status[4], ANSWER_REFUSED);
    assert_int_equal(g.status[5], ANSWER_FAILED);
    model_close(&m);
}

static void test_missing_runs_are_said(void **state)
{
    char path[256], spec[300];
    struct model m;
    struct error e = {0};
    snprintf(spec, sizeof spec, "replay:%s", scratch_path(state, "nothing", path));
    assert_int_equal(model_open(str_of(spec), NULL, &m, &e), ERR_MODEL);
    assert_true(e.hint[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SCRATCH_TEST(test_gives_what_is_there),
                                       SCRATCH_TEST(test_missing_runs_are_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
