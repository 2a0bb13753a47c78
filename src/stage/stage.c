#include "stage/stage.h"

#include "base/clock.h"
#include "base/json.h"
#include "stage/batches.h"
#include "stage/meter.h"
#include "store/records.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double REPORT_EVERY_S = 0.25;

/* One row a role: where the config names it, where the context keeps it, what the manifest calls it. */
static const struct {
    const char *name;
    size_t spec, model; /* offsets */
} roles[] = {
    [ROLE_FAST] = {"model.fast", offsetof(struct config, model_fast), offsetof(struct stage_context, fast)},
    [ROLE_STRONG] = {"model.strong", offsetof(struct config, model_strong), offsetof(struct stage_context, strong)},
    [ROLE_EMBED] = {"model.embed", offsetof(struct config, model_embed), offsetof(struct stage_context, embed)},
};

struct str stage_model_spec(const struct stage_context *c, enum role role)
{
    return *(const struct str *)(const void *)((const char *)c->config + roles[role].spec);
}

static struct model *slot_of(struct stage_context *c, enum role role)
{
    return (struct model *)(void *)((char *)c + roles[role].model);
}

static enum err note_model(struct stage_context *c, enum role role, const struct model_info *info, struct error *e)
{
    struct buf json = {0};
    buf_addz(&json, "{\"name\":");
    json_add_string(&json, str_of(info->name));
    buf_addz(&json, ",\"identity\":");
    json_add_string(&json, str_of(info->identity));
    buf_printf(&json, ",\"context_tokens\":%llu,\"scripted\":%s}", (unsigned long long)info->context_tokens,
               info->scripted ? "true" : "false");
    enum err result = run_note(c->run, roles[role].name, buf_str(&json), e);
    buf_release(&json);
    return result;
}

enum err stage_model(struct stage_context *c, enum role role, struct model **out, struct error *e)
{
    /* Both roles are often one model; its weights are loaded once. */
    if (role == ROLE_STRONG && str_eq(stage_model_spec(c, ROLE_FAST), stage_model_spec(c, ROLE_STRONG))) {
        enum err result = stage_model(c, ROLE_FAST, out, e);
        return result == ERR_OK ? note_model(c, ROLE_STRONG, &(*out)->info, e) : result;
    }
    struct model *m = slot_of(c, role);
    *out = m;
    if (m->ops)
        return ERR_OK;
    struct model_opts opts = c->model_opts;
    c->batches = stage_batches(c);
    opts.batches = &c->batches;
    enum err result = model_open(stage_model_spec(c, role), &opts, m, e);
    if (result != ERR_OK)
        return result;
    meter_wrap(c, role, m);
    return note_model(c, role, &m->info, e);
}

void stage_close_models(struct stage_context *c)
{
    for (size_t role = 0; role < sizeof roles / sizeof *roles; role++) {
        struct model *m = slot_of(c, (enum role)role);
        model_close(m);
        *m = (struct model){0};
    }
}

/* Many records are under way at once and are done at once: what the first ones took says little of the rest. */
static double time_left(const struct stage_context *c, double rate)
{
    enum { TELLING_SHARE = 20 };
    return rate > 0 && c->done * TELLING_SHARE >= c->total ? (double)(c->total - c->done) / rate : -1;
}

void stage_report(struct stage_context *c, enum event_kind kind)
{
    double now = clock_seconds(), elapsed = now - c->started;
    double rate = kind == EVENT_PROGRESS && elapsed > 0.5 && c->done > 0 ? (double)c->done / elapsed : -1;
    c->last_report = now;
    if (!c->progress)
        return;
    c->progress(c->progress_arg, &(struct event){
                                     .kind = kind,
                                     .stage = c->stage,
                                     .done = c->done,
                                     .total = c->total,
                                     .quarantined = c->quarantined,
                                     .calls = (int64_t)c->usage.calls,
                                     .tokens_in = (int64_t)c->usage.tokens_in,
                                     .tokens_out = (int64_t)c->usage.tokens_out,
                                     .batches = (int64_t)c->awaited.batches,
                                     .batched = (int64_t)c->awaited.requests,
                                     .batched_done = (int64_t)c->awaited.done,
                                     .next_look_s = c->awaited.next_look_s,
                                     .rate = rate,
                                     .eta_s = time_left(c, rate),
                                 });
}

void stage_begin(struct stage_context *c, int64_t total)
{
    c->done = 0;
    c->total = total;
    c->started = clock_seconds();
    stage_report(c, EVENT_PROGRESS);
}

void stage_advance(struct stage_context *c, int64_t by)
{
    c->done += by;
    if (clock_seconds() - c->last_report >= REPORT_EVERY_S || c->done == c->total)
        stage_report(c, EVENT_PROGRESS);
}

enum err stage_check_stop(const struct stage_context *c, struct error *e)
{
    if (!c->stop || !atomic_load(c->stop))
        return ERR_OK;
    return error_set(e, ERR_INTERRUPTED, "stopped during stage %s; run the same command again to go on", c->stage);
}

enum err stage_each_tree(struct stage_context *c, tree_fn *fn, struct error *e)
{
    const struct config *cfg = c->config;
    int64_t trees = 0;
    for (size_t f = 0; f < cfg->facets_count; f++)
        trees += cfg->facets[f].cluster;
    stage_begin(c, trees);
    for (size_t f = 0; f < cfg->facets_count; f++) {
        if (!cfg->facets[f].cluster)
            continue;
        enum err result = stage_check_stop(c, e);
        if (result == ERR_OK)
            result = fn(c, f, e);
        if (result != ERR_OK)
            return result;
        stage_advance(c, 1);
    }
    return ERR_OK;
}

void stage_note(struct stage_context *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->note, sizeof c->note, fmt, args);
    va_end(args);
}

enum err stage_quarantine(struct stage_context *c, int64_t rec, const char *reason, struct error *e)
{
    c->quarantined++;
    struct quarantine_row row = {.stage = str_of(c->stage), .reason = str_of(reason), .rec = rec, .line = -1};
    return quarantine_put(c->run, &row, e);
}

enum err stage_check_failures(struct stage_context *c, struct error *e)
{
    if (c->total == 0 || (double)c->quarantined <= c->config->max_failed_share * (double)c->total)
        return ERR_OK;
    error_set(e, ERR_MODEL,
              "stage %s: %lld of %lld records could not be done, more than max_failed_share allows (%.0f%%)", c->stage,
              (long long)c->quarantined, (long long)c->total, 100 * c->config->max_failed_share);
    double share = ceil(100 * (double)c->quarantined / (double)c->total) / 100;
    return error_hint(
        e,
        "clio quarantine --run %s lists them with reasons; go on with another prompt, model or seed, or do "
        "without them: \"max_failed_share\": %.2f in the configuration",
        c->run->path, share);
}
