/* SQLite as the store uses it: statements, transactions, groups, files' modes, repeatable bytes, and a disk that is
 * full. */
#include "store/db.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "scratch.h"

static struct db *open_with_table(const char *path)
{
    struct db *d;
    struct error e = {0};
    OK(db_open(path, DB_WRITE, &d, &e));
    OK(db_exec(d, "CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b TEXT, c REAL, d BLOB) STRICT", &e));
    return d;
}

static int64_t count(struct db *d)
{
    int64_t n;
    struct error e = {0};
    OK(db_get_int(d, &e, &n, -1, "SELECT count(*) FROM t", ""));
    return n;
}

static void test_values(void **state)
{
    char path[256];
    struct error e = {0};
    sqlite3_stmt *q;
    bool row;
    int64_t n;
    struct db *d = open_with_table(scratch_path(state, "x.db", path));
    OK(db_run(d, &e, "INSERT INTO t VALUES(?1,?2,?3,?4)", "isdb", (int64_t)1 << 60, STR("a\0b"), 0.25, STR("\xff\0")));
    OK(db_run(d, &e, "INSERT INTO t VALUES(?1,?2,?3,?4)", "iznb", (int64_t)2, "text", (struct str){0}));
    OK(db_run(d, &e, "INSERT INTO t VALUES(?1,?2,NULL,NULL)", "iz", (int64_t)3, (const char *)NULL));
    OK(db_query(d, &e, &q, "SELECT a, b, c, d FROM t WHERE a > ?1 ORDER BY a DESC", "i", (int64_t)1));
    OK(db_step(q, &row, &e));
    assert_true(row && db_int(q, 0) == (int64_t)1 << 60 && db_real(q, 2) == 0.25);
    assert_true(str_eq(db_text(q, 1), STR("a\0b")) && str_eq(db_text(q, 3), STR("\xff\0")));
    OK(db_step(q, &row, &e));
    assert_true(row && db_is_null(q, 1));
    OK(db_step(q, &row, &e));
    assert_true(row && str_eqz(db_text(q, 1), "text") && db_is_null(q, 2) && !db_is_null(q, 3));
    OK(db_step(q, &row, &e));
    assert_false(row);
    OK(db_get_int(d, &e, &n, -7, "SELECT a FROM t WHERE a = ?1", "i", (int64_t)99));
    assert_int_equal(n, -7);
    OK(db_get_int(d, &e, &n, -7, "SELECT b FROM t WHERE a = 3", ""));
    assert_int_equal(n, -7);
    db_close(d);
}

/* The same address with another text must not find the old statement. */
static void test_cache_goes_by_content(void **state)
{
    char path[256], sql[64];
    struct error e = {0};
    struct db *d = open_with_table(scratch_path(state, "x.db", path));
    for (int64_t i = 0; i < 300; i++) {
        int64_t n;
        snprintf(sql, sizeof sql, "SELECT %d + ?1", (int)i);
        OK(db_get_int(d, &e, &n, -1, sql, "i", i));
        assert_int_equal(n, 2 * i);
    }
    db_close(d);
}

static void test_errors_quote_no_values(void **state)
{
    char path[256];
    struct error e = {0};
    struct db *d = open_with_table(scratch_path(state, "x.db", path));
    OK(db_run(d, &e, "INSERT INTO t(a, b) VALUES(1, ?1)", "z", "secret"));
    assert_int_equal(db_run(d, &e, "INSERT INTO t(a, b) VALUES(1, ?1)", "z", "secret"), ERR_IO);
    assert_non_null(strstr(e.text, "UNIQUE"));
    assert_null(strstr(e.text, "secret"));
    assert_int_equal(db_run(d, &e, "INSERT INTO t(a) VALUES(?1)", "z", "secret"), ERR_IO);
    assert_null(strstr(e.text, "secret"));
    assert_int_equal(db_run(d, &e, "SELECT nothing FROM nowhere", ""), ERR_IO);
    assert_int_equal(count(d), 1);
    db_close(d);
}

static void test_transactions(void **state)
{
    char path[256];
    struct error e = {0};
    struct db *d = open_with_table(scratch_path(state, "x.db", path));
    OK(db_begin(d, &e));
    assert_true(db_in_transaction(d) && db_owned(d));
    OK(db_run(d, &e, "INSERT INTO t(a) VALUES(1)", ""));
    OK(db_put(d, &e, "INSERT INTO t(a) VALUES(2)", "")); /* joins */
    db_rollback(d);
    assert_int_equal(count(d), 0);

    OK(db_put(d, &e, "INSERT INTO t(a) VALUES(3)", ""));
    assert_true(db_in_transaction(d) && !db_owned(d));
    db_rollback(d);      /* a group is not the caller's to undo */
    OK(db_begin(d, &e)); /* ends the group first */
    OK(db_run(d, &e, "INSERT INTO t(a) VALUES(4)", ""));
    db_rollback(d);
    assert_int_equal(count(d), 1);
    OK(db_begin(d, &e));
    OK(db_run(d, &e, "INSERT INTO t(a) VALUES(5)", ""));
    OK(db_commit(d, &e));
    assert_false(db_in_transaction(d));
    assert_int_equal(count(d), 2);
    OK(db_flush(d, &e)); /* nothing open: nothing happens */
    db_close(d);
}

static void test_group_ends_by_weight(void **state)
{
    char path[256];
    struct error e = {0};
    struct db *d = open_with_table(scratch_path(state, "x.db", path)), *reader;
    int committed = 0;
    OK(db_open(path, DB_READ, &reader, &e));
    for (int i = 0; i < 3 * DB_GROUP_WEIGHT; i++) {
        OK(db_put(d, &e, "INSERT INTO t(b) VALUES('x')", ""));
        committed += !db_in_transaction(d);
    }
    assert_true(committed >= 3); /* more on a machine slow enough for DB_GROUP_MS */
    assert_int_equal(count(reader), 3 * DB_GROUP_WEIGHT);
    assert_int_equal(db_run(reader, &e, "DELETE FROM t", ""), ERR_IO);
    db_close(reader);
    db_close(d);
}

/* What is open in a group when the process ends is committed by db_close; what db_begin opened is not. */
static void test_close(void **state)
{
    char path[256];
    struct error e = {0};
    struct db *d = open_with_table(scratch_path(state, "x.db", path));
    OK(db_put(d, &e, "INSERT INTO t(a) VALUES(1)", ""));
    db_close(d);
    d = open_with_table(path);
    assert_int_equal(count(d), 1);
    OK(db_begin(d, &e));
    OK(db_run(d, &e, "INSERT INTO t(a) VALUES(2)", ""));
    db_close(d);
    d = open_with_table(path);
    assert_int_equal(count(d), 1);
    db_close(d);
    db_close(NULL);
}

static void test_files_are_private(void **state)
{
    char path[256], side[256], link[256];
    struct error e = {0};
    mode_t old = umask(0);
    struct db *d = open_with_table(scratch_path(state, "x.db", path)), *second;
    OK(db_put(d, &e, "INSERT INTO t(a) VALUES(1)", ""));
    OK(db_flush(d, &e));
    assert_int_equal(scratch_mode(path), 0600);
    assert_int_equal(scratch_mode(scratch_path(state, "x.db-wal", side)), 0600);
    assert_int_equal(scratch_mode(scratch_path(state, "x.db-shm", side)), 0600);
    db_close(d);
    assert_int_equal(chmod(path, 0644), 0);
    d = open_with_table(path);
    assert_int_equal(scratch_mode(path), 0600);
    db_close(d);
    assert_int_equal(symlink(path, scratch_path(state, "link.db", link)), 0);
    assert_int_equal(db_open(link, DB_WRITE, &second, &e), ERR_IO);
    assert_int_equal(db_open(link, DB_READ, &second, &e), ERR_IO);
    assert_int_equal(db_open(scratch_path(state, "none.db", link), DB_READ, &second, &e), ERR_IO);
    assert_false(file_exists(link));
    umask(old);
}

static void test_not_a_database(void **state)
{
    char path[256];
    struct error e = {0};
    struct db *d;
    OK(file_write_atomic(scratch_path(state, "x.db", path), STR("This is some text and surely no database.\n"), &e));
    assert_int_equal(db_open(path, DB_WRITE, &d, &e), ERR_IO);
    assert_null(d);
    assert_true(e.hint[0]);
}

static void build(const char *path, struct buf *bytes)
{
    struct db *d;
    struct error e = {0};
    OK(db_open(path, DB_BUILD, &d, &e));
    OK(db_begin(d, &e));
    OK(db_exec(d, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT) STRICT; CREATE INDEX t_b ON t(b);", &e));
    for (int64_t i = 0; i < 5000; i++) {
        char text[40];
        snprintf(text, sizeof text, "row %d", (int)(i * 7919 % 5000));
        OK(db_run(d, &e, "INSERT INTO t VALUES(?1,?2)", "iz", i, text));
    }
    OK(db_commit(d, &e));
    db_close(d);
    OK(file_read(path, 1 << 26, bytes, &e));
}

static void test_built_files_repeat(void **state)
{
    char a[256], b[256], side[256];
    struct buf first = {0}, second = {0};
    build(scratch_path(state, "a.db", a), &first);
    build(scratch_path(state, "b.db", b), &second);
    assert_true(first.n > 100000);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    buf_clear(&second);
    build(a, &second); /* over an old one */
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    assert_int_equal(scratch_mode(a), 0600);
    assert_false(file_exists(scratch_path(state, "a.db-journal", side)));
    assert_false(file_exists(scratch_path(state, "a.db-wal", side)));
    buf_release(&first);
    buf_release(&second);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk in the middle of a group: an error with a remedy, no half group, and every later write refused. */
static void test_full_disk(void **state)
{
    char path[256], text[4096];
    struct error e = {0};
    struct db *d = open_with_table(scratch_path(state, "x.db", path));
    memset(text, 'x', sizeof text);
    for (int64_t i = 0; i < 10; i++)
        OK(db_put(d, &e, "INSERT INTO t(a, b) VALUES(?1, ?2)", "is", i, (struct str){text, sizeof text}));
    OK(db_flush(d, &e));
    limit_file_size(200000);
    enum err result = ERR_OK;
    for (int64_t i = 10; i < 100000 && result == ERR_OK; i++)
        result = db_put(d, &e, "INSERT INTO t(a, b) VALUES(?1, ?2)", "is", i, (struct str){text, sizeof text});
    assert_int_equal(result, ERR_IO);
    assert_non_null(strstr(e.hint, "run the same command again"));
    assert_int_equal(db_put(d, &e, "INSERT INTO t(b) VALUES('later')", ""), ERR_IO);
    assert_int_equal(db_flush(d, &e), ERR_IO);
    db_close(d);
    limit_file_size(RLIM_INFINITY);
    d = open_with_table(path);
    assert_int_equal(count(d), 10);
    int64_t whole;
    OK(db_get_int(d, &e, &whole, 0, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", ""));
    assert_true(whole);
    OK(db_put(d, &e, "INSERT INTO t(b) VALUES('goes on')", ""));
    OK(db_flush(d, &e));
    assert_int_equal(count(d), 11);
    db_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_values),
        SCRATCH_TEST(test_cache_goes_by_content),
        SCRATCH_TEST(test_errors_quote_no_values),
        SCRATCH_TEST(test_transactions),
        SCRATCH_TEST(test_group_ends_by_weight),
        SCRATCH_TEST(test_close),
        SCRATCH_TEST(test_files_are_private),
        SCRATCH_TEST(test_not_a_database),
        SCRATCH_TEST(test_built_files_repeat),
        SCRATCH_TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
