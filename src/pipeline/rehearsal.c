#include "pipeline/rehearsal.h"

#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include "cluster/choose_k.h"
#include "stage/meter.h"
#include "store/clusters.h"
#include "store/records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 200, LEAVES_MAX = 1000, WIDTH = 16, WINDOW_TOKENS = 4096 };

struct stand_in {
    const struct stage_context *of;
    struct stage_context c;
    struct run run;
    struct config config;
    struct rehearsal *out;
    size_t stage;           /* which one is on */
    double length, squares; /* of the questions about single conversations: sums, for the spread */
    double requests;
    size_t k; /* base clusters the whole run would have in a tree */
};

/* ---- what is asked is counted ---- */

static void count_request(void *arg, enum role role, const struct request *r)
{
    struct stand_in *s = arg;
    struct tally *t = &s->out->asked[s->stage][role];
    double system = (double)text_tokens(r->system), once = system, dialogue = system, sent = 0;
    double first = r->asks_count > 1 ? (double)text_tokens(r->asks[0].user) : 0; /* it is asked about again */
    for (size_t i = 0; i < r->asks_count; i++) {
        double user = (double)text_tokens(r->asks[i].user);
        struct answer_size answer = schema_answer_size(r->asks[i].answer);
        once += user;
        dialogue += user;
        sent += dialogue;
        dialogue += answer.usual;
        t->answer += answer.usual;
        t->longest += answer.longest;
    }
    t->requests++;
    t->asks += (double)r->asks_count;
    t->tokens += once;
    t->tokens_again += sent - once;
    t->tokens_prefix += system;
    t->tokens_marked += system + first;
    if (pipeline[s->stage].models & USES_FAST) {
        s->requests++;
        s->length += once;
        s->squares += once * once;
    }
}

/* An embedding model whose vectors say nothing about the texts but which of them are equal. */
static enum err embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                      struct error *e)
{
    struct stand_in *s = ctx;
    struct tally *t = &s->out->asked[s->stage][ROLE_EMBED];
    (void)usage, (void)e;
    t->requests++;
    t->asks++;
    for (size_t i = 0; i < n; i++) {
        struct rng dice = rng_seed(hash_u64(hash_of(texts[i])), 1);
        double squares = 0;
        for (size_t d = 0; d < out.d; d++) {
            float v = (float)(rng_unit(&dice) - 0.5);
            mat_row(out, i)[d] = v;
            squares += (double)v * (double)v;
        }
        for (size_t d = 0; d < out.d; d++)
            mat_row(out, i)[d] /= (float)sqrt(squares);
        t->texts++;
        t->tokens += (double)text_tokens(texts[i]);
    }
    return ERR_OK;
}

static const struct model_ops embed_ops = {.scheme = "stand-in", .embed = embed};

/* Answers of the right form, made of words of the question. */
static enum err open_model(struct stand_in *s, enum role role, struct model *m, struct error *e)
{
    enum err result = model_open(STR("script:"), NULL, m, e);
    if (result != ERR_OK)
        return result;
    m->info.context_tokens = (uint64_t)model_option(stage_model_spec(&s->c, role), "context", WINDOW_TOKENS);
    meter_wrap(&s->c, role, m);
    return ERR_OK;
}

/* ---- the sample ---- */

static enum err copy_records(struct stand_in *s, struct error *e)
{
    struct arena a = {0}, one = {0};
    struct record_index index;
    enum err result = records_index(s->of->run, &a, &index, e);
    size_t n = index.n < SAMPLE ? index.n : SAMPLE;
    s->out->conversations = (int64_t)index.n;
    for (size_t i = 0; i < n && result == ERR_OK; i++) {
        struct conversation conversation;
        arena_clear(&one);
        result = records_get(s->of->run, index.rec[i * index.n / n], &one, &conversation, e);
        if (result == ERR_OK)
            result = records_put(&s->run, &conversation, e);
    }
    arena_release(&one);
    arena_release(&a);
    return result == ERR_OK ? db_flush(s->run.db, e) : result;
}

static enum err read_inputs(struct stand_in *s, struct error *e)
{
    uint64_t drawn = s->config.sample;
    if (!drawn || drawn > SAMPLE) {
        s->config.sample = SAMPLE;
        s->config.sample_by = drawn ? s->config.sample_by : SAMPLE_CONVERSATIONS;
    }
    enum err result = pipeline[0].run(&s->c, e);
    s->out->conversations = s->c.offered;
    if (drawn && s->out->conversations > (int64_t)drawn)
        s->out->conversations = (int64_t)drawn;
    return result;
}

static enum err take_sample(struct stand_in *s, struct error *e)
{
    int64_t kept;
    s->c.stage = pipeline[0].name;
    enum err result = s->of->run ? copy_records(s, e) : read_inputs(s, e);
    if (result == ERR_OK)
        result = records_count(&s->run, &s->out->sampled, &kept, e);
    if (result == ERR_OK && s->out->sampled == 0)
        result = error_set(e, ERR_INPUT, "there is no conversation to estimate from");
    return result;
}

/* ---- the stages ---- */

/* As many clusters as make each as large as in the whole run. */
static void choose_clusters(struct stand_in *s)
{
    const struct config *whole = s->of->config;
    double n = (double)s->out->conversations, m = (double)s->out->sampled;
    s->k = choose_k((size_t)n, whole->k, whole->min_conversations);
    double k = round((double)s->k * m / n);
    s->config.k = k < 1 ? 1 : (uint64_t)k;
}

/* One more cluster like `like`, under a name of its own. */
static enum err put_leaf(struct stand_in *s, const struct node *like, size_t facet, size_t i, struct error *e)
{
    struct arena a = {0};
    struct node leaf = *like;
    char own[4] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676 % 26), '\0'};
    leaf.id = cluster_id(facet, 0, i);
    leaf.name = str_printf(&a, STR_FMT " %s", STR_ARG(like->name), own);
    enum err result = clusters_put(&s->run, &leaf, e);
    arena_release(&a);
    return result;
}

static enum err repeat_leaves(struct stand_in *s, size_t facet, size_t wanted, struct error *e)
{
    struct arena a = {0};
    struct node *nodes;
    size_t n, named = 0;
    enum err result = clusters_load(&s->run, s->config.facets[facet].name, 0, &a, &nodes, &n, e);
    for (size_t i = 0; result == ERR_OK && i < n; i++)
        if (nodes[i].name.n)
            nodes[named++] = nodes[i];
    for (size_t i = n; result == ERR_OK && named && i < wanted; i++)
        result = put_leaf(s, &nodes[i % named], facet, i, e);
    arena_release(&a);
    return result;
}

static enum err repeat_clusters(struct stand_in *s, struct error *e)
{
    size_t wanted = s->k < LEAVES_MAX ? s->k : LEAVES_MAX;
    enum err result = db_begin(s->run.db, e);
    for (size_t f = 0; f < s->config.facets_count && result == ERR_OK; f++)
        if (s->config.facets[f].cluster)
            result = repeat_leaves(s, f, wanted, e);
    if (result == ERR_OK)
        return db_commit(s->run.db, e);
    db_rollback(s->run.db);
    return result;
}

/* From what the sample took to what all conversations take. */
static double scale_of(const struct stand_in *s, size_t stage)
{
    double by_record = (double)s->out->conversations / (double)s->out->sampled;
    double by_cluster = (double)s->k / (double)s->config.k;
    double by_leaf = s->k > LEAVES_MAX ? (double)s->k / LEAVES_MAX : 1;
    const char *name = pipeline[stage].name;
    if (strcmp(name, "label") == 0)
        return by_cluster;
    return strcmp(name, "hierarchy") == 0 || strcmp(name, "audit") == 0 ? by_leaf : by_record;
}

static void scale(struct tally *t, double by)
{
    double *const numbers[] = {&t->requests,      &t->asks,   &t->tokens,  &t->tokens_again, &t->tokens_prefix,
                               &t->tokens_marked, &t->answer, &t->longest, &t->texts};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] *= by;
}

static enum err size_of(struct stand_in *s, int64_t *out, struct error *e)
{
    enum err result = db_flush(s->run.db, e);
    return result != ERR_OK ? result
                            : db_get_int(s->run.db, e, out, 0,
                                         "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", "");
}

static enum err run_stage(struct stand_in *s, size_t stage, struct error *e)
{
    int64_t before = 0, after = 0;
    enum err result = size_of(s, &before, e);
    s->stage = stage;
    s->c.stage = pipeline[stage].name;
    s->c.done = s->c.total = s->c.quarantined = 0;
    if (result == ERR_OK && stage)
        result = pipeline[stage].run(&s->c, e);
    else if (result == ERR_OK)
        result = take_sample(s, e);
    if (result == ERR_OK)
        result = size_of(s, &after, e);
    if (result != ERR_OK)
        return result;
    s->out->bytes[stage] = (double)(after - before) * scale_of(s, stage);
    for (enum role role = 0; role < ROLE_COUNT; role++)
        scale(&s->out->asked[stage][role], scale_of(s, stage));
    return ERR_OK;
}

/* Up to the audit: what comes behind it asks nobody anything. */
static enum err run_stages(struct stand_in *s, struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK; i++) {
        if (strcmp(pipeline[i].name, "hierarchy") == 0)
            result = repeat_clusters(s, e);
        if (result == ERR_OK)
            result = run_stage(s, i, e);
        if (result == ERR_OK && i == 0)
            choose_clusters(s);
        if (strcmp(pipeline[i].name, "audit") == 0)
            break;
    }
    double mean = s->requests > 0 ? s->length / s->requests : 0;
    if (mean > 0)
        s->out->spread = sqrt(fmax(0, s->squares / s->requests - mean * mean) / s->requests) / mean;
    return result;
}

/* The same questions, but no threshold: in a sample, few clusters would pass it. */
static void loosen(struct config *c)
{
    c->public_data = c->account_per_conversation = true;
    c->min_accounts = c->min_conversations = c->min_cell_accounts = c->audit_min = 1;
    c->max_failed_share = 1;
}

static const char *scratch_folder(const struct stage_context *c, struct arena *a)
{
    const char *folder = getenv("TMPDIR");
    if (c->run && !c->run->scratch && c->run->lock_fd >= 0)
        return str_printf(a, "%s/private", c->run->path).at;
    return folder && *folder ? folder : "/tmp";
}

enum err rehearse(const struct stage_context *c, struct rehearsal *out, struct error *e)
{
    struct arena a = {0};
    struct stand_in s = {.of = c, .config = *c->config, .out = out};
    *out = (struct rehearsal){0};
    loosen(&s.config);
    s.c = (struct stage_context){.run = &s.run,
                                 .config = &s.config,
                                 .par = c->par,
                                 .stop = c->stop,
                                 .model_opts = c->model_opts,
                                 .prompts = c->prompts,
                                 .inputs = c->inputs,
                                 .inputs_count = c->inputs_count,
                                 .limit = c->limit,
                                 .watch = count_request,
                                 .watch_arg = &s};
    s.c.embed = (struct model){.ops = &embed_ops, .ctx = &s, .info = {.in_flight = 256, .width = WIDTH}};
    enum err result = run_open(scratch_folder(c, &a), RUN_SCRATCH, &s.run, e);
    if (result == ERR_OK)
        result = open_model(&s, ROLE_FAST, &s.c.fast, e);
    if (result == ERR_OK)
        result = open_model(&s, ROLE_STRONG, &s.c.strong, e);
    if (result == ERR_OK)
        result = run_stages(&s, e);
    stage_close_models(&s.c);
    run_close(&s.run);
    arena_release(&a);
    return result;
}
