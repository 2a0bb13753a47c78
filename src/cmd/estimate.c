#include "cmd/plan.h"

/* clang-format off */
static const struct option_row options[] = {
    JOB_OPTION_CONFIG,
    {"run", 'r', OPTION_TEXT, "RUN", "only what is left to do of this run; FILE may be left out where it was imported"},
    {"limit", 'n', OPTION_COUNT, "N", "as if reading stopped after N conversations"},
    {"sample", 0, OPTION_COUNT, "N", "as if N conversations were drawn by the seed"},
    {"filter", 0, OPTION_TEXT, "RE", "take only conversations this regular expression matches"},
    {"public", 0, OPTION_FLAG, NULL, "the data is public: thresholds become 3"},
    {"account-per-conversation", 0, OPTION_FLAG, NULL, "the data has no accounts: count every conversation as one"},
    {"k", 'k', OPTION_COUNT, "N", "number of base clusters"},
    {"model", 'm', OPTION_TEXT, "SPEC", "the model that reads and names"},
    JOB_OPTION_MODELS,
    {"embed", 0, OPTION_TEXT, "SPEC", "the embedding model"},
    {"seed", 0, OPTION_COUNT, "N", "of everything random"},
    {"threads", 't', OPTION_COUNT, "N", "processors to use"},
    {"prompts", 0, OPTION_TEXT, "FOLDER", "take prompts from here where it holds a file of the same name"},
    JOB_OPTION_PRICES,
    {"list-prices", 0, OPTION_FLAG, NULL, "print the program's price file, as a start for one's own, and nothing else"},
    {"until", 0, OPTION_TEXT, "STAGE", "count up to this stage"},
    {"json", 'j', OPTION_FLAG, NULL, "one JSON object"},
    {0},
};
/* clang-format on */

static enum err run(const struct args *args, struct error *e)
{
    const char *until = args_text(args, "until", NULL), *path = args_text(args, "run", NULL);
    if (args_flag(args, "list-prices")) {
        struct str own = prices_default();
        fwrite(own.at, 1, own.n, stdout);
        return ERR_OK;
    }
    enum err result = args_rest(args, path ? 0 : 1, SIZE_MAX, "FILE", e);
    if (result == ERR_OK)
        result = plan_check_stage(until, e);
    struct job_request want = {.args = args, .path = path, .files = args->rest, .files_count = args->rest_count};
    return result == ERR_OK ? plan_print(&want, until, e) : result;
}

const struct command command_estimate = {
    .name = "estimate",
    .summary = "Say what a run would take: tokens, money, time and disk, before the first call",
    .usage = "FILE... [options]",
    .examples = "clio estimate conversations.jsonl\n"
                "clio estimate may.jsonl --config clio.json --json\n"
                "clio estimate --run may\n"
                "clio estimate --list-prices > prices.json",
    .details =
        "The stages themselves run on a sample of the input, and what they ask is counted instead of sent: nothing "
        "leaves the computer, no model is opened, nothing is written. For every stage a low, an expected and a worst "
        "case; an unknown price stays unknown. Prices and rates come from a dated file (--prices).\n"
        "Next: clio run FILE... --run RUN --max-cost AMOUNT, which stops before it costs more.",
    .options = options,
    .run = run,
};
