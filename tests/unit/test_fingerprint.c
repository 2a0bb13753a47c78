/* What tells without loading it that a model is another one: its spec, its version, its files. */
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <time.h>

#include <cmocka.h>

#include "scratch.h"

static struct hash of(const char *spec, const char *folder, bool there)
{
    struct hasher h;
    struct model_opts opts = {.base_folder = str_of(folder)};
    hash_init(&h);
    assert_int_equal(model_fingerprint(str_of(spec), &opts, &h), there);
    return hash_end(&h);
}

static void same(struct hash a, struct hash b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void differ(struct hash a, struct hash b)
{
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void put(const char *path, const char *text)
{
    struct error e = {0};
    OK(file_write_atomic(path, str_of(text), &e));
}

static void at_time(const char *path, time_t s)
{
    struct timespec times[2] = {{.tv_sec = s}, {.tv_sec = s}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void spec_alone(void **state)
{
    (void)state;
    same(of("hash:64", "", true), of("hash:64", "/elsewhere", true));
    differ(of("hash:64", "", true), of("hash:768", "", true));
    differ(of("openai:a@http://x", "", true), of("openai:b@http://x", "", true));
    differ(of("script:", "", true), of("hash:64", "", true));
    of("nonsense:x", "", true); /* model_open says what is wrong with it */
    of("", "", true);
    of("encoder:", "/nowhere", false);
}

/* Small files by their bytes: a copy in another folder, at another time, is the same model. */
static void rules(void **state)
{
    char path[256];
    const char *folder = *state;
    struct hash missing = of("script:rules.json", folder, false);
    put(scratch_path(state, "rules.json", path), "{\"rules\": []}");
    struct hash first = of("script:rules.json", folder, true);
    differ(missing, first);
    at_time(path, 1000000);
    same(first, of("script:rules.json", folder, true));
    put(path, "{\"rules\":  []}");
    differ(first, of("script:rules.json", folder, true));
}

/* Large ones by size and time: nobody reads a gigabyte to hear that nothing is new. */
static void weights(void **state)
{
    char path[256];
    const char *folder = *state;
    put(scratch_path(state, "m.gguf", path), "GGUF");
    assert_int_equal(truncate(path, 3 << 20), 0);
    at_time(path, 1000000);
    struct hash first = of("local:m.gguf", folder, true);
    same(first, of("local:m.gguf", folder, true));
    at_time(path, 1000001);
    struct hash later = of("local:m.gguf", folder, true);
    differ(first, later);
    assert_int_equal(truncate(path, (3 << 20) + 1), 0);
    at_time(path, 1000000);
    differ(first, of("local:m.gguf", folder, true));
    of("local:none.gguf", folder, false);
}

static void folders(void **state)
{
    static const char *const files[] = {"config.json", "tokenizer.json", "model.safetensors"};
    char path[256];
    const char *folder = *state;
    for (size_t i = 0; i < 3; i++) {
        of("encoder:./", folder, false);
        put(scratch_path(state, files[i], path), "{}");
    }
    struct hash first = of("encoder:./", folder, true);
    for (size_t i = 0; i < 3; i++) {
        put(scratch_path(state, files[i], path), "{ }");
        struct hash next = of("encoder:./", folder, true);
        differ(first, next);
        first = next;
    }
    of("replay:.", folder, false);
    assert_int_equal(mkdir(scratch_path(state, "private", path), 0700), 0);
    put(scratch_path(state, "private/run.db", path), "one");
    first = of("replay:.", folder, true);
    put(path, "two");
    differ(first, of("replay:.", folder, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_alone),
        SCRATCH_TEST(rules),
        SCRATCH_TEST(weights),
        SCRATCH_TEST(folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
