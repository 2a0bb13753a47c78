/*
 * Facets: which questions go into which call, and the stage with a scripted model on a few invented conversations: the
 * predictor's language and the model's, private details, quarantine. The screener, which asks in the same way, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "facets/facets.h"
#include "facets/plan.h"
#include "scratch.h"
#include "screen/screen.h"
#include "store/records.h"

/* request with a lead, language, concern alone, a free category, a metadata key, turns */
enum { REQUEST, LANGUAGE, CONCERN, TOPIC, PLACE, TURNS, FACETS };

static void default_facets(struct facet_def out[FACETS])
{
    static const struct str answers[] = {STR_INIT("none"), STR_INIT("slight"), STR_INIT("grave")};
    const struct facet_def facets[FACETS] = {
        [REQUEST] = {.name = STR("request"),
                     .kind = FACET_TEXT,
                     .source = FROM_MODEL,
                     .question = STR("What is asked for?"),
                     .lead = STR("The subject in a few words."),
                     .cluster = true},
        [LANGUAGE] = {.name = STR("language"),
                      .kind = FACET_CATEGORICAL,
                      .source = FROM_LANGID,
                      .question = STR("Which language?"),
                      .several = true},
        [CONCERN] = {.name = STR("concern"),
                     .kind = FACET_ORDINAL,
                     .source = FROM_MODEL,
                     .question = STR("How worrying?"),
                     .min = 1,
                     .max = 3,
                     .answers = answers,
                     .answers_count = 3,
                     .alone = true},
        [TOPIC] = {.name = STR("topic"),
                   .kind = FACET_CATEGORICAL,
                   .source = FROM_MODEL,
                   .question = STR("Which field?")},
        [PLACE] = {.name = STR("place"), .kind = FACET_METADATA, .source = FROM_METADATA, .key = STR("place")},
        [TURNS] = {.name = STR("turns"), .kind = FACET_COMPUTED, .source = FROM_TRANSCRIPT},
    };
    for (size_t i = 0; i < FACETS; i++)
        out[i] = facets[i];
}

/* ---- the plan ---- */

static void one_call_asks_together_what_may_stand_together(void **state)
{
    (void)state;
    struct facet_def facets[FACETS];
    struct config config = {.facets = facets, .facets_count = FACETS, .one_call = true};
    struct arena a = {0};
    struct facet_plan plan;
    struct error e = {0};
    default_facets(facets);
    OK(facet_plan_new(&config, false, &a, &plan, &e));
    assert_int_equal(plan.calls_count, 1);
    assert_int_equal(plan.calls[0].asks_count, 2); /* concern stands alone, behind the first answer */
    const struct facet_ask *first = &plan.calls[0].asks[0];
    assert_int_equal(first->count, 2);
    assert_int_equal(first->schema.fields_count, 3);
    assert_string_equal(first->schema.fields[0].name, "request_subject"); /* the lead is the field before */
    assert_int_equal(first->field[0], 1);
    assert_string_equal(first->schema.fields[2].name, "topic");
    assert_ptr_equal(plan.calls[0].asks[1].facets[0], &facets[CONCERN]);
    assert_int_equal(plan.calls[0].asks[1].schema.fields[0].kind, FIELD_CHOICE);

    OK(facet_plan_new(&config, true, &a, &plan, &e)); /* the predictor was unsure */
    assert_int_equal(plan.calls_count, 1);
    assert_int_equal(plan.calls[0].asks[0].count, 3);
    assert_int_equal(plan.calls[0].asks[0].schema.fields[2].kind, FIELD_LIST);
    struct buf b = {0};
    facet_plan_questions(&plan.calls[0].asks[0], &b);
    assert_true(str_find(buf_str(&b), STR("request_subject")) < str_find(buf_str(&b), STR("\"request\"")));
    assert_true(str_find(buf_str(&b), STR("Which language?")) != SIZE_MAX);
    assert_true(str_find(buf_str(&b), STR("How worrying?")) == SIZE_MAX);
    buf_release(&b);

    /* What is asked afterwards stands in the instructions, once for all conversations, and not in the question. */
    struct str system, further;
    OK(facet_plan_system(NULL, &plan.calls[0], &a, &system, &e));
    OK(facet_plan_further(NULL, &plan.calls[0].asks[1], &a, &further, &e));
    assert_true(str_find(system, STR("Afterwards")) < str_find(system, STR("How worrying?")));
    assert_true(str_find(further, STR("How worrying?")) == SIZE_MAX);
    assert_true(str_find(further, STR("concern")) != SIZE_MAX);
    arena_release(&a);
}

static void one_call_each_leaves_the_language_out_when_it_is_known(void **state)
{
    (void)state;
    struct facet_def facets[FACETS];
    struct config config = {.facets = facets, .facets_count = FACETS};
    struct arena a = {0};
    struct facet_plan plan;
    struct error e = {0};
    default_facets(facets);
    OK(facet_plan_new(&config, false, &a, &plan, &e));
    assert_int_equal(plan.calls_count, 3);
    OK(facet_plan_new(&config, true, &a, &plan, &e));
    assert_int_equal(plan.calls_count, 4);
    for (size_t i = 0; i < plan.calls_count; i++) {
        assert_int_equal(plan.calls[i].asks_count, 1);
        assert_int_equal(plan.calls[i].asks[0].count, 1);
    }
    config.facets = &facets[PLACE]; /* nothing to ask a model */
    config.facets_count = 2;
    OK(facet_plan_new(&config, true, &a, &plan, &e));
    assert_int_equal(plan.calls_count, 0);
    config.one_call = true;
    OK(facet_plan_new(&config, true, &a, &plan, &e));
    assert_int_equal(plan.calls_count, 0);
    arena_release(&a);
}

static void too_many_facets_for_one_call_are_said(void **state)
{
    (void)state;
    struct facet_def facets[ASK_FACETS_MAX + 1], all[FACETS];
    struct config config = {.facets = facets, .facets_count = ASK_FACETS_MAX + 1, .one_call = true};
    struct arena a = {0};
    struct facet_plan plan;
    struct error e = {0};
    default_facets(all);
    for (size_t i = 0; i < config.facets_count; i++)
        facets[i] = all[TOPIC];
    assert_int_equal(facet_plan_new(&config, false, &a, &plan, &e), ERR_CONFIG);
    config.one_call = false;
    OK(facet_plan_new(&config, false, &a, &plan, &e));
    arena_release(&a);
}

/* ---- the stages ---- */

struct fixture {
    struct run run;
    struct facet_def facets[FACETS];
    struct config config;
    struct stage_context c;
    struct error e;
    char spec[300];
    int64_t next;
};

static void open_fixture(void **state, struct fixture *f, const char *stage, const char *rules)
{
    char path[256];
    *f = (struct fixture){0};
    OK(run_open(scratch_path(state, "run", path), RUN_CREATE, &f->run, &f->e));
    OK(records_reset(&f->run, &f->e));
    OK(file_write_atomic(scratch_path(state, "rules.json", path), str_of(rules), &f->e));
    snprintf(f->spec, sizeof f->spec, "script:%s", path);
    default_facets(f->facets);
    f->config = (struct config){.facets = f->facets,
                                .facets_count = FACETS,
                                .one_call = true,
                                .model_fast = str_of(f->spec),
                                .model_strong = str_of(f->spec),
                                .transcript_tokens = 2000,
                                .max_failed_share = 0.9,
                                .seed = 3};
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .stage = stage};
    setenv("CLIO_CACHE", CLIO_CACHE_DIR, 0); /* where the predictor is */
}

static void close_fixture(struct fixture *f)
{
    stage_close_models(&f->c);
    run_close(&f->run);
}

static int64_t talk(struct fixture *f, const char *words, const char *metadata)
{
    struct turn turns[] = {{STR("user"), str_of(words)}, {STR("assistant"), STR("Here you are.")}};
    struct conversation c = {.rec = f->next++,
                             .source = STR("made"),
                             .line = f->next,
                             .metadata = str_of(metadata),
                             .turns = turns,
                             .turns_count = 2};
    OK(records_put(&f->run, &c, &f->e));
    return c.rec;
}

static int64_t count(struct fixture *f, const char *sql)
{
    int64_t n;
    OK(db_get_int(f->run.db, &f->e, &n, -1, sql, ""));
    return n;
}

static bool has(struct fixture *f, int64_t rec, const char *facet, const char *text)
{
    int64_t n;
    OK(db_get_int(f->run.db, &f->e, &n, -1,
                  "SELECT count(*) FROM facet_value WHERE rec = ?1 AND facet = ?2 AND text = ?3", "izz", rec, facet,
                  text));
    return n == 1;
}

#define ENGLISH "Could you please explain how I should water the tomatoes on my balcony in summer? "
/* No language much: the predictor guesses without confidence. */
#define MIXED "asdf qwer zxcv uiop hjkl vbnm wert sdfg xcvb tomate tomato pomodoro yuio ghjk"

static const char rules[] =
    "{\"rules\": ["
    "{\"contains\": \"POISON\", \"answer\": {\"request\": \"write to a.b@example.org\"}},"
    "{\"contains\": \"SECRETIVE\", \"answer\": {\"topic\": \"call 0171 234 567 89\"}},"
    "{\"ask\": \"request_subject\", \"answer\": \"gardening\"},"
    "{\"ask\": \"request\", \"answer\": \"explain how tomatoes are watered\"},"
    "{\"ask\": \"topic\", \"answer\": \"Garden\"},"
    "{\"ask\": \"concern\", \"answer\": \"slight\"},"
    "{\"contains\": \"UNKNOWN\", \"answer\": {\"language\": \"Gibberish\"}},"
    "{\"ask\": \"language\", \"answer\": [\"Gibberish\", \"Italian\"]}," /* where a list is asked for */
    "{\"ask\": \"language\", \"answer\": \"Italian\"}]}";

static void a_scripted_run(void **state)
{
    struct fixture f;
    open_fixture(state, &f, "facets", rules);
    int64_t plain = talk(&f, ENGLISH, "{\"place\": \"balcony\"}");
    int64_t mailed = talk(&f, ENGLISH ENGLISH, "{\"place\": \"mail me at a.b@example.org\"}");
    int64_t unsure = talk(&f, MIXED, "{\"place\": 7}");
    int64_t poison = talk(&f, ENGLISH "POISON", "");
    int64_t secretive = talk(&f, ENGLISH "SECRETIVE", "no json");
    OK(facets_run(&f.c, &f.e));

    assert_true(has(&f, plain, "request", "gardening: explain how tomatoes are watered"));
    assert_true(has(&f, plain, "concern", "2"));
    assert_true(has(&f, plain, "topic", "Garden"));
    assert_true(has(&f, plain, "turns", "2"));
    assert_true(has(&f, plain, "language", "English"));
    assert_true(has(&f, plain, "place", "balcony"));
    assert_true(has(&f, unsure, "place", "7"));
    assert_int_equal(count(&f, "SELECT number FROM facet_value WHERE facet = 'turns' AND rec = 0"), 2);

    /* Only the one about which the predictor was unsure was asked for its language, and has the model's alone. */
    assert_true(has(&f, unsure, "language", "Italian"));
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value WHERE facet = 'language' AND rec = 2"), 1);
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value WHERE text = 'Italian'"), 1);

    /* Private details: not in a sentence, not in a free category, not from the metadata. */
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value WHERE text LIKE '%@%' OR text LIKE '%0171%'"), 0);
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value WHERE facet = 'place'"), 2);
    assert_non_null(strstr(f.c.note, "1 metadata value"));
    assert_true(has(&f, mailed, "language", "English"));
    assert_int_equal(f.c.quarantined, 2);
    assert_int_equal(count(&f, "SELECT count(*) FROM quarantine WHERE reason = 'an answer holds private details'"), 2);
    assert_int_equal(count(&f, "SELECT min(rec) FROM quarantine"), poison);
    assert_int_equal(count(&f, "SELECT max(rec) FROM quarantine"), secretive);
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value WHERE facet = 'request'"), 3);

    /* Once more: nothing is asked, nothing is doubled. */
    int64_t values = count(&f, "SELECT count(*) FROM facet_value");
    uint64_t calls = f.c.usage.calls;
    f.c.quarantined = 0;
    OK(facets_run(&f.c, &f.e));
    assert_int_equal(f.c.usage.calls, calls);
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value"), values);
    close_fixture(&f);
}

static void one_call_a_facet_gives_the_same(void **state)
{
    struct fixture f;
    open_fixture(state, &f, "facets", rules);
    f.config.one_call = false;
    f.facets[LANGUAGE].several = false; /* one name: its own form of answer */
    int64_t plain = talk(&f, ENGLISH, ""), unsure = talk(&f, MIXED, ""), unknown = talk(&f, MIXED " UNKNOWN", "");
    talk(&f, ENGLISH "POISON", "");
    OK(facets_run(&f.c, &f.e));
    assert_true(has(&f, plain, "request", "gardening: explain how tomatoes are watered"));
    assert_true(has(&f, plain, "language", "English"));
    assert_true(has(&f, unsure, "language", "Italian"));
    assert_int_equal(count(&f, "SELECT count(*) FROM facet_value WHERE facet = 'language' AND rec = 1"), 1);
    /* A word that is no language leaves the predictor's guess, if it had one. */
    assert_false(has(&f, unknown, "language", "Gibberish"));
    assert_false(has(&f, unknown, "language", "Italian"));
    assert_int_equal(f.c.quarantined, 1);
    close_fixture(&f);
}

static void too_many_failures_end_the_stage(void **state)
{
    struct fixture f;
    open_fixture(state, &f, "facets", "{\"faults\": {\"garbage\": 1}}");
    f.config.max_failed_share = 0.2;
    talk(&f, ENGLISH, "");
    assert_int_equal(facets_run(&f.c, &f.e), ERR_MODEL);
    close_fixture(&f);
}

/* What the screener's model did not answer does not go on either. */
static void the_screener_fails_closed(void **state)
{
    static const char *const faults[] = {"garbage", "refuse", "fail"};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        char broken[80], path[256];
        int64_t imported, kept;
        file_remove_tree(scratch_path(state, "run", path));
        snprintf(broken, sizeof broken, "{\"faults\": {\"%s\": 1}}", faults[i]);
        open_fixture(state, &f, "screen", broken);
        f.config.screener = STR("Is it about a garden?");
        f.config.max_failed_share = 1;
        for (int k = 0; k < 4; k++)
            talk(&f, ENGLISH, "");
        OK(screen_run(&f.c, &f.e));
        OK(records_count(&f.run, &imported, &kept, &f.e));
        assert_int_equal(imported, 4);
        assert_int_equal(kept, 0);
        assert_int_equal(count(&f, "SELECT count(*) FROM conversation WHERE dropped = 'screener'"), 4);
        assert_int_equal(f.c.quarantined, 4);
        stage_close_models(&f.c);

        /* A model that answers: they are asked again and come back. */
        OK(file_write_atomic(scratch_path(state, "rules.json", path), STR("{}"), &f.e));
        f.c.quarantined = 0;
        OK(screen_run(&f.c, &f.e));
        OK(records_count(&f.run, &imported, &kept, &f.e));
        assert_int_equal(kept, 4);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_asks_together_what_may_stand_together),
        cmocka_unit_test(one_call_each_leaves_the_language_out_when_it_is_known),
        cmocka_unit_test(too_many_facets_for_one_call_are_said),
        SCRATCH_TEST(a_scripted_run),
        SCRATCH_TEST(one_call_a_facet_gives_the_same),
        SCRATCH_TEST(too_many_failures_end_the_stage),
        SCRATCH_TEST(the_screener_fails_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
