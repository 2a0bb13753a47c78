/* Vectors are found again under their key, across runs; what is damaged, cut off or of another model is not. */
#include "store/vector_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

enum { N = 3000, D = 5 };

static struct hash key_of(size_t i)
{
    return hash_of((struct str){(const char *)&i, sizeof i});
}

static void add(struct vector_log *log, size_t from, size_t n)
{
    struct hash *keys = mem_new(n, sizeof *keys);
    float *rows = mem_new(n, D * sizeof *rows);
    struct error e = {0};
    for (size_t i = 0; i < n; i++) {
        keys[i] = key_of(from + i);
        for (size_t j = 0; j < D; j++)
            rows[i * D + j] = (float)((from + i) * D + j);
    }
    OK(vector_log_add(log, keys, (struct mat){rows, n, D}, &e));
    free(keys);
    free(rows);
}

/* How many of the first n are found, all with their own numbers. */
static size_t found(struct vector_log *log, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct hash key = key_of(i);
        float row[D];
        if (!vector_log_find(log, &key, row))
            continue;
        for (size_t j = 0; j < D; j++)
            assert_true(row[j] == (float)(i * D + j));
        count++;
    }
    return count;
}

static struct vector_log *open_log(struct run *r, const char *model, size_t d)
{
    struct vector_log *log;
    struct error e = {0};
    OK(vector_log_open(r, str_of(model), d, &log, &e));
    return log;
}

static void test_found_again(void **state)
{
    struct run r;
    struct error e = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    struct vector_log *log = open_log(&r, "m", D);
    assert_int_equal(found(log, 10), 0);
    add(log, 0, 100);
    assert_int_equal(found(log, N), 100);
    add(log, 100, N - 100);
    assert_int_equal(found(log, N), N);
    vector_log_close(log);
    assert_int_equal(scratch_mode(run_path(&r, "private/vectors.log")), 0600);
    log = open_log(&r, "m", D);
    assert_int_equal(found(log, N + 10), N);
    vector_log_close(log);
    log = open_log(&r, "another", D); /* another model's vectors are others */
    assert_int_equal(found(log, N), 0);
    add(log, 0, 1);
    vector_log_close(log);
    log = open_log(&r, "another", D + 1);
    float row[D + 1];
    struct hash key = key_of(0);
    assert_false(vector_log_find(log, &key, row));
    vector_log_close(log);
    run_close(&r);
}

static void test_cut_and_damaged(void **state)
{
    struct run r;
    struct error e = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    const char *path = run_path(&r, "private/vectors.log");
    size_t record = 40 + D * sizeof(float);
    struct vector_log *log = open_log(&r, "m", D);
    add(log, 0, 10);
    vector_log_close(log);
    OK(truncate(path, (off_t)(64 + 9 * record + 7)));
    log = open_log(&r, "m", D);
    assert_int_equal(found(log, 10), 9);
    assert_int_equal(file_size(path), 64 + 9 * record);
    add(log, 9, 1);
    assert_int_equal(found(log, 10), 10);
    vector_log_close(log);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, (off_t)(64 + 4 * record + 50)), 1);
    close(fd);
    log = open_log(&r, "m", D);
    assert_int_equal(found(log, 10), 4);
    vector_log_close(log);
    OK(truncate(path, 10));
    log = open_log(&r, "m", D);
    assert_int_equal(found(log, 10), 0);
    add(log, 0, 2);
    vector_log_close(log);
    log = open_log(&r, "m", D);
    assert_int_equal(found(log, 10), 2);
    vector_log_close(log);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_again, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_cut_and_damaged, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
