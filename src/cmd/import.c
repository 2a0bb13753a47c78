#include "base/json.h"
#include "cmd/job.h"
#include "store/records.h"

/* clang-format off */
static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder"},
    JOB_OPTION_CONFIG,
    {"limit", 'n', OPTION_COUNT, "N", "stop reading after N conversations"},
    {"sample", 0, OPTION_COUNT, "N", "draw N conversations by the seed"},
    {"filter", 0, OPTION_TEXT, "RE", "take only conversations this regular expression matches"},
    {"public", 0, OPTION_FLAG, NULL, "the data is public"},
    {"account-per-conversation", 0, OPTION_FLAG, NULL, "the data has no accounts: count every conversation as one"},
    {"seed", 0, OPTION_COUNT, "N", "of the sample"},
    {"fresh", 0, OPTION_FLAG, NULL, "remove what the run made and start again"},
    {"progress", 0, OPTION_TEXT, "HOW", "bar, line, json or none"},
    {"quiet", 'q', OPTION_FLAG, NULL, "no progress"},
    {"json", 'j', OPTION_FLAG, NULL, "the counts as one JSON object"},
    {0},
};
/* clang-format on */

/* Only what reading the files set aside counts here, whatever later stages of an older run did. */
struct counts {
    int64_t imported, quarantined;
    struct buf json, text;
};

static enum err take_reason(void *arg, struct str reason, int64_t count, struct error *e)
{
    struct counts *c = arg;
    (void)e;
    buf_addz(&c->json, c->quarantined ? "," : "");
    json_add_string(&c->json, reason);
    buf_printf(&c->json, ":%lld", (long long)count);
    buf_printf(&c->text, "  %6lld  " STR_FMT "\n", (long long)count, STR_ARG(reason));
    c->quarantined += count;
    return ERR_OK;
}

static enum err print_counts(struct run *r, bool json, struct error *e)
{
    struct counts c = {0};
    int64_t kept;
    enum err result = records_count(r, &c.imported, &kept, e);
    if (result == ERR_OK)
        result = quarantine_reasons(r, "import", take_reason, &c, e);
    if (result == ERR_OK && json)
        printf("{\"imported\":%lld,\"quarantined\":%lld,\"reasons\":{%s}}\n", (long long)c.imported,
               (long long)c.quarantined, c.json.at ? c.json.at : "");
    else if (result == ERR_OK)
        printf("imported %lld, quarantined %lld\n%s", (long long)c.imported, (long long)c.quarantined,
               c.text.at ? c.text.at : "");
    buf_release(&c.json);
    buf_release(&c.text);
    return result;
}

/* A file without one good line is a failure, but its reasons are the interesting part. */
static enum err finish(struct job *j, const struct args *args, enum err ran, struct error *e)
{
    if (ran == ERR_INTERRUPTED)
        job_hint(j, args, e);
    if (ran != ERR_OK && ran != ERR_INPUT)
        return ran;
    enum err printed = print_counts(&j->run, args_flag(args, "json"), ran == ERR_OK ? e : NULL);
    return ran != ERR_OK ? ran : printed;
}

static enum err run(const struct args *args, struct error *e)
{
    struct job_request want = {.args = args, .files = args->rest, .files_count = args->rest_count};
    enum err result = args_rest(args, 1, SIZE_MAX, "FILE", e);
    if (result == ERR_OK)
        result = job_need_run(args, &want.path, e);
    return result == ERR_OK ? job_run(&want, "import", finish, e) : result;
}

const struct command command_import = {
    .name = "import",
    .summary = "Read conversations into a run, and nothing more",
    .usage = "FILE... --run RUN [options]",
    .examples = "clio import conversations.jsonl --run may\n"
                "clio import export.json --run mine --json",
    .details =
        "Good conversations all go in; unusable lines are set aside with a reason and counted, which is no failure. "
        "Formats are recognised by their content: JSON lines, ShareGPT, exports of ChatGPT and Claude.\n"
        "Next: clio quarantine RUN for what was set aside, clio run --run RUN for all other stages.",
    .options = options,
    .run = run,
};
