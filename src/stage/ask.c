#include "stage/ask.h"

#include "base/rng.h"
#include "store/ledger.h"

#include <string.h>

/* One index of the window on its way to an answer. */
struct item {
    size_t index;
    struct request request;
    struct hash key;
    uint64_t seed; /* of the first try */
    unsigned tries;
    bool settled;
    struct asked asked;
    struct field_value *values[ASKS_MAX];
};

struct window {
    struct stage_context *c;
    const struct ask_job *job;
    struct model *model;
    struct arena arena; /* requests and answers of this window */
    struct item *items;
    size_t n;
    size_t *pending; /* items sent in this round */
    struct error *e;
    enum err result; /* first trouble met inside a callback */
};

static bool parse(struct window *w, struct item *it, const struct str *texts)
{
    const struct request *r = &it->request;
    for (size_t a = 0; a < r->asks_count; a++) {
        const struct schema *schema = r->asks[a].answer;
        it->values[a] = arena_zero(&w->arena, schema->fields_count, sizeof(struct field_value));
        if (schema_parse(schema, texts[a], &w->arena, it->values[a], NULL) != ERR_OK) {
            it->asked.reason = "the answer does not have the form asked for";
            return false;
        }
        it->asked.values[a] = it->values[a];
    }
    it->asked.ok = true;
    it->asked.reason = NULL;
    const char *why = "the answer was not accepted";
    if (w->job->accept && !w->job->accept(w->job->arg, it->index, &it->asked, &why)) {
        it->asked.ok = false;
        it->asked.reason = why;
    }
    return it->asked.ok;
}

/* An answer is settled when it parses, or when the last try did not. */
static void settle(const struct window *w, struct item *it, bool ok)
{
    it->tries++;
    it->settled = ok || it->tries >= (w->job->tries ? w->job->tries : ASK_TRIES);
    it->asked.ok = ok;
}

/* Same question, other dice: the seed is part of the key. */
static void make_key(struct window *w, struct item *it)
{
    it->request.seed = it->tries ? rng_mix(it->seed, it->tries) : it->seed;
    it->key = model_request_key(w->c->stage, &w->model->info, &it->request);
}

static enum err look_up(struct window *w, struct item *it, struct error *e)
{
    while (!it->settled) {
        struct ledger_entry entry;
        bool found;
        make_key(w, it);
        enum err result = ledger_get(w->c->run, it->key, &w->arena, &entry, &found, e);
        if (result != ERR_OK || !found)
            return result;
        settle(w, it, entry.texts_count == it->request.asks_count && parse(w, it, entry.texts));
    }
    return ERR_OK;
}

static void add_usage(struct usage *to, const struct usage *u)
{
    to->calls += u->calls;
    to->tokens_in += u->tokens_in;
    to->tokens_cached += u->tokens_cached;
    to->tokens_out += u->tokens_out;
}

static const char *const status_reasons[] = {
    [ANSWER_CUT] = "the answer was cut by a length limit",
    [ANSWER_REFUSED] = "the model declined to answer",
    [ANSWER_TOO_LONG] = "the request does not fit the model's context",
    [ANSWER_FAILED] = "the model did not answer",
};

static void on_answer(void *arg, size_t sent, const struct answer *answer)
{
    struct window *w = arg;
    struct item *it = &w->items[w->pending[sent]];
    add_usage(&w->c->usage, &answer->usage);
    if (answer->status != ANSWER_OK) {
        it->asked.reason = status_reasons[answer->status];
        settle(w, it, false);
        if (answer->status == ANSWER_TOO_LONG)
            it->settled = true; /* asking again cannot help */
        return;
    }
    struct ledger_entry entry = {.texts = answer->texts,
                                 .texts_count = it->request.asks_count,
                                 .tokens_in = answer->usage.tokens_in,
                                 .tokens_cached = answer->usage.tokens_cached,
                                 .tokens_out = answer->usage.tokens_out};
    if (w->result == ERR_OK)
        w->result = ledger_put(w->c->run, w->c->stage, it->key, &entry, w->e);
    struct str texts[ASKS_MAX];
    for (size_t a = 0; a < it->request.asks_count; a++)
        texts[a] = str_dup(&w->arena, answer->texts[a]);
    settle(w, it, parse(w, it, texts));
}

/* Whether an equal request is on its way already: its answer will be in the ledger when this one is looked up again. */
static bool is_pending(const struct window *w, size_t sent, struct hash key)
{
    for (size_t i = 0; i < sent; i++)
        if (memcmp(&w->items[w->pending[i]].key, &key, sizeof key) == 0)
            return true;
    return false;
}

static enum err send_missing(struct window *w, struct error *e)
{
    struct request *requests = arena_new(&w->arena, w->n, sizeof *requests);
    for (;;) {
        size_t missing = 0;
        for (size_t i = 0; i < w->n; i++) {
            enum err result = look_up(w, &w->items[i], e);
            if (result != ERR_OK)
                return result;
            if (!w->items[i].settled && !is_pending(w, missing, w->items[i].key)) {
                requests[missing] = w->items[i].request;
                w->pending[missing++] = i;
            }
        }
        if (missing == 0)
            return ERR_OK;
        enum err result = w->model->ops->complete(w->model->ctx, requests, missing, on_answer, w, w->c->stop, e);
        if (w->result != ERR_OK)
            return w->result;
        if (result != ERR_OK)
            return result;
    }
}

static enum err build_window(struct window *w, size_t *next, size_t size, struct error *e)
{
    w->items = arena_zero(&w->arena, size, sizeof *w->items);
    w->pending = arena_new(&w->arena, size, sizeof *w->pending);
    for (w->n = 0; *next < w->job->count && w->n < size; (*next)++) {
        struct item *it = &w->items[w->n];
        it->index = *next;
        it->request.temperature = w->job->temperature;
        it->request.seed = w->c->config->seed;
        enum err result = w->job->build(w->job->arg, *next, &w->arena, &it->request, e);
        it->seed = it->request.seed;
        if (result != ERR_OK)
            return result;
        if (it->request.asks_count)
            w->n++;
        else
            memset(it, 0, sizeof *it);
    }
    return ERR_OK;
}

static enum err hand_over(struct window *w, struct error *e)
{
    for (size_t i = 0; i < w->n; i++) {
        enum err result = w->job->take(w->job->arg, w->items[i].index, &w->items[i].asked, e);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

enum err ask_each(struct stage_context *c, const struct ask_job *job, struct error *e)
{
    struct model *model;
    if (job->count == 0)
        return ERR_OK;
    enum err result = stage_model(c, job->role, &model, e);
    if (result != ERR_OK)
        return result;
    struct window w = {.c = c, .job = job, .model = model, .e = e};
    size_t size = model->info.in_flight ? model->info.in_flight : 1;
    for (size_t next = 0; next < job->count && result == ERR_OK;) {
        size_t from = next;
        result = stage_check_stop(c, e);
        if (result == ERR_OK)
            result = build_window(&w, &next, size, e);
        if (result == ERR_OK)
            result = send_missing(&w, e);
        if (result == ERR_OK)
            result = hand_over(&w, e);
        if (result == ERR_OK)
            stage_advance(c, (int64_t)(next - from));
        arena_clear(&w.arena);
    }
    arena_release(&w.arena);
    /* Answers that did arrive are kept even when the stage fails. */
    enum err flush = ledger_flush(c->run, result == ERR_OK ? e : NULL);
    return result != ERR_OK ? result : flush;
}
