#include "cmd/command.h"

#include "base/suggest.h"
#include "base/text.h"

#include <string.h>

const struct command *const commands[] = {
    &command_demo,   &command_run,    &command_estimate,   &command_import,
    &command_status, &command_tree,   &command_serve,      &command_export,
    &command_facets, &command_models, &command_quarantine, &command_init,
    &command_doctor, &command_help,   &command_version,    NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

enum err command_unknown(const char *name, struct error *e)
{
    struct suggest near = suggest_for(str_of(name));
    for (size_t i = 0; commands[i]; i++)
        suggest_offer(&near, commands[i]->name);
    error_set(e, ERR_USAGE, "there is no command \"%.60s\"", name);
    if (suggest_best(&near))
        error_hint(e, "did you mean clio %s? clio alone lists the commands", suggest_best(&near));
    else
        error_hint(e, "clio alone lists the commands");
    return ERR_USAGE;
}

/* File names and keys in a message come from outside: nothing in them may steer the terminal. */
static void complain_line(const char *label, const char *text)
{
    struct buf line = {0};
    text_add_line(&line, str_of(text));
    fprintf(stderr, "%s: %s\n", label, line.at ? line.at : "");
    buf_release(&line);
}

void command_complain(const struct error *e)
{
    complain_line("clio", e->text[0] ? e->text : error_name(e->code));
    if (e->hint[0])
        complain_line("hint", e->hint);
}

static enum err run_command(const struct command *c, int argc, char **argv, struct error *e)
{
    struct args args;
    bool help;
    enum err result = args_parse(c, argc, argv, &args, &help, e);
    if (help) {
        help_command(stdout, c);
        return ERR_OK;
    }
    return result == ERR_OK ? c->run(&args, e) : result;
}

static enum err dispatch(int argc, char **argv, struct error *e)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        help_map(stdout);
        return ERR_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        word = "version";
    else if (word[0] == '-') {
        error_set(e, ERR_USAGE, "the command comes first, then its options: clio COMMAND %.60s", word);
        error_hint(e, "clio alone lists the commands");
        return ERR_USAGE;
    }
    const struct command *c = command_find(word);
    return c ? run_command(c, argc - 2, argv + 2, e) : command_unknown(word, e);
}

int command_main(int argc, char **argv)
{
    struct error e = {0};
    enum err result = dispatch(argc, argv, &e);
    /* Data that did not reach its file is a failure, whatever the command thinks. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && result == ERR_OK)
        result = error_errno(&e, ERR_IO, "writing to standard output");
    if (result != ERR_OK) {
        e.code = result;
        command_complain(&e);
    }
    return error_exit_status(result);
}
