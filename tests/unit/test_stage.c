/* What a stage is given: progress, stopping, setting aside, and models that are opened once. */
#include "stage/stage.h"

#include "store/records.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

struct told {
    size_t events;
    struct event last;
};

static void on_progress(void *arg, const struct event *event)
{
    struct told *t = arg;
    t->events++;
    t->last = *event;
}

static void open_run(void **state, struct run *run)
{
    char path[256];
    struct error e = {0};
    OK(run_open(scratch_path(state, "run", path), RUN_CREATE, run, &e));
}

static void test_progress(void **state)
{
    (void)state;
    struct told told = {0};
    struct stage_context c = {.stage = "facets", .progress = on_progress, .progress_arg = &told};
    stage_begin(&c, 100000);
    assert_int_equal(told.events, 1);
    assert_int_equal(told.last.kind, EVENT_PROGRESS);
    assert_string_equal(told.last.stage, "facets");
    assert_int_equal(told.last.total, 100000);
    assert_true(told.last.rate < 0); /* not known yet */
    for (int i = 0; i < 100000; i++)
        stage_advance(&c, 1);
    assert_in_range(told.events, 2, 40);      /* four a second, not one a record */
    assert_int_equal(told.last.done, 100000); /* the last one is always told */
    c.progress = NULL;
    stage_advance(&c, 1); /* nobody listens */
    assert_int_equal(c.done, 100001);
}

static void test_stop(void **state)
{
    (void)state;
    struct error e = {0};
    atomic_bool stop = false;
    struct stage_context c = {.stage = "facets"};
    OK(stage_check_stop(&c, &e));
    c.stop = &stop;
    OK(stage_check_stop(&c, &e));
    atomic_store(&stop, true);
    assert_int_equal(stage_check_stop(&c, &e), ERR_INTERRUPTED);
    assert_non_null(strstr(e.text, "facets"));
}

static void test_note_is_cut(void **state)
{
    (void)state;
    struct stage_context c = {0};
    stage_note(&c, "%0500d", 7);
    assert_int_equal(strlen(c.note), sizeof c.note - 1);
    stage_note(&c, "%d named", 3);
    assert_string_equal(c.note, "3 named");
}

static enum err count_row(void *arg, const struct quarantine_row *row, struct error *e)
{
    size_t *n = arg;
    (void)e;
    assert_true(str_eqz(row->stage, "facets"));
    assert_true(str_eqz(row->reason, "a reason"));
    assert_int_equal(row->rec, (int64_t)*n);
    ++*n;
    return ERR_OK;
}

static void test_share_of_failures(void **state)
{
    struct run run;
    struct error e = {0};
    struct config config = {.max_failed_share = 0.2};
    open_run(state, &run);
    struct stage_context c = {.run = &run, .config = &config, .stage = "facets"};
    OK(stage_check_failures(&c, &e)); /* nothing to do is no failure */
    c.total = 20;
    for (int64_t i = 0; i < 4; i++)
        OK(stage_quarantine(&c, i, "a reason", &e));
    assert_int_equal(c.quarantined, 4);
    OK(stage_check_failures(&c, &e)); /* exactly the share */
    OK(stage_quarantine(&c, 4, "a reason", &e));
    assert_int_equal(stage_check_failures(&c, &e), ERR_MODEL);
    assert_non_null(strstr(e.text, "5 of 20"));
    assert_non_null(strstr(e.text, "20%"));
    assert_non_null(strstr(e.hint, "clio quarantine"));
    assert_non_null(strstr(e.hint, "another prompt, model or seed"));
    assert_non_null(strstr(e.hint, "\"max_failed_share\": 0."));
    config.max_failed_share = 0;
    c.quarantined = 1;
    assert_int_equal(stage_check_failures(&c, &e), ERR_MODEL);
    config.max_failed_share = 1;
    c.quarantined = 20;
    OK(stage_check_failures(&c, &e));
    size_t n = 0;
    OK(quarantine_each(&run, "facets", count_row, &n, &e));
    assert_int_equal(n, 5);
    run_close(&run);
}

static enum err visit(struct stage_context *c, size_t facet_index, struct error *e)
{
    (void)e;
    assert_true(c->config->facets[facet_index].cluster);
    assert_int_equal(c->total, 2);
    return c->done == 1 && facet_index == 3 ? ERR_FAILED : ERR_OK;
}

static void test_each_tree(void **state)
{
    (void)state;
    struct error e = {0};
    atomic_bool stop = false;
    struct facet_def facets[] = {{.name = STR("a")},
                                 {.name = STR("b"), .cluster = true},
                                 {.name = STR("c")},
                                 {.name = STR("d"), .cluster = true}};
    struct config config = {.facets = facets, .facets_count = 4};
    struct stage_context c = {.config = &config, .stage = "label", .stop = &stop};
    assert_int_equal(stage_each_tree(&c, visit, &e), ERR_FAILED);
    assert_int_equal(c.done, 1); /* the second did not count */
    config.facets_count = 3;
    facets[2].cluster = true;
    OK(stage_each_tree(&c, visit, &e));
    assert_int_equal(c.done, 2);
    atomic_store(&stop, true);
    assert_int_equal(stage_each_tree(&c, visit, &e), ERR_INTERRUPTED);
}

static void test_models(void **state)
{
    struct run run;
    struct error e = {0};
    struct arena a = {0};
    struct str noted;
    struct model *fast, *strong, *again, *embed;
    struct config config = {
        .model_fast = STR("script:"), .model_strong = STR("script:"), .model_embed = STR("hash:64")};
    open_run(state, &run);
    struct stage_context c = {.run = &run, .config = &config, .stage = "label"};
    OK(stage_model(&c, ROLE_STRONG, &strong, &e));
    OK(stage_model(&c, ROLE_FAST, &fast, &e));
    assert_ptr_equal(fast, strong); /* one model in both roles is loaded once */
    OK(stage_model(&c, ROLE_FAST, &again, &e));
    assert_ptr_equal(fast, again);
    OK(stage_model(&c, ROLE_EMBED, &embed, &e));
    assert_int_equal(embed->info.width, 64);
    static const char *const keys[] = {"model.fast", "model.strong", "model.embed"};
    for (size_t i = 0; i < 3; i++) {
        OK(run_noted(&run, keys[i], &a, &noted, &e));
        assert_true(str_find(noted, STR("\"scripted\":true")) != SIZE_MAX);
    }
    stage_close_models(&c);
    stage_close_models(&c); /* nothing open is fine */
    assert_null(c.fast.ops);
    config.model_fast = STR("nonsense:x");
    assert_int_equal(stage_model(&c, ROLE_FAST, &fast, &e), ERR_CONFIG);
    arena_release(&a);
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress),      cmocka_unit_test(test_stop),      cmocka_unit_test(test_note_is_cut),
        SCRATCH_TEST(test_share_of_failures), cmocka_unit_test(test_each_tree), SCRATCH_TEST(test_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
