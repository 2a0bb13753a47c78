#include "base/asset.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/job.h"
#include "pipeline/estimate.h"

#include <string.h>
#include <unistd.h>

static const struct option_row options[] = {
    JOB_OPTION_CONFIG,
    {"model", 'm', OPTION_TEXT, "SPEC", "the model that reads and names"},
    JOB_OPTION_MODELS,
    {"embed", 0, OPTION_TEXT, "SPEC", "the embedding model"},
    {"limit", 'n', OPTION_COUNT, "N", "as if reading FILE stopped after N conversations"},
    {"json", 'j', OPTION_FLAG, NULL, "the findings as one JSON object"},
    {0},
};

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_FAIL };

static const char *const health_names[] = {[HEALTH_OK] = "ok", [HEALTH_WARN] = "warn", [HEALTH_FAIL] = "fail"};

static const double GIB = 1024.0 * 1024.0 * 1024.0;

/* What a run holds in memory, about: the program with its encoder's weights, a language model in this process, and the
 * vectors of a tree with what is made of them (a scripted run of 4,000 conversations, 12 MB of vectors, peaked at 34
 * MB). */
static const double PROGRAM_GIB = 0.6, LOCAL_MODEL_GIB = 1.9, VECTORS_TIMES = 2;

/* Everything found so far, printed at once or gathered as JSON. */
struct exam {
    struct arena arena;
    struct job job; /* its configuration */
    struct buf json;
    bool as_json;
    size_t counts[3];
    const struct args *args;
    double width; /* of the embedding model, once it is open; 0: not known */
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
    const struct job_request want = {.args = x->args, .files = x->args->rest, .files_count = x->args->rest_count};
    if (job_prepare(&x->job, &want, &e) != ERR_OK) {
        found(x, HEALTH_FAIL, "configuration", e.hint, "%s", e.text);
        return false;
    }
    found(x, HEALTH_OK, "configuration", NULL, "%s, %zu facets", file, x->job.config.facets_count);
    return true;
}

static void check_key(struct exam *x, const char *role, const struct probe *p)
{
    if (*p->key_from)
        found(x, HEALTH_OK, role, NULL, "a key is there, from %s", p->key_from);
    else if (p->elsewhere)
        found(x, HEALTH_WARN, role,
              "set CLIO_OPENAI_KEY or CLIO_ANTHROPIC_KEY in the environment, or key_file=FILE in the model's options",
              "no key for a server on another computer");
}

static void check_listed(struct exam *x, const char *role, const struct model *m, const struct probe *p)
{
    char fix[200];
    snprintf(fix, sizeof fix, "%s%s%s", *p->like_it ? "did you mean " : "name a model the server has", p->like_it,
             *p->like_it ? "?" : "");
    if (p->model == PROBE_NOT_LISTED)
        found(x, HEALTH_FAIL, role, fix, "the server does not know the model of %s", m->info.name);
    else if (p->model == PROBE_LISTED)
        found(x, HEALTH_OK, role, NULL, "the server has the model");
    else
        found(x, HEALTH_OK, role, NULL, "the server lists no models; the first question will show");
}

/* A server is asked for its list of models: no conversation goes there. */
static void check_server(struct exam *x, const char *role, const struct model *m)
{
    struct probe p;
    struct error e = {0};
    enum err result = m->ops->probe(m->ctx, &p, &e);
    check_key(x, role, &p);
    if (result != ERR_OK) {
        found(x, HEALTH_FAIL, role, result == ERR_AUTH ? e.hint : "look whether it runs, and at its address", "%s",
              e.text);
        return;
    }
    found(x, HEALTH_OK, role, NULL, "the server answers in %.0f ms (%.0f ms with the connection's set-up)",
          1000 * p.next_s, 1000 * p.first_s);
    check_listed(x, role, m, &p);
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
    if (m.ops->probe)
        check_server(x, role, &m);
    x->width = m.ops->embed ? (double)m.info.width : x->width;
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

static double ram_gib(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / GIB;
}

static double memory_needed(const struct exam *x, double conversations)
{
    const struct config *c = &x->job.config;
    size_t trees = 0;
    bool local = str_has_prefix(c->model_fast, STR("local:")) || str_has_prefix(c->model_strong, STR("local:"));
    for (size_t i = 0; i < c->facets_count; i++)
        trees += c->facets[i].cluster;
    double vectors = conversations * x->width * sizeof(float) / GIB;
    return PROGRAM_GIB + (local ? LOCAL_MODEL_GIB : 0) + VECTORS_TIMES * vectors * (double)trees;
}

/* What a run of these files would take of the disk and the memory, from the estimate's rehearsal on a sample of them.
 */
static void check_input(struct exam *x)
{
    const enum plan all[PIPELINE_STAGES] = {0};
    struct estimate estimate;
    struct error e = {0};
    if (x->args->rest_count == 0)
        return;
    x->job.context.par = x->job.par;
    if (estimate_make(&x->job.context, all, NULL, &estimate, &e) != ERR_OK) {
        found(x, HEALTH_FAIL, "input", e.hint, "%s", e.text);
        return;
    }
    double n = (double)estimate.conversations, disk = estimate.total[MEASURE_BYTES].at[CASE_WORST] / GIB,
           room = (double)file_free_bytes(".") / GIB, memory = memory_needed(x, n);
    found(x, HEALTH_OK, "input", NULL, "%.0f conversations", n);
    if (room >= 0)
        found(x, disk > room ? HEALTH_FAIL : HEALTH_OK, "disk for it", "make room, or work in a folder on another disk",
              "a run takes at most %.2f GiB, %.1f GiB are free here", disk, room);
    found(x,
          memory > ram_gib()         ? HEALTH_FAIL
          : memory > 0.8 * ram_gib() ? HEALTH_WARN
                                     : HEALTH_OK,
          "memory for it",
          "take a sample (--sample N), a smaller embedding model (--embed encoder:all-MiniLM-L6-v2) or a smaller model",
          "a run takes about %.1f GiB of %.1f GiB", memory, ram_gib());
}

static void check_machine(struct exam *x)
{
    double free_gib = (double)file_free_bytes(".") / GIB;
    int64_t now = clock_unix_ms() / 1000;
    char time[24];
    if (free_gib >= 0)
        found(x,
              free_gib < 0.2 ? HEALTH_FAIL
              : free_gib < 1 ? HEALTH_WARN
                             : HEALTH_OK,
              "disk", "make room, or work in a folder on another disk", "%.1f GiB free here", free_gib);
    found(x, memory_needed(x, 0) > ram_gib() ? HEALTH_WARN : HEALTH_OK, "memory",
          "take a smaller model: --model local:qwen2.5-coder-0.5b", "%.1f GiB", ram_gib());
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
    enum err result = args_rest(args, 0, SIZE_MAX, "FILE", e);
    if (result != ERR_OK)
        return result;
    found(&x, HEALTH_OK, "clio", NULL, "%s", CLIO_VERSION);
    if (check_config(&x)) {
        check_languages(&x);
        check_models(&x);
        check_input(&x);
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
    .summary = "Check models, servers, disk and memory, with a fix for each problem",
    .usage = "[FILE...] [--config FILE] [--json]",
    .examples = "clio doctor\nclio doctor --config clio.json --json\n"
                "clio doctor conversations.jsonl --model anthropic:claude-haiku-4-5@https://HOST/v1",
    .details =
        "Exit status 1 when something is missing that a run with this configuration needs. Opens the models, so "
        "it takes some seconds; a server is asked for its list of models, to see that it answers, takes the key and "
        "has the model. With FILE, disk and memory are set against what a run of it would take. Next: clio "
        "estimate FILE.",
    .options = options,
    .run = run,
};
