#include "pipeline/estimate.h"

#include "base/json.h"
#include "pipeline/rehearsal.h"
#include "stage/ask.h"
#include "store/ledger.h"
#include "store/spent.h"

#include <math.h>
#include <string.h>

const char *const measure_names[MEASURES] = {
    [MEASURE_CALLS] = "calls", [MEASURE_IN] = "tokens_in",    [MEASURE_OUT] = "tokens_out",
    [MEASURE_COST] = "cost",   [MEASURE_SECONDS] = "seconds", [MEASURE_BYTES] = "bytes"};

/* The three cases, as factors on what the rehearsal counted. */
static const struct scenario {
    double questions, answers; /* lengths */
    double doubt;              /* standard errors of the sample */
    double tries;
    double screened, passed; /* shares of conversations and clusters that go on */
    double cached;           /* share of what was sent before that a server remembers */
    double to_cache;         /* share of what it may keep that it keeps, and bills as kept */
    double pace, room;       /* time, disk */
} scenarios[CASES] = {
    [CASE_LOW] = {.questions = 0.9,
                  .answers = 0.5,
                  .doubt = -2,
                  .tries = 1,
                  .screened = 0.1,
                  .passed = 0.5,
                  .cached = 1,
                  .to_cache = 1,
                  .pace = 0.8,
                  .room = 0.7},
    [CASE_EXPECTED] = {.questions = 1, .answers = 1, .tries = 1, .screened = 1, .passed = 1, .pace = 1, .room = 1},
    [CASE_WORST] = {.questions = 1.25,
                    .doubt = 2,
                    .tries = ASK_TRIES,
                    .screened = 1,
                    .passed = 1,
                    .to_cache = 1,
                    .pace = 2,
                    .room = 2},
};

enum { VECTOR_WIDTH = 768, IN_FLIGHT = 256, IN_BATCHES = 50000 };

/* Stages that ask no model: seconds a conversation on two cores, a rough mean of runs with up to 100,000. */
static const struct {
    const char *stage;
    double seconds;
} plain[] = {{"import", 1e-4}, {"cluster", 1e-3}, {"threshold", 2e-5}, {"project", 1e-3}, {"publish", 1e-4}};

/* What one role's model takes in one case, or took. */
struct use {
    double calls, in, cached, to_cache, out, cost, seconds;
    double rounds; /* of calls that wait for one another */
};

struct estimator {
    const struct stage_context *c;
    struct rehearsal r;
    struct use took[ROLE_COUNT];  /* of the run so far: how fast the models really are */
    double left[PIPELINE_STAGES]; /* share still to do */
};

static bool has_scheme(struct str spec, const char *scheme)
{
    return str_eqz(str_cut(&spec, ':'), scheme);
}

static bool is_server(struct str spec)
{
    return has_scheme(spec, "openai") || has_scheme(spec, "anthropic");
}

static double seconds_on_server(const struct price *p, struct str spec, const struct use *u)
{
    double rpm = (double)model_option(spec, "rpm", 0), tpm = (double)model_option(spec, "tpm", 0), seconds = -1;
    if (model_option(spec, "batch", 0))
        return p->batch_s < 0 ? -1 : p->batch_s * fmax(u->rounds, u->calls / IN_BATCHES);
    if (p->call_s >= 0)
        seconds = u->calls * p->call_s / (double)model_option(spec, "in_flight", IN_FLIGHT);
    if (rpm > 0)
        seconds = fmax(seconds, 60 * u->calls / rpm);
    if (tpm > 0)
        seconds = fmax(seconds, 60 * (u->in + u->out) / tpm);
    return seconds;
}

static double seconds_here(const struct price *p, struct str spec, const struct use *u)
{
    (void)spec;
    if ((u->in > u->cached && p->read <= 0) || (u->out > 0 && p->write <= 0))
        return -1;
    return (u->in > u->cached ? (u->in - u->cached) / p->read : 0) + (u->out > 0 ? u->out / p->write : 0);
}

/* From the price file's rates; corrected by what the run measured, which also serves where the file has none. */
static double seconds_of(const struct estimator *s, enum role role, const struct price *p, const struct use *u)
{
    enum { ENOUGH_TOKENS = 1000 };
    struct str spec = stage_model_spec(s->c, role);
    double (*const rated)(const struct price *, struct str, const struct use *) =
        is_server(spec) ? seconds_on_server : seconds_here;
    const struct use *took = &s->took[role];
    double seconds = rated(p, spec, u), fresh = took->in - took->cached + took->out;
    if (u->calls <= 0)
        return 0;
    if (took->seconds <= 0 || fresh < ENOUGH_TOKENS)
        return seconds;
    double thought = rated(p, spec, took);
    return seconds > 0 && thought > 0 ? seconds * took->seconds / thought
                                      : (u->in - u->cached + u->out) * took->seconds / fresh;
}

static struct use use_of(const struct estimator *s, size_t stage, enum role role, const struct scenario *f)
{
    const struct tally *t = &s->r.asked[stage][role];
    struct str spec = stage_model_spec(s->c, role);
    const struct price price = prices_find(s->c->prices, spec), *p = &price;
    bool server = is_server(spec);
    double length = f->questions * fmax(0.5, 1 + f->doubt * s->r.spread) * f->tries;
    struct use u = {.calls = (has_scheme(spec, "local") ? t->requests : t->asks) * f->tries,
                    .rounds = t->requests > 0 ? f->tries * t->asks / t->requests : 0,
                    .in = (t->tokens + (server ? t->tokens_again : 0)) * length,
                    .out = f->tries * (f->answers > 0 ? f->answers * t->answer : t->longest)};
    /* A model in this process reads the common beginning once; a server may remember it, and bills it lower then. */
    u.cached = !server          ? t->tokens_prefix * length
               : p->cached >= 0 ? f->cached * (t->tokens_prefix + t->tokens_again) * length
                                : 0;
    u.cached = fmin(u.cached, u.in);
    /* What is kept is either read from there later (and system texts are written once) or, at worst, never. */
    double kept = t->tokens_marked - f->cached * t->tokens_prefix;
    u.to_cache = server && p->to_cache >= 0 ? fmin(f->to_cache * kept * length, u.in - u.cached) : 0;
    u.cost = price_of(p, &(struct usage){.tokens_in = (uint64_t)u.in,
                                         .tokens_cached = (uint64_t)u.cached,
                                         .tokens_to_cache = (uint64_t)u.to_cache,
                                         .tokens_out = (uint64_t)u.out});
    u.seconds = seconds_of(s, role, p, &u);
    return u;
}

/* How much of what was rehearsed goes on to this stage. */
static double share_of(const struct estimator *s, size_t stage, const struct scenario *f)
{
    bool screened = s->c->config->screener.n && stage > 1;
    bool of_clusters = (pipeline[stage].models & USES_STRONG) != 0;
    return s->left[stage] * (screened ? f->screened : 1) * (of_clusters ? f->passed : 1);
}

static double add(double a, double b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

static double plain_seconds(const struct estimator *s, size_t stage)
{
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(plain[i].stage, pipeline[stage].name) == 0)
            return plain[i].seconds * (double)s->r.conversations;
    return 0;
}

static double bytes_of(const struct estimator *s, size_t stage)
{
    double trees = 0, width = VECTOR_WIDTH;
    struct str spec = s->c->config->model_embed, rest = spec;
    int64_t number;
    if (str_eqz(str_cut(&rest, ':'), "hash") && str_to_i64(rest, &number))
        width = (double)number;
    for (size_t f = 0; f < s->c->config->facets_count; f++)
        trees += s->c->config->facets[f].cluster;
    double vectors =
        strcmp(pipeline[stage].name, "embed") == 0 ? trees * (2 * width * sizeof(float) + 40) : 0; /* and in the log */
    return s->r.bytes[stage] + vectors * (double)s->r.conversations;
}

static void fill(const struct estimator *s, size_t stage, int scenario, struct range of[MEASURES])
{
    const struct scenario *f = &scenarios[scenario];
    double share = share_of(s, stage, f),
           sums[MEASURES] = {
               [MEASURE_SECONDS] = f->pace * plain_seconds(s, stage), [MEASURE_BYTES] = f->room * bytes_of(s, stage)};
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        struct use u = use_of(s, stage, role, f);
        sums[MEASURE_CALLS] += u.calls;
        sums[MEASURE_IN] += u.in;
        sums[MEASURE_OUT] += u.out;
        sums[MEASURE_COST] = add(sums[MEASURE_COST], u.cost);
        sums[MEASURE_SECONDS] = add(sums[MEASURE_SECONDS], u.seconds < 0 ? -1 : u.seconds * f->pace);
    }
    for (enum measure m = 0; m < MEASURES; m++)
        of[m].at[scenario] = share <= 0 ? 0 : sums[m] < 0 ? -1 : sums[m] * share;
}

static void add_up(struct estimate *out)
{
    for (size_t i = 0; i < PIPELINE_STAGES; i++)
        for (enum measure m = 0; m < MEASURES; m++)
            for (int k = 0; k < CASES; k++)
                out->total[m].at[k] = add(out->total[m].at[k], out->of[i][m].at[k]);
}

/* What is answered already need not be asked. */
static enum err look_at_plan(struct estimator *s, const enum plan plan[PIPELINE_STAGES], const char *until,
                             struct error *e)
{
    bool behind = false;
    for (size_t i = 0; i < PIPELINE_STAGES; i++) {
        double asked = 0;
        int64_t answered = 0;
        for (enum role role = 0; role < ROLE_EMBED; role++)
            asked += s->r.asked[i][role].requests;
        s->left[i] = behind || plan[i] == PLAN_KEPT || plan[i] == PLAN_KEPT_IF_SAME ? 0 : 1;
        if (plan[i] == PLAN_BEGUN && asked > 0) {
            enum err result = ledger_count(s->c->run, pipeline[i].name, &answered, e);
            if (result != ERR_OK)
                return result;
            s->left[i] = fmax(0, 1 - (double)answered / asked);
        }
        behind = behind || (until && strcmp(until, pipeline[i].name) == 0);
    }
    return ERR_OK;
}

static void add_took(void *arg, struct str stage, struct str model, const struct spent *spent)
{
    struct estimator *s = arg;
    (void)stage;
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        struct use *took = &s->took[role];
        if (!str_eq(model, stage_model_spec(s->c, role)))
            continue;
        took->calls += (double)spent->calls;
        took->in += (double)spent->tokens_in;
        took->cached += (double)spent->tokens_cached;
        took->out += (double)spent->tokens_out;
        took->seconds += (double)spent->ms / 1000;
    }
}

enum err estimate_make(const struct stage_context *c, const enum plan plan[PIPELINE_STAGES], const char *until,
                       struct estimate *out, struct error *e)
{
    struct estimator s = {.c = c};
    *out = (struct estimate){0};
    enum err result = rehearse(c, &s.r, e);
    if (result == ERR_OK)
        result = look_at_plan(&s, plan, until, e);
    if (result == ERR_OK && c->run)
        result = spent_each(c->run, add_took, &s, e);
    if (result != ERR_OK)
        return result;
    out->conversations = s.r.conversations;
    out->sampled = s.r.sampled;
    for (size_t i = 0; i < PIPELINE_STAGES; i++)
        for (int k = 0; k < CASES; k++)
            fill(&s, i, k, out->of[i]);
    add_up(out);
    return ERR_OK;
}

/* ---- as JSON ---- */

static void write_number(struct buf *out, double v)
{
    if (v < 0)
        buf_addz(out, "null");
    else
        buf_printf(out, v >= 100 ? "%.0f" : "%.6g", v);
}

static void write_ranges(const struct range of[MEASURES], struct buf *out)
{
    for (enum measure m = 0; m < MEASURES; m++) {
        buf_printf(out, "%s\"%s\":", m ? "," : "{", measure_names[m]);
        for (int k = 0; k < CASES; k++) {
            buf_add_char(out, k ? ',' : '[');
            write_number(out, of[m].at[k]);
        }
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
}

void estimate_write(const struct estimate *s, struct buf *out)
{
    buf_printf(out, "{\"conversations\":%lld,\"sampled\":%lld,\"stages\":{", (long long)s->conversations,
               (long long)s->sampled);
    for (size_t i = 0; i < PIPELINE_STAGES; i++) {
        buf_printf(out, "%s\"%s\":", i ? "," : "", pipeline[i].name);
        write_ranges(s->of[i], out);
    }
    buf_addz(out, "},\"total\":");
    write_ranges(s->total, out);
    buf_add_char(out, '}');
}

static double read_number(yyjson_val *v)
{
    return yyjson_is_num(v) ? yyjson_get_num(v) : -1;
}

static void read_ranges(yyjson_val *v, struct range of[MEASURES])
{
    for (enum measure m = 0; m < MEASURES; m++) {
        yyjson_val *list = yyjson_obj_get(v, measure_names[m]);
        for (size_t k = 0; k < CASES; k++)
            of[m].at[k] = read_number(yyjson_arr_get(list, k));
    }
}

bool estimate_read(struct str json, struct estimate *out)
{
    yyjson_doc *doc;
    *out = (struct estimate){0};
    if (json.n == 0 || json_parse(json, false, &doc, NULL) != ERR_OK)
        return false;
    yyjson_val *root = yyjson_doc_get_root(doc), *stages = yyjson_obj_get(root, "stages");
    out->conversations = yyjson_get_sint(yyjson_obj_get(root, "conversations"));
    out->sampled = yyjson_get_sint(yyjson_obj_get(root, "sampled"));
    for (size_t i = 0; i < PIPELINE_STAGES; i++)
        read_ranges(yyjson_obj_get(stages, pipeline[i].name), out->of[i]);
    read_ranges(yyjson_obj_get(root, "total"), out->total);
    bool there = yyjson_is_obj(stages);
    yyjson_doc_free(doc);
    return there;
}

/* ---- noted in the run ---- */

/* "estimate_of": the input and the configuration it was made for. */
static void fingerprint(const struct stage_context *c, const struct hash *import, char quoted[HASH_HEX + 2])
{
    struct buf json = {0};
    struct hasher h;
    hash_init(&h);
    hash_add(&h, (struct str){(const char *)import->at, sizeof import->at});
    config_write(c->config, &json);
    hash_add(&h, buf_str(&json));
    quoted[0] = '"';
    hash_hex(hash_end(&h), quoted + 1);
    memcpy(quoted + HASH_HEX, "\"", 2);
    buf_release(&json);
}

enum err estimate_note(struct stage_context *c, const struct hash *import, struct error *e)
{
    static const enum plan all[PIPELINE_STAGES]; /* PLAN_RUN */
    struct arena a = {0};
    struct str noted;
    struct buf json = {0};
    struct estimate s;
    char of[HASH_HEX + 2];
    fingerprint(c, import, of);
    enum err result = run_noted(c->run, "estimate_of", &a, &noted, e);
    if (result == ERR_OK && !str_eqz(noted, of)) {
        result = estimate_make(c, all, NULL, &s, e);
        if (result == ERR_OK)
            estimate_write(&s, &json);
        if (result == ERR_OK)
            result = run_note(c->run, "estimate", buf_str(&json), e);
        if (result == ERR_OK)
            result = run_note(c->run, "estimate_of", str_of(of), e);
    }
    buf_release(&json);
    arena_release(&a);
    return result;
}
