#include "cmd/plan.h"

#include "base/json.h"
#include "base/suggest.h"
#include "cmd/interrupt.h"
#include "pipeline/estimate.h"

#include <string.h>

struct outlook {
    struct job job;
    const char *until;
    enum plan plan[PIPELINE_STAGES];
    bool estimated; /* false: there is nothing to read, and only the plan is known */
    struct estimate estimate;
};

enum err plan_check_stage(const char *until, struct error *e)
{
    if (!until)
        return ERR_OK;
    struct suggest near = suggest_for(str_of(until));
    for (const struct stage *s = pipeline; s->name; s++) {
        if (strcmp(s->name, until) == 0)
            return ERR_OK;
        suggest_offer(&near, s->name);
    }
    error_set(e, ERR_USAGE, "there is no stage \"%.40s\"", until);
    if (suggest_best(&near))
        return error_hint(e, "did you mean %s? clio run --dry-run lists the stages", suggest_best(&near)), ERR_USAGE;
    return error_hint(e, "clio run --dry-run lists the stages"), ERR_USAGE;
}

/* ---- as text ---- */

static const char *const case_names[CASES] = {"low", "expected", "worst"};

static void format_measure(enum measure m, double v, char out[FORMAT_BYTES])
{
    if (v < 0)
        snprintf(out, FORMAT_BYTES, "unknown");
    else if (m == MEASURE_COST)
        format_money(v, out);
    else if (m == MEASURE_SECONDS)
        format_duration(v, out);
    else if (m == MEASURE_BYTES)
        format_bytes(v, out);
    else
        format_count((int64_t)v, out);
}

static bool is_nothing(const struct range of[MEASURES])
{
    for (enum measure m = 0; m < MEASURES; m++)
        if (of[m].at[CASE_WORST] < 0 || of[m].at[CASE_WORST] > 0) /* negative: unknown, which is something */
            return false;
    return true;
}

static void print_ranges(const struct range of[MEASURES])
{
    for (size_t k = 0; k < CASES && !is_nothing(of); k++) {
        printf("  %-9s", case_names[k]);
        for (enum measure m = 0; m < MEASURES; m++) {
            char text[FORMAT_BYTES];
            format_measure(m, of[m].at[k], text);
            printf(" %10s", text);
        }
        putchar('\n');
    }
}

static void print_models(const struct outlook *o)
{
    const struct config *c = &o->job.config;
    printf("models: fast " STR_FMT ", strong " STR_FMT ", embed " STR_FMT "\n", STR_ARG(c->model_fast),
           STR_ARG(c->model_strong), STR_ARG(c->model_embed));
    printf("prices: %s of %s, in %s for a million tokens\n", o->job.prices.source, o->job.prices.date,
           o->job.prices.currency);
}

static void print_text(const struct outlook *o)
{
    static const char *const words[] = {[PLAN_RUN] = "to do",
                                        [PLAN_BEGUN] = "to do, begun",
                                        [PLAN_KEPT] = "done",
                                        [PLAN_KEPT_IF_SAME] = "done, if the files are the same"};
    if (o->estimated) {
        printf("%lld conversations, estimated from %lld of them\n", (long long)o->estimate.conversations,
               (long long)o->estimate.sampled);
        print_models(o);
        printf("  %-9s %10s %10s %10s %10s %10s %10s\n", "", "calls", "tokens in", "out", o->job.prices.currency,
               "time", "disk");
    }
    for (size_t i = 0; i < PIPELINE_STAGES; i++) {
        const struct stage *s = &pipeline[i];
        printf("%-10s %s%s: %s\n", s->name, s->title, s->prompts ? " (asks a model)" : "", words[o->plan[i]]);
        if (o->estimated)
            print_ranges(o->estimate.of[i]);
        if (o->until && strcmp(o->until, s->name) == 0)
            break;
    }
    if (!o->estimated)
        return;
    printf("total\n");
    print_ranges(o->estimate.total);
}

/* ---- as JSON ---- */

static void print_json(const struct outlook *o)
{
    static const char *const words[] = {
        [PLAN_RUN] = "run", [PLAN_BEGUN] = "begun", [PLAN_KEPT] = "kept", [PLAN_KEPT_IF_SAME] = "kept_if_same"};
    struct buf json = {0};
    buf_addz(&json, "{\"version\":1,\"prices\":{\"source\":");
    json_add_string(&json, str_of(o->job.prices.source));
    buf_addz(&json, ",\"date\":");
    json_add_string(&json, str_of(o->job.prices.date));
    buf_addz(&json, ",\"currency\":");
    json_add_string(&json, str_of(o->job.prices.currency));
    buf_addz(&json, "},\"plan\":{");
    for (size_t i = 0; i < PIPELINE_STAGES; i++)
        buf_printf(&json, "%s\"%s\":\"%s\"", i ? "," : "", pipeline[i].name, words[o->plan[i]]);
    buf_addz(&json, "},\"estimate\":");
    if (o->estimated)
        estimate_write(&o->estimate, &json);
    else
        buf_addz(&json, "null");
    buf_addz(&json, "}");
    puts(json.at);
    buf_release(&json);
}

/* ---- the outlook ---- */

/* The run's own conversations serve where import is done; a pipe must not be emptied by a look at the plan. */
static bool has_something_to_read(struct stage_context *look, const enum plan import, const struct args *args)
{
    if (look->run && import != PLAN_RUN && import != PLAN_BEGUN)
        return true;
    look->run = NULL;
    for (size_t i = 0; i < look->inputs_count; i++)
        if (args_given(args, "dry-run") && strcmp(look->inputs[i].path, "-") == 0)
            return false;
    return look->inputs_count > 0;
}

static enum err make_estimate(struct outlook *o, const struct args *args, struct error *e)
{
    struct stage_context look = o->job.context;
    if (!has_something_to_read(&look, o->plan[0], args))
        return ERR_OK;
    o->job.par = par_new(o->job.config.threads);
    look.par = o->job.par;
    look.stop = interrupt_install();
    enum err result = estimate_make(&look, o->plan, o->until, &o->estimate, e);
    o->estimated = result == ERR_OK;
    return result;
}

enum err plan_print(const struct job_request *want, const char *until, struct error *e)
{
    struct outlook o = {.job.run.lock_fd = -1, .until = until};
    bool fresh = args_given(want->args, "fresh") != NULL;
    enum err result = job_prepare(&o.job, want, e);
    if (result == ERR_OK && want->path && !fresh && job_run_exists(want->path)) {
        result = run_open(want->path, RUN_READ, &o.job.run, e);
        o.job.context.run = &o.job.run;
    }
    if (result == ERR_OK)
        result = pipeline_plan(&o.job.context, o.plan, e);
    if (result == ERR_OK)
        result = make_estimate(&o, want->args, e);
    if (result == ERR_OK && args_given(want->args, "json"))
        print_json(&o);
    else if (result == ERR_OK)
        print_text(&o);
    job_close(&o.job);
    return result;
}
