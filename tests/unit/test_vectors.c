/* Vectors come back bit for bit, and a file that is damaged in any place is refused. */
#include "store/vectors.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "scratch.h"

enum { N = 7, D = 5 };

static void fill(float *at, int64_t *recs)
{
    for (size_t i = 0; i < N * D; i++)
        at[i] = (float)i / 3;
    for (size_t i = 0; i < N; i++)
        recs[i] = (int64_t)(3 * i);
}

static void test_round_trip(void **state)
{
    struct run r;
    struct error e = {0};
    struct vectors v;
    float at[N * D];
    int64_t recs[N];
    fill(at, recs);
    OK(run_open(*state, RUN_CREATE, &r, &e));
    assert_int_equal(vectors_open(&r, STR("request"), &v, &e), ERR_IO);
    assert_non_null(strstr(e.hint, "embed"));
    OK(vectors_write(&r, STR("request"), (struct mat){at, N, D}, recs, &e));
    assert_int_equal(scratch_mode(run_path(&r, "private/request.vec")), 0600);
    assert_false(file_exists(run_path(&r, "private/request.vec.tmp")));
    OK(vectors_open(&r, STR("request"), &v, &e));
    assert_true(v.at.n == N && v.at.d == D);
    assert_memory_equal(v.at.at, at, sizeof at);
    assert_memory_equal(v.recs, recs, sizeof recs);
    assert_int_equal((uintptr_t)v.at.at % 64, 0); /* rows start on a cache line */

    /* A new file replaces the old one while a reader still has that. */
    at[0] = 42;
    OK(vectors_write(&r, STR("request"), (struct mat){at, N - 1, D}, recs, &e));
    assert_true(v.at.at[0] == 0 && v.at.n == N);
    vectors_close(&v);
    OK(vectors_open(&r, STR("request"), &v, &e));
    assert_true(v.at.at[0] == 42 && v.at.n == N - 1);
    vectors_close(&v);
    vectors_close(&v);

    OK(vectors_write(&r, STR("none"), (struct mat){NULL, 0, D}, NULL, &e));
    OK(vectors_open(&r, STR("none"), &v, &e));
    assert_true(v.at.n == 0 && v.at.d == D);
    vectors_close(&v);
    run_close(&r);
}

/* Without file_write_atomic's fsync, for there are many. */
static void test_in_parts(void **state)
{
    struct run r;
    struct error e = {0};
    struct vectors v;
    struct vectors_writer w;
    float at[N * D];
    int64_t recs[N];
    fill(at, recs);
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(vectors_begin(&w, &r, STR("parts"), N, D, recs, &e));
    OK(vectors_append(&w, (struct mat){at, 2, D}, &e));
    OK(vectors_append(&w, (struct mat){at, 0, D}, &e));
    OK(vectors_append(&w, (struct mat){at + 2 * D, N - 2, D}, &e));
    OK(vectors_end(&w, ERR_OK, &e));
    OK(vectors_open(&r, STR("parts"), &v, &e));
    assert_memory_equal(v.at.at, at, sizeof at);
    vectors_close(&v);

    /* Giving up leaves nothing behind. */
    OK(vectors_begin(&w, &r, STR("half"), N, D, recs, &e));
    OK(vectors_append(&w, (struct mat){at, 3, D}, &e));
    assert_int_equal(vectors_end(&w, ERR_INTERRUPTED, &e), ERR_INTERRUPTED);
    assert_false(file_exists(run_path(&r, "private/half.vec")));
    assert_false(file_exists(run_path(&r, "private/half.vec.tmp")));
    run_close(&r);
}

static void overwrite(const char *path, struct str bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.at, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

static void test_damage_is_found(void **state)
{
    struct run r;
    struct error e = {0};
    struct vectors v;
    struct buf bytes = {0};
    float at[N * D];
    int64_t recs[N];
    fill(at, recs);
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(vectors_write(&r, STR("x"), (struct mat){at, N, D}, recs, &e));
    const char *path = run_path(&r, "private/x.vec");
    OK(file_read(path, 1 << 20, &bytes, &e));
    OK(run_stage_put(&r, "embed", &(struct stage_state){.done = true}, &e));
    size_t pad_from = 64 + N * 8, pad_to = 128;
    for (size_t i = 0; i < bytes.n; i++) {
        if (i >= pad_from && i < pad_to)
            continue; /* nobody reads the filling */
        bytes.at[i] ^= 0x10;
        overwrite(path, buf_str(&bytes));
        bytes.at[i] ^= 0x10;
        assert_int_equal(vectors_open(&r, STR("x"), &v, &e), ERR_IO);
        assert_non_null(strstr(e.hint, "the stage embed writes it anew"));
        assert_null(v.map);
    }
    struct stage_state embed;
    OK(run_stage_get(&r, "embed", &r.arena, &embed, &e));
    assert_false(embed.done); /* the hint is true: running again writes the file */
    for (size_t n = 0; n < bytes.n; n += 13) {
        overwrite(path, (struct str){bytes.at, n});
        assert_int_equal(vectors_open(&r, STR("x"), &v, &e), ERR_IO);
    }
    buf_add_char(&bytes, 'x');
    overwrite(path, buf_str(&bytes));
    assert_int_equal(vectors_open(&r, STR("x"), &v, &e), ERR_IO);
    buf_release(&bytes);

    recs[3] = recs[2]; /* whole, but not in order */
    OK(vectors_write(&r, STR("x"), (struct mat){at, N, D}, recs, &e));
    assert_int_equal(vectors_open(&r, STR("x"), &v, &e), ERR_IO);
    run_close(&r);
}

static void test_full_disk(void **state)
{
    struct run r;
    struct error e = {0};
    struct vectors v;
    struct rlimit limit;
    float at[N * D];
    int64_t recs[N];
    fill(at, recs);
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(vectors_write(&r, STR("x"), (struct mat){at, N, D}, recs, &e));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t old = limit.rlim_cur;
    limit.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    at[0] = 42;
    assert_int_equal(vectors_write(&r, STR("x"), (struct mat){at, N, D}, recs, &e), ERR_IO);
    assert_true(e.hint[0]);
    limit.rlim_cur = old;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_false(file_exists(run_path(&r, "private/x.vec.tmp")));
    OK(vectors_open(&r, STR("x"), &v, &e)); /* the old file is untouched */
    assert_true(v.at.at[0] == 0);
    vectors_close(&v);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_round_trip),
        SCRATCH_TEST(test_in_parts),
        SCRATCH_TEST(test_damage_is_found),
        SCRATCH_TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
