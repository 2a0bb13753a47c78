/* The command line's parser, the tables it reads, and the suggestions for slips. */
#include "base/suggest.h"
#include "cmd/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "a folder"},
    {"limit", 'n', OPTION_COUNT, "N", "a number"},
    {"json", 'j', OPTION_FLAG, NULL, "a flag"},
    {"quiet", 'q', OPTION_FLAG, NULL, "another"},
    {0},
};
static const struct command sample = {.name = "sample", .usage = "FILE", .options = options};

enum { WORDS_MAX = 12 };

static enum err parse(const char *line, char *storage, char **words, struct args *out, bool *help, struct error *e)
{
    int n = 0;
    strcpy(storage, line);
    for (char *word = strtok(storage, " "); word && n < WORDS_MAX; word = strtok(NULL, " "))
        words[n++] = word;
    *e = (struct error){0};
    return args_parse(&sample, n, words, out, help, e);
}

static void options_come_in_every_form(void **state)
{
    static const char *const lines[] = {
        "--run R --limit 5 --json a b",
        "a --run=R --limit=5 b --json",
        "-r R -n 5 -j a b",
        "-rR -n5 -j a b",
        "-jn5 a -r R b",
        "a b -jr R -n 5",
    };
    char storage[200], *words[WORDS_MAX];
    struct args args;
    struct error e;
    bool help;
    uint64_t limit;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(lines[i], storage, words, &args, &help, &e), ERR_OK);
        assert_false(help);
        assert_string_equal(args_text(&args, "run", "none"), "R");
        assert_int_equal(args_count(&args, "limit", 1, &limit, &e), ERR_OK);
        assert_int_equal(limit, 5);
        assert_true(args_flag(&args, "json"));
        assert_false(args_flag(&args, "quiet"));
        assert_int_equal(args.rest_count, 2);
        assert_string_equal(args.rest[0], "a");
        assert_string_equal(args.rest[1], "b");
    }
}

static void what_is_no_option_is_kept(void **state)
{
    char storage[200], *words[WORDS_MAX];
    struct args args;
    struct error e;
    bool help;
    uint64_t limit;
    (void)state;
    assert_int_equal(parse("- -- --json -x", storage, words, &args, &help, &e), ERR_OK);
    assert_int_equal(args.rest_count, 3);
    assert_string_equal(args.rest[0], "-");
    assert_string_equal(args.rest[1], "--json");
    assert_string_equal(args.rest[2], "-x");
    assert_false(args_flag(&args, "json"));
    assert_string_equal(args_text(&args, "run", "fallback"), "fallback");
    assert_int_equal(args_count(&args, "limit", 7, &limit, &e), ERR_OK);
    assert_int_equal(limit, 7);
    assert_null(args_given(&args, "no-such-option"));
    assert_int_equal(parse("--run=--json --run=", storage, words, &args, &help, &e), ERR_OK);
    assert_string_equal(args_text(&args, "run", NULL), "");
}

static void slips_are_usage_errors(void **state)
{
    static const struct {
        const char *line, *text, *hint;
    } cases[] = {
        {"--limt 3", "no option --limt", "did you mean --limit?"},
        {"--zzzzzzzzz", "no option --zzzzzzzzz", "clio help sample"},
        {"-x", "no option -x", "clio help sample"},
        {"--limit", "--limit needs a value: --limit N", "usage: clio sample FILE"},
        {"--run --json", "--run needs a value", ""},
        {"--limit x", "whole number, not \"x\"", ""},
        {"--limit -3", "whole number", ""},
        {"--limit 99999999999999999999", "whole number", ""},
        {"--json=yes", "--json takes no value", ""},
    };
    char storage[200], *words[WORDS_MAX];
    struct args args;
    struct error e;
    bool help;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].line, storage, words, &args, &help, &e), ERR_USAGE);
        if (!strstr(e.text, cases[i].text) || !strstr(e.hint, cases[i].hint))
            fail_msg("%s: message \"%s\", hint \"%s\"", cases[i].line, e.text, e.hint);
    }
}

static void help_is_an_option_everywhere(void **state)
{
    static const char *const lines[] = {"--help", "-h", "a --help", "-jh"};
    char storage[200], *words[WORDS_MAX];
    struct args args;
    struct error e;
    bool help;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(lines[i], storage, words, &args, &help, &e), ERR_OK);
        assert_true(help);
    }
}

static void runs_are_named_by_option_or_place(void **state)
{
    char storage[200], *words[WORDS_MAX];
    struct args args;
    struct error e;
    const char *run;
    bool help;
    (void)state;
    assert_int_equal(parse("R", storage, words, &args, &help, &e), ERR_OK);
    assert_int_equal(args_run(&args, &run, &e), ERR_OK);
    assert_string_equal(run, "R");
    assert_int_equal(parse("--run R", storage, words, &args, &help, &e), ERR_OK);
    assert_int_equal(args_run(&args, &run, &e), ERR_OK);
    assert_int_equal(parse("--run R other", storage, words, &args, &help, &e), ERR_OK);
    assert_int_equal(args_run(&args, &run, &e), ERR_USAGE);
    assert_int_equal(parse("--json", storage, words, &args, &help, &e), ERR_OK);
    assert_int_equal(args_run(&args, &run, &e), ERR_USAGE);
}

/* What one relies on when reading a table row: nothing is missing, nothing is there twice, everything fits the parser.
 */
static void tables_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        size_t n = 0;
        assert_ptr_equal(command_find(c->name), c);
        assert_non_null(c->summary);
        assert_non_null(c->usage);
        assert_non_null(c->examples);
        assert_non_null(c->run);
        assert_true(strncmp(c->examples, "clio ", 5) == 0);
        for (const struct option_row *o = c->options; o && o->name; o++, n++) {
            assert_true(strlen(o->help) > 3);
            assert_int_equal(o->value == NULL, o->kind == OPTION_FLAG);
            for (const struct option_row *p = o + 1; p->name; p++) {
                assert_string_not_equal(o->name, p->name);
                assert_false(o->letter && o->letter == p->letter);
            }
            assert_true(o->letter != 'h');
        }
        assert_true(n <= ARGS_MAX_OPTIONS);
    }
}

static void suggestions_are_near(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(suggest_distance(STR("srun"), STR("run")), 1);
    assert_int_equal(suggest_distance(STR("rnu"), STR("run")), 1);
    assert_int_equal(suggest_distance(STR(""), STR("run")), 3);
    assert_int_equal(suggest_distance(STR("RUN"), STR("run")), 0);
    struct suggest s = suggest_for(STR("quarentine"));
    for (size_t i = 0; commands[i]; i++)
        suggest_offer(&s, commands[i]->name);
    assert_string_equal(suggest_best(&s), "quarantine");
    s = suggest_for(STR("xyzzy"));
    for (size_t i = 0; commands[i]; i++)
        suggest_offer(&s, commands[i]->name);
    assert_null(suggest_best(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_come_in_every_form),
        cmocka_unit_test(what_is_no_option_is_kept),
        cmocka_unit_test(slips_are_usage_errors),
        cmocka_unit_test(help_is_an_option_everywhere),
        cmocka_unit_test(runs_are_named_by_option_or_place),
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(suggestions_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
