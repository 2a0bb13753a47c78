/* The auditor's verdict: whatever is not one clean answer is a 1 and withheld; nothing but the words decides. */
#include "privacy/audit.h"

#include "store/clusters.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

/* The five rungs, and the shape of the answer as the prompt asks for it. */
static const char *const circles[] = {"person", "organisation", "few", "unusual", "many"};

struct fixture {
    struct run run;
    struct config config;
    struct facet_def facet;
    struct stage_context c;
    struct arena arena;
    struct error e;
    char spec[300];
};

static void open_fixture(void **state, struct fixture *f, const char *rules)
{
    char path[256];
    *f = (struct fixture){.facet = {.name = STR("request"), .kind = FACET_TEXT, .cluster = true}};
    OK(run_open(scratch_path(state, "run", path), RUN_CREATE, &f->run, &f->e));
    OK(file_write_atomic(scratch_path(state, "rules.json", path), str_of(rules), &f->e));
    snprintf(f->spec, sizeof f->spec, "script:%s", path);
    f->config = (struct config){.facets = &f->facet,
                                .facets_count = 1,
                                .model_fast = str_of(f->spec),
                                .model_strong = str_of(f->spec),
                                .audit_min = 3,
                                .seed = 7};
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .stage = "audit"};
}

static void close_fixture(struct fixture *f)
{
    stage_close_models(&f->c);
    run_close(&f->run);
    arena_release(&f->arena);
}

static void put_node(struct fixture *f, size_t i, const char *name, const char *short_name)
{
    struct node n = {.id = cluster_id(0, 0, i),
                     .facet = STR("request"),
                     .parent = -1,
                     .name = str_of(name),
                     .short_name = str_of(short_name),
                     .description = STR("People asked for help with this."),
                     .large_enough = true};
    OK(clusters_put(&f->run, &n, &f->e));
}

static int64_t count(struct fixture *f, const char *sql)
{
    int64_t n;
    OK(db_get_int(f->run.db, &f->e, &n, -1, sql, ""));
    return n;
}

static const struct schema *schema_of(struct fixture *f)
{
    struct request r = {0};
    struct audit_text text = {STR("Polish a letter"), STR("Letters"), STR("People write letters.")};
    OK(audit_request(&f->c, &text, &f->arena, &r, &f->e));
    assert_int_equal(r.asks_count, 1);
    return r.asks[0].answer;
}

/* What ask_each would hand over for this answer. */
static int rate(struct fixture *f, const struct schema *schema, struct str answer)
{
    struct field_value *values = arena_zero(&f->arena, schema->fields_count, sizeof *values);
    bool ok = schema_parse(schema, answer, &f->arena, values, NULL) == ERR_OK;
    struct asked asked = {.ok = ok, .reason = ok ? NULL : "the answer does not have the form asked for"};
    asked.values[0] = values;
    struct str reason;
    int rating = audit_rating(&asked, &reason);
    assert_true(reason.n > 0);
    return rating;
}

static void all_that_is_published_is_shown(void **state)
{
    struct fixture f;
    open_fixture(state, &f, "{}");
    struct request r = {0}, without = {0};
    struct audit_text text = {STR("Polish a letter"), STR("Letters of D. Quux"), STR("People write letters.")};
    OK(audit_request(&f.c, &text, &f.arena, &r, &f.e));
    assert_true(r.system.n > 0);
    assert_true(str_find(r.asks[0].user, text.name) != SIZE_MAX);
    assert_true(str_find(r.asks[0].user, text.short_name) != SIZE_MAX);
    assert_true(str_find(r.asks[0].user, text.description) != SIZE_MAX);
    text.short_name = (struct str){0};
    OK(audit_request(&f.c, &text, &f.arena, &without, &f.e));
    assert_true(str_find(without.asks[0].user, STR("()")) == SIZE_MAX);
    close_fixture(&f);
}

static void clean_verdicts_are_one_to_five(void **state)
{
    struct fixture f;
    open_fixture(state, &f, "{}");
    const struct schema *schema = schema_of(&f);
    for (int i = 0; i < 5; i++) {
        struct str answer = str_printf(&f.arena, "{\"names\": \"none\", \"circle\": \"%s\"}", circles[i]);
        assert_int_equal(rate(&f, schema, answer), 1 + i);
    }
    close_fixture(&f);
}

/* Templates times verdicts: sixty answers that are not what was asked for. */
static void sixty_malformed_verdicts_are_ones(void **state)
{
    static const char *const templates[] = {
        "{\"circle\": \"%s\"}",                                            /* no names */
        "{\"names\": \"none\", \"circle\": \"%s\"",                        /* cut */
        "{\"names\": \"none\", \"circle\": \"%s\", \"circle\": \"many\"}", /* twice */
        "{\"names\": \"none\", \"circle\": \"%s\", \"sure\": true}",       /* something more */
        "{\"names\": \"none\", \"circle\": [\"%s\"]}",                     /* of the wrong kind */
        "{\"names\": \"none\", \"circle\": \"very %s\"}",                  /* not on the list */
        "{\"names\": \"none\", \"circle\": \"%s \\u0000\"}",               /* with a NUL */
        "{\"names\": null, \"circle\": \"%s\"}",                           /* nothing */
        "Rating: %s",                                                      /* no JSON */
        "{\"names\": \"none\", \"circle\": \"%s\"} I hope this helps!",    /* talk behind it */
        "Sure! {\"names\": \"none\", \"circle\": \"%s\"}",                 /* and in front */
        "[{\"names\": \"none\", \"circle\": \"%s\"}]",                     /* in a list */
    };
    struct fixture f;
    size_t tried = 0;
    open_fixture(state, &f, "{}");
    const struct schema *schema = schema_of(&f);
    for (size_t t = 0; t < sizeof templates / sizeof *templates; t++)
        for (size_t i = 0; i < 5; i++, tried++) {
            struct buf b = {0};
            struct str before = str_of(templates[t]), after = before;
            size_t at = str_find(before, STR("%s"));
            before.n = at;
            after = (struct str){after.at + at + 2, after.n - at - 2};
            buf_add(&b, before);
            buf_addz(&b, circles[i]);
            buf_add(&b, after);
            if (rate(&f, schema, buf_str(&b)) != 1)
                fail_msg("taken as a verdict: %s", b.at);
            buf_release(&b);
        }
    assert_int_equal(tried, 60);
    close_fixture(&f);
}

/* Every verdict garbled, refused, cut or missing: all withheld, asked once each. */
static void a_stage_of_malformed_verdicts_withholds_all(void **state)
{
    static const char *const faults[] = {"garbage", "refuse", "cut", "fail"};
    for (size_t k = 0; k < 4; k++) {
        struct fixture f;
        char rules[80], path[256];
        file_remove_tree(scratch_path(state, "run", path));
        snprintf(rules, sizeof rules, "{\"faults\": {\"%s\": 1}}", faults[k]);
        open_fixture(state, &f, rules);
        for (size_t i = 0; i < 60; i++)
            put_node(&f, i,
                     str_printf(&f.arena, "Polish letters of kind %c%c", 'a' + (int)(i / 26), 'a' + (int)(i % 26)).at,
                     "Letters");
        OK(audit_run(&f.c, &f.e));
        assert_int_equal(count(&f, "SELECT count(*) FROM node WHERE rating = 1"), 60);
        assert_int_equal(f.c.usage.calls, k == 0 ? 60 : f.c.usage.calls);
        assert_non_null(strstr(f.c.note, "60 names rated, 60 withheld"));
        close_fixture(&f);
    }
}

/* The short name alone is enough: for the auditor, and for the detectors whatever the auditor says. */
static void a_short_name_is_judged_too(void **state)
{
    struct fixture f;
    open_fixture(state, &f,
                 "{\"rules\": [{\"contains\": \"Quux\", \"answer\": {\"names\": \"Quux\", \"circle\": \"person\"}},"
                 "{\"ask\": \"circle\", \"answer\": \"many\"}]}");
    put_node(&f, 0, "Polish a letter", "Letters");
    put_node(&f, 1, "Shorten an essay", "Essays of Quux");
    put_node(&f, 2, "Plan a trip", "a.b@example.org");
    OK(audit_run(&f.c, &f.e));
    assert_int_equal(count(&f, "SELECT rating FROM node WHERE short_name = 'Letters'"), 5);
    assert_int_equal(count(&f, "SELECT rating FROM node WHERE short_name = 'Essays of Quux'"), 1);
    assert_int_equal(count(&f, "SELECT rating FROM node WHERE short_name LIKE '%@%'"), 0);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(all_that_is_published_is_shown),    SCRATCH_TEST(clean_verdicts_are_one_to_five),
        SCRATCH_TEST(sixty_malformed_verdicts_are_ones), SCRATCH_TEST(a_stage_of_malformed_verdicts_withholds_all),
        SCRATCH_TEST(a_short_name_is_judged_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
