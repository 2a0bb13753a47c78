/* Answers: what the one strict parser takes, what it refuses, and what is made of a schema for others. */
#include "model/schema.h"

#include "base/json.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct str moods[] = {STR_INIT("calm"), STR_INIT("an \"angry\" one")};

static const struct field fields[] = {
    {.name = "request", .kind = FIELD_TEXT, .start = STR_INIT("The user wants to "), .max_chars = 20},
    {.name = "mood", .kind = FIELD_CHOICE, .values = moods, .values_count = 2},
    {.name = "concern", .kind = FIELD_INT, .min = 1, .max = 5},
    {.name = "topics", .kind = FIELD_LIST, .min = 1, .max = 3, .max_chars = 10},
};
static const struct schema schema = {fields, 4};

static const char good[] = "{\"request\": \"The user wants to bake bread\", \"mood\": \"calm\", \"concern\": 2,"
                           " \"topics\": [\"bread\", \" baking \"]}";

static enum err parse(const char *text, struct field_value *v, struct arena *a, struct error *e)
{
    return schema_parse(&schema, str_of(text), a, v, e);
}

static void takes_what_the_schema_says(void **state)
{
    (void)state;
    struct arena a = {0};
    struct field_value v[4];
    assert_int_equal(parse(good, v, &a, NULL), ERR_OK);
    assert_true(str_eqz(v[0].text, "bake bread"));
    assert_true(str_eqz(v[1].text, "calm"));
    assert_int_equal(v[1].number, 0);
    assert_int_equal(v[2].number, 2);
    assert_int_equal(v[3].items_count, 2);
    assert_true(str_eqz(v[3].items[1], "baking"));
    arena_release(&a);
}

#define MEMBERS "{\"topics\":[\"a\"],\"concern\":5,\"mood\":\"an \\\"angry\\\" one\",\"request\":"

static void forgives_fences_order_and_the_start(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ("```json\n" MEMBERS "\"the USER wants to x\"}\n```"),
        ("  ```\n" MEMBERS "\"x\"}\n```  "),
        ("\n" MEMBERS "\" x \"}\n"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena a = {0};
        struct field_value v[4];
        assert_int_equal(parse(texts[i], v, &a, NULL), ERR_OK);
        assert_true(str_eqz(v[0].text, "x"));
        assert_int_equal(v[1].number, 1);
        arena_release(&a);
    }
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "Sure! {\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]} Hope this helps",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"],\"more\":1}",
        "{\"request\":\"x\",\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":7,\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"The user wants to\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"two\\nlines\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"nul\\u0000\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"half \\ud800\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"bad \xff\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"123456789012345678901\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"Calm\",\"concern\":1,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":0,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":6,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":\"1\",\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1.5,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":18446744073709551615,\"topics\":[\"a\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\",\"b\",\"c\",\"d\"]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\",3]}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":\"a\"}",
        "{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]",
        "```python\n{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"a\"]}\n```",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena a = {0};
        struct field_value v[4];
        struct error e = {0};
        if (parse(texts[i], v, &a, &e) != ERR_MODEL)
            fail_msg("text %zu was taken: %s", i, texts[i]);
        assert_true(e.text[0]);
        arena_release(&a);
    }
}

static void never_quotes_the_answer(void **state)
{
    (void)state;
    struct arena a = {0};
    struct field_value v[4];
    struct error e = {0};
    assert_int_equal(parse("{\"request\":\"x\",\"mood\":\"SECRET\",\"SECRET\":\"SECRET\"}", v, &a, &e), ERR_MODEL);
    assert_null(strstr(e.text, "SECRET"));
    assert_null(strstr(e.hint, "SECRET"));
    assert_non_null(strstr(e.text, "mood"));
    arena_release(&a);
}

static void counts_characters_not_bytes(void **state)
{
    (void)state;
    struct arena a = {0};
    struct field_value v[4];
    assert_int_equal(
        parse("{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"äöüäöüäöüä\"]}", v, &a, NULL), ERR_OK);
    assert_int_equal(
        parse("{\"request\":\"x\",\"mood\":\"calm\",\"concern\":1,\"topics\":[\"äöüäöüäöüäö\"]}", v, &a, NULL),
        ERR_MODEL);
    arena_release(&a);
}

static void json_schema_is_json_and_complete(void **state)
{
    (void)state;
    struct buf b = {0};
    yyjson_doc *doc;
    schema_json_schema(&schema, &b);
    assert_int_equal(json_parse(buf_str(&b), false, &doc, NULL), ERR_OK);
    yyjson_val *root = yyjson_doc_get_root(doc), *properties = yyjson_obj_get(root, "properties");
    assert_int_equal(yyjson_obj_size(properties), 4);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "required")), 4);
    assert_true(yyjson_is_false(yyjson_obj_get(root, "additionalProperties")));
    assert_int_equal(yyjson_get_int(yyjson_obj_get(yyjson_obj_get(properties, "concern"), "maximum")), 5);
    assert_true(
        str_eq(json_str(yyjson_arr_get(yyjson_obj_get(yyjson_obj_get(properties, "mood"), "enum"), 1)), moods[1]));
    yyjson_doc_free(doc);
    buf_release(&b);
}

static void grammar_is_the_shape(void **state)
{
    (void)state;
    struct buf b = {0};
    schema_gbnf(&schema, &b);
    assert_string_equal(b.at, "root ::= \"{\" \"\\\"request\\\": \" \"\\\"The user wants to\" char{1,20} \"\\\"\""
                              " \", \\\"mood\\\": \" ( \"\\\"calm\\\"\" | \"\\\"an \\\\\\\"angry\\\\\\\" one\\\"\" )"
                              " \", \\\"concern\\\": \" ( \"1\" | \"2\" | \"3\" | \"4\" | \"5\" )"
                              " \", \\\"topics\\\": \" \"[\" \"\\\"\" char{1,10} \"\\\"\" ( \", \" \"\\\"\" char{1,10} "
                              "\"\\\"\" ){0,2} \"]\" \"}\"\n"
                              "char ::= [^\"\\\\\\x00-\\x1F\\x7F]\n");
    buf_release(&b);
}

static void skeleton_for_prompts(void **state)
{
    (void)state;
    struct buf b = {0};
    schema_describe(&schema, &b);
    assert_string_equal(
        b.at,
        "{\"request\": \"The user wants to ...\", \"mood\": \"calm\" | \"an \\\"angry\\\" one\", \"concern\": 1-5,"
        " \"topics\": [\"...\", \"...\"]}");
    buf_release(&b);
}

/* Any change of a schema is another key. */
static void canonical_bytes_tell_schemas_apart(void **state)
{
    (void)state;
    struct buf base = {0};
    schema_hash_text(&schema, &base);
    for (size_t change = 0; change < 7; change++) {
        struct field f[4];
        struct str values[2] = {moods[0], moods[1]};
        memcpy(f, fields, sizeof f);
        struct schema other = {f, change == 0 ? 3 : 4};
        f[0].name = change == 1 ? "requests" : f[0].name;
        f[0].start = change == 2 ? STR("The user wants") : f[0].start;
        f[0].max_chars = change == 3 ? 21 : f[0].max_chars;
        values[1] = change == 4 ? STR("an") : values[1];
        f[1].values = values;
        f[2].max = change == 5 ? 4 : f[2].max;
        f[3].kind = change == 6 ? FIELD_INT : f[3].kind;
        struct buf b = {0};
        schema_hash_text(&other, &b);
        assert_false(str_eq(buf_str(&base), buf_str(&b)));
        buf_release(&b);
    }
    buf_release(&base);
}

static void bound_covers_the_longest_answer(void **state)
{
    (void)state;
    assert_true(schema_max_tokens(&schema) >= (20 + 3 * 10) * 4 + sizeof "request mood concern topics");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_schema_says),
        cmocka_unit_test(forgives_fences_order_and_the_start),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(never_quotes_the_answer),
        cmocka_unit_test(counts_characters_not_bytes),
        cmocka_unit_test(json_schema_is_json_and_complete),
        cmocka_unit_test(grammar_is_the_shape),
        cmocka_unit_test(skeleton_for_prompts),
        cmocka_unit_test(canonical_bytes_tell_schemas_apart),
        cmocka_unit_test(bound_covers_the_longest_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
