#include "base/asset.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/job.h"

#include <string.h>
#include <unistd.h>

static const struct option_row options[] = {
    JOB_OPTION_CONFIG,
    JOB_OPTION_MODELS,
    {"json", 'j', OPTION_FLAG, NULL, "the findings as one JSON object"},
    {0},
};

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_FAIL };

static const char *const health_names[] = {[HEALTH_OK] = "ok", [HEALTH_WARN] = "warn", [HEALTH_FAIL] = "fail"};

/* Everything found so far, printed at once or gathered as JSON. */
struct exam {
    struct arena arena;
    struct job job; /* its configuration */
    struct buf json;
    bool as_json;
    size_t counts[3];
    const struct args *args;
};

static void found(struct exam *x, enum health h, const char *what, const char *fix, const char *fmt, ...) PRINTF(5, 6);

static void found(struct exam *x, enum health h, const char *what, const char *fix, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    x->counts[h]++;
    if (!x->as_json) {
        printf("%-4s  %-14s %s\n", health_names[h], what, text);
        if (h != HEALTH_OK && fix && *fix)
            printf("      fix: %s\n", fix);
        fflush(stdout); /* opening a model takes seconds */
        return;
    }
    buf_printf(&x->json, "%s{\"check\":\"%s\",\"status\":\"%s\",\"text\":", x->json.n ? "," : "", what,
               health_names[h]);
    json_add_string(&x->json, str_of(text));
    buf_addz(&x->json, ",\"fix\":");
    json_add_string(&x->json, str_of(h == HEALTH_OK || !fix ? "" : fix));
    buf_add_char(&x->json, '}');
}

static bool check_config(struct exam *x)
{
    struct error e = {0};
    const char *file = args_text(x->args, "config", "the defaults");
    if (job_configure(&x->job, &(struct job_request){.args = x->args}, &e) != ERR_OK) {
        found(x, HEALTH_FAIL, "configuration", e.hint, "%s", e.text);
        return false;
    }
    found(x, HEALTH_OK, "configuration", NULL, "%s, %zu facets", file, x->job.config.facets_count);
    return true;
}

static void check_model(struct exam *x, const char *role, struct str spec)
{
    struct model m = {0};
    struct error e = {0};
    double started = clock_seconds();
    struct model_opts opts;
    job_model_opts(&x->job, &opts);
    if (model_open(spec, &opts, &m, &e) != ERR_OK) {
        found(x, HEALTH_FAIL, role, e.hint, "%s", e.text);
        return;
    }
    found(x, m.info.scripted ? HEALTH_WARN : HEALTH_OK, role,
          "a stand-in for tests: name a real model in the configuration", "%s (%s), opened in %.1f s", m.info.name,
          m.info.identity, clock_seconds() - started);
    model_close(&m);
}

static void check_models(struct exam *x)
{
    const struct config *c = &x->job.config;
    x->job.par = par_new(c->threads);
    check_model(x, "models.fast", c->model_fast);
    if (!str_eq(c->model_fast, c->model_strong))
        check_model(x, "models.strong", c->model_strong);
    check_model(x, "models.embed", c->model_embed);
}

static void check_file(struct exam *x, enum health missing, const char *what, const char *folder, const char *name)
{
    const char *path = file_cache_path(&x->arena, folder, name, NULL);
    long long size = file_size(path);
    if (size < 0)
        found(x, missing, what, "tools/deps --for demo fetches it", "%s is missing", path);
    else
        found(x, HEALTH_OK, what, NULL, "%s, %.1f MB", path, (double)size / 1e6);
}

static void check_languages(struct exam *x)
{
    const struct config *c = &x->job.config;
    for (size_t i = 0; i < c->facets_count; i++) {
        if (c->facets[i].source == FROM_LANGID) {
            check_file(x, HEALTH_FAIL, "languages", "models", "lid.176.ftz");
            return;
        }
    }
}

static void check_machine(struct exam *x)
{
    double gib = 1024.0 * 1024.0 * 1024.0;
    double free_gib = (double)file_free_bytes(".") / gib;
    double ram_gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / gib;
    int64_t now = clock_unix_ms() / 1000;
    char time[24];
    if (free_gib >= 0)
        found(x,
              free_gib < 0.2 ? HEALTH_FAIL
              : free_gib < 1 ? HEALTH_WARN
                             : HEALTH_OK,
              "disk", "make room, or work in a folder on another disk", "%.1f GiB free here", free_gib);
    found(x, ram_gib < 2.5 ? HEALTH_WARN : HEALTH_OK, "memory",
          "take a smaller model: --model local:qwen2.5-coder-0.5b", "%.1f GiB", ram_gib);
    struct par *all = par_new(0);
    found(x, HEALTH_OK, "processors", NULL, "%zu", par_threads(all));
    par_free(all);
    clock_format(now, time);
    found(x, now < 1700000000 ? HEALTH_WARN : HEALTH_OK, "clock", "set the computer's clock", "%s", time);
}

static void check_page(struct exam *x)
{
    size_t n = 0;
    for (size_t i = 0; asset_path(i); i++)
        n += strncmp(asset_path(i), "web/", 4) == 0;
    if (n)
        found(x, HEALTH_OK, "page", NULL, "%zu files in the program", n);
    else
        found(x, HEALTH_FAIL, "page", "build again from a whole source tree", "the program holds no page");
}

static enum err run(const struct args *args, struct error *e)
{
    struct exam x = {.as_json = args_flag(args, "json"), .args = args, .job = {.run.lock_fd = -1}};
    enum err result = args_rest(args, 0, 0, "", e);
    if (result != ERR_OK)
        return result;
    found(&x, HEALTH_OK, "clio", NULL, "%s", CLIO_VERSION);
    if (check_config(&x)) {
        check_languages(&x);
        check_models(&x);
    }
    check_file(&x, HEALTH_WARN, "demo data", "data", "sharegpt.json");
    check_machine(&x);
    check_page(&x);
    if (x.as_json)
        printf("{\"version\":1,\"status\":\"%s\",\"checks\":[%s]}\n",
               health_names[x.counts[HEALTH_FAIL]   ? HEALTH_FAIL
                            : x.counts[HEALTH_WARN] ? HEALTH_WARN
                                                    : HEALTH_OK],
               x.json.at);
    if (x.counts[HEALTH_FAIL])
        result = error_set(e, ERR_FAILED, "%zu of the checks failed", x.counts[HEALTH_FAIL]);
    buf_release(&x.json);
    job_close(&x.job);
    arena_release(&x.arena);
    return result;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Check models, data, disk and memory, with a fix for each problem",
    .usage = "[--config FILE] [--json]",
    .examples = "clio doctor\nclio doctor --config clio.json --json",
    .details = "Exit status 1 when something is missing that a run with this configuration needs. Opens the models, so "
               "it takes "
               "some seconds. Next: clio demo.",
    .options = options,
    .run = run,
};
