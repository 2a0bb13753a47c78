/* Help, the manual page and shell completion: all made from the commands' own tables and the configuration's. */
#include "cmd/command.h"
#include "cmd/help_forms.h"
#include "config/config.h"
#include "model/endpoint.h"

#include <string.h>

enum { WIDTH = 80 };

/* Writes text in lines of at most WIDTH columns, from column `at` on, further lines indented by `indent`. */
static void wrap(FILE *out, const char *text, size_t at, size_t indent)
{
    size_t column = at;
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (column > indent && column + 1 + n > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, n, out);
        column += n;
        text += n;
        if (*text == '\n' && text[1]) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static void print_examples(FILE *out, const char *examples)
{
    struct str rest = str_of(examples);
    fputs("\nExamples:\n", out);
    while (rest.n) {
        struct str line = str_cut(&rest, '\n');
        fprintf(out, "  " STR_FMT "\n", STR_ARG(line));
    }
}

static void print_option(FILE *out, const struct option_row *o)
{
    enum { COLUMN = 32 };
    char head[80];
    int n = snprintf(head, sizeof head, "  %c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                     o->letter ? "," : " ", o->name, o->value ? " " : "", o->value ? o->value : "");
    if (n < COLUMN - 1)
        fprintf(out, "%-*s", COLUMN, head);
    else
        fprintf(out, "%s\n%*s", head, COLUMN, "");
    wrap(out, o->help, COLUMN, COLUMN);
}

void help_command(FILE *out, const struct command *c)
{
    fprintf(out, "usage: clio %s%s%s\n\n%s.\n", c->name, c->usage[0] ? " " : "", c->usage, c->summary);
    print_examples(out, c->examples);
    fputs("\nOptions:\n", out);
    for (const struct option_row *o = c->options; o && o->name; o++)
        print_option(out, o);
    print_option(out, &(struct option_row){"help", 'h', OPTION_FLAG, NULL, "this text"});
    if (c->details) {
        fputc('\n', out);
        wrap(out, c->details, 0, 0);
    }
}

void help_map(FILE *out)
{
    fputs("clio " CLIO_VERSION ": how are people using this AI assistant?\n", out);
    for (size_t i = 0; commands[i]; i++)
        if (commands[i] != &command_help && commands[i] != &command_version)
            fprintf(out, "  clio %-11s %s\n", commands[i]->name, commands[i]->summary);
    fputs("Start with clio demo. clio help COMMAND explains one; clio help config and help kinds the rest.\n", out);
}

static void help_config(FILE *out)
{
    const char *name, *fallback, *help;
    fputs("The configuration is one JSON file; comments and trailing commas are allowed.\n"
          "clio init writes a commented one, clio run --config FILE takes it.\n\n",
          out);
    for (size_t i = 0; (help = config_key_help(i, &name, &fallback)); i++) {
        fprintf(out, "%s (default: %s)\n    ", name, fallback[0] ? fallback : "empty");
        wrap(out, help, 4, 4);
    }
    fputs("\nA name with a dot stands for an object: \"models\": {\"fast\": ...}.\n"
          "clio facets explains the facets. Next: clio init clio.json\n",
          out);
}

static void help_kinds(FILE *out)
{
    const char *name, *fallback, *help;
    fputs("A model is named by its kind. --model and --embed name one, or the configuration's models.\n\n", out);
    for (size_t i = 0; (help = model_kind_help(i, &name)); i++) {
        fprintf(out, "%s\n    ", name);
        wrap(out, help, 4, 4);
    }
    fputs("\nOptions follow a server's address: openai:NAME@https://HOST/v1?in_flight=1000&rpm=5000\n\n", out);
    for (size_t i = 0; (help = endpoint_option_help(i, &name, &fallback)); i++) {
        fprintf(out, "%s= (default: %s)\n    ", name, fallback);
        wrap(out, help, 4, 4);
    }
}

static const struct option_row options[] = {
    {"man", 0, OPTION_FLAG, NULL, "print the manual page, as roff"},
    {"completion", 0, OPTION_TEXT, "SHELL", "print completion code for bash, zsh or fish"},
    {0},
};

static enum err run(const struct args *args, struct error *e)
{
    const char *shell = args_text(args, "completion", NULL);
    if (shell)
        return help_completion(stdout, shell, e);
    if (args_flag(args, "man")) {
        help_man(stdout);
        return ERR_OK;
    }
    enum err result = args_rest(args, 0, 1, "", e);
    if (result != ERR_OK)
        return result;
    if (args->rest_count == 0) {
        help_map(stdout);
        return ERR_OK;
    }
    if (strcmp(args->rest[0], "config") == 0) {
        help_config(stdout);
        return ERR_OK;
    }
    if (strcmp(args->rest[0], "kinds") == 0) {
        help_kinds(stdout);
        return ERR_OK;
    }
    const struct command *c = command_find(args->rest[0]);
    if (!c)
        return command_unknown(args->rest[0], e);
    help_command(stdout, c);
    return ERR_OK;
}

const struct command command_help = {
    .name = "help",
    .summary = "Explain a command, the configuration, or the kinds of models",
    .usage = "[COMMAND | config | kinds] [--man | --completion SHELL]",
    .examples = "clio help run\n"
                "clio help config\n"
                "clio help kinds\n"
                "clio help --man | man -l -\n"
                "clio help --completion bash > ~/.local/share/bash-completion/completions/clio",
    .options = options,
    .run = run,
};
