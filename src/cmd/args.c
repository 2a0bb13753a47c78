/* Options of a subcommand: one parser for all, driven by the command's own table. */
#include "base/suggest.h"
#include "cmd/command.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t option_index(const struct command *c, const char *name, size_t n)
{
    size_t i = 0;
    for (const struct option_row *o = c->options; o && o->name; o++, i++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return i;
    return SIZE_MAX;
}

static size_t letter_index(const struct command *c, char letter)
{
    size_t i = 0;
    for (const struct option_row *o = c->options; o && o->name; o++, i++)
        if (o->letter && o->letter == letter)
            return i;
    return SIZE_MAX;
}

const char *args_given(const struct args *a, const char *name)
{
    size_t i = option_index(a->command, name, strlen(name));
    return i == SIZE_MAX ? NULL : a->text[i];
}

static const char *declared(const struct args *a, const char *name)
{
    assert(option_index(a->command, name, strlen(name)) != SIZE_MAX && "the command did not declare this option");
    return args_given(a, name);
}

bool args_flag(const struct args *a, const char *name)
{
    return declared(a, name) != NULL;
}

const char *args_text(const struct args *a, const char *name, const char *fallback)
{
    const char *text = declared(a, name);
    return text ? text : fallback;
}

enum err args_count(const struct args *a, const char *name, uint64_t fallback, uint64_t *out, struct error *e)
{
    const char *text = declared(a, name);
    int64_t number = -1;
    *out = fallback;
    if (!text)
        return ERR_OK;
    if (!str_to_i64(str_of(text), &number) || number < 0)
        return error_set(e, ERR_USAGE, "--%s takes a whole number, not \"%.60s\"", name, text);
    *out = (uint64_t)number;
    return ERR_OK;
}

enum err args_amount(const struct args *a, const char *name, double fallback, double *out, struct error *e)
{
    const char *text = declared(a, name);
    char *end;
    *out = text ? strtod(text, &end) : fallback;
    if (!text || (end != text && *end == '\0' && isfinite(*out) && *out > 0))
        return ERR_OK;
    return error_set(e, ERR_USAGE, "--%s takes a number above 0, not \"%.40s\"", name, text);
}

enum err args_rest(const struct args *a, size_t min, size_t max, const char *what, struct error *e)
{
    if (a->rest_count >= min && a->rest_count <= max)
        return ERR_OK;
    if (a->rest_count < min)
        error_set(e, ERR_USAGE, "%s needs %s", a->command->name, what);
    else
        error_set(e, ERR_USAGE, "%s does not know what to do with \"%.100s\"", a->command->name, a->rest[max]);
    error_hint(e, "usage: clio %s %s", a->command->name, a->command->usage);
    return ERR_USAGE;
}

enum err args_run(const struct args *a, const char **run, struct error *e)
{
    *run = declared(a, "run");
    if (*run)
        return args_rest(a, 0, 0, "", e);
    enum err result = args_rest(a, 1, 1, "RUN, the folder of a run", e);
    if (result == ERR_OK)
        *run = a->rest[0];
    return result;
}

static enum err unknown_option(const struct command *c, const char *name, size_t n, struct error *e)
{
    struct suggest near = suggest_for((struct str){name, n});
    for (const struct option_row *o = c->options; o && o->name; o++)
        suggest_offer(&near, o->name);
    suggest_offer(&near, "help");
    error_set(e, ERR_USAGE, "%s has no option --%.*s", c->name, (int)(n < 60 ? n : 60), name);
    if (suggest_best(&near))
        error_hint(e, "did you mean --%s? clio help %s lists the options", suggest_best(&near), c->name);
    else
        error_hint(e, "clio help %s lists the options", c->name);
    return ERR_USAGE;
}

/* The words on the command line and how far they are read. */
struct cursor {
    const struct command *command;
    char **argv;
    int argc, at;
};

static enum err take_value(struct cursor *w, struct args *out, size_t i, const char *attached, struct error *e)
{
    const struct option_row *o = &w->command->options[i];
    if (o->kind == OPTION_FLAG) {
        if (attached)
            return error_set(e, ERR_USAGE, "--%s takes no value", o->name);
        out->text[i] = "";
        return ERR_OK;
    }
    /* "--run --json" is a forgotten value, not a run called --json; --run=--json is taken at its word. */
    if (!attached && (w->at >= w->argc || (strncmp(w->argv[w->at], "--", 2) == 0))) {
        error_set(e, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
        error_hint(e, "usage: clio %s %s", w->command->name, w->command->usage);
        return ERR_USAGE;
    }
    out->text[i] = attached ? attached : w->argv[w->at++];
    uint64_t number;
    return o->kind == OPTION_COUNT ? args_count(out, o->name, 0, &number, e) : ERR_OK;
}

static enum err parse_long(struct cursor *w, struct args *out, const char *word, bool *help, struct error *e)
{
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    size_t i = option_index(w->command, word, n);
    if (i != SIZE_MAX)
        return take_value(w, out, i, equals ? equals + 1 : NULL, e);
    if (n == 4 && memcmp(word, "help", 4) == 0) {
        *help = true;
        return ERR_OK;
    }
    return unknown_option(w->command, word, n, e);
}

/* "-q", "-qj", "-n5" and "-n 5". */
static enum err parse_letters(struct cursor *w, struct args *out, const char *letters, bool *help, struct error *e)
{
    for (; *letters; letters++) {
        size_t i = letter_index(w->command, *letters);
        if (i == SIZE_MAX && *letters == 'h') {
            *help = true;
            continue;
        }
        if (i == SIZE_MAX) {
            error_set(e, ERR_USAGE, "%s has no option -%c", w->command->name, *letters);
            error_hint(e, "clio help %s lists the options", w->command->name);
            return ERR_USAGE;
        }
        bool takes_value = w->command->options[i].kind != OPTION_FLAG;
        enum err result = take_value(w, out, i, takes_value && letters[1] ? letters + 1 : NULL, e);
        if (result != ERR_OK || takes_value)
            return result;
    }
    return ERR_OK;
}

enum err args_parse(const struct command *c, int argc, char **argv, struct args *out, bool *help, struct error *e)
{
    struct cursor w = {.command = c, .argv = argv, .argc = argc};
    size_t kept = 0;
    bool literal = false;
    *out = (struct args){.command = c};
    *help = false;
    while (w.at < argc) {
        char *word = argv[w.at++];
        enum err result = ERR_OK;
        if (literal || word[0] != '-' || word[1] == '\0')
            argv[kept++] = word;
        else if (strcmp(word, "--") == 0)
            literal = true;
        else if (word[1] == '-')
            result = parse_long(&w, out, word + 2, help, e);
        else
            result = parse_letters(&w, out, word + 1, help, e);
        if (result != ERR_OK)
            return result;
    }
    out->rest = (const char *const *)argv;
    out->rest_count = kept;
    return ERR_OK;
}
