/* The framer: where records begin and end, whatever lies between, and what it says about the ones it cannot hand out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ingest/json_stream.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct result {
    struct json_record records[64];
    char *texts[64];
    size_t n;
};

static void collect(struct json_stream *s, struct result *r)
{
    struct error e = {0};
    bool more;
    memset(r, 0, sizeof *r);
    for (struct json_record record;;) {
        assert_int_equal(json_stream_next(s, &record, &more, &e), ERR_OK);
        if (!more)
            break;
        assert_true(r->n < 64);
        for (int i = 0; !record.problem && i < 4; i++)
            assert_int_equal(record.text[record.n + (size_t)i], 0);
        r->records[r->n] = record;
        r->texts[r->n++] = record.problem ? NULL : strndup(record.text, record.n);
    }
}

static void release(struct result *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->texts[i]);
}

static void frame(struct str bytes, enum json_framing framing, size_t skip, const struct json_limits *limits,
                  struct result *r)
{
    char path[] = "/tmp/clio-test-XXXXXX";
    int fd = mkstemp(path);
    struct json_stream s;
    struct error e = {0};
    struct str view;
    bool whole;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.at, bytes.n), (ssize_t)bytes.n);
    close(fd);
    assert_int_equal(json_stream_open(&s, path, limits, &e), ERR_OK);
    assert_int_equal(json_stream_peek(&s, 1 << 20, &view, &whole, &e), ERR_OK);
    json_stream_frame(&s, framing, skip);
    collect(&s, r);
    json_stream_close(&s);
    unlink(path);
}

static void expect(const struct result *r, size_t i, const char *text, int64_t number)
{
    assert_true(i < r->n);
    assert_int_equal(r->records[i].problem, JSON_WHOLE);
    assert_string_equal(r->texts[i], text);
    assert_int_equal(r->records[i].number, number);
}

static void expect_problem(const struct result *r, size_t i, enum json_problem problem, int64_t number)
{
    assert_true(i < r->n);
    assert_int_equal(r->records[i].problem, problem);
    assert_int_equal(r->records[i].number, number);
}

static void lines(void **state)
{
    (void)state;
    struct result r;
    frame(STR("\xef\xbb\xbf{\"a\":1}\r\n\n  \t\r\n{\"b\":\0 2}\ngarbage\n{\"c\":3}"), JSON_LINES, 0, NULL, &r);
    assert_int_equal(r.n, 4);
    expect(&r, 0, "{\"a\":1}", 1);
    assert_int_equal(r.records[0].offset, 3);
    assert_int_equal(r.records[1].number, 4);
    assert_int_equal(r.records[1].n, 9); /* with its NUL */
    expect(&r, 2, "garbage", 5);
    expect(&r, 3, "{\"c\":3}", 6);
    assert_true(r.records[3].unterminated);
    assert_false(r.records[2].unterminated);
    release(&r);
}

static void lines_empty(void **state)
{
    (void)state;
    struct result r;
    frame(STR(""), JSON_LINES, 0, NULL, &r);
    assert_int_equal(r.n, 0);
    frame(STR("\xef\xbb\xbf"), JSON_LINES, 0, NULL, &r);
    assert_int_equal(r.n, 0);
    frame(STR("\n\n"), JSON_VALUES, 0, NULL, &r);
    assert_int_equal(r.n, 0);
}

static void lines_too_long_or_deep(void **state)
{
    (void)state;
    struct json_limits limits = {.record_max = 10, .depth_max = 3};
    struct result r;
    frame(STR("{\"a\":1}\n01234567890123\n[[[1]]]\n[[[[]]]]\n\"[[[[\\\"\"\n"), JSON_LINES, 0, &limits, &r);
    assert_int_equal(r.n, 5);
    expect(&r, 0, "{\"a\":1}", 1);
    expect_problem(&r, 1, JSON_TOO_LONG, 2);
    expect(&r, 2, "[[[1]]]", 3);
    expect_problem(&r, 3, JSON_TOO_DEEP, 4);
    expect(&r, 4, "\"[[[[\\\"\"", 5);
    release(&r);
}

static void values(void **state)
{
    (void)state;
    struct result r;
    frame(STR(" [ {\"a\":\"]}\\\"\"} , {\"b\":[1,{}]},7 ,\"s\",[2]\n] \n"), JSON_VALUES, 0, NULL, &r);
    assert_int_equal(r.n, 5);
    expect(&r, 0, "{\"a\":\"]}\\\"\"}", 1);
    expect(&r, 1, "{\"b\":[1,{}]}", 2);
    expect(&r, 2, "7", 3);
    expect(&r, 3, "\"s\"", 4);
    expect(&r, 4, "[2]", 5);
    release(&r);
    frame(STR("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n[{\"c\":3}][{\"d\":4}]"), JSON_VALUES, 0, NULL, &r);
    assert_int_equal(r.n, 4);
    expect(&r, 1, "{\n \"a\": 2\n}", 2);
    expect(&r, 3, "{\"d\":4}", 4);
    release(&r);
}

static void values_wrapped(void **state)
{
    (void)state;
    struct result r;
    frame(STR("{\"v\": 1, \"data\": [{\"a\":1},{\"a\":2}], \"rest\": [3]}"), JSON_VALUES, 17, NULL, &r);
    assert_int_equal(r.n, 2);
    expect(&r, 1, "{\"a\":2}", 2);
    release(&r);
}

static void values_cut_off(void **state)
{
    (void)state;
    struct result r;
    frame(STR("[\n {\"id\":1},\n {\"id\":\"x"), JSON_VALUES, 0, NULL, &r);
    assert_int_equal(r.n, 2);
    expect_problem(&r, 1, JSON_CUT_OFF, 2);
    release(&r);
    frame(STR("[\n {\"id\":1},\n"), JSON_VALUES, 0, NULL, &r);
    assert_int_equal(r.n, 2);
    expect_problem(&r, 1, JSON_UNCLOSED, 2);
    release(&r);
}

/* One broken record in the middle costs itself only. */
static void values_resync(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "{\"id\":2,\"t\":\"no end},", "{\"id\":2,\"t\":[1},",          "{\"id\":2,\"t\":[1,2,",
        "{\"id\":2,\"t\":1}}},",      "{\"id\":2,\"t\":\"x\"y\"z\"},", "{\"id\":2,\"t\":{\"id\":1,",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct result r;
        struct buf b = {0};
        buf_printf(&b, "[\n  {\"id\":1},\n  %s\n  {\"id\":3},\n  {\"id\":4}\n]\n", broken[i]);
        frame(buf_str(&b), JSON_VALUES, 0, NULL, &r);
        size_t good = 0;
        for (size_t j = 0; j < r.n; j++)
            good += r.texts[j] && (!strcmp(r.texts[j], "{\"id\":1}") || !strcmp(r.texts[j], "{\"id\":3}") ||
                                   !strcmp(r.texts[j], "{\"id\":4}"));
        if (good != 3)
            fail_msg("case %zu: %zu good records, not 3", i, good);
        assert_true(r.n > 3); /* and something is reported */
        release(&r);
        buf_release(&b);
    }
}

static void values_resync_on_one_line(void **state)
{
    (void)state;
    struct result r;
    frame(STR("[{\"id\":1}, {\"id\":2}, {\"id\":[3}, {\"id\":4}, {\"id\":5}]"), JSON_VALUES, 0, NULL, &r);
    assert_int_equal(r.n, 5);
    expect_problem(&r, 2, JSON_BROKEN, 3);
    expect(&r, 3, "{\"id\":4}", 4);
    expect(&r, 4, "{\"id\":5}", 5);
    release(&r);
}

static void values_too_long_or_deep(void **state)
{
    (void)state;
    struct json_limits limits = {.record_max = 20, .depth_max = 3};
    struct result r;
    frame(STR("[{\"a\":\"0123456789 0123456789\"},{\"b\":[[1]]},{\"b\":[[[1]]]},{\"c\":3}]"), JSON_VALUES, 0, &limits,
          &r);
    assert_int_equal(r.n, 4);
    expect_problem(&r, 0, JSON_TOO_LONG, 1);
    expect(&r, 1, "{\"b\":[[1]]}", 2);
    expect_problem(&r, 2, JSON_TOO_DEEP, 3);
    expect(&r, 3, "{\"c\":3}", 4);
    release(&r);
}

/* A record far longer than the limit and the buffer, and 100,000 levels: nothing is held, the next record comes. */
static void values_far_too_long(void **state)
{
    (void)state;
    struct json_limits limits = {.record_max = 1 << 16};
    struct result r;
    struct buf b = {0};
    for (int framing = 0; framing < 2; framing++) {
        buf_clear(&b);
        buf_addz(&b, framing ? "[{\"a\":\"" : "{\"a\":\"");
        for (int i = 0; i < 1 << 20; i++)
            buf_addz(&b, "\\\\\\\"x]}");
        buf_addz(&b, framing ? "\"},\n" : "\"}\n");
        for (int i = 0; i < 50000; i++)
            buf_addz(&b, "[{");
        buf_addz(&b, framing ? "" : "\n");
        for (int i = 0; i < 50000 && framing; i++)
            buf_addz(&b, "}]");
        buf_addz(&b, framing ? ",{\"a\":2}]" : "{\"a\":2}");
        frame(buf_str(&b), framing ? JSON_VALUES : JSON_LINES, 0, &limits, &r);
        assert_int_equal(r.n, 3);
        expect_problem(&r, 0, JSON_TOO_LONG, 1);
        assert_true(r.records[1].problem == JSON_TOO_LONG || r.records[1].problem == JSON_TOO_DEEP);
        expect(&r, 2, "{\"a\":2}", 3);
        release(&r);
    }
    buf_release(&b);
}

/* Records that fall on every possible place of the buffer's chunks come out as they went in. */
static void long_streams(void **state)
{
    (void)state;
    for (int framing = 0; framing < 2; framing++) {
        char path[] = "/tmp/clio-test-XXXXXX";
        FILE *f = fdopen(mkstemp(path), "wb");
        struct rng rng = rng_seed(5, 0);
        struct json_stream s;
        struct error e = {0};
        const int64_t n = 3000;
        assert_non_null(f);
        fputs(framing ? "[" : "", f);
        for (int64_t i = 0; i < n; i++) {
            fprintf(f, "{\"i\":%lld,\"t\":\"", (long long)i);
            for (uint64_t k = rng_below(&rng, 4000); k > 0; k--)
                fputs(k % 7 ? "a" : "\\\"", f);
            fputs(framing ? "\"},\n" : "\"}\n", f);
        }
        fputs(framing ? "]" : "", f);
        fclose(f);
        assert_int_equal(json_stream_open(&s, path, NULL, &e), ERR_OK);
        json_stream_frame(&s, framing ? JSON_VALUES : JSON_LINES, 0);
        for (int64_t i = 0; i <= n; i++) {
            struct json_record record;
            bool more;
            char start[40];
            assert_int_equal(json_stream_next(&s, &record, &more, &e), ERR_OK);
            assert_int_equal(more, i < n);
            if (!more)
                break;
            int length = snprintf(start, sizeof start, "{\"i\":%lld,\"t\":\"", (long long)i);
            assert_int_equal(record.problem, JSON_WHOLE);
            assert_memory_equal(record.text, start, (size_t)length);
            assert_memory_equal(record.text + record.n - 2, "\"}", 2);
        }
        json_stream_close(&s);
        unlink(path);
    }
}

/* Random bytes out of JSON's alphabet: every call ends, offsets grow, nothing is read twice as a record. */
static void random_bytes(void **state)
{
    (void)state;
    static const char letters[] = "{}[]\",:\\ \n\r\t1a\0\xff";
    for (uint64_t seed = 0; seed < 3000; seed++) {
        char bytes[60];
        struct rng rng = rng_seed(seed, 1);
        struct result r;
        struct json_limits limits = {.record_max = 1 + rng_below(&rng, 60), .depth_max = 1 + rng_below(&rng, 6)};
        size_t n = rng_below(&rng, sizeof bytes);
        for (size_t i = 0; i < n; i++)
            bytes[i] = letters[rng_below(&rng, sizeof letters - 1)];
        frame((struct str){bytes, n}, seed % 2 ? JSON_VALUES : JSON_LINES, 0, &limits, &r);
        for (size_t i = 1; i < r.n; i++)
            assert_true(r.records[i].offset > r.records[i - 1].offset || r.records[i].problem == JSON_UNCLOSED);
        release(&r);
    }
}

static void unreadable(void **state)
{
    (void)state;
    struct json_stream s;
    struct error e = {0};
    assert_int_equal(json_stream_open(&s, "/nowhere/at/all", NULL, &e), ERR_INPUT);
    assert_int_equal(json_stream_open(&s, "/tmp", NULL, &e), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(lines_empty),
        cmocka_unit_test(lines_too_long_or_deep),
        cmocka_unit_test(values),
        cmocka_unit_test(values_wrapped),
        cmocka_unit_test(values_cut_off),
        cmocka_unit_test(values_resync),
        cmocka_unit_test(values_resync_on_one_line),
        cmocka_unit_test(values_too_long_or_deep),
        cmocka_unit_test(values_far_too_long),
        cmocka_unit_test(long_streams),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(unreadable),
    };
    return cmocka_run_group_tests_name("json_stream", tests, NULL, NULL);
}
