/* The stage as a whole: what reaches the run, what goes to quarantine, and that nothing is lost in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "ingest/ingest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"yes\"}]"

struct fixture {
    char folder[32], run_path[48];
    struct run run;
    struct config config;
    struct stage_context c;
    struct input_file inputs[4];
    struct arena paths;
    struct error e;
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    strcpy(f->folder, "/tmp/clio-test-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->run_path, sizeof f->run_path, "%s/run", f->folder);
    assert_int_equal(run_open(f->run_path, RUN_CREATE, &f->run, &f->e), ERR_OK);
    f->config.seed = 3;
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .inputs = f->inputs, .stage = "import"};
}

static void close_fixture(struct fixture *f)
{
    run_close(&f->run);
    file_remove_tree(f->folder);
    arena_release(&f->paths);
}

static void add_input(struct fixture *f, const char *name, struct str bytes)
{
    size_t i = f->c.inputs_count++;
    f->inputs[i].path = str_printf(&f->paths, "%s/%s", f->folder, name).at;
    assert_int_equal(file_write_atomic(f->inputs[i].path, bytes, &f->e), ERR_OK);
}

static void add_data(struct fixture *f, const char *name)
{
    char path[512];
    struct buf b = {0};
    snprintf(path, sizeof path, "%s/data/import/%s", TEST_SOURCE_DIR, name);
    assert_int_equal(file_read(path, 1 << 20, &b, &f->e), ERR_OK);
    add_input(f, name, buf_str(&b));
    buf_release(&b);
}

static void run_stage(struct fixture *f, enum err expected)
{
    f->c.quarantined = f->c.done = f->c.total = 0;
    enum err err = ingest_run(&f->c, &f->e);
    if (err != expected)
        fail_msg("%s", f->e.text);
}

static int64_t stored(struct fixture *f)
{
    int64_t imported, kept;
    assert_int_equal(records_count(&f->run, &imported, &kept, &f->e), ERR_OK);
    return imported;
}

static void get(struct fixture *f, int64_t rec, struct arena *a, struct conversation *out)
{
    if (records_get(&f->run, rec, a, out, &f->e))
        fail_msg("%s", f->e.text);
}

struct rows {
    int64_t lines[64];
    char reasons[64][64], sources[64][32];
    size_t n;
};

static enum err add_row(void *arg, const struct quarantine_row *row, struct error *e)
{
    struct rows *rows = arg;
    (void)e;
    assert_true(rows->n < 64);
    rows->lines[rows->n] = row->line;
    snprintf(rows->sources[rows->n], sizeof rows->sources[0], STR_FMT, STR_ARG(row->source));
    snprintf(rows->reasons[rows->n++], sizeof rows->reasons[0], STR_FMT, STR_ARG(row->reason));
    return ERR_OK;
}

static void quarantine(struct fixture *f, struct rows *rows)
{
    rows->n = 0;
    assert_int_equal(quarantine_each(&f->run, "import", add_row, rows, &f->e), ERR_OK);
    assert_int_equal(rows->n, f->c.quarantined);
}

static void expect_row(const struct rows *rows, size_t i, int64_t line, enum import_reason reason)
{
    assert_true(i < rows->n);
    assert_int_equal(rows->lines[i], line);
    assert_string_equal(rows->reasons[i], import_reason_text(reason));
}

static void expect_text(struct str s, const char *z)
{
    if (!str_eqz(s, z))
        fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(s), z);
}

static void native(void **state)
{
    (void)state;
    struct fixture f;
    struct arena a = {0};
    struct conversation c;
    open_fixture(&f);
    add_data(&f, "native.jsonl");
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 3);
    assert_int_equal(f.c.total, 3);
    get(&f, 0, &a, &c);
    expect_text(c.id, "n-1");
    assert_true(c.account > 0 && c.has_time && c.created_at == 1777627800);
    get(&f, 2, &a, &c);
    expect_text(c.id, "native.jsonl:4"); /* made from file and line: the same next time */
    assert_int_equal(c.account, 0);
    assert_false(c.has_time);
    assert_int_equal(c.line, 4);
    expect_text(c.metadata, "{}");
    arena_release(&a);
    close_fixture(&f);
}

static void pieces(void **state)
{
    (void)state;
    struct fixture f;
    struct arena a = {0};
    struct conversation c;
    struct rows rows;
    open_fixture(&f);
    add_data(&f, "sharegpt.json");
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 2);
    get(&f, 0, &a, &c);
    expect_text(c.id, "Abc1");
    assert_int_equal(c.turns_count, 4);
    expect_text(c.turns[2].text, "and the gutter sings along");
    assert_int_equal(c.line, 1);
    get(&f, 3, &a, &c);
    expect_text(c.id, "Def2");
    quarantine(&f, &rows);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows.lines[0], 5);
    assert_string_equal(rows.sources[0], "sharegpt.json");
    arena_release(&a);
    close_fixture(&f);
}

/* Three files of three formats in one import; the same conversation twice is taken once. */
static void several_files(void **state)
{
    (void)state;
    struct fixture f;
    struct rows rows;
    open_fixture(&f);
    add_data(&f, "chatgpt.json");
    add_data(&f, "claude.json");
    add_input(&f, "more.jsonl", STR("{\"id\":\"cl-1\"," MESSAGE "}\n{\"id\":\"new\"," MESSAGE "}\n"));
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 5);
    quarantine(&f, &rows);
    assert_int_equal(rows.n, 3);
    expect_row(&rows, 0, 2, IMPORT_BROKEN_TREE);
    expect_row(&rows, 1, 3, IMPORT_NO_MESSAGES);
    expect_row(&rows, 2, 1, IMPORT_DUPLICATE_ID);
    run_stage(&f, ERR_OK); /* again: replaced, not added */
    assert_int_equal(stored(&f), 5);
    close_fixture(&f);
}

static void bad_lines(void **state)
{
    (void)state;
    struct fixture f;
    struct rows rows;
    struct buf b = {0};
    open_fixture(&f);
    buf_addz(&b, "\xef\xbb\xbf{\"id\":\"a\"," MESSAGE "}\r\n");
    buf_addz(&b, "{\"id\":\"\xff\"," MESSAGE "}\n{\"id\":\"a\"," MESSAGE "}\n");
    for (int i = 0; i < 100000; i++)
        buf_add_char(&b, '[');
    buf_addz(&b, "\n{\"id\":\"");
    for (int i = 0; i < 1001; i++)
        buf_add_char(&b, 'x');
    buf_addz(&b, "\"," MESSAGE "}\n");
    buf_add(&b, STR("{\"id\":\"n\0l\"," MESSAGE "}\n\n"));
    buf_addz(&b, "{\"id\":\"b\",\"created_at\":\"9999-01-01\"," MESSAGE "}\n{\"id\":\"c\"," MESSAGE "}\n{\"id\":\"d");
    add_input(&f, "bad.jsonl", buf_str(&b));
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 2);
    quarantine(&f, &rows);
    assert_int_equal(rows.n, 7);
    expect_row(&rows, 0, 2, IMPORT_NOT_UTF8);
    expect_row(&rows, 1, 3, IMPORT_DUPLICATE_ID);
    expect_row(&rows, 2, 4, IMPORT_TOO_DEEP);
    expect_row(&rows, 3, 5, IMPORT_LONG_ID);
    expect_row(&rows, 4, 6, IMPORT_CONTROL_CHARACTER);
    expect_row(&rows, 5, 8, IMPORT_BAD_TIME);
    expect_row(&rows, 6, 10, IMPORT_CUT_OFF);
    assert_int_equal(f.c.total, 9);
    buf_release(&b);
    close_fixture(&f);
}

/* A first record of another format, or of none, does not decide for the others. */
static void mixed_formats(void **state)
{
    (void)state;
    struct fixture f;
    struct rows rows;
    open_fixture(&f);
    add_input(&f, "mixed.jsonl",
              STR("{}\n{\"mapping\":{}}\n{\"id\":1," MESSAGE "}\n"
                  "{\"id\":\"x\",\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"}]}\n{\"id\":2," MESSAGE
                  "}\n"));
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 3);
    quarantine(&f, &rows);
    assert_int_equal(rows.n, 2);
    expect_row(&rows, 0, 1, IMPORT_NO_MESSAGES);
    expect_row(&rows, 1, 2, IMPORT_NO_MESSAGES);
    close_fixture(&f);
}

static void nothing_usable(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    add_input(&f, "bad.jsonl", STR("garbage\n"));
    run_stage(&f, ERR_INPUT);
    assert_int_equal(f.c.quarantined, 1);
    assert_null(strstr(f.e.text, "garbage"));
    f.inputs[0].path = "/nowhere/at/all";
    run_stage(&f, ERR_INPUT);
    close_fixture(&f);
}

/* n conversations with two accounts, one of three with the word pear. */
static void add_many(struct fixture *f, const char *name, int n, bool backwards)
{
    struct buf b = {0};
    for (int i = 0; i < n; i++) {
        int k = backwards ? n - 1 - i : i;
        buf_printf(&b, "{\"id\":\"c%d\",\"account\":\"a%d\",\"messages\":[{\"role\":\"system\",\"content\":\"pear\"}",
                   k, k % 2);
        for (int t = 0; t <= k % 4; t++)
            buf_printf(&b,
                       ",{\"role\":\"user\",\"content\":\"%s\\u0000?\"},{\"role\":\"assistant\",\"content\":\"yes\"}",
                       k % 3 ? "apple" : "a PEAR and a pear");
        buf_addz(&b, "]}\n");
    }
    add_input(f, name, buf_str(&b));
    buf_release(&b);
}

static void limit_and_accounts(void **state)
{
    (void)state;
    struct fixture f;
    struct arena a = {0};
    struct record_index x;
    open_fixture(&f);
    add_many(&f, "many.jsonl", 100, false);
    f.c.limit = 10;
    run_stage(&f, ERR_OK);
    assert_int_equal(records_index(&f.run, &a, &x, &f.e), ERR_OK);
    assert_int_equal(x.n, 10);
    for (size_t i = 0; i < x.n; i++) {
        assert_int_equal(x.rec[i], i);
        assert_int_equal(x.account[i], x.account[i % 2]);
    }
    f.config.account_per_conversation = true;
    run_stage(&f, ERR_OK);
    assert_int_equal(records_index(&f.run, &a, &x, &f.e), ERR_OK);
    for (size_t i = 1; i < x.n; i++)
        assert_int_not_equal(x.account[i], x.account[i - 1]);
    f.c.limit = 0;
    f.config.filter = STR("a [Pp]ear\\b"); /* system prompts do not count */
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 34);
    f.config.filter = STR("(");
    run_stage(&f, ERR_CONFIG);
    arena_release(&a);
    close_fixture(&f);
}

static void sampled_ids(struct fixture *f, const char *name, bool backwards, char out[64][32], size_t *n)
{
    struct arena a = {0};
    struct record_index x;
    open_fixture(f);
    f->config.sample = 40;
    f->config.sample_by = SAMPLE_COMPLETIONS;
    add_many(f, name, 200, backwards);
    run_stage(f, ERR_OK);
    assert_int_equal(records_index(&f->run, &a, &x, &f->e), ERR_OK);
    *n = x.n;
    for (size_t i = 0; i < x.n; i++) {
        struct conversation c;
        get(f, x.rec[i], &a, &c);
        assert_true(str_eqz(c.turns[c.turns_count - 1].role, "assistant")); /* ends with the completion drawn */
        snprintf(out[i], 32, STR_FMT " %zu", STR_ARG(c.id), c.turns_count);
    }
    arena_release(&a);
    close_fixture(f);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void sampled_in_any_order(void **state)
{
    (void)state;
    struct fixture f;
    char forwards[64][32], backwards[64][32];
    size_t n, m;
    sampled_ids(&f, "many.jsonl", false, forwards, &n);
    sampled_ids(&f, "other.jsonl", true, backwards, &m);
    assert_true(n == m && n > 25 && n <= 40);
    qsort(forwards, n, sizeof forwards[0], compare_ids);
    qsort(backwards, m, sizeof backwards[0], compare_ids);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(forwards[i], backwards[i]);
}

/* Hashes follow the content; standard input can be read after it was hashed, from a pipe and from a file. */
static void identified(void **state)
{
    (void)state;
    struct fixture f;
    struct hash one, same, other;
    open_fixture(&f);
    add_many(&f, "many.jsonl", 20, false);
    assert_int_equal(ingest_identify(&f.c, &one, &f.e), ERR_OK);
    assert_int_equal(ingest_identify(&f.c, &same, &f.e), ERR_OK);
    assert_memory_equal(&one, &same, sizeof one);
    f.c.inputs_count = 0;
    add_many(&f, "many.jsonl", 21, false);
    assert_int_equal(ingest_identify(&f.c, &other, &f.e), ERR_OK);
    assert_memory_not_equal(&one, &other, sizeof one);

    int ends[2], kept = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    static const char line[] = "{\"id\":\"piped\"," MESSAGE "}\n";
    assert_int_equal(write(ends[1], line, sizeof line - 1), (ssize_t)sizeof line - 1);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    f.inputs[0].path = "-";
    assert_int_equal(ingest_identify(&f.c, &one, &f.e), ERR_OK);
    assert_int_equal(ingest_identify(&f.c, &same, &f.e), ERR_OK);
    assert_memory_equal(&one, &same, sizeof one);
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 1);
    if (kept >= 0) {
        dup2(kept, STDIN_FILENO);
        close(kept);
    }
    close_fixture(&f);
}

/* Writes `bytes` of one line between two good ones. */
static void write_long_line(int fd, size_t bytes)
{
    static const char good[] = "{\"id\":\"a\"," MESSAGE "}\n{\"id\":\"", more[] = "\"}\n{\"id\":\"b\"," MESSAGE "}\n";
    char *chunk = malloc(1 << 20);
    memset(chunk, 'x', 1 << 20);
    bool ok = write(fd, good, sizeof good - 1) > 0;
    for (size_t i = 0; i < bytes >> 20 && ok; i++)
        ok = write(fd, chunk, 1 << 20) == 1 << 20;
    ok = ok && write(fd, more, sizeof more - 1) > 0;
    free(chunk);
    _exit(ok ? 0 : 1);
}

/* A line of 1 GiB, never held: read from a pipe, so that nothing is written to the disk either. */
static void endless_line(void **state)
{
    (void)state;
    struct fixture f;
    struct rows rows;
    int ends[2], kept = dup(STDIN_FILENO);
    open_fixture(&f);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        write_long_line(ends[1], (size_t)1 << 30);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    f.c.inputs_count = 1;
    f.inputs[0].path = "-";
    run_stage(&f, ERR_OK);
    assert_int_equal(stored(&f), 2);
    quarantine(&f, &rows);
    assert_int_equal(rows.n, 1);
    expect_row(&rows, 0, 2, IMPORT_TOO_LONG);
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    if (kept >= 0) {
        dup2(kept, STDIN_FILENO);
        close(kept);
    }
#if !defined(__SANITIZE_ADDRESS__)
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    assert_true(usage.ru_maxrss < 256 * 1024);
#endif
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native),
        cmocka_unit_test(pieces),
        cmocka_unit_test(several_files),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(mixed_formats),
        cmocka_unit_test(nothing_usable),
        cmocka_unit_test(limit_and_accounts),
        cmocka_unit_test(sampled_in_any_order),
        cmocka_unit_test(identified),
        cmocka_unit_test(endless_line),
    };
    return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
