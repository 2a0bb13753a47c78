/* A run's folder: modes, lock, key, schema version, notes and stage states, and the manifest made of them. */
#include "store/run.h"

#include "base/json.h"
#include "store/spent.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "scratch.h"

static void open_run(void **state, enum run_mode mode, struct run *r)
{
    struct error e = {0};
    char path[256];
    if (run_open(scratch_path(state, "run", path), mode, r, &e) != ERR_OK)
        fail_msg("%s", e.text);
}

static void test_folder_is_private(void **state)
{
    struct run r;
    char path[256];
    mode_t old = umask(0);
    open_run(state, RUN_CREATE, &r);
    assert_int_equal(scratch_mode(scratch_path(state, "run", path)), 0700);
    assert_int_equal(scratch_mode(scratch_path(state, "run/private", path)), 0700);
    assert_int_equal(scratch_mode(scratch_path(state, "run/published", path)), 0700);
    static const char *const files[] = {"run/private/run.db", "run/private/account.key", "run/private/lock"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(scratch_mode(scratch_path(state, files[i], path)), 0600);
    assert_int_equal(file_size(scratch_path(state, "run/private/account.key", path)), HASH_BYTES);
    assert_string_equal(run_path(&r, "events.jsonl"), scratch_path(state, "run/events.jsonl", path));
    run_close(&r);
    run_close(&r); /* closed is a valid state */

    assert_int_equal(chmod(scratch_path(state, "run/private", path), 0755), 0);
    open_run(state, RUN_EXISTING, &r);
    assert_int_equal(scratch_mode(path), 0700);
    run_close(&r);
    umask(old);
}

static void test_what_is_no_run(void **state)
{
    struct run r;
    struct error e = {0};
    char path[256];
    assert_int_equal(run_open(scratch_path(state, "none", path), RUN_EXISTING, &r, &e), ERR_IO);
    assert_non_null(strstr(e.text, "there is no run"));
    assert_int_equal(run_open(path, RUN_READ, &r, &e), ERR_IO);
    assert_false(file_exists(path));
    assert_int_equal(run_open("", RUN_CREATE, &r, &e), ERR_IO);

    /* Someone's folder with other things in it is left alone. */
    OK(file_make_folder(scratch_path(state, "photos", path), &e));
    OK(file_write_atomic(scratch_path(state, "photos/cat.jpg", path), STR("x"), &e));
    assert_int_equal(run_open(scratch_path(state, "photos", path), RUN_CREATE, &r, &e), ERR_IO);
    assert_false(file_exists(scratch_path(state, "photos/private", path)));

    OK(file_make_folder(scratch_path(state, "empty", path), &e));
    OK(run_open(path, RUN_CREATE, &r, &e));
    run_close(&r);

    /* private/ as a link to elsewhere is refused. */
    char elsewhere[256];
    OK(file_make_folder(scratch_path(state, "trap", path), &e));
    assert_int_equal(
        symlink(scratch_path(state, "empty/private", elsewhere), scratch_path(state, "trap/private", path)), 0);
    assert_int_equal(run_open(scratch_path(state, "trap", path), RUN_CREATE, &r, &e), ERR_IO);
    assert_int_equal(run_open(path, RUN_EXISTING, &r, &e), ERR_IO);
}

/* A second process is told who has the run; the lock ends with its holder, however it dies. */
static void test_lock(void **state)
{
    struct run r, second;
    struct error e = {0};
    char path[256], pid[32];
    int ready[2], status;
    scratch_path(state, "run", path);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        enum err result = run_open(path, RUN_CREATE, &r, &e);
        if (write(ready[1], "x", 1) != 1 || result != ERR_OK)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(run_open(path, RUN_CREATE, &second, &e), ERR_IO);
    snprintf(pid, sizeof pid, "pid %ld", (long)child);
    assert_non_null(strstr(e.text, pid));
    assert_true(e.hint[0]);
    OK(run_open(path, RUN_READ, &second, &e)); /* reading needs no lock */
    run_close(&second);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    OK(run_open(path, RUN_EXISTING, &r, &e));
    assert_int_equal(run_open(path, RUN_EXISTING, &second, &e), ERR_IO); /* nor twice in one process */
    run_close(&r);
    close(ready[0]);
    close(ready[1]);
}

static void test_account_key(void **state)
{
    struct run r;
    struct error e = {0};
    char path[256], run[256];
    unsigned char key[HASH_BYTES];
    scratch_path(state, "run", run);
    open_run(state, RUN_CREATE, &r);
    memcpy(key, r.account_key, sizeof key);
    run_close(&r);
    open_run(state, RUN_EXISTING, &r);
    assert_memory_equal(key, r.account_key, sizeof key);
    run_close(&r);

    /* Cut short: refused, not replaced. */
    assert_int_equal(truncate(scratch_path(state, "run/private/account.key", path), 7), 0);
    assert_int_equal(run_open(run, RUN_EXISTING, &r, &e), ERR_IO);
    assert_int_equal(file_size(path), 7);

    /* Missing without accounts: a new one. Missing with accounts hashed by it: an error. */
    assert_int_equal(unlink(path), 0);
    open_run(state, RUN_EXISTING, &r);
    assert_memory_not_equal(key, r.account_key, sizeof key);
    OK(db_put(r.db, &e, "INSERT INTO account(hash) VALUES(x'00')", ""));
    run_close(&r);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(run_open(run, RUN_EXISTING, &r, &e), ERR_IO);
    assert_false(file_exists(path));
}

static void note_spent(void *arg, struct str stage, struct str model, const struct spent *s)
{
    (void)stage, (void)model;
    *(struct spent *)arg = *s;
}

/* A database of version 4, which knew nothing of what went to caches, is read as it is and mended when it is written.
 */
static void test_older_schema_is_read(void **state)
{
    struct run r;
    struct error e = {0};
    struct spent s = {.calls = 3, .ms = 7};
    open_run(state, RUN_CREATE, &r);
    OK(spent_add(&r, "facets", STR("openai:a"), &s, &e));
    OK(db_flush(r.db, &e));
    OK(db_exec(r.db, "ALTER TABLE spent DROP COLUMN tokens_to_cache; PRAGMA user_version=4", &e));
    run_close(&r);
    static const enum run_mode modes[] = {RUN_READ, RUN_EXISTING};
    for (size_t i = 0; i < 2; i++) {
        open_run(state, modes[i], &r);
        s = (struct spent){.tokens_to_cache = 1};
        OK(spent_each(&r, note_spent, &s, &e));
        assert_int_equal(s.calls, 3);
        assert_int_equal(s.ms, 7);
        assert_int_equal(s.tokens_to_cache, 0);
        if (modes[i] == RUN_EXISTING)
            OK(spent_add(&r, "facets", STR("openai:a"), &(struct spent){.tokens_to_cache = 5}, &e));
        OK(spent_each(&r, note_spent, &s, &e));
        assert_int_equal(s.tokens_to_cache, modes[i] == RUN_EXISTING ? 5 : 0);
        run_close(&r);
    }
}

static void test_newer_schema_is_refused(void **state)
{
    struct run r;
    struct error e = {0};
    char run[256], path[256];
    struct db *d;
    scratch_path(state, "run", run);
    open_run(state, RUN_CREATE, &r);
    OK(db_exec(r.db, "PRAGMA user_version=99", &e));
    run_close(&r);
    assert_int_equal(run_open(run, RUN_CREATE, &r, &e), ERR_IO);
    assert_non_null(strstr(e.text, "newer version"));
    assert_int_equal(run_open(run, RUN_READ, &r, &e), ERR_IO);
    assert_non_null(strstr(e.text, "newer version"));

    /* Another program's database is not taken for ours. */
    assert_int_equal(unlink(scratch_path(state, "run/private/run.db", path)), 0);
    OK(db_open(path, DB_WRITE, &d, &e));
    OK(db_exec(d, "CREATE TABLE t(a)", &e));
    db_close(d);
    assert_int_equal(run_open(run, RUN_EXISTING, &r, &e), ERR_IO);
    assert_non_null(strstr(e.text, "not the database of a run"));
}

static struct str manifest(void **state, struct buf *b)
{
    struct error e = {0};
    char path[256];
    buf_clear(b);
    OK(file_read(scratch_path(state, "run/manifest.json", path), 1 << 20, b, &e));
    return buf_str(b);
}

static void test_notes_and_manifest(void **state)
{
    struct run r;
    struct error e = {0};
    struct str value;
    struct buf text = {0};
    open_run(state, RUN_CREATE, &r);
    OK(run_noted(&r, "seed", &r.arena, &value, &e));
    assert_int_equal(value.n, 0);
    OK(run_note(&r, "seed", STR("7"), &e));
    OK(run_note(&r, "inputs", STR("[{\"name\": \"a<b.jsonl\", \"bytes\": 12}]"), &e));
    OK(run_note(&r, "seed", STR("8"), &e));
    assert_int_equal(run_note(&r, "seed", STR("{broken secret"), &e), ERR_FAILED);
    assert_null(strstr(e.text, "secret"));
    OK(run_noted(&r, "seed", &r.arena, &value, &e));
    assert_true(str_eqz(value, "8"));
    struct stage_state s = {
        .done = true, .total = 10, .ok = 9, .quarantined = 1, .seconds = 1.5, .note = STR("9 read")};
    s.fingerprint.at[0] = 0xab;
    OK(run_stage_put(&r, "import", &s, &e));
    OK(run_stage_put(&r, "facets", &(struct stage_state){.total = 9}, &e));
    manifest(state, &text);
    assert_string_equal(text.at, "{\n"
                                 "  \"format\": \"clio-run\",\n"
                                 "  \"format_version\": 1,\n"
                                 "  \"run\": {\n"
                                 "    \"inputs\": [\n"
                                 "      {\n"
                                 "        \"name\": \"a<b.jsonl\",\n"
                                 "        \"bytes\": 12\n"
                                 "      }\n"
                                 "    ],\n"
                                 "    \"seed\": 8\n"
                                 "  },\n"
                                 "  \"stages\": {\n"
                                 "    \"import\": {\n"
                                 "      \"done\": true,\n"
                                 "      \"fingerprint\": "
                                 "\"ab00000000000000000000000000000000000000000000000000000000000000\",\n"
                                 "      \"total\": 10,\n"
                                 "      \"ok\": 9,\n"
                                 "      \"quarantined\": 1,\n"
                                 "      \"note\": \"9 read\"\n"
                                 "    },\n"
                                 "    \"facets\": {\n"
                                 "      \"done\": false,\n"
                                 "      \"fingerprint\": "
                                 "\"0000000000000000000000000000000000000000000000000000000000000000\",\n"
                                 "      \"total\": 9,\n"
                                 "      \"ok\": 0,\n"
                                 "      \"quarantined\": 0,\n"
                                 "      \"note\": \"\"\n"
                                 "    }\n"
                                 "  }\n"
                                 "}\n");
    buf_release(&text);
    run_close(&r);
}

static void test_stage_states(void **state)
{
    struct run r;
    struct error e = {0};
    struct stage_state s = {.done = true, .total = 3, .ok = 2, .quarantined = 1, .seconds = 0.5, .note = STR("fine")},
                       out;
    secret_fill(s.fingerprint.at, sizeof s.fingerprint.at);
    open_run(state, RUN_CREATE, &r);
    OK(run_stage_get(&r, "embed", &r.arena, &out, &e));
    assert_false(out.done);
    OK(run_stage_put(&r, "embed", &s, &e));
    assert_false(db_in_transaction(r.db)); /* durable at once */
    run_close(&r);
    open_run(state, RUN_READ, &r);
    OK(run_stage_get(&r, "embed", &r.arena, &out, &e));
    assert_true(out.done && out.total == 3 && out.ok == 2 && out.quarantined == 1 && out.seconds == 0.5);
    assert_memory_equal(out.fingerprint.at, s.fingerprint.at, sizeof s.fingerprint.at);
    assert_true(str_eqz(out.note, "fine"));
    run_close(&r);
}

/* Inside the caller's transaction nothing is told to the manifest that may still be undone. */
static void test_stage_state_within_a_transaction(void **state)
{
    struct run r;
    struct error e = {0};
    struct stage_state out;
    struct buf text = {0};
    open_run(state, RUN_CREATE, &r);
    OK(run_note(&r, "seed", STR("1"), &e));
    OK(db_begin(r.db, &e));
    OK(run_stage_put(&r, "publish", &(struct stage_state){.done = true}, &e));
    assert_true(db_owned(r.db));
    assert_int_equal(str_find(manifest(state, &text), STR("publish")), SIZE_MAX);
    db_rollback(r.db);
    OK(run_stage_get(&r, "publish", &r.arena, &out, &e));
    assert_false(out.done);
    buf_release(&text);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_folder_is_private),
        SCRATCH_TEST(test_what_is_no_run),
        SCRATCH_TEST(test_lock),
        SCRATCH_TEST(test_account_key),
        SCRATCH_TEST(test_older_schema_is_read),
        SCRATCH_TEST(test_newer_schema_is_refused),
        SCRATCH_TEST(test_notes_and_manifest),
        SCRATCH_TEST(test_stage_states),
        SCRATCH_TEST(test_stage_state_within_a_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
