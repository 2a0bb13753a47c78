#include "base/json.h"
#include "cmd/job.h"
#include "pipeline/pipeline.h"
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

static enum err run(const struct args *args, struct error *e)
{
    struct job j;
    const char *path = args_text(args, "run", NULL);
    enum err result = args_rest(args, 1, SIZE_MAX, "FILE", e);
    if (result != ERR_OK)
        return result;
    if (!path) {
        error_set(e, ERR_USAGE, "import needs --run RUN, the folder the conversations go to");
        return error_hint(e, "clio import %s --run my-run", args->rest[0]), ERR_USAGE;
    }
    result = job_open(&j, &(struct job_request){args, path, args->rest, args->rest_count, NULL, 0}, e);
    if (result == ERR_OK) {
        struct error other = {0};
        result = pipeline_run(&j.context, "import", e);
        progress_close(&j.progress);
        if (result == ERR_INTERRUPTED)
            job_hint(&j, args, e);
        /* A file without one good line is a failure, but its reasons are the interesting part. */
        enum err printed =
            result == ERR_OK || result == ERR_INPUT ? print_counts(&j.run, args_flag(args, "json"), &other) : ERR_OK;
        if (result == ERR_OK && printed != ERR_OK) {
            result = printed;
            *e = other;
        }
    }
    job_close(&j);
    return result;
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
