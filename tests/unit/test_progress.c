/* What a run says on standard error: which lines, how often, and that JSON events hold the fields of events.jsonl. */
#include "base/json.h"
#include "cmd/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A thousand progress events of one stage, in one go, between its start and its end. */
static void run_stage(struct progress *p, enum event_kind end)
{
    struct event event = {.kind = EVENT_STAGE_START, .stage = "facets", .total = 1000, .rate = -1, .eta_s = -1};
    progress_event(p, &(struct event){.kind = EVENT_RUN_START, .rate = -1, .eta_s = -1});
    progress_event(p, &event);
    event.kind = EVENT_PROGRESS;
    for (event.done = 0; event.done < 1000; event.done++)
        progress_event(p, &event);
    event.kind = end;
    event.tokens_in = 12345;
    event.quarantined = 2;
    progress_event(p, &event);
    progress_event(p, &(struct event){.kind = EVENT_RUN_DONE, .rate = -1, .eta_s = -1});
    progress_close(p);
}

static char *said(const char *word, bool quiet, enum event_kind end)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = tmpfile();
    struct progress p;
    struct error e = {0};
    assert_non_null(out);
    assert_int_equal(progress_init(&p, out, word, quiet, &e), ERR_OK);
    run_stage(&p, end);
    n = (size_t)ftell(out);
    rewind(out);
    text = calloc(1, n + 1);
    assert_int_equal(fread(text, 1, n, out), n);
    fclose(out);
    return text;
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void log_has_a_line_at_start_and_end(void **state)
{
    (void)state;
    char *text = said("line", false, EVENT_STAGE_DONE);
    assert_int_equal(count(text, '\n'), 2);
    assert_non_null(strstr(text, "facets     started"));
    assert_non_null(strstr(text, "12.3k tokens  2 set aside"));
    free(text);
    text = said("line", false, EVENT_STAGE_FAILED);
    assert_non_null(strstr(text, "not finished"));
    free(text);
    text = said(NULL, false, EVENT_STAGE_KEPT); /* a file is no terminal */
    assert_non_null(strstr(text, "done earlier"));
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\033'));
    free(text);
}

static void bar_is_drawn_seldom(void **state)
{
    (void)state;
    char *text = said("bar", false, EVENT_STAGE_DONE);
    assert_true(count(text, '\r') <= 4); /* the events took far less than a second */
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_null(strstr(text, "\033[3")); /* no colour outside a terminal */
    free(text);
}

static void quiet_says_nothing(void **state)
{
    (void)state;
    char *text = said(NULL, true, EVENT_STAGE_DONE);
    assert_string_equal(text, "");
    free(text);
    text = said("none", false, EVENT_STAGE_DONE);
    assert_string_equal(text, "");
    free(text);
}

static void json_has_the_fields_of_the_events_file(void **state)
{
    size_t i, max;
    yyjson_val *key, *value;
    (void)state;
    char *text = said("json", false, EVENT_STAGE_DONE);
    struct str rest = str_of(text);
    size_t lines = 0;
    while (rest.n) {
        yyjson_doc *doc;
        struct error e = {0};
        assert_int_equal(json_parse(str_cut(&rest, '\n'), false, &doc, &e), ERR_OK);
        yyjson_obj_foreach(yyjson_doc_get_root(doc), i, max, key, value)
        {
            bool known = false;
            for (size_t f = 0; event_fields[f]; f++)
                known = known || yyjson_equals_str(key, event_fields[f]);
            assert_true(known);
        }
        yyjson_doc_free(doc);
        lines++;
    }
    assert_int_equal(lines, 1004);
    free(text);
}

static void modes_are_checked(void **state)
{
    struct progress p;
    struct error e = {0};
    (void)state;
    assert_int_equal(progress_init(&p, stderr, "loud", false, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "bar, line, json or none"));
}

static void numbers_are_short(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } times[] = {{-1, "0.0s"}, {4.21, "4.2s"}, {9.97, "0:10"}, {65, "1:05"}, {7390, "2:03:10"}, {1e12, "99:59:59"}};
    static const struct {
        int64_t n;
        const char *text;
    } counts[] = {{0, "0"}, {9999, "9999"}, {12345, "12.3k"}, {4500000, "4.5M"}};
    char text[FORMAT_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        format_duration(times[i].seconds, text);
        assert_string_equal(text, times[i].text);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        format_count(counts[i].n, text);
        assert_string_equal(text, counts[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_has_a_line_at_start_and_end),
        cmocka_unit_test(bar_is_drawn_seldom),
        cmocka_unit_test(quiet_says_nothing),
        cmocka_unit_test(json_has_the_fields_of_the_events_file),
        cmocka_unit_test(modes_are_checked),
        cmocka_unit_test(numbers_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
