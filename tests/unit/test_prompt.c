#include "stage/prompt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "scratch.h"

static const struct prompt_var vars[] = {{"name", STR_INIT("Ada {{x}}")}, {"empty", {0}}};

static void expands(const char *text, const char *expected)
{
    struct buf out = {0};
    struct error e = {0};
    if (prompt_expand("t", str_of(text), vars, 2, &out, &e) != ERR_OK)
        fail_msg("%s: %s", text, e.text);
    assert_string_equal(out.at ? out.at : "", expected);
    buf_release(&out);
}

static void refuses(const char *text, const char *because)
{
    struct buf out = {0};
    struct error e = {0};
    assert_int_equal(prompt_expand("t", str_of(text), vars, 2, &out, &e), ERR_CONFIG);
    if (!strstr(e.text, because))
        fail_msg("%s: expected \"%s\" in \"%s\"", text, because, e.text);
    buf_release(&out);
}

static void fills_in_values_and_sections(void **state)
{
    (void)state;
    expands("plain } text { stays", "plain } text { stays");
    expands("Hello {{name}}!", "Hello Ada {{x}}!"); /* a value is never expanded itself */
    expands("{{#name}}yes{{/name}}{{#empty}}no {{name}}{{/empty}}.", "yes.");
    expands("{{#empty}}a{{#name}}b{{/name}}c{{/empty}}d", "d");
    expands("{{#name}}a{{#empty}}b{{/empty}}c{{/name}}d", "acd");
}

static void refuses_typos(void **state)
{
    (void)state;
    refuses("{{nmae}}", "unknown name");
    refuses("{{name", "without }}");
    refuses("{{#name}} open", "never closed");
    refuses("{{/name}}", "closes nothing");
    refuses("{{#name}}{{#empty}}{{/name}}{{/empty}}", "closes nothing");
    refuses("{{}}", "unknown name");
}

/* Every prompt in the binary renders with the names its stage gives it; comments stay out. */
static void knows_all_its_prompts(void **state)
{
    (void)state;
    static const char *const names[] = {"transcript", "question", "questions", "shape",       "members",    "contrast",
                                        "form",       "facet",    "clusters",  "outside",     "min",        "max",
                                        "names",      "parents",  "name",      "description", "short_name", "later"};
    static const char *const files[] = {
        "screen.system.txt", "screen.user.txt",  "facets.system.txt", "facets.user.txt",   "facets.alone.txt",
        "name.system.txt",   "name.user.txt",    "parent.system.txt", "parent.user.txt",   "propose.system.txt",
        "propose.user.txt",  "merge.system.txt", "merge.user.txt",    "assign.system.txt", "assign.user.txt",
        "audit.system.txt",  "audit.user.txt"};
    struct prompt_var all[sizeof names / sizeof *names];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        all[i] = (struct prompt_var){names[i], STR("some value")};
    struct arena a = {0};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct error e = {0};
        struct str out;
        if (prompt_render(NULL, files[i], all, sizeof names / sizeof *names, &a, &out, &e) != ERR_OK)
            fail_msg("%s: %s", files[i], e.text);
        assert_true(out.n > 20);
        assert_int_equal(str_find(out, STR("##")), SIZE_MAX);
    }
    struct str out;
    assert_int_equal(prompt_render(NULL, "absent.txt", all, 1, &a, &out, NULL), ERR_CONFIG);
    arena_release(&a);
}

static struct hash hashed(const char *folder, const char *prefixes)
{
    struct hasher h;
    struct error e = {0};
    hash_init(&h);
    OK(prompt_hash(folder, prefixes, &h, &e));
    return hash_end(&h);
}

static void put(const char *path, const char *text)
{
    struct error e = {0};
    OK(file_write_atomic(path, str_of(text), &e));
}

/* An edited prompt tells in the fingerprints that name it, and in no other; a comment in none. */
static void hashes_what_a_stage_says(void **state)
{
    char path[256];
    const char *folder = *state;
    struct hash audit = hashed(NULL, "audit."), both = hashed(NULL, "name.,parent."), name = hashed(NULL, "name.");
    assert_memory_not_equal(&audit, &name, sizeof name);
    assert_memory_not_equal(&both, &name, sizeof name);
    struct hash same = hashed(folder, "audit.");
    assert_memory_equal(&audit, &same, sizeof same);
    put(scratch_path(state, "audit.user.txt", path), "## first\nIs {{name}} private?\n");
    struct hash edited = hashed(folder, "audit.");
    assert_memory_not_equal(&audit, &edited, sizeof edited);
    put(path, "## second\nIs {{name}} private?\n");
    same = hashed(folder, "audit.");
    assert_memory_equal(&edited, &same, sizeof same);
    same = hashed(folder, "name.,parent.");
    assert_memory_equal(&both, &same, sizeof same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_values_and_sections),
        cmocka_unit_test(refuses_typos),
        cmocka_unit_test(knows_all_its_prompts),
        SCRATCH_TEST(hashes_what_a_stage_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
