#include "base/json.h"
#include "cmd/command.h"
#include "store/records.h"

static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder"},
    {"stage", 0, OPTION_TEXT, "STAGE", "only what this stage set aside"},
    {"json", 'j', OPTION_FLAG, NULL, "one JSON object a line"},
    {0},
};

static void print_member(const char *key, struct str value)
{
    struct buf json = {0};
    json_add_string(&json, value);
    printf(",\"%s\":%s", key, json.at);
    buf_release(&json);
}

static void print_number(const char *before, int64_t n, const char *none)
{
    fputs(before, stdout);
    if (n >= 0)
        printf("%lld", (long long)n);
    else
        fputs(none, stdout);
}

static enum err print_json(void *arg, const struct quarantine_row *row, struct error *e)
{
    (void)arg, (void)e;
    print_number("{\"line\":", row->line, "null");
    print_number(",\"record\":", row->rec, "null");
    print_member("stage", row->stage);
    print_member("reason", row->reason);
    print_member("source", row->source);
    puts("}");
    return ERR_OK;
}

/* line, record, stage, reason: columns apart by tabs. The id is left out: ids come from the data. */
static enum err print_row(void *arg, const struct quarantine_row *row, struct error *e)
{
    (void)arg, (void)e;
    print_number("", row->line, "-");
    print_number("\t", row->rec, "-");
    printf("\t" STR_FMT "\t" STR_FMT "\n", STR_ARG(row->stage), STR_ARG(row->reason));
    return ERR_OK;
}

static enum err run(const struct args *args, struct error *e)
{
    const char *path;
    struct run r;
    bool json = args_flag(args, "json");
    enum err result = args_run(args, &path, e);
    if (result == ERR_OK)
        result = run_open(path, RUN_READ, &r, e);
    if (result != ERR_OK)
        return result;
    if (!json)
        fprintf(stderr, "line\trecord\tstage\treason\n");
    result = quarantine_each(&r, args_text(args, "stage", NULL), json ? print_json : print_row, NULL, e);
    run_close(&r);
    return result;
}

const struct command command_quarantine = {
    .name = "quarantine",
    .summary = "List what was set aside, with line, record, stage and reason",
    .usage = "RUN [--stage STAGE] [--json]",
    .examples = "clio quarantine my-run\n"
                "clio quarantine --run my-run --json | jq .reason\n"
                "clio quarantine my-run --stage import",
    .details =
        "Line is the line of a JSON lines file, or the element of a JSON array, from 1; record is the conversation's "
        "number in the run; - where there is none. Text of conversations is never shown.",
    .options = options,
    .run = run,
};
