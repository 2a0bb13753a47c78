#include "stage/ask.h"

#include "base/rng.h"
#include "stage/meter.h"
#include "store/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * The window slides over the indices: `head` is the next one to hand over, `next` the next one to build. Between them
 * an item is on its way through the ledger and the model, or settled and waiting for its turn. Unsettled ones own a
 * request and are few; settled ones own their values alone, so that one slow answer does not stop the others.
 */
enum { WINDOW_PER_SLOT = 8, UNSETTLED_PER_SLOT = 2 };

struct item {
    size_t index;
    bool settled, skipped;
    unsigned tries;
    uint64_t seed; /* of the first try */
    struct hash key;
    struct request request;
    struct arena arena; /* the request and what is parsed; goes back to the pool when settled */
    struct asked asked;
    void *kept;         /* the values, once settled */
    struct item *link;  /* the next one of the same list: a bucket of `sent`, `ready`, or an `equal` */
    struct item *equal; /* wait for this one's answer, since they ask the same */
};

struct window {
    struct stage_context *c;
    const struct ask_job *job;
    struct model *model;
    struct item *items; /* [size], index i at i % size */
    size_t size, head, next;
    size_t unsettled, unsettled_most;
    struct item *ready; /* to be looked up and sent again */
    struct item **sent; /* [buckets] by key */
    size_t buckets;     /* a power of two */
    struct arena *pool; /* [unsettled_most] empty arenas */
    size_t pool_n;
    enum err result; /* first trouble met inside a callback, and its story */
    struct error trouble;
};

/* ---- settled answers ---- */

static size_t kept_bytes(const struct request *r, const struct asked *asked)
{
    size_t bytes = 0;
    for (size_t a = 0; a < r->asks_count; a++) {
        size_t fields = asked->values[a] ? r->asks[a].answer->fields_count : 0;
        for (size_t f = 0; f < fields; f++) {
            const struct field_value *v = &asked->values[a][f];
            bytes += sizeof *v + v->text.n + v->items_count * sizeof *v->items;
            for (size_t i = 0; i < v->items_count; i++)
                bytes += v->items[i].n;
        }
    }
    return bytes;
}

static struct str keep_text(char **at, struct str text)
{
    struct str kept = {*at, text.n};
    if (text.n)
        memcpy(*at, text.at, text.n);
    *at += text.n;
    return kept;
}

/* Copies the values into one block that ends with the item: structs first, texts behind them. */
static void keep_values(struct item *it)
{
    const struct request *r = &it->request;
    char *block = mem_new(1, kept_bytes(r, &it->asked)), *structs = block, *texts = block;
    for (size_t a = 0; a < r->asks_count; a++)
        for (size_t f = 0; it->asked.values[a] && f < r->asks[a].answer->fields_count; f++)
            texts += sizeof(struct field_value) + it->asked.values[a][f].items_count * sizeof(struct str);
    for (size_t a = 0; a < r->asks_count; a++) {
        const struct field_value *from = it->asked.values[a];
        size_t fields = from ? r->asks[a].answer->fields_count : 0;
        struct field_value *to = (struct field_value *)(void *)structs;
        structs += fields * sizeof *to;
        for (size_t f = 0; f < fields; f++) {
            to[f] = from[f];
            to[f].text = keep_text(&texts, from[f].text);
            to[f].items = (struct str *)(void *)structs;
            structs += from[f].items_count * sizeof *to[f].items;
            for (size_t i = 0; i < from[f].items_count; i++)
                to[f].items[i] = keep_text(&texts, from[f].items[i]);
        }
        it->asked.values[a] = from ? to : NULL;
    }
    it->kept = block;
}

static void give_back(struct window *w, struct item *it)
{
    arena_clear(&it->arena);
    w->pool[w->pool_n++] = it->arena;
    it->arena = (struct arena){0};
    w->unsettled--;
}

/* An answer is settled when it parses, or when the last try did not. */
static void settle(struct window *w, struct item *it, bool ok)
{
    it->tries++;
    it->asked.ok = ok;
    it->settled = it->settled || ok || it->tries >= (w->job->tries ? w->job->tries : ASK_TRIES);
    if (!it->settled)
        return;
    keep_values(it);
    give_back(w, it);
}

static const char *const status_reasons[] = {
    [ANSWER_CUT] = "the answer was cut by a length limit",
    [ANSWER_REFUSED] = "the model declined to answer",
    [ANSWER_EMPTY] = "the answer is empty",
    [ANSWER_TOO_LONG] = "the request does not fit the model's context",
    [ANSWER_FAILED] = "the model did not answer",
    [ANSWER_HOPELESS] = "the model did not answer",
};

/* Asking again cannot help where the request is too long, or was repeated already. */
static void fail(struct window *w, struct item *it, enum answer_status status, const char *reason)
{
    const char *usual = status_reasons[status <= ANSWER_HOPELESS ? status : ANSWER_FAILED];
    it->asked = (struct asked){.reason = status == ANSWER_HOPELESS && reason ? reason : usual};
    it->settled = status == ANSWER_TOO_LONG || status == ANSWER_HOPELESS;
    settle(w, it, false);
}

static bool parse(struct window *w, struct item *it, const struct str *texts)
{
    const struct request *r = &it->request;
    it->asked = (struct asked){0};
    for (size_t a = 0; a < r->asks_count; a++) {
        const struct schema *schema = r->asks[a].answer;
        struct field_value *values = arena_zero(&it->arena, schema->fields_count, sizeof *values);
        if (schema_parse(schema, str_dup(&it->arena, texts[a]), &it->arena, values, NULL) != ERR_OK) {
            it->asked = (struct asked){.reason = "the answer does not have the form asked for"};
            return false;
        }
        it->asked.values[a] = values;
    }
    it->asked.ok = true;
    const char *why = "the answer was not accepted";
    if (w->job->accept && !w->job->accept(w->job->arg, it->index, &it->asked, &why)) {
        it->asked.ok = false;
        it->asked.reason = why;
    }
    return it->asked.ok;
}

static void hand_over(struct window *w)
{
    size_t from = w->head;
    for (; w->head < w->next && w->result == ERR_OK; w->head++) {
        struct item *it = &w->items[w->head % w->size];
        if (!it->settled && !it->skipped)
            break;
        if (it->settled)
            w->result = w->job->take(w->job->arg, it->index, &it->asked, &w->trouble);
        free(it->kept);
        it->kept = NULL;
    }
    if (w->head > from)
        stage_advance(w->c, (int64_t)(w->head - from));
}

/* ---- on the way to an answer ---- */

/* Same question, other dice: the seed is part of the key. */
static void make_key(struct window *w, struct item *it)
{
    it->request.seed = it->tries ? rng_mix(it->seed, it->tries) : it->seed;
    it->request.known_count = 0;
    it->key = model_request_key(w->c->stage, &w->model->info, &it->request);
}

static enum err look_up(struct window *w, struct item *it, struct error *e)
{
    while (!it->settled) {
        struct ledger_entry entry;
        bool found;
        make_key(w, it);
        enum err result = ledger_get(w->c->run, it->key, &it->arena, &entry, &found, e);
        if (result != ERR_OK || !found)
            return result;
        if (entry.status != ANSWER_OK) {
            fail(w, it, (enum answer_status)entry.status, NULL);
        } else if (entry.texts_count > 0 && entry.texts_count < it->request.asks_count) {
            it->request.known = entry.texts;
            it->request.known_count = entry.texts_count;
            return ERR_OK;
        } else {
            settle(w, it, entry.texts_count == it->request.asks_count && parse(w, it, entry.texts));
        }
    }
    return ERR_OK;
}

/* Where the item with this key hangs among those sent, or would. */
static struct item **find_sent(struct window *w, struct hash key)
{
    struct item **at = &w->sent[hash_u64(key) & (w->buckets - 1)];
    while (*at && memcmp(&(*at)->key, &key, sizeof key) != 0)
        at = &(*at)->link;
    return at;
}

static void make_ready(struct window *w, struct item *it)
{
    it->link = w->ready;
    w->ready = it;
}

static enum err build_next(struct window *w, struct item **out, struct error *e)
{
    struct item *it = &w->items[w->next % w->size];
    *it = (struct item){.index = w->next, .skipped = true};
    *out = it;
    if (w->pool_n)
        it->arena = w->pool[--w->pool_n];
    w->unsettled++;
    it->request.temperature = w->job->temperature;
    it->request.seed = w->c->config->seed;
    enum err result = w->job->build(w->job->arg, w->next++, &it->arena, &it->request, e);
    it->seed = it->request.seed;
    it->skipped = it->request.asks_count == 0;
    if (it->skipped)
        give_back(w, it);
    return result;
}

/* Settles the item from the ledger, lets it wait for an equal one that is on its way, or has it sent. */
static enum err look_before_sending(struct window *w, struct item *it, bool *send, struct error *e)
{
    *send = false;
    enum err result = look_up(w, it, e);
    if (result != ERR_OK || it->settled)
        return result;
    struct item **at = find_sent(w, it->key);
    *send = !*at;
    if (*send) {
        it->link = NULL;
        *at = it;
    } else {
        it->link = (*at)->equal;
        (*at)->equal = it;
    }
    return ERR_OK;
}

static enum err next_request(void *arg, size_t *index, const struct request **out, struct error *e)
{
    struct window *w = arg;
    *out = NULL;
    for (bool send = false; !send;) {
        struct item *it = w->ready;
        enum err result = stage_check_stop(w->c, e);
        if (w->result != ERR_OK || result != ERR_OK)
            return w->result != ERR_OK ? w->result : result;
        if (it)
            w->ready = it->link;
        else if (w->next < w->job->count && w->next - w->head < w->size && w->unsettled < w->unsettled_most)
            result = build_next(w, &it, e);
        else
            return ERR_OK;
        if (result == ERR_OK && !it->skipped)
            result = look_before_sending(w, it, &send, e);
        if (result != ERR_OK)
            return result;
        *index = (size_t)(it - w->items);
        *out = send ? &it->request : NULL;
        hand_over(w);
    }
    return ERR_OK;
}

static void add_usage(struct usage *to, const struct usage *u)
{
    to->calls += u->calls;
    to->tokens_in += u->tokens_in;
    to->tokens_cached += u->tokens_cached;
    to->tokens_to_cache += u->tokens_to_cache;
    to->tokens_out += u->tokens_out;
}

/* Into the ledger, also when it is no answer but paid for: going on must not ask for it again. */
static void keep(struct window *w, const struct item *it, const struct answer *answer, size_t texts_count)
{
    struct ledger_entry entry = {.texts = answer->texts,
                                 .texts_count = texts_count,
                                 .tokens_in = answer->usage.tokens_in,
                                 .tokens_cached = answer->usage.tokens_cached,
                                 .tokens_out = answer->usage.tokens_out,
                                 .status = (int)answer->status};
    if (w->result == ERR_OK)
        w->result = ledger_put(w->c->run, w->c->stage, it->key, &entry, &w->trouble);
}

static void read_answer(struct window *w, struct item *it, const struct answer *answer)
{
    if (answer->status <= ANSWER_EMPTY)
        keep(w, it, answer, answer->status == ANSWER_OK ? it->request.asks_count : 0);
    if (answer->status == ANSWER_OK)
        settle(w, it, parse(w, it, answer->texts));
    else
        fail(w, it, answer->status, answer->reason);
}

/* The first asks of a dialogue: should the next one be lost, they are not. */
static void on_part(void *arg, size_t slot, const struct answer *so_far, size_t asks)
{
    struct window *w = arg;
    keep(w, &w->items[slot], so_far, asks);
}

static void on_answer(void *arg, size_t slot, const struct answer *answer)
{
    struct window *w = arg;
    struct item *it = &w->items[slot], *equal = it->equal;
    *find_sent(w, it->key) = it->link;
    it->equal = NULL;
    add_usage(&w->c->usage, &answer->usage);
    if (w->result != ERR_OK)
        return;
    read_answer(w, it, answer);
    if (!it->settled) {
        make_ready(w, it);
        if (w->result == ERR_OK)
            w->result = meter_count_again(w->c, w->job->role, &w->trouble);
    }
    while (equal) {
        struct item *rest = equal->link;
        make_ready(w, equal);
        equal = rest;
    }
    hand_over(w);
}

static enum err rest(void *arg, struct error *e)
{
    struct window *w = arg;
    return ledger_flush(w->c->run, e);
}

/* ---- all of it ---- */

static void window_init(struct window *w)
{
    size_t slots = w->model->info.in_flight ? w->model->info.in_flight : 1;
    slots = slots < w->job->count ? slots : w->job->count;
    w->size = slots * WINDOW_PER_SLOT;
    w->unsettled_most = slots * UNSETTLED_PER_SLOT;
    for (w->buckets = 16; w->buckets < 2 * slots;)
        w->buckets *= 2;
    w->items = mem_zero(w->size, sizeof *w->items);
    w->sent = mem_zero(w->buckets, sizeof *w->sent);
    w->pool = mem_zero(w->unsettled_most, sizeof *w->pool);
}

static void window_release(struct window *w)
{
    for (; w->head < w->next; w->head++) {
        struct item *it = &w->items[w->head % w->size];
        arena_release(&it->arena);
        free(it->kept);
    }
    for (size_t i = 0; i < w->pool_n; i++)
        arena_release(&w->pool[i]);
    free(w->items);
    free(w->sent);
    free(w->pool);
}

enum err ask_each(struct stage_context *c, const struct ask_job *job, struct error *e)
{
    struct model *model;
    if (job->count == 0)
        return ERR_OK;
    enum err result = stage_model(c, job->role, &model, e);
    if (result != ERR_OK)
        return result;
    struct window w = {.c = c, .job = job, .model = model};
    const struct feed feed = {.next = next_request, .done = on_answer, .part = on_part, .rest = rest, .arg = &w};
    window_init(&w);
    result = model->ops->complete(model->ctx, &feed, c->stop, e);
    if (w.result != ERR_OK) {
        result = w.result;
        if (e)
            *e = w.trouble;
    }
    assert(result != ERR_OK || w.head == job->count);
    window_release(&w);
    /* Answers that did arrive are kept even when the stage fails. */
    enum err flush = ledger_flush(c->run, result == ERR_OK ? e : NULL);
    return result != ERR_OK ? result : flush;
}
