/* The ledger's promise: what was acknowledged is still there after a kill, and an answered call is found again. */
#include "store/ledger.h"
#include "store/records.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "scratch.h"

static struct hash key_of(uint64_t i)
{
    struct hasher h;
    hash_init(&h);
    hash_add_u64(&h, i);
    return hash_end(&h);
}

static enum err put(struct run *r, uint64_t i, struct error *e)
{
    char text[32];
    struct str texts[] = {{text, 0}};
    struct ledger_entry entry = {texts, 1, 100, 10, 5, 0};
    texts[0].n = (size_t)snprintf(text, sizeof text, "answer %d", (int)i);
    return ledger_put(r, "facets", key_of(i), &entry, e);
}

static bool has(struct run *r, uint64_t i)
{
    struct ledger_entry entry;
    bool found;
    char text[32];
    struct error e = {0};
    OK(ledger_get(r, key_of(i), &r->arena, &entry, &found, &e));
    if (!found)
        return false;
    snprintf(text, sizeof text, "answer %d", (int)i);
    assert_true(entry.texts_count == 1 && str_eqz(entry.texts[0], text));
    return true;
}

static void test_round_trip(void **state)
{
    struct run r;
    struct error e = {0};
    struct ledger_entry out;
    bool found;
    int64_t n;
    struct str texts[] = {STR(""), STR("3:no"), STR("a\0b\xff"), STR("{\"a\":1}")};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(ledger_get(&r, key_of(1), &r.arena, &out, &found, &e));
    assert_false(found);
    OK(ledger_put(&r, "facets", key_of(1), &(struct ledger_entry){texts, 4, 1, 2, 3, 0}, &e));
    OK(ledger_put(&r, "facets", key_of(2), &(struct ledger_entry){texts, 0, 0, 0, 0, 0}, &e));
    OK(ledger_get(&r, key_of(1), &r.arena, &out, &found, &e));
    assert_true(found && out.texts_count == 4 && out.tokens_in == 1 && out.tokens_cached == 2 && out.tokens_out == 3);
    for (size_t i = 0; i < 4; i++)
        assert_true(str_eq(out.texts[i], texts[i]));
    OK(ledger_get(&r, key_of(2), &r.arena, &out, &found, &e));
    assert_true(found && out.texts_count == 0);
    OK(ledger_put(&r, "facets", key_of(1), &(struct ledger_entry){texts + 3, 1, 1, 2, 3, 0}, &e));
    OK(ledger_get(&r, key_of(1), &r.arena, &out, &found, &e));
    assert_true(out.texts_count == 1 && str_eq(out.texts[0], texts[3]));

    OK(ledger_put(&r, "facets", key_of(3), &(struct ledger_entry){NULL, 0, 1, 0, 3, 2}, &e));
    OK(ledger_get(&r, key_of(3), &r.arena, &out, &found, &e));
    assert_true(found && out.texts_count == 0 && out.tokens_out == 3 && out.status == 2);
    OK(ledger_count(&r, "facets", &n, &e));
    assert_int_equal(n, 2); /* what is no answer does not count as one */

    OK(db_run(r.db, &e, "UPDATE answer SET texts = ?1", "b", STR("9:short")));
    assert_int_equal(ledger_get(&r, key_of(1), &r.arena, &out, &found, &e), ERR_IO);
    assert_null(strstr(e.text, "short"));
    run_close(&r);
}

static int64_t committed(struct run *reader)
{
    int64_t n;
    struct error e = {0};
    OK(db_get_int(reader->db, &e, &n, -1, "SELECT count(*) FROM answer", ""));
    return n;
}

static void test_groups(void **state)
{
    struct run r, reader;
    struct error e = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(run_open(*state, RUN_READ, &reader, &e));
    uint64_t i = 0;
    for (; i < LEDGER_GROUP; i++)
        OK(put(&r, i, &e));
    assert_int_equal(committed(&reader), LEDGER_GROUP); /* full */
    OK(put(&r, i++, &e));
    OK(ledger_flush(&r, &e));
    assert_int_equal(committed(&reader), i); /* asked for */
    nanosleep(&(struct timespec){.tv_nsec = (LEDGER_MS + 50) * 1000000L}, NULL);
    OK(put(&r, i++, &e));
    assert_int_equal(committed(&reader), i); /* late: a slow model's answers do not wait for company */
    OK(db_begin(r.db, &e));
    OK(facet_put(&r, 1, STR("request"), 0, STR("derived"), 0, &e));
    OK(put(&r, i++, &e));
    OK(ledger_flush(&r, &e)); /* the caller's transaction was taken over */
    assert_int_equal(committed(&reader), i);
    OK(db_commit(r.db, &e)); /* and ending it late does no harm */
    run_close(&reader);
    run_close(&r);
}

/* Writes until killed; says on `out` up to where everything is acknowledged. */
static void write_forever(const char *path, int out)
{
    struct run r;
    struct error e = {0};
    if (run_open(path, RUN_CREATE, &r, &e) != ERR_OK)
        _exit(1);
    uint64_t i = 0;
    while (has(&r, i))
        i++; /* resumes */
    for (;; i++) {
        if (put(&r, i, &e) != ERR_OK || facet_put(&r, (int64_t)i, STR("f"), 0, STR("x"), 0, &e) != ERR_OK)
            _exit(2);
        if (i % 7 != 6)
            continue;
        if (ledger_flush(&r, &e) != ERR_OK || write(out, &i, sizeof i) != sizeof i)
            _exit(3);
    }
}

static void test_killed_at_any_moment(void **state)
{
    struct run r;
    struct error e = {0};
    uint64_t last = 0, seen;
    int status, pipe_fd[2];
    for (int round = 0; round < 12; round++) {
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0)
            write_forever(*state, pipe_fd[1]);
        close(pipe_fd[1]);
        for (int n = 0; n < 3 + 5 * round && read(pipe_fd[0], &seen, sizeof seen) == sizeof seen; n++)
            last = seen;
        kill(child, SIGKILL);
        while (read(pipe_fd[0], &seen, sizeof seen) == sizeof seen)
            last = seen; /* acknowledged before the kill arrived */
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        close(pipe_fd[0]);
        OK(run_open(*state, RUN_EXISTING, &r, &e));
        for (uint64_t i = 0; i <= last; i++)
            assert_true(has(&r, i));
        int64_t whole, rows;
        OK(db_get_int(r.db, &e, &whole, 0, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", ""));
        assert_true(whole);
        /* Answers and derived rows were written in one transaction: they are there together, but for the last pair. */
        OK(db_get_int(r.db, &e, &rows, 0, "SELECT count(*) FROM facet_value", ""));
        assert_true(rows > (int64_t)last && committed(&r) - rows <= 1);
        run_close(&r);
    }
    assert_true(last > 100);
}

/* A new import keeps what was paid for. */
static void test_answers_outlive_an_import(void **state)
{
    struct run r;
    struct error e = {0};
    int64_t n;
    OK(run_open(*state, RUN_CREATE, &r, &e));
    for (uint64_t i = 0; i < 3; i++)
        OK(put(&r, i, &e));
    OK(ledger_put(&r, "audit", key_of(9), &(struct ledger_entry){NULL, 0, 7, 0, 1, 0}, &e));
    OK(records_reset(&r, &e));
    assert_true(has(&r, 0));
    OK(ledger_count(&r, "facets", &n, &e));
    assert_int_equal(n, 3);
    OK(ledger_count(&r, "label", &n, &e));
    assert_int_equal(n, 0);
    run_close(&r);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_full_disk_then_resume(void **state)
{
    struct run r;
    struct error e = {0};
    uint64_t flushed = 0, i = 0;
    OK(run_open(*state, RUN_CREATE, &r, &e));
    limit_file_size(300000);
    enum err result = ERR_OK;
    for (; i < 100000 && result == ERR_OK; i++) {
        result = put(&r, i, &e);
        if (result == ERR_OK && i % 10 == 9 && (result = ledger_flush(&r, &e)) == ERR_OK)
            flushed = i + 1;
    }
    assert_int_equal(result, ERR_IO);
    assert_non_null(strstr(e.hint, "it resumes"));
    assert_true(flushed > 100);
    assert_int_equal(ledger_flush(&r, &e), ERR_IO); /* does not pretend */
    run_close(&r);
    limit_file_size(RLIM_INFINITY);
    OK(run_open(*state, RUN_EXISTING, &r, &e));
    for (uint64_t k = 0; k < flushed; k++)
        assert_true(has(&r, k));
    OK(put(&r, i, &e));
    OK(ledger_flush(&r, &e));
    assert_true(has(&r, i));
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_round_trip),
        SCRATCH_TEST(test_groups),
        SCRATCH_TEST(test_killed_at_any_moment),
        SCRATCH_TEST(test_answers_outlive_an_import),
        SCRATCH_TEST(test_full_disk_then_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
