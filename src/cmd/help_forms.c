#include "cmd/help_forms.h"

#include "cmd/command.h"
#include "config/config.h"
#include "model/endpoint.h"
#include "model/model.h"

#include <string.h>

/* Roff reads a line that begins with . or ' as an order, and - as a hyphen one cannot copy. */
static void man_text(FILE *out, const char *text)
{
    bool fresh = true;
    for (; *text; text++) {
        if (fresh && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        fresh = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\n')
            fputs("\n.PP\n", out);
        else
            fputc(*text, out);
    }
    fputc('\n', out);
}

static void man_option(FILE *out, const struct option_row *o)
{
    fputs(".TP\n\\fB", out);
    if (o->letter)
        fprintf(out, "\\-%c\\fR, \\fB", o->letter);
    fputs("\\-\\-", out);
    for (const char *z = o->name; *z; z++)
        fputs(*z == '-' ? "\\-" : (char[]){*z, '\0'}, out);
    fprintf(out, "\\fR%s%s%s\n", o->value ? " \\fI" : "", o->value ? o->value : "", o->value ? "\\fR" : "");
    man_text(out, o->help);
}

static void man_command(FILE *out, const struct command *c)
{
    fprintf(out, ".SS \"clio %s\"\n", c->name);
    fprintf(out, "%s.\n.PP\n.B clio %s\n", c->summary, c->name);
    man_text(out, c->usage[0] ? c->usage : "\\&");
    for (const struct option_row *o = c->options; o && o->name; o++)
        man_option(out, o);
    if (c->details) {
        fputs(".PP\n", out);
        man_text(out, c->details);
    }
    fputs(".PP\nExamples:\n.PP\n.nf\n", out);
    struct str rest = str_of(c->examples);
    while (rest.n) {
        struct str line = str_cut(&rest, '\n');
        fprintf(out, "    " STR_FMT "\n", STR_ARG(line));
    }
    fputs(".fi\n", out);
}

static void man_config(FILE *out)
{
    const char *name, *fallback, *help;
    fputs(".SH CONFIGURATION\nOne JSON file, in which comments and trailing commas are allowed; unknown keys are "
          "errors. A name "
          "with a dot stands for an object.\n",
          out);
    for (size_t i = 0; (help = config_key_help(i, &name, &fallback)); i++) {
        fprintf(out, ".TP\n\\fB%s\\fR (%s)\n", name, fallback[0] ? fallback : "empty");
        man_text(out, help);
    }
}

static void man_models(FILE *out)
{
    const char *name, *fallback, *help;
    fputs(".SH MODELS\nA model is named by its kind. Options follow a server's address, as in\n.br\n"
          "openai:NAME@https://HOST/v1?in_flight=1000&rpm=5000\n",
          out);
    for (size_t i = 0; (help = model_kind_help(i, &name)); i++) {
        fprintf(out, ".TP\n\\fB%s\\fR\n", name);
        man_text(out, help);
    }
    for (size_t i = 0; (help = endpoint_option_help(i, &name, &fallback)); i++) {
        fprintf(out, ".TP\n\\fB%s=\\fR (%s)\n", name, fallback);
        man_text(out, help);
    }
}

void help_man(FILE *out)
{
    static const struct {
        const char *status, *meaning;
    } statuses[] = {
        {"0", "done"},
        {"1", "failed"},
        {"2", "the command line is wrong"},
        {"3", "the configuration is wrong"},
        {"4", "finished, but records are missing"},
        {"5", "a limit on money or tokens was reached"},
        {"6", "a provider refused the key, or the quota is used up"},
        {"7", "an input file is unreadable or holds nothing usable"},
        {"8", "a privacy check failed, nothing was released"},
        {"130", "interrupted; what was done is kept"},
    };
    fputs(".TH CLIO 1 \"\" \"clio " CLIO_VERSION
          "\" \"User commands\"\n.SH NAME\nclio \\- how are people using this AI "
          "assistant?\n.SH SYNOPSIS\n.B clio\n\\fICOMMAND\\fR [\\fIargument\\fR ...]\n.SH DESCRIPTION\nTurns "
          "conversations with "
          "an AI assistant into a named, audited tree of what people do with it, without anybody reading them. Only "
          "what has "
          "passed four privacy layers is ever shown. Standard output is data, standard error is talk.\n.SH COMMANDS\n",
          out);
    for (size_t i = 0; commands[i]; i++)
        man_command(out, commands[i]);
    man_config(out);
    man_models(out);
    fputs(".SH \"EXIT STATUS\"\n", out);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        fprintf(out, ".TP\n.B %s\n%s\n", statuses[i].status, statuses[i].meaning);
    fputs(".SH ENVIRONMENT\n.TP\n.B CLIO_CACHE\nwhere models and data are kept, by itself ~/.cache/clio\n.TP\n.B "
          "CLIO_OPENAI_KEY\nthe key for models of kind openai:, where a server wants one; else OPENAI_API_KEY\n.TP\n.B "
          "NO_COLOR\nno "
          "colours on the terminal\n",
          out);
}

static void print_names(FILE *out)
{
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", commands[i]->name);
}

static void complete_bash(FILE *out)
{
    fputs("_clio() {\n    local word=${COMP_WORDS[COMP_CWORD]} choices=\n    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          out);
    print_names(out);
    fputs("\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "    %s) choices=\"", commands[i]->name);
        for (const struct option_row *o = commands[i]->options; o && o->name; o++)
            fprintf(out, "--%s ", o->name);
        fputs("--help\" ;;\n", out);
    }
    fputs("    esac\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$choices\" -- \"$word\")) ;;\n"
          "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\ncomplete -o filenames -F _clio clio\n",
          out);
}

/* Inside single quotes of all three shells only the quote itself is special; zsh's brackets and colons besides. */
static void print_quoted(FILE *out, const char *text)
{
    for (; *text; text++)
        fputs(*text == '\'' ? "'\\''" : strchr("[]:", *text) ? " " : (char[]){*text, '\0'}, out);
}

static void complete_zsh(FILE *out)
{
    fputs("#compdef clio\n_clio() {\n    local -a names=(\n", out);
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "        '%s:", commands[i]->name);
        print_quoted(out, commands[i]->summary);
        fputs("'\n", out);
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe command names\n        return\n    fi\n    case "
          "$words[2] "
          "in\n",
          out);
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "    %s) _arguments '*:file:_files'", commands[i]->name);
        for (const struct option_row *o = commands[i]->options; o && o->name; o++) {
            fprintf(out, " '--%s%s[", o->name, o->kind == OPTION_FLAG ? "" : "=");
            print_quoted(out, o->help);
            fprintf(out, "]%s'", o->kind == OPTION_FLAG ? "" : ":value:_files");
        }
        fputs(" ;;\n", out);
    }
    fputs("    esac\n}\n_clio \"$@\"\n", out);
}

static void complete_fish(FILE *out)
{
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "complete -c clio -n __fish_use_subcommand -f -a %s -d '", commands[i]->name);
        print_quoted(out, commands[i]->summary);
        fputs("'\n", out);
        for (const struct option_row *o = commands[i]->options; o && o->name; o++) {
            fprintf(out, "complete -c clio -n '__fish_seen_subcommand_from %s' -l %s%s -d '", commands[i]->name,
                    o->name, o->kind == OPTION_FLAG ? "" : " -r");
            print_quoted(out, o->help);
            fputs("'\n", out);
        }
    }
}

enum err help_completion(FILE *out, const char *shell, struct error *e)
{
    static const struct {
        const char *shell;
        void (*print)(FILE *out);
    } shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].shell, shell) != 0)
            continue;
        shells[i].print(out);
        return ERR_OK;
    }
    return error_set(e, ERR_USAGE, "--completion knows bash, zsh and fish, not \"%.40s\"", shell);
}
