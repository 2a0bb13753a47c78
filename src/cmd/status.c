#include "cmd/command.h"
#include "cmd/job.h"
#include "cmd/report.h"

static const struct option_row options[] = {
    {"run", 'r', OPTION_TEXT, "RUN", "the run's folder"},
    {"json", 'j', OPTION_FLAG, NULL, "one JSON object"},
    {0},
};

/* Those the run was made with, as they are now. */
static enum err load_prices(struct run *r, struct prices *out, struct error *e)
{
    struct arena a = {0};
    struct config config;
    const char *folder;
    enum err result = job_settings_of(r, &a, &config, &folder, e);
    if (result == ERR_OK)
        result = job_load_prices(&config, folder, out, e);
    config_release(&config);
    arena_release(&a);
    return result;
}

static enum err print_status(struct run *r, bool as_json, struct error *e)
{
    struct report report;
    struct prices prices = {0};
    enum err result = load_prices(r, &prices, e);
    if (result == ERR_OK)
        result = report_load(r, &prices, &report, e);
    prices_release(&prices);
    if (result != ERR_OK)
        return result;
    if (as_json) {
        struct buf json = {0};
        report_add_json(&report, &json);
        puts(json.at);
        buf_release(&json);
    } else {
        report_print(&report, stdout);
    }
    report_release(&report);
    return ERR_OK;
}

static enum err run(const struct args *args, struct error *e)
{
    const char *path;
    struct run r;
    enum err result = args_run(args, &path, e);
    if (result == ERR_OK)
        result = run_open(path, RUN_READ, &r, e);
    if (result != ERR_OK)
        return result;
    result = print_status(&r, args_flag(args, "json"), e);
    run_close(&r);
    return result;
}

const struct command command_status = {
    .name = "status",
    .summary = "Show which stages of a run are done, and what they counted",
    .usage = "RUN [--json]",
    .examples = "clio status my-run\nclio status --run my-run --json",
    .details = "Reads only, so it may be asked while the run is going on. Next: clio tree RUN, clio serve RUN.",
    .options = options,
    .run = run,
};
