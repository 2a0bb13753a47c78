#include "cmd/job.h"
#include "cmd/plan.h"

/* clang-format off */
static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder; made when it is not there, else the run goes on"},
    JOB_OPTION_CONFIG,
    {"limit", 'n', OPTION_COUNT, "N", "stop reading after N conversations"},
    {"sample", 0, OPTION_COUNT, "N", "draw N conversations by the seed"},
    {"filter", 0, OPTION_TEXT, "RE", "take only conversations this regular expression matches"},
    {"public", 0, OPTION_FLAG, NULL, "the data is public: thresholds become 3"},
    {"account-per-conversation", 0, OPTION_FLAG, NULL, "the data has no accounts: count every conversation as one"},
    {"k", 'k', OPTION_COUNT, "N", "number of base clusters"},
    {"model", 'm', OPTION_TEXT, "SPEC", "the model that reads and names, for example local:NAME, openai:MODEL@URL or anthropic:MODEL@URL"},
    JOB_OPTION_MODELS,
    {"embed", 0, OPTION_TEXT, "SPEC", "the embedding model, for example encoder:all-MiniLM-L6-v2"},
    {"seed", 0, OPTION_COUNT, "N", "of everything random"},
    {"threads", 't', OPTION_COUNT, "N", "processors to use; no result depends on it"},
    {"prompts", 0, OPTION_TEXT, "FOLDER", "take prompts from here where it holds a file of the same name, until --prompts= ends it"},
    {"max-cost", 0, OPTION_TEXT, "AMOUNT", "stop before the run costs more than this, in the price file's currency"},
    {"max-tokens", 0, OPTION_COUNT, "N", "stop before the run takes more tokens than this, read and written"},
    JOB_OPTION_PRICES,
    {"until", 0, OPTION_TEXT, "STAGE", "stop behind this stage"},
    {"fresh", 0, OPTION_FLAG, NULL, "remove what the run made and start again"},
    {"dry-run", 0, OPTION_FLAG, NULL, "list the stages, what would be done and what it would take; do nothing"},
    {"progress", 0, OPTION_TEXT, "HOW", "bar, line, json or none; by itself: bar on a terminal, else line"},
    {"quiet", 'q', OPTION_FLAG, NULL, "no progress and no report"},
    {"json", 'j', OPTION_FLAG, NULL, "the report as one JSON object on standard output"},
    {0},
};
/* clang-format on */

static enum err run(const struct args *args, struct error *e)
{
    const char *until = args_text(args, "until", NULL);
    struct job_request want = {
        .args = args, .path = args_text(args, "run", NULL), .files = args->rest, .files_count = args->rest_count};
    enum err result = plan_check_stage(until, e);
    if (result == ERR_OK && args_flag(args, "dry-run"))
        return plan_print(&want, until, e);
    if (result == ERR_OK)
        result = job_need_run(args, &want.path, e);
    return result == ERR_OK ? job_run(&want, until, job_finish, e) : result;
}

const struct command command_run = {
    .name = "run",
    .summary = "Turn conversations into a named, audited tree",
    .usage = "FILE... --run RUN [options]",
    .examples = "clio run conversations.jsonl --run may\n"
                "clio run conversations.json --run mine --account-per-conversation --public\n"
                "clio run --run may\n"
                "clio run may.jsonl --run may --config clio.json --limit 500",
    .details =
        "FILE is JSON lines, ShareGPT's JSON array, or one's own export from ChatGPT or Claude; - is standard input. "
        "--public is for data everybody may see; only then are groups of fewer than 20 accounts shown.\n"
        "The same command again goes on where it was stopped; an answered question is never asked again. Ctrl-C once "
        "stops and keeps what is done, twice stops at once. Without --config, a run that exists keeps its own.\n"
        "Exit status: 0 done; 4 done, but some conversations could not be; 5 a limit on "
        "money or tokens was reached; 6 a key was refused or its quota is used up; 130 interrupted; 1 failed; 2 wrong "
        "command line; 3 wrong configuration; 7 unusable input.\n"
        "Next: clio tree RUN, clio serve RUN.",
    .options = options,
    .run = run,
};
