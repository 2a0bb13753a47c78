/* The configuration: defaults, what a file may say, what it may not, and the canonical text that goes into a manifest.
 */
#include "base/asset.h"
#include "base/json.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct config parse(const char *json)
{
    struct config c;
    struct error e = {0};
    if (config_parse(str_of(json), "test.json", &c, &e) != ERR_OK)
        fail_msg("%s", e.text);
    return c;
}

/* The text must be refused, with these words in the message and in the hint. */
static void refuse(const char *json, const char *text, const char *hint)
{
    struct config c;
    struct error e = {0};
    enum err result = config_parse(str_of(json), "test.json", &c, &e);
    if (result == ERR_OK) {
        result = config_check(&c, &e);
        config_release(&c);
    }
    if (result != ERR_CONFIG)
        fail_msg("accepted, or another error (%d): %s", (int)result, json);
    if (!strstr(e.text, text) || !strstr(e.hint, hint))
        fail_msg("message \"%s\", hint \"%s\"", e.text, e.hint);
}

static void defaults_are_the_papers(void **state)
{
    struct config c = parse("");
    struct error e = {0};
    (void)state;
    assert_int_equal(config_check(&c, &e), ERR_OK);
    assert_int_equal(c.facets_count, 6);
    const struct facet_def *request = config_facet(&c, STR("request"));
    assert_non_null(request);
    assert_true(request->cluster);
    assert_int_equal(request->kind, FACET_TEXT);
    assert_true(str_eqz(request->answer_start, "The user's overall request for the assistant is to"));
    const struct facet_def *concern = config_facet(&c, STR("concern"));
    assert_int_equal(concern->min, 1);
    assert_int_equal(concern->max, 5);
    assert_int_equal(concern->labels_count, 5);
    assert_true(concern->alone);
    assert_int_equal(config_facet(&c, STR("language"))->source, FROM_LANGID);
    assert_null(config_facet(&c, STR("nothing")));
    assert_int_equal(c.min_accounts, 20);
    assert_int_equal(c.min_conversations, 20);
    assert_int_equal(c.min_cell_accounts, 10);
    assert_int_equal(c.audit_min, 3);
    assert_int_equal(c.transcript_tokens, 400);
    config_release(&c);
}

/* The file that `clio init` writes must say what holds without it, so no default can stand in two places unnoticed. */
static void commented_file_agrees_with_the_table(void **state)
{
    struct buf from_table = {0}, from_file = {0};
    struct str text = asset_find(STR("examples/clio.json"));
    const char *name, *fallback;
    (void)state;
    assert_true(text.n > 1000);
    struct config c = parse("");
    for (size_t i = 0; config_key_help(i, &name, &fallback); i++)
        if (strcmp(name, "facets") != 0)
            assert_int_equal(config_set(&c, name, str_of(fallback), name, NULL), ERR_OK);
    config_write(&c, &from_table);
    struct config d = parse(text.at);
    config_write(&d, &from_file);
    assert_string_equal(from_table.at, from_file.at);
    for (size_t i = 0; config_key_help(i, &name, &fallback); i++) {
        const char *dot = strchr(name, '.');
        assert_true(str_find(text, str_of(dot ? dot + 1 : name)) != SIZE_MAX);
    }
    buf_release(&from_table);
    buf_release(&from_file);
    config_release(&c);
    config_release(&d);
}

static void canonical_text_reads_back(void **state)
{
    struct buf first = {0}, second = {0};
    (void)state;
    struct config c = parse(
        "{\"facets\": [{\"name\": \"topic\", \"kind\": \"text\", \"question\": \"What <about>?\", \"cluster\": true},"
        "{\"name\": \"flag\", \"kind\": \"metadata\", \"key\": \"flagged\"},"
        "{\"name\": \"tone\", \"kind\": \"categorical\", \"question\": \"?\", \"values\": [\"calm\", \"angry\"]}],"
        "\"public_data\": true, \"max_failed_share\": 0.125, \"seed\": 9, \"sample_by\": \"completions\"}");
    assert_int_equal(config_check(&c, NULL), ERR_OK);
    config_write(&c, &first);
    struct config d = parse(first.at);
    assert_int_equal(config_check(&d, NULL), ERR_OK);
    config_write(&d, &second);
    assert_string_equal(first.at, second.at);
    assert_int_equal(d.facets[1].source, FROM_METADATA);
    assert_int_equal(d.facets[2].values_count, 2);
    assert_int_equal(d.sample_by, SAMPLE_COMPLETIONS);
    assert_null(strstr(first.at, "threads")); /* decides nothing */
    buf_release(&first);
    buf_release(&second);
    config_release(&c);
    config_release(&d);
}

static void slips_are_named(void **state)
{
    (void)state;
    refuse("{\"sede\": 1}", "test.json: there is no key \"sede\"", "did you mean \"seed\"?");
    refuse("{\"modls\": {}}", "no key \"modls\"", "did you mean \"models\"?");
    refuse("{\"models\": {\"fats\": \"x:y\"}}", "no key \"models.fats\"", "models.fast");
    refuse("{\"zzzzzzzz\": 1}", "no key", "clio help config");
    refuse("{\"seed\": 1, \"seed\": 2}", "\"seed\" is there twice", "");
    refuse("{\"seed\": \"1\"}", "test.json: seed must be a whole number from 0", "");
    refuse("{\"seed\": -1}", "seed must be a whole number", "");
    refuse("{\"seed\": 1.5}", "seed must be a whole number", "");
    refuse("{\"audit_min\": 6}", "audit_min must be a whole number from 1 to 5", "");
    refuse("{\"max_failed_share\": 1.01}", "a share from 0 to 1", "");
    refuse("{\"sample_by\": \"turns\"}", "\"conversations\" or \"completions\"", "");
    refuse("{\"one_call\": 1}", "one_call must be true or false", "");
    refuse("{\"models\": \"local:x\"}", "models must be an object", "");
    refuse("[]", "must hold one JSON object", "");
    refuse("{\n \"k\": 3,\n \"top\" 4\n}", "test.json:3:", "");
    refuse("{\"filter\": \"(\"}", "filter is not a POSIX extended regular expression", "");
}

static void facet_slips_are_named(void **state)
{
    (void)state;
    refuse("{\"facets\": []}", "1 to 32 facets", "");
    refuse("{\"facets\": [{\"name\": \"a\"}]}", "facet \"a\": has no kind", "");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"txt\"}]}", "kind must be one of", "did you mean \"text\"?");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"text\", \"qestion\": \"?\"}]}", "no key \"qestion\"",
           "question");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"text\", \"min\": 1}]}", "a text facet has no min", "");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"text\", \"cluster\": true}]}", "has no question", "");
    refuse("{\"facets\": [{\"name\": \"A b\", \"kind\": \"text\", \"question\": \"?\", \"cluster\": true}]}",
           "lower-case letters", "");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"text\", \"question\": \"?\"}]}",
           "no facet has \"cluster\": true", "text");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"text\", \"question\": \"?\", \"cluster\": true},"
           "{\"name\": \"a\", \"kind\": \"text\", \"question\": \"?\"}]}",
           "two facets of this name", "");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"ordinal\", \"question\": \"?\", \"min\": 1, \"max\": 3, "
           "\"labels\": [\"x\"]}]}",
           "1 labels for the 3 values", "");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"ordinal\", \"question\": \"?\"}]}", "needs min and max", "");
    refuse("{\"facets\": [{\"name\": \"words\", \"kind\": \"computed\"}]}", "\"turns\" and \"characters\"", "");
    refuse("{\"facets\": [{\"name\": \"a\", \"kind\": \"metadata\"}]}", "needs key", "");
    refuse(
        "{\"facets\": [{\"name\": \"a\", \"kind\": \"categorical\", \"question\": \"?\", \"values\": [\"x\", \"x\"]}]}",
        "the same as", "");
}

static void thresholds_need_public_data(void **state)
{
    struct error e = {0};
    (void)state;
    refuse("{\"min_accounts\": 19}", "min_accounts is 19", "--public");
    refuse("{\"min_conversations\": 19}", "min_conversations is 19", "--public");
    refuse("{\"min_cell_accounts\": 9}", "min_cell_accounts is 9", "--public");
    refuse("{\"audit_min\": 2}", "audit_min is 2", "--public");
    struct config c = parse("{\"public_data\": true}");
    assert_int_equal(config_check(&c, &e), ERR_OK);
    assert_int_equal(c.min_accounts, 3);
    assert_int_equal(c.min_conversations, 3);
    config_release(&c);
    c = parse("{\"public_data\": true, \"min_accounts\": 7, \"min_conversations\": 30}");
    assert_int_equal(config_check(&c, &e), ERR_OK);
    assert_int_equal(c.min_accounts, 7);
    assert_int_equal(c.min_conversations, 30);
    config_release(&c);
    c = parse("{\"min_accounts\": 21}");
    assert_int_equal(config_check(&c, &e), ERR_OK);
    assert_int_equal(c.min_accounts, 21);
    config_release(&c);
}

static struct hash hash_keys(const struct config *c, const char *keys)
{
    struct hasher h;
    hash_init(&h);
    config_hash(c, keys, &h);
    return hash_end(&h);
}

static void hashes_follow_the_named_keys(void **state)
{
    (void)state;
    struct config a = parse(""), b = parse("{\"k\": 5, \"models\": {\"strong\": \"local:other\"}}");
    struct hash x = hash_keys(&a, "seed,facets"), y = hash_keys(&b, "seed,facets");
    assert_memory_equal(x.at, y.at, sizeof x.at);
    x = hash_keys(&a, "seed,k"), y = hash_keys(&b, "seed,k");
    assert_memory_not_equal(x.at, y.at, sizeof x.at);
    x = hash_keys(&a, "models"), y = hash_keys(&b, "models");
    assert_memory_not_equal(x.at, y.at, sizeof x.at);
    config_release(&a);
    config_release(&b);
}

static void single_keys_are_set_and_checked(void **state)
{
    struct error e = {0};
    (void)state;
    struct config c = parse("");
    assert_int_equal(config_set(&c, "k", STR("12"), "--k", &e), ERR_OK);
    assert_int_equal(c.k, 12);
    assert_int_equal(config_set(&c, "k", STR("twelve"), "--k", &e), ERR_CONFIG);
    assert_non_null(strstr(e.text, "--k must be a whole number"));
    assert_int_equal(config_set(&c, "models.fast", STR("script:x.json"), "--model", &e), ERR_OK);
    assert_true(str_eqz(c.model_fast, "script:x.json"));
    assert_int_equal(config_set(&c, "nokey", STR("1"), "--nokey", &e), ERR_CONFIG);
    assert_int_equal(config_set(&c, "facets", STR("1"), "--facets", &e), ERR_CONFIG);
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_papers),      cmocka_unit_test(commented_file_agrees_with_the_table),
        cmocka_unit_test(canonical_text_reads_back),    cmocka_unit_test(slips_are_named),
        cmocka_unit_test(facet_slips_are_named),        cmocka_unit_test(thresholds_need_public_data),
        cmocka_unit_test(hashes_follow_the_named_keys), cmocka_unit_test(single_keys_are_set_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
