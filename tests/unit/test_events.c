/* events.jsonl: whole lines, exactly the listed fields, and no way in for text. */
#include "store/events.h"

#include "base/json.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "scratch.h"

static bool is_listed(struct str name)
{
    for (size_t i = 0; event_fields[i]; i++)
        if (str_eqz(name, event_fields[i]))
            return true;
    return false;
}

/* Parses every line; the last one's members are returned in `found` as bits of event_fields. */
static size_t read_lines(const char *path, unsigned *found, yyjson_doc **last)
{
    struct buf text = {0};
    struct error e = {0};
    size_t lines = 0;
    OK(file_read(path, 1 << 20, &text, &e));
    struct str rest = buf_str(&text);
    assert_true(rest.n == 0 || rest.at[rest.n - 1] == '\n');
    for (; rest.n; lines++) {
        struct str line = str_cut(&rest, '\n');
        yyjson_doc_free(*last);
        OK(json_parse(line, false, last, &e));
        *found = 0;
        yyjson_obj_iter it = yyjson_obj_iter_with(yyjson_doc_get_root(*last));
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
            assert_true(is_listed(json_str(key)));
            for (unsigned i = 0; event_fields[i]; i++)
                *found |= (unsigned)str_eqz(json_str(key), event_fields[i]) << i;
        }
    }
    buf_release(&text);
    return lines;
}

static const struct event nothing = {EVENT_RUN_START, NULL, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, -1};

static void test_fields(void **state)
{
    char path[256];
    struct events *ev;
    struct error e = {0};
    unsigned found, all = 0;
    yyjson_doc *last = NULL;
    OK(events_open(scratch_path(state, "events.jsonl", path), &ev, &e));
    assert_int_equal(scratch_mode(path), 0600);
    struct event full = {EVENT_PROGRESS, "facets", 1, 10, 2, 3, 4000000000, 5, 1.5, 6.25, 2, 60, 12, 45};
    events_put(ev, &full);
    assert_int_equal(read_lines(path, &found, &last), 1);
    for (unsigned i = 0; event_fields[i]; i++)
        all |= 1u << i;
    assert_int_equal(found, all); /* every listed field can be there, and no other */
    yyjson_val *root = yyjson_doc_get_root(last);
    assert_true(str_eqz(json_get_str(root, "kind"), "progress") && str_eqz(json_get_str(root, "stage"), "facets"));
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(root, "tokens_in")), 4000000000);
    assert_true(yyjson_get_real(yyjson_obj_get(root, "rate")) == 1.5);
    assert_true(yyjson_get_uint(yyjson_obj_get(root, "t")) > 1700000000000);

    events_put(ev, &nothing);
    assert_int_equal(read_lines(path, &found, &last), 2);
    assert_int_equal(found, 3); /* t and kind */
    struct event odd = nothing;
    odd.kind = EVENT_RUN_STOPPED;
    odd.rate = (double)NAN;
    odd.eta_s = (double)INFINITY;
    events_put(ev, &odd);
    assert_int_equal(read_lines(path, &found, &last), 3);
    assert_int_equal(found, 3);
    odd.kind = (enum event_kind)99;
    events_put(ev, &odd);
    events_put(NULL, &nothing);
    assert_int_equal(read_lines(path, &found, &last), 3);
    yyjson_doc_free(last);
    events_close(ev);
    events_close(NULL);
}

static void test_text_stays_out(void **state)
{
    static const char *const tries[] = {
        "my name is Zoe", "a\",\"x\":\"b", "/home/zoe/chats", "", "Zo\xc3\xab", "averyveryveryveryverylongstagename-x"};
    char path[256];
    struct events *ev;
    struct error e = {0};
    unsigned found;
    yyjson_doc *last = NULL;
    OK(events_open(scratch_path(state, "events.jsonl", path), &ev, &e));
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        struct event event = nothing;
        event.stage = tries[i];
        events_put(ev, &event);
        assert_int_equal(read_lines(path, &found, &last), i + 1);
        assert_int_equal(found, 3);
    }
    yyjson_doc_free(last);
    events_close(ev);
}

static void test_append_after_a_kill(void **state)
{
    char path[256];
    struct events *ev;
    struct error e = {0};
    struct buf text = {0};
    OK(file_write_atomic(scratch_path(state, "events.jsonl", path),
                         STR("{\"t\":1,\"kind\":\"run_start\"}\n{\"t\":2,\"ki"), &e));
    OK(events_open(path, &ev, &e));
    events_put(ev, &nothing);
    events_put(ev, &nothing);
    events_close(ev);
    OK(file_read(path, 4096, &text, &e));
    struct str rest = buf_str(&text);
    str_cut(&rest, '\n');
    assert_true(str_eqz(str_cut(&rest, '\n'), "{\"t\":2,\"ki"));
    for (int i = 0; i < 2; i++) {
        yyjson_doc *doc;
        OK(json_parse(str_cut(&rest, '\n'), false, &doc, &e));
        yyjson_doc_free(doc);
    }
    assert_int_equal(rest.n, 0);
    buf_release(&text);
}

/* A full disk costs events, never the run; when there is room again, lines are whole again. */
static void test_full_disk(void **state)
{
    char path[256];
    struct events *ev;
    struct error e = {0};
    struct buf text = {0};
    struct rlimit limit;
    OK(events_open(scratch_path(state, "events.jsonl", path), &ev, &e));
    events_put(ev, &nothing);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t old = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)file_size(path) + 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    events_put(ev, &nothing); /* ten bytes of it */
    events_put(ev, &nothing); /* none of it */
    limit.rlim_cur = old;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    events_put(ev, &nothing);
    events_close(ev);
    OK(file_read(path, 4096, &text, &e));
    struct str rest = buf_str(&text);
    size_t whole = 0, torn = 0;
    while (rest.n) {
        yyjson_doc *doc;
        bool ok = json_parse(str_cut(&rest, '\n'), false, &doc, &e) == ERR_OK;
        whole += ok;
        torn += !ok;
        if (ok)
            yyjson_doc_free(doc);
    }
    assert_true(whole == 2 && torn == 1);
    buf_release(&text);
}

static void test_no_links(void **state)
{
    char path[256], target[256];
    struct events *ev;
    struct error e = {0};
    assert_int_equal(symlink(scratch_path(state, "target", target), scratch_path(state, "events.jsonl", path)), 0);
    assert_int_equal(events_open(path, &ev, &e), ERR_IO);
    assert_null(ev);
    assert_false(file_exists(target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_fields),    SCRATCH_TEST(test_text_stays_out), SCRATCH_TEST(test_append_after_a_kill),
        SCRATCH_TEST(test_full_disk), SCRATCH_TEST(test_no_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
