/*
 * command.h: a subcommand is one file exporting one constant entry; the table in command.c lists them. Help, the manual
 * page and shell completion are made from these entries.                                              Layer: cmd.
 *
 * To add one: write src/cmd/NAME.c with `const struct command command_NAME`, declare it below, add its row in
 * command.c.
 */
#ifndef CLIO_CMD_COMMAND_H
#define CLIO_CMD_COMMAND_H

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_COUNT };

struct option_row {
    const char *name; /* "limit": --limit N or --limit=N */
    char letter;      /* 0: none */
    enum option_kind kind;
    const char *value; /* "N", "FILE": how help writes it; NULL for flags */
    const char *help;
};

enum { ARGS_MAX_OPTIONS = 32 };

/* What main's parser hands over. Options are looked up by name; asking for one the command did not declare asserts. */
struct args {
    const struct command *command;
    const char *text[ARGS_MAX_OPTIONS]; /* by the option's row; NULL: not given. "" for a flag given */
    const char *const *rest;            /* what is not an option */
    size_t rest_count;
};

bool args_flag(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name, const char *fallback);
/* A whole number >= 0; ERR_USAGE otherwise. */
MUST_USE enum err args_count(const struct args *a, const char *name, uint64_t fallback, uint64_t *out, struct error *e);

/* A number above 0, such as 12.50; ERR_USAGE otherwise. Not given: `fallback`. */
MUST_USE enum err args_amount(const struct args *a, const char *name, double fallback, double *out, struct error *e);

/* NULL also where the command has no such option: for code that several commands share. */
const char *args_given(const struct args *a, const char *name);

/* For commands that work on one run: --run RUN, or the first word that is not an option. Nothing else may be left. */
MUST_USE enum err args_run(const struct args *a, const char **run, struct error *e);

/* ERR_USAGE unless min..max words are left that are not options; `what` names them: "FILE". */
MUST_USE enum err args_rest(const struct args *a, size_t min, size_t max, const char *what, struct error *e);

/* argv behind the command's name. *help is set by --help and -h. argv is reordered: the words that are no options come
 * first. */
MUST_USE enum err args_parse(const struct command *c, int argc, char **argv, struct args *out, bool *help,
                             struct error *e);

struct command {
    const char *name;
    const char *summary;                                       /* one line, starts with a verb */
    const char *usage;                                         /* "FILE... --run RUN [options]" */
    const char *examples;                                      /* one command a line, shown first in the help */
    const char *details;                                       /* further paragraphs, may be NULL */
    const struct option_row *options;                          /* ends with a row whose name is NULL; NULL: none */
    enum err (*run)(const struct args *args, struct error *e); /* stdout is data, stderr is talk */
};

extern const struct command command_run, command_demo, command_estimate, command_import, command_quarantine,
    command_status, command_tree, command_export, command_serve, command_facets, command_models, command_doctor,
    command_init, command_help, command_version;

extern const struct command *const commands[]; /* NULL behind the last */

const struct command *command_find(const char *name); /* NULL: there is none */
/* ERR_USAGE with the nearest command as a hint. */
enum err command_unknown(const char *name, struct error *e);

/* "clio: text" and "hint: text" on stderr, the same for every command. */
void command_complain(const struct error *e);

/* help.c: one command's page, and the map of all. */
void help_command(FILE *out, const struct command *c);
void help_map(FILE *out);

/* argv to table to function. Returns the exit status; prints errors as "clio: text" and "hint: ..." on stderr. */
int command_main(int argc, char **argv);

#endif
