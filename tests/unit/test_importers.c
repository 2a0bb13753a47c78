/* Every format from a small file, every reason from a record that earns it, and how files are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "ingest/importer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS_MAX = 16 };

struct imported {
    enum import_reason reasons[RECORDS_MAX];
    struct draft drafts[RECORDS_MAX];
    yyjson_doc *docs[RECORDS_MAX];
    const char *format;
    size_t n;
    struct json_stream stream;
};

/* Keeps documents and drafts alive; the stream's buffer holds all of a small file, so borrowed texts stay good too. */
static void import_path(const char *path, const struct json_limits *limits, struct imported *out)
{
    struct error e = {0};
    struct str view;
    bool whole, more;
    size_t skip;
    const struct importer *format = NULL;
    memset(out, 0, sizeof *out);
    assert_int_equal(json_stream_open(&out->stream, path, limits, &e), ERR_OK);
    assert_int_equal(json_stream_peek(&out->stream, 1 << 20, &view, &whole, &e), ERR_OK);
    enum json_framing framing = importer_frame(view, whole, &skip);
    json_stream_frame(&out->stream, framing, skip);
    for (struct json_record record; out->n < RECORDS_MAX; out->n++) {
        assert_int_equal(json_stream_next(&out->stream, &record, &more, &e), ERR_OK);
        if (!more)
            break;
        enum import_reason *reason = &out->reasons[out->n];
        *reason = importer_parse(&record, &out->docs[out->n]);
        if (*reason)
            continue;
        yyjson_val *root = yyjson_doc_get_root(out->docs[out->n]);
        format = format ? format : importer_detect(root);
        *reason = (format ? format : &importer_native)->map(root, &out->drafts[out->n]);
    }
    out->format = format ? format->name : "";
}

static void import_file(const char *name, struct imported *out)
{
    char path[512];
    snprintf(path, sizeof path, "%s/data/import/%s", TEST_SOURCE_DIR, name);
    import_path(path, NULL, out);
}

static void import_bytes(struct str bytes, const struct json_limits *limits, struct imported *out)
{
    char path[] = "/tmp/clio-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.at, bytes.n), (ssize_t)bytes.n);
    close(fd);
    import_path(path, limits, out);
    unlink(path);
}

static void release(struct imported *m)
{
    for (size_t i = 0; i < m->n; i++) {
        draft_release(&m->drafts[i]);
        yyjson_doc_free(m->docs[i]);
    }
    json_stream_close(&m->stream);
}

static void expect_str(struct str s, const char *z)
{
    if (!str_eqz(s, z))
        fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(s), z);
}

static void expect_turn(const struct draft *d, size_t i, const char *role, const char *text)
{
    assert_true(i < d->turns_count);
    expect_str(d->turns[i].role, role);
    expect_str(d->turns[i].text, text);
}

static void native(void **state)
{
    (void)state;
    struct imported m;
    import_file("native.jsonl", &m);
    assert_int_equal(m.n, 3);
    assert_string_equal(m.format, "native");
    for (size_t i = 0; i < m.n; i++)
        assert_int_equal(m.reasons[i], IMPORT_OK);
    const struct draft *d = m.drafts;
    expect_str(d[0].id, "n-1");
    expect_str(d[0].account, "acct-7");
    assert_true(d[0].has_time);
    assert_int_equal(d[0].created_at, 1777627800);
    expect_str(buf_str(&d[0].metadata), "{\"country\":\"DE\",\"flagged\":false,\"model\":\"small\"}");
    assert_int_equal(d[0].turns_count, 2);
    expect_turn(&d[0], 1, "assistant", "In late winter, above an outward bud.");
    expect_str(d[1].id, "42");
    expect_str(d[1].account, "7");
    assert_int_equal(d[1].created_at, 1777627800);
    expect_str(buf_str(&d[1].metadata), "{\"tags\":[\"fruit\",1]}");
    assert_int_equal(d[1].turns_count, 5);
    expect_turn(&d[1], 0, "system", "Be brief.");
    expect_turn(&d[1], 1, "user", "What is in this picture?\n[image]");
    expect_turn(&d[1], 2, "assistant", "[tool call]");
    expect_turn(&d[1], 3, "tool", "a pear");
    assert_int_equal(d[2].id.n, 0);
    assert_int_equal(d[2].account.n, 0);
    assert_false(d[2].has_time);
    release(&m);
}

static void sharegpt(void **state)
{
    (void)state;
    struct imported m;
    import_file("sharegpt.json", &m);
    assert_int_equal(m.n, 5);
    assert_string_equal(m.format, "sharegpt");
    const struct draft *d = m.drafts;
    for (size_t i = 0; i < 3; i++)
        expect_str(d[i].piece_of, "Abc1");
    assert_int_equal(d[0].turns_count, 0);
    expect_str(d[2].piece, "Abc1_2");
    expect_turn(&d[2], 0, "assistant", "and the gutter sings along");
    expect_turn(&d[3], 0, "system", "Shared from a page.");
    expect_turn(&d[3], 1, "user", "Explain \"tar\" flags.");
    expect_turn(&d[3], 2, "assistant", "x extracts, c creates.");
    assert_int_equal(m.reasons[3], IMPORT_OK);
    assert_true(m.reasons[4] == IMPORT_CUT_OFF || m.reasons[4] == IMPORT_BROKEN);
    release(&m);
}

static void chatgpt(void **state)
{
    (void)state;
    struct imported m;
    import_file("chatgpt.json", &m);
    assert_int_equal(m.n, 3);
    assert_string_equal(m.format, "chatgpt");
    const struct draft *d = m.drafts;
    assert_int_equal(m.reasons[0], IMPORT_OK);
    expect_str(d[0].id, "cg-1");
    assert_int_equal(d[0].created_at, 1714555800);
    assert_int_equal(d[0].turns_count, 5); /* the discarded answer is not there */
    expect_turn(&d[0], 0, "system", "[other content]");
    expect_turn(&d[0], 1, "user", "[file]\n[image]\nWhy is my loaf flat?");
    expect_turn(&d[0], 2, "assistant", "[tool call]");
    expect_turn(&d[0], 3, "tool", "three pages");
    expect_turn(&d[0], 4, "assistant", "Probably over-proofed.");
    assert_int_equal(m.reasons[1], IMPORT_BROKEN_TREE);
    assert_int_equal(m.reasons[2], IMPORT_OK);
    assert_false(d[2].has_time);
    expect_turn(&d[2], 0, "user", "Hello?");
    release(&m);
}

static void claude(void **state)
{
    (void)state;
    struct imported m;
    import_file("claude.json", &m);
    assert_int_equal(m.n, 3);
    assert_string_equal(m.format, "claude");
    const struct draft *d = m.drafts;
    assert_int_equal(m.reasons[0], IMPORT_OK);
    expect_str(d[0].id, "cl-1");
    expect_str(d[0].account, "acct-9");
    assert_int_equal(d[0].created_at, 1777627800);
    expect_str(buf_str(&d[0].metadata), "{\"name\":\"Ferns\"}");
    expect_turn(&d[0], 0, "user", "[file]\nWhich fern likes shade?");
    expect_turn(&d[0], 1, "assistant", "[file]\n[reasoning]\nMost do.\n[tool call]");
    expect_turn(&d[1], 0, "user", "Older exports have only this.");
    assert_int_equal(m.reasons[2], IMPORT_NO_MESSAGES);
    release(&m);
}

/* ---- reasons ---------------------------------------------------------------------------------------------------- */

#define MESSAGE "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        s, sizeof(s) - 1                                                                                               \
    }

static const struct {
    struct str text;
    enum import_reason reason;
} bad[] = {
    {TEXT("{\"id\":1," MESSAGE "}\n"), IMPORT_OK},
    {TEXT("{\"id\":1," MESSAGE "}\r\n"), IMPORT_OK},
    {TEXT("\xef\xbb\xbf{\"id\":1," MESSAGE "}"), IMPORT_OK},
    {TEXT("{\"id\":null,\"account\":null,\"created_at\":null," MESSAGE "}\n"), IMPORT_OK},
    {TEXT("{\"id\":1 \n"), IMPORT_NOT_JSON},
    {TEXT("{\"id\":\0 1}\n"), IMPORT_NOT_JSON},
    {TEXT("{\"id\":1,}\n"), IMPORT_NOT_JSON},
    {TEXT("garbage\n"), IMPORT_NOT_JSON},
    {TEXT("{\"id\":\"\xff\"}\n"), IMPORT_NOT_UTF8},
    {TEXT("{\"id\":\"\xed\xa0\x80\"}\n"), IMPORT_NOT_UTF8},
    {TEXT("{\"id\":\"\\ud800\"}\n"), IMPORT_LONE_SURROGATE},
    {TEXT("{\"id\":\"\\udc00 x\"}\n"), IMPORT_LONE_SURROGATE},
    {TEXT("{\"id\":\"a\0b\"}\n"), IMPORT_CONTROL_CHARACTER},
    {TEXT("{\"id\":1," MESSAGE "}\n{\"id\":\"the end"), IMPORT_CUT_OFF},
    {TEXT("[{\"id\":1,"), IMPORT_CUT_OFF},
    {TEXT("[{\"id\":1}}, {\"id\":2}]"), IMPORT_NOT_JSON},
    {TEXT("[{\"id\":[1}, {\"id\":2}]"), IMPORT_BROKEN},
    {TEXT("[\n{\"id\":1," MESSAGE "},\n"), IMPORT_UNCLOSED},
    {TEXT("{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}\n"), IMPORT_TOO_LONG},
    {TEXT("{\"id\":[[[[[[[[[[1]]]]]]]]]]}\n"), IMPORT_TOO_DEEP},
    {TEXT("[1,2]\n{\"id\":1," MESSAGE "}\n"), IMPORT_NOT_OBJECT},
    {TEXT("\"text\"\n"), IMPORT_NOT_OBJECT},
    {TEXT("{\"id\":1,\"id\":2}\n"), IMPORT_DUPLICATE_KEY},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"role\":\"a\"}]}\n"), IMPORT_DUPLICATE_KEY},
    {TEXT("{\"metadata\":{\"a\":1,\"\\u0061\":2}," MESSAGE "}\n"), IMPORT_DUPLICATE_KEY},
    {TEXT("{\"id\":1}\n"), IMPORT_NO_MESSAGES},
    {TEXT("{\"id\":1,\"messages\":[]}\n"), IMPORT_NO_MESSAGES},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\" \"}]}\n"), IMPORT_NO_MESSAGES},
    {TEXT("{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}\n"), IMPORT_ONLY_SYSTEM},
    {TEXT("{\"id\":1,\"messages\":\"hi\"}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"id\":[]," MESSAGE "}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"id\":1.5," MESSAGE "}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"account\":true," MESSAGE "}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"metadata\":7," MESSAGE "}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"messages\":[7]}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"messages\":[{\"content\":\"x\"}]}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":7}]}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":[7]}]}\n"), IMPORT_WRONG_TYPE},
    {TEXT("{\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"}]}\n"), IMPORT_UNKNOWN_ROLE},
    {TEXT("{\"created_at\":\"2026-13-01T00:00:00Z\"," MESSAGE "}\n"), IMPORT_BAD_TIME},
    {TEXT("{\"created_at\":\"yesterday\"," MESSAGE "}\n"), IMPORT_BAD_TIME},
    {TEXT("{\"created_at\":1e300," MESSAGE "}\n"), IMPORT_BAD_TIME},
    {TEXT("{\"created_at\":-1," MESSAGE "}\n"), IMPORT_BAD_TIME},
    {TEXT("{\"created_at\":99999999999999," MESSAGE "}\n"), IMPORT_BAD_TIME},
    {TEXT("{\"mapping\":{\"a\":{\"message\":null,\"parent\":\"b\"}},\"current_node\":\"a\"}\n"), IMPORT_BROKEN_TREE},
    {TEXT("{\"mapping\":{},\"current_node\":\"a\"}\n"), IMPORT_BROKEN_TREE},
};

static void every_reason(void **state)
{
    (void)state;
    bool seen[IMPORT_REASONS] = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct imported m;
        const struct json_limits limits = {.record_max = bad[i].reason == IMPORT_TOO_LONG ? 64 : 0,
                                           .depth_max = bad[i].reason == IMPORT_TOO_DEEP ? 8 : 0};
        bool found = false;
        import_bytes(bad[i].text, &limits, &m);
        for (size_t j = 0; j < m.n; j++)
            found = found || m.reasons[j] == bad[i].reason;
        if (!found)
            fail_msg("case %zu gave \"%s\", not \"%s\"", i, import_reason_text(m.reasons[0]),
                     import_reason_text(bad[i].reason));
        seen[bad[i].reason] = true;
        release(&m);
    }
    /* In other tests: the first two below, and in test_ingest.c what only a whole import can see. */
    seen[IMPORT_TOO_MANY_VALUES] = seen[IMPORT_TOO_MANY_TURNS] = true;
    seen[IMPORT_LONG_ID] = seen[IMPORT_DUPLICATE_ID] = true;
    for (int i = 0; i < IMPORT_REASONS; i++) {
        if (!seen[i])
            fail_msg("no test for \"%s\"", import_reason_text((enum import_reason)i));
        assert_true(strlen(import_reason_text((enum import_reason)i)) > 3);
    }
}

static void too_much(void **state)
{
    (void)state;
    struct buf b = {0};
    struct imported m;
    struct draft d = {0};
    buf_addz(&b, "{\"metadata\":{\"a\":[");
    for (int i = 0; i < 2100000; i++)
        buf_addz(&b, "1,");
    buf_addz(&b, "1]}," MESSAGE "}\n{\"id\":\"good\"," MESSAGE "}\n");
    import_bytes(buf_str(&b), NULL, &m);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.reasons[0], IMPORT_TOO_MANY_VALUES);
    assert_int_equal(m.reasons[1], IMPORT_OK);
    release(&m);
    buf_release(&b);
    for (int i = 0; i <= IMPORT_TURNS_MAX; i++)
        draft_add_turn(&d, STR("user"), STR("x"));
    assert_int_equal(import_check_turns(&d), IMPORT_TOO_MANY_TURNS);
    draft_release(&d);
}

/* Objects above the size where keys are sorted. */
static void many_keys(void **state)
{
    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        struct buf b = {0};
        struct imported m;
        buf_addz(&b, "{" MESSAGE);
        for (int i = 0; i < 5000; i++)
            buf_printf(&b, ",\"k%d\":%d", twice && i == 4999 ? 17 : i, i);
        buf_addz(&b, "}\n");
        import_bytes(buf_str(&b), NULL, &m);
        assert_int_equal(m.reasons[0], twice ? IMPORT_DUPLICATE_KEY : IMPORT_OK);
        release(&m);
        buf_release(&b);
    }
}

/* A bad first line must not turn JSON lines into something else, and the other way round. */
static void framing(void **state)
{
    (void)state;
    static const struct {
        struct str head;
        enum json_framing framing;
        size_t skip;
    } cases[] = {
        {TEXT("{\"id\":1," MESSAGE "}\n{\"id\":2," MESSAGE "}\n"), JSON_LINES, 0},
        {TEXT("{\"id\":1," MESSAGE "}"), JSON_LINES, 0},
        {TEXT(""), JSON_LINES, 0},
        {TEXT("garbage\n{\"id\":2}\n"), JSON_LINES, 0},
        {TEXT("[[[[[[[[\n{\"id\":2}\n"), JSON_LINES, 0},
        {TEXT("[[[[[[[[\nmore garbage\n{\"id\":2}\n"), JSON_LINES, 0},
        {TEXT("{\"id\":\"x\n{\"id\":2}\n"), JSON_LINES, 0},
        {TEXT("{\"id\":1,\n{\"id\":2}\n"), JSON_LINES, 0},
        {TEXT("[1]\n{\"id\":2}\n"), JSON_LINES, 0},
        {TEXT("[{\"id\":1},\n{\"id\":2}]\n"), JSON_VALUES, 0},
        {TEXT("[\n{\"id\":1},\n{\"id\":2}\n]\n"), JSON_VALUES, 0},
        {TEXT("[]"), JSON_VALUES, 0},
        {TEXT("\n [{\"id\":1}, {\"id\":2}]"), JSON_VALUES, 0},
        {TEXT("{\n  \"id\": 1,\n  \"messages\": [\n  ]\n}\n"), JSON_VALUES, 0},
        {TEXT("{\"data\": [{\"id\": 1},\n {\"id\": 2}]}"), JSON_VALUES, 9},
        {TEXT("{\"id\":\"x\",\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"}]}\n"), JSON_LINES, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t skip;
        enum json_framing got = importer_frame(cases[i].head, true, &skip);
        if (got != cases[i].framing || skip != cases[i].skip)
            fail_msg("case %zu: framing %d, skip %zu", i, (int)got, skip);
    }
}

static void formats(void **state)
{
    (void)state;
    assert_ptr_equal(ingest_format(STR("claude")), &importer_claude);
    assert_null(ingest_format(STR("word")));
    for (size_t i = 0; importers[i]; i++)
        assert_ptr_equal(ingest_format(str_of(importers[i]->name)), importers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native),    cmocka_unit_test(sharegpt),     cmocka_unit_test(chatgpt),
        cmocka_unit_test(claude),    cmocka_unit_test(every_reason), cmocka_unit_test(too_much),
        cmocka_unit_test(many_keys), cmocka_unit_test(framing),      cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests_name("importers", tests, NULL, NULL);
}
