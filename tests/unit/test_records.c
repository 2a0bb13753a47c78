/* Conversations, facet values and quarantine: what goes in comes out, in order, and what is deleted is gone. */
#include "store/records.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "scratch.h"

#define NO_NUMBER ((double)NAN)

static struct conversation example(int64_t rec, struct turn *turns, size_t n)
{
    return (struct conversation){.rec = rec,
                                 .id = STR("c-1"),
                                 .account = 1,
                                 .has_time = true,
                                 .created_at = 1777627800, /* Friday, 2026-05-01 */
                                 .metadata = STR("{\"country\":\"DE\"}"),
                                 .turns = turns,
                                 .turns_count = n,
                                 .source = STR("may.jsonl"),
                                 .line = rec + 1};
}

static void test_round_trip(void **state)
{
    struct run r;
    struct error e = {0};
    struct arena a = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    struct turn turns[] = {{STR("user"), STR("one\0two")}, {STR("assistant"), STR("")}};
    struct conversation c = example(7, turns, 2), out;
    OK(records_put(&r, &c, &e));
    OK(records_get(&r, 7, &a, &out, &e));
    assert_true(str_eq(out.id, c.id) && str_eq(out.metadata, c.metadata) && str_eq(out.source, c.source));
    assert_true(out.account == 1 && out.has_time && out.created_at == c.created_at && out.line == 8);
    assert_int_equal(out.turns_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(str_eq(out.turns[i].text, turns[i].text) && str_eq(out.turns[i].role, turns[i].role));

    struct turn many[100];
    for (size_t i = 0; i < 100; i++)
        many[i] = (struct turn){STR("user"), str_printf(&a, "turn %zu", i)};
    c = example(8, many, 100);
    c.has_time = false;
    OK(records_put(&r, &c, &e));
    OK(records_get(&r, 8, &a, &out, &e));
    assert_false(out.has_time);
    assert_int_equal(out.turns_count, 100);
    assert_true(str_eqz(out.turns[99].text, "turn 99"));

    assert_int_equal(records_get(&r, 9, &a, &out, &e), ERR_RANGE);
    c = example(-1, NULL, 0);
    assert_int_equal(records_put(&r, &c, &e), ERR_RANGE);
    arena_release(&a);
    run_close(&r);
}

static void test_index_and_dropping(void **state)
{
    struct run r;
    struct error e = {0};
    struct arena a = {0};
    struct record_index x;
    int64_t imported, kept;
    OK(run_open(*state, RUN_CREATE, &r, &e));
    for (int64_t rec = 20; rec >= 0; rec -= 2) { /* order of arrival is not order of rec */
        struct conversation c = example(rec, NULL, 0);
        c.account = rec / 4;
        c.has_time = rec != 4;
        OK(records_put(&r, &c, &e));
    }
    OK(records_index(&r, &a, &x, &e));
    assert_int_equal(x.n, 11);
    for (size_t i = 0; i < x.n; i++) {
        assert_int_equal(x.rec[i], 2 * i);
        assert_int_equal(x.account[i], i / 2);
        assert_int_equal(x.week[i], i == 2 ? INT32_MIN : 20570); /* Monday, 2026-04-27 */
        assert_int_equal(records_find(&x, x.rec[i]), i);
        assert_int_equal(records_find(&x, x.rec[i] + 1), SIZE_MAX);
    }
    assert_int_equal(records_find(&x, -1), SIZE_MAX);

    OK(records_drop(&r, 2, "filter", &e));
    OK(records_drop(&r, 4, "screener", &e));
    OK(records_drop(&r, 2, "screener", &e)); /* the first reason stays */
    OK(records_index(&r, &a, &x, &e));
    assert_int_equal(x.n, 9);
    assert_int_equal(x.rec[1], 6);
    OK(records_count(&r, &imported, &kept, &e));
    assert_true(imported == 11 && kept == 9);
    OK(records_undrop(&r, "screener", &e));
    OK(records_count(&r, &imported, &kept, &e));
    assert_true(imported == 11 && kept == 10);
    arena_release(&a);
    run_close(&r);
}

static void test_accounts_are_hashed(void **state)
{
    struct run r;
    struct error e = {0};
    int64_t number;
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(records_account(&r, STR(""), &number, &e));
    assert_int_equal(number, 0);
    OK(records_account(&r, STR("zoe.canary@example.org"), &number, &e));
    assert_int_equal(number, 1);
    OK(records_account(&r, STR("adam@example.org"), &number, &e));
    assert_int_equal(number, 2);
    OK(records_account(&r, STR("zoe.canary@example.org"), &number, &e));
    assert_int_equal(number, 1);
    char path[256];
    snprintf(path, sizeof path, "%s/private/run.db", (const char *)*state);
    run_close(&r);
    struct buf bytes = {0};
    OK(file_read(path, 1 << 24, &bytes, &e));
    assert_int_equal(str_find(buf_str(&bytes), STR("canary")), SIZE_MAX);
    buf_release(&bytes);

    OK(run_open(*state, RUN_EXISTING, &r, &e)); /* the key is kept */
    OK(records_account(&r, STR("adam@example.org"), &number, &e));
    assert_int_equal(number, 2);
    run_close(&r);
}

struct seen {
    int64_t recs[8];
    int seqs[8];
    char texts[8][16];
    double numbers[8];
    size_t n, stop_at;
};

static enum err see_facet(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    struct seen *s = arg;
    if (s->stop_at && s->n == s->stop_at)
        return error_set(e, ERR_INTERRUPTED, "enough");
    s->recs[s->n] = rec;
    s->seqs[s->n] = seq;
    s->numbers[s->n] = number;
    snprintf(s->texts[s->n++], sizeof *s->texts, STR_FMT, STR_ARG(text));
    return ERR_OK;
}

static void test_facet_values(void **state)
{
    struct run r;
    struct error e = {0};
    struct seen s = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(facet_put(&r, 5, STR("language"), 1, STR("French"), NO_NUMBER, &e));
    OK(facet_put(&r, 5, STR("language"), 0, STR("German"), NO_NUMBER, &e));
    OK(facet_put(&r, 2, STR("language"), 0, STR("Dutch"), NO_NUMBER, &e));
    OK(facet_put(&r, 2, STR("turns"), 0, STR("4"), 4.5, &e));
    OK(facet_put(&r, 2, STR("language"), 0, STR("Danish"), NO_NUMBER, &e)); /* replaces */
    OK(facet_each(&r, STR("language"), see_facet, &s, &e));
    assert_int_equal(s.n, 3);
    assert_true(s.recs[0] == 2 && s.recs[1] == 5 && s.recs[2] == 5 && s.seqs[1] == 0 && s.seqs[2] == 1);
    assert_string_equal(s.texts[0], "Danish");
    assert_string_equal(s.texts[1], "German");
    assert_true(isnan(s.numbers[0]));
    s = (struct seen){0};
    OK(facet_each(&r, STR("turns"), see_facet, &s, &e));
    assert_true(s.n == 1 && s.numbers[0] == 4.5);
    s = (struct seen){.stop_at = 1};
    assert_int_equal(facet_each(&r, STR("language"), see_facet, &s, &e), ERR_INTERRUPTED);
    OK(facet_clear(&r, STR("language"), &e));
    s = (struct seen){0};
    OK(facet_each(&r, STR("language"), see_facet, &s, &e));
    assert_int_equal(s.n, 0);
    OK(facet_each(&r, STR("turns"), see_facet, &s, &e));
    assert_int_equal(s.n, 1);
    run_close(&r);
}

struct nested {
    struct run *run;
    size_t pairs;
};

static enum err inner(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    (void)rec, (void)seq, (void)text, (void)number, (void)e;
    ((struct nested *)arg)->pairs++;
    return ERR_OK;
}

static enum err outer(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    (void)seq, (void)text, (void)number;
    struct nested *n = arg;
    enum err result = facet_each(n->run, STR("a"), inner, n, e);
    /* Writing while reading is allowed, also across a commit. */
    if (result == ERR_OK)
        result = facet_put(n->run, rec, STR("b"), 0, STR("copy"), NO_NUMBER, e);
    return result == ERR_OK ? db_flush(n->run->db, e) : result;
}

static void test_loops_nest(void **state)
{
    struct run r;
    struct error e = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    for (int64_t rec = 0; rec < 10; rec++)
        OK(facet_put(&r, rec, STR("a"), 0, STR("x"), NO_NUMBER, &e));
    struct nested n = {.run = &r};
    OK(facet_each(&r, STR("a"), outer, &n, &e));
    assert_int_equal(n.pairs, 100);
    n.pairs = 0;
    OK(facet_each(&r, STR("b"), inner, &n, &e));
    assert_int_equal(n.pairs, 10);
    run_close(&r);
}

static int64_t rows_of(struct run *r, int64_t rec)
{
    int64_t n;
    struct error e = {0};
    OK(db_get_int(r->db, &e, &n, -1,
                  "SELECT (SELECT count(*) FROM conversation WHERE rec=?1) + (SELECT count(*) FROM turn WHERE rec=?1)"
                  " + (SELECT count(*) FROM facet_value WHERE rec=?1) + (SELECT count(*) FROM member WHERE rec=?1)"
                  " + (SELECT count(*) FROM point WHERE rec=?1)",
                  "i", rec));
    return n;
}

static void test_delete_and_reset(void **state)
{
    struct run r;
    struct error e = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    for (int64_t rec = 0; rec < 3; rec++) {
        struct turn turns[] = {{STR("user"), STR("hello")}, {STR("assistant"), STR("hi")}};
        struct conversation c = example(rec, turns, 2);
        OK(records_put(&r, &c, &e));
        OK(facet_put(&r, rec, STR("a"), 0, STR("x"), NO_NUMBER, &e));
        OK(facet_put(&r, rec, STR("b"), 0, STR("x"), NO_NUMBER, &e));
        OK(db_put(r.db, &e, "INSERT INTO member VALUES('a', ?1, 0)", "i", rec));
        OK(db_put(r.db, &e, "INSERT INTO point VALUES('a', ?1, 0.0, 0.0)", "i", rec));
    }
    assert_int_equal(rows_of(&r, 1), 7);
    OK(records_delete(&r, 1, &e));
    assert_int_equal(rows_of(&r, 0), 7);
    assert_int_equal(rows_of(&r, 1), 0);
    assert_int_equal(rows_of(&r, 2), 7);
    OK(run_stage_put(&r, "facets", &(struct stage_state){.done = true}, &e));
    const char *vectors = run_path(&r, "private/a.vec");
    OK(file_write_atomic(vectors, STR("x"), &e));
    OK(records_reset(&r, &e));
    assert_int_equal(rows_of(&r, 0) + rows_of(&r, 2), 0);
    struct stage_state s;
    OK(run_stage_get(&r, "facets", &r.arena, &s, &e));
    assert_false(s.done);
    assert_false(file_exists(vectors));
    run_close(&r);
}

/* secure_delete: deleted text is gone from the file, not only from the tables. */
static void test_deleted_text_is_gone(void **state)
{
    struct run r;
    struct error e = {0};
    struct turn turns[] = {{STR("user"), STR("the canary sings")}};
    struct conversation c = example(0, turns, 1);
    struct buf bytes = {0};
    char path[256];
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(records_put(&r, &c, &e));
    run_close(&r);
    snprintf(path, sizeof path, "%s/private/run.db", (const char *)*state);
    OK(file_read(path, 1 << 24, &bytes, &e));
    assert_int_not_equal(str_find(buf_str(&bytes), STR("canary")), SIZE_MAX);
    OK(run_open(*state, RUN_EXISTING, &r, &e));
    OK(records_delete(&r, 0, &e));
    run_close(&r);
    buf_clear(&bytes);
    OK(file_read(path, 1 << 24, &bytes, &e));
    assert_int_equal(str_find(buf_str(&bytes), STR("canary")), SIZE_MAX);
    buf_release(&bytes);
}

struct reasons {
    char at[4][32];
    int64_t counts[4];
    size_t n;
};

static enum err see_reason(void *arg, struct str reason, int64_t count, struct error *e)
{
    (void)e;
    struct reasons *s = arg;
    snprintf(s->at[s->n], sizeof *s->at, STR_FMT, STR_ARG(reason));
    s->counts[s->n++] = count;
    return ERR_OK;
}

static enum err see_row(void *arg, const struct quarantine_row *row, struct error *e)
{
    (void)e;
    int64_t *lines = arg;
    lines[++lines[0]] = row->line;
    return ERR_OK;
}

static void test_quarantine(void **state)
{
    struct run r;
    struct error e = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    struct quarantine_row row = {
        .stage = STR("import"), .source = STR("a"), .reason = STR("not JSON"), .line = 9, .rec = -1};
    OK(quarantine_put(&r, &row, &e));
    OK(quarantine_put(&r, &row, &e)); /* counted once */
    row.line = 3;
    OK(quarantine_put(&r, &row, &e));
    row = (struct quarantine_row){.stage = STR("facets"), .reason = STR("cut"), .line = -1, .rec = 4};
    OK(quarantine_put(&r, &row, &e));
    struct reasons s = {0};
    OK(quarantine_reasons(&r, NULL, see_reason, &s, &e));
    assert_int_equal(s.n, 2);
    assert_string_equal(s.at[0], "not JSON");
    assert_true(s.counts[0] == 2 && s.counts[1] == 1);
    int64_t lines[8] = {0};
    OK(quarantine_each(&r, "import", see_row, lines, &e));
    assert_true(lines[0] == 2 && lines[1] == 3 && lines[2] == 9);
    OK(quarantine_clear(&r, "import", &e));
    lines[0] = 0;
    OK(quarantine_each(&r, NULL, see_row, lines, &e));
    assert_true(lines[0] == 1 && lines[1] == -1);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_round_trip),           SCRATCH_TEST(test_index_and_dropping),
        SCRATCH_TEST(test_accounts_are_hashed),  SCRATCH_TEST(test_facet_values),
        SCRATCH_TEST(test_loops_nest),           SCRATCH_TEST(test_delete_and_reset),
        SCRATCH_TEST(test_deleted_text_is_gone), SCRATCH_TEST(test_quarantine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
