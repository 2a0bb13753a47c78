#include "cmd/report.h"

#include "base/file.h"
#include "base/json.h"
#include "pipeline/pipeline.h"
#include "stage/meter.h"
#include "store/batches.h"
#include "store/clusters.h"
#include "store/ledger.h"
#include "store/records.h"

#include <string.h>

struct taking {
    struct report *r;
    const struct prices *prices;
};

static void add_spent(struct spent *to, const struct spent *s)
{
    to->calls += s->calls;
    to->tokens_in += s->tokens_in;
    to->tokens_cached += s->tokens_cached;
    to->tokens_out += s->tokens_out;
    to->again += s->again;
    to->cut += s->cut;
    to->refused += s->refused;
    to->too_long += s->too_long;
    to->failed += s->failed;
    to->ms += s->ms;
    to->tokens_to_cache += s->tokens_to_cache;
}

static double add_cost(double a, double b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

static void take_spent(void *arg, struct str stage, struct str model, const struct spent *s)
{
    struct taking *t = arg;
    struct usage u = meter_usage_of(s);
    for (size_t i = 0; i < t->r->stages_count; i++) {
        struct report_stage *at = &t->r->stages[i];
        if (!str_eqz(stage, at->name))
            continue;
        add_spent(&at->spent, s);
        struct price price = prices_find(t->prices, model);
        at->cost = add_cost(at->cost, price_of(&price, &u));
    }
}

struct report_stage report_total(const struct report *r)
{
    struct report_stage total = {.name = "total"};
    for (size_t i = 0; i < r->stages_count; i++) {
        total.state.seconds += r->stages[i].state.done ? r->stages[i].state.seconds : 0;
        total.cost = add_cost(total.cost, r->stages[i].cost);
        add_spent(&total.spent, &r->stages[i].spent);
    }
    return total;
}

static enum err load_estimate(struct run *r, struct report *out, struct error *e)
{
    struct str json;
    enum err result = run_noted(r, "estimate", &out->arena, &json, e);
    out->estimated = result == ERR_OK && estimate_read(json, &out->estimate);
    return result;
}

static enum err take_reason(void *arg, struct str reason, int64_t count, struct error *e)
{
    enum { REASONS_MAX = 200 }; /* they come from constant lists; far fewer exist */
    struct report *r = arg;
    (void)e;
    r->quarantined += count;
    if (!r->reasons)
        r->reasons = arena_new(&r->arena, REASONS_MAX, sizeof *r->reasons);
    if (r->reasons_count < REASONS_MAX)
        r->reasons[r->reasons_count++] = (struct report_reason){str_dup(&r->arena, reason), count};
    return ERR_OK;
}

static enum err add_count(void *arg, struct str reason, int64_t count, struct error *e)
{
    (void)reason, (void)e;
    *(int64_t *)arg += count;
    return ERR_OK;
}

static enum err load_stages(struct run *r, struct report *out, struct error *e)
{
    while (pipeline[out->stages_count].name)
        out->stages_count++;
    out->stages = arena_zero(&out->arena, out->stages_count, sizeof *out->stages);
    for (size_t i = 0; i < out->stages_count; i++) {
        out->stages[i].name = pipeline[i].name;
        enum err result = run_stage_get(r, pipeline[i].name, &out->arena, &out->stages[i].state, e);
        if (result != ERR_OK)
            return result;
        result = ledger_count(r, pipeline[i].name, &out->stages[i].answers, e);
        if (result != ERR_OK)
            return result;
        out->stages_done += out->stages[i].state.done;
    }
    return ERR_OK;
}

/* What the stage cluster noted of each facet's clusters. */
static enum err load_health(struct run *r, struct report *out, struct error *e)
{
    struct str *facets;
    size_t n;
    enum err result = clusters_facets(r, &out->arena, &facets, &n, e);
    out->health = arena_new(&out->arena, result == ERR_OK ? n : 0, sizeof *out->health);
    for (size_t i = 0; result == ERR_OK && i < n; i++) {
        struct report_health *h = &out->health[out->health_count];
        const char *key = str_printf(&out->arena, "health." STR_FMT, STR_ARG(facets[i])).at;
        *h = (struct report_health){.facet = facets[i]};
        result = run_noted(r, key, &out->arena, &h->json, e);
        out->health_count += h->json.n > 0; /* runs of earlier versions have none */
    }
    return result;
}

static void count_batch(void *arg, const struct batch_row *b)
{
    size_t *n = arg;
    (void)b;
    (*n)++;
}

static void add_batch(void *arg, const struct batch_row *b)
{
    struct report *r = arg;
    r->batches[r->batches_count++] = (struct report_batch){.stage = str_dup(&r->arena, b->stage),
                                                           .id = str_dup(&r->arena, b->id),
                                                           .sent_at = b->sent_at,
                                                           .questions = b->requests};
}

static enum err load_batches(struct run *r, struct report *out, struct error *e)
{
    size_t n = 0;
    enum err result = batches_each(r, NULL, NULL, count_batch, &n, e);
    out->batches = arena_new(&out->arena, n, sizeof *out->batches);
    return result == ERR_OK ? batches_each(r, NULL, NULL, add_batch, out, e) : result;
}

int64_t report_batched(const struct report *r)
{
    int64_t sum = 0;
    for (size_t i = 0; i < r->batches_count; i++)
        sum += r->batches[i].questions;
    return sum;
}

enum err report_load(struct run *r, const struct prices *prices, struct report *out, struct error *e)
{
    *out = (struct report){0};
    out->path = str_dupz(&out->arena, str_of(r->path));
    out->currency = str_dupz(&out->arena, str_of(prices->currency));
    out->published = file_exists(run_path(r, "published/clio.db"));
    enum err result = load_stages(r, out, e);
    if (result == ERR_OK)
        result = spent_each(r, take_spent, &(struct taking){out, prices}, e);
    if (result == ERR_OK)
        result = load_estimate(r, out, e);
    if (result == ERR_OK)
        result = load_health(r, out, e);
    if (result == ERR_OK)
        result = load_batches(r, out, e);
    if (result == ERR_OK)
        result = records_count(r, &out->imported, &out->kept, e);
    if (result == ERR_OK)
        result = quarantine_reasons(r, NULL, take_reason, out, e);
    if (result == ERR_OK)
        result = quarantine_reasons(r, "import", add_count, &out->quarantined_import, e);
    if (result != ERR_OK)
        report_release(out);
    return result;
}

void report_release(struct report *r)
{
    arena_release(&r->arena);
    *r = (struct report){0};
}

void report_add_reasons(const struct report *r, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < r->reasons_count; i++) {
        if (i)
            buf_add_char(out, ',');
        json_add_string(out, r->reasons[i].reason);
        buf_printf(out, ":%lld", (long long)r->reasons[i].count);
    }
    buf_add_char(out, '}');
}

static void add_stage_json(const struct report_stage *s, struct buf *out)
{
    buf_printf(out, "{\"stage\":\"%s\",\"done\":%s,\"total\":%lld,\"ok\":%lld,\"quarantined\":%lld,\"seconds\":%.3f",
               s->name, s->state.done ? "true" : "false", (long long)s->state.total, (long long)s->state.ok,
               (long long)s->state.quarantined, s->state.seconds);
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {{"answers", (uint64_t)s->answers},
                  {"calls", s->spent.calls},
                  {"tokens_in", s->spent.tokens_in},
                  {"tokens_cached", s->spent.tokens_cached},
                  {"tokens_to_cache", s->spent.tokens_to_cache},
                  {"tokens_out", s->spent.tokens_out},
                  {"asked_again", s->spent.again},
                  {"cut", s->spent.cut},
                  {"refused", s->spent.refused},
                  {"too_long", s->spent.too_long},
                  {"failed", s->spent.failed},
                  {"model_ms", s->spent.ms}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        buf_printf(out, ",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].n);
    if (s->cost < 0)
        buf_addz(out, ",\"cost\":null");
    else
        buf_printf(out, ",\"cost\":%.6g", s->cost);
    buf_addz(out, ",\"note\":");
    json_add_string(out, s->state.note);
    buf_add_char(out, '}');
}

static void add_batches_json(const struct report *r, struct buf *out)
{
    buf_printf(out, "],\"batches\":{\"on_their_way\":%zu,\"questions\":%lld,\"list\":[", r->batches_count,
               (long long)report_batched(r));
    for (size_t i = 0; i < r->batches_count; i++) {
        const struct report_batch *b = &r->batches[i];
        buf_printf(out, "%s{\"stage\":\"" STR_FMT "\",\"sent_at\":%lld,\"questions\":%lld,\"id\":", i ? "," : "",
                   STR_ARG(b->stage), (long long)b->sent_at, (long long)b->questions);
        json_add_string(out, b->id);
        buf_add_char(out, '}');
    }
    buf_addz(out, "]}");
}

void report_add_json(const struct report *r, struct buf *out)
{
    buf_addz(out, "{\"version\":1,\"run\":");
    json_add_string(out, str_of(r->path));
    buf_printf(out,
               ",\"complete\":%s,\"published\":%s,\"imported\":%lld,\"kept\":%lld,\"quarantined\":%lld,\"reasons\":",
               r->stages_done == r->stages_count && r->quarantined == r->quarantined_import ? "true" : "false",
               r->published ? "true" : "false", (long long)r->imported, (long long)r->kept, (long long)r->quarantined);
    report_add_reasons(r, out);
    buf_addz(out, ",\"stages\":[");
    for (size_t i = 0; i < r->stages_count; i++) {
        if (i)
            buf_add_char(out, ',');
        add_stage_json(&r->stages[i], out);
    }
    add_batches_json(r, out);
    buf_addz(out, ",\"health\":{");
    for (size_t i = 0; i < r->health_count; i++) {
        if (i)
            buf_add_char(out, ',');
        json_add_string(out, r->health[i].facet);
        buf_printf(out, ":" STR_FMT, STR_ARG(r->health[i].json));
    }
    buf_addz(out, "},\"currency\":");
    json_add_string(out, str_of(r->currency));
    buf_addz(out, ",\"estimate\":");
    if (r->estimated)
        estimate_write(&r->estimate, out);
    else
        buf_addz(out, "null");
    buf_add_char(out, '}');
}
