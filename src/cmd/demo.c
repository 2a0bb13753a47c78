#include "base/file.h"
#include "cmd/interrupt.h"
#include "cmd/job.h"
#include "cmd/page.h"
#include "pipeline/pipeline.h"

enum { DEMO_SAMPLE = 100 }; /* about 15 minutes on two cores with the models on this computer */

/* clang-format off */
static const struct option_row options[] = {
    {"no-serve", 0, OPTION_FLAG, NULL, "end when the run is done, instead of keeping the page up"},
    {"limit", 'n', OPTION_COUNT, "N", "take N conversations, drawn by the seed (100)"},
    {"port", 'p', OPTION_COUNT, "N", "port of the page; by itself 7411, or the next free one"},
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder (clio-demo)"},
    {"data", 0, OPTION_TEXT, "FILE", "other conversations than ShareGPT's; they count as public"},
    JOB_OPTION_CONFIG,
    {"model", 'm', OPTION_TEXT, "SPEC", "the model that reads and names"},
    JOB_OPTION_MODELS,
    {"embed", 0, OPTION_TEXT, "SPEC", "the embedding model"},
    {"seed", 0, OPTION_COUNT, "N", "of everything random"},
    {"threads", 't', OPTION_COUNT, "N", "processors to use"},
    {"max-cost", 0, OPTION_TEXT, "AMOUNT", "stop before the run costs more than this"},
    {"max-tokens", 0, OPTION_COUNT, "N", "stop before the run takes more tokens than this"},
    JOB_OPTION_PRICES,
    {"prompts", 0, OPTION_TEXT, "FOLDER", "take prompts from here where it holds a file of the same name, until --prompts= ends it"},
    {"fresh", 0, OPTION_FLAG, NULL, "remove what the run made and start again"},
    {"progress", 0, OPTION_TEXT, "HOW", "bar, line, json or none"},
    {"quiet", 'q', OPTION_FLAG, NULL, "no progress and no report"},
    {0},
};
/* clang-format on */

static enum err find_data(const struct args *args, struct arena *a, const char **out, struct error *e)
{
    *out = args_text(args, "data", NULL);
    if (*out)
        return ERR_OK;
    *out = file_cache_path(a, "data", "sharegpt.json", NULL);
    if (file_exists(*out))
        return ERR_OK;
    error_set(e, ERR_INPUT, "the demo's conversations are missing: %s", *out);
    error_hint(e, "tools/deps --for demo fetches them, or clio demo --data FILE takes others");
    return ERR_INPUT;
}

/* Run again without --limit, a demo goes on with the sample it has. */
static uint64_t sample_of(const char *path)
{
    struct run run;
    struct arena a = {0};
    struct config config = {0};
    struct error ignored;
    const char *folder;
    if (!job_run_exists(path) || run_open(path, RUN_READ, &run, &ignored) != ERR_OK)
        return DEMO_SAMPLE;
    uint64_t sample = job_settings_of(&run, &a, &config, &folder, &ignored) == ERR_OK ? config.sample : 0;
    config_release(&config);
    run_close(&run);
    arena_release(&a);
    return sample ? sample : DEMO_SAMPLE;
}

static enum err open_job(struct job *j, const struct args *args, const char *path, const char *data, struct error *e)
{
    char sample[24];
    const char *limit = args_text(args, "limit", NULL);
    unsigned long long kept = args_flag(args, "fresh") ? DEMO_SAMPLE : sample_of(path);
    snprintf(sample, sizeof sample, "%llu", kept);
    const struct job_preset presets[] = {
        {"public_data", "true"}, {"account_per_conversation", "true"}, {"sample", limit ? limit : sample}};
    return job_open(j, &(struct job_request){args, path, &data, 1, presets, sizeof presets / sizeof *presets}, e);
}

static enum err run_stages(struct job *j, const struct args *args, const char *path, struct error *e)
{
    enum err result = pipeline_run(&j->context, NULL, e);
    result = job_finish(j, args, result, e);
    /* A cut-off file and a small model lose some conversations; the report says so, and a demo is still a success. */
    if (result != ERR_OK && result != ERR_PARTIAL)
        return result;
    fflush(stderr);
    return command_tree.run(&(struct args){.command = &command_tree, .rest = &path, .rest_count = 1}, e);
}

static enum err run(const struct args *args, struct error *e)
{
    struct job j = {.run.lock_fd = -1};
    struct arena a = {0};
    struct server *page = NULL;
    const char *path = args_text(args, "run", "clio-demo"), *data;
    enum err result = args_rest(args, 0, 0, "", e);
    if (result == ERR_OK)
        result = find_data(args, &a, &data, e);
    if (result == ERR_OK)
        result = open_job(&j, args, path, data, e);
    if (result == ERR_OK)
        result = page_start(args, path, &page, e);
    if (result == ERR_OK)
        fprintf(stderr, "page: %s (open it now; it shows the stages, then the tree)\n", server_url(page));
    if (result == ERR_OK)
        result = run_stages(&j, args, path, e);
    if (result == ERR_OK && !args_flag(args, "no-serve")) {
        fflush(stdout);
        fprintf(stderr, "page: %s stays up until Ctrl-C\n", server_url(page));
        interrupt_wait();
    }
    server_stop(page);
    job_close(&j);
    arena_release(&a);
    return result;
}

const struct command command_demo = {
    .name = "demo",
    .summary = "Show it all on real conversations, with models on this computer",
    .usage = "[options]",
    .examples = "clio demo\nclio demo --limit 200 --run bigger\nclio demo --no-serve",
    .details = "Takes public ShareGPT conversations through every stage, shows progress and result on a page on this "
               "computer, "
               "and prints the tree. Nothing leaves the computer. Run again, it goes on where it was stopped, or shows "
               "what is there.\nNext: clio tree clio-demo, clio run FILE --run RUN for conversations of one's own.",
    .options = options,
    .run = run,
};
