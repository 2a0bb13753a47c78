/*
 * Many dialogues on one model. Each sequence of the engine is a slot with a dialogue of its own. What has several
 * tokens to read (chunks of a prompt, fixed parts of an answer) is read at once and alone: a dozen tokens keep the
 * processor as busy as hundreds. Single tokens wait until every slot has one, and are then read together, which costs
 * the weights' way through the caches once and not once a slot.
 *
 * Answers do not depend on who is read together (tests/unit/test_local.c). That rests on three things, found by
 * comparing bits: every sequence has a cache of its own, in which a token's cell is its position; what is read alone is
 * cut by the request alone (dialogue.h); and what is read together is always a multiple of GROUP sequences side by
 * side, filled up with tokens that are forgotten again, because llama.cpp multiplies GROUP rows by one kernel and the
 * remaining ones by another. ROWS rows go through a third, with the same bits, in the time that the second takes for
 * ROWS_WORTH_FILLING: so that many are filled up to ROWS (78 tokens a second written instead of 50, Q4_K_M, two cores).
 */
#include "model/local.h"

#include "model/dialogue.h"
#include "model/local_files.h"
#include "model/local_library.h"
#include "model/provider.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONTEXT_TOKENS = 4096,
    BATCH_TOKENS = CHUNK_TOKENS,
    GROUP = 4,
    ROWS = 16,
    ROWS_WORTH_FILLING = 11,
    SLOTS_MAX = 16,
    ENGINE_VERSION = 4, /* part of the identity: raise it when the same numbers would give another answer */
};

/* One sequence of the engine. */
struct slot {
    struct dialogue dialogue;
    bool busy, started;
    size_t index;  /* of its request, for the feed */
    size_t filled; /* tokens in the sequence's cache */

    /* What the cache holds of the last request's first prompt, and where its chunks end. */
    struct tokens cached, cached_ends;
    bool in_first_prompt;
};

struct local {
    const struct llama_abi *abi;
    struct llama_engine *engine;
    struct vocab vocab;
    struct dialogue_model shared;
    struct slot slots[SLOTS_MAX];
    size_t slots_count; /* a multiple of GROUP; or 1, which is for comparison only */
};

enum err local_check_library(char version[64], struct error *e)
{
    const struct llama_abi *abi;
    char backends[4096];
    enum err result = local_library_open(&abi, backends, sizeof backends, e);
    if (result == ERR_OK && version)
        snprintf(version, 64, "%s", abi->library_version());
    return result;
}

/* ---- reading ---- */

static int32_t number_of(const struct local *l, const struct slot *s)
{
    return (int32_t)(s - l->slots);
}

/* The cache ends at this position from now on. */
static void cut_cache(struct local *l, struct slot *s, size_t position)
{
    assert(position <= s->filled);
    if (position < s->filled)
        l->abi->forget(l->engine, number_of(l, s), (int32_t)position);
    s->filled = position;
}

static enum llama_abi_status decode(struct local *l, const struct llama_abi_token *batch, size_t n)
{
    enum llama_abi_status status = l->abi->decode(l->engine, batch, n);
    if (status == LLAMA_ABI_OK)
        return status;
    for (size_t i = 0; i < l->slots_count; i++) { /* nobody knows what the caches hold now */
        l->abi->forget(l->engine, (int32_t)i, 0);
        l->slots[i].filled = l->slots[i].cached.n = l->slots[i].cached_ends.n = 0;
        if (l->slots[i].busy)
            dialogue_fail(&l->slots[i].dialogue, ANSWER_FAILED, "llama.cpp could not compute");
    }
    return status;
}

static void note_cached(struct slot *s, const struct dialogue_piece *p)
{
    for (size_t i = 0; i < p->n; i++)
        tokens_add(&s->cached, p->ids[i]);
    tokens_add(&s->cached_ends, (int32_t)(p->position + p->n));
}

/* The piece was read, and logits stand behind its last token. */
static void take(struct local *l, struct slot *s, const struct dialogue_piece *p, size_t token)
{
    s->filled = p->position + p->n;
    if (s->in_first_prompt)
        note_cached(s, p);
    s->in_first_prompt = s->in_first_prompt && !p->wanted;
    dialogue_take(&s->dialogue, p->wanted ? l->abi->logits(l->engine, token) : NULL);
}

/* How many rows to compute for n, as long as there is room for more. */
static size_t filled_up(size_t n, size_t room)
{
    size_t odd = n % ROWS, full = n - odd + ROWS;
    return odd >= ROWS_WORTH_FILLING && full <= room ? full : n;
}

/* Filled up with more tokens of the same kind, which nothing before them sees and which are forgotten again. */
static void read_alone(struct local *l, struct slot *s, const struct dialogue_piece *p)
{
    struct llama_abi_token batch[CHUNK_TOKENS];
    size_t n = filled_up(p->n, l->shared.context - p->position);
    static_assert(CHUNK_TOKENS % ROWS == 0, "a chunk filled up is no longer than the longest");
    assert(n <= CHUNK_TOKENS);
    cut_cache(l, s, p->position);
    for (size_t i = 0; i < n; i++)
        batch[i] = (struct llama_abi_token){.id = p->ids[i < p->n ? i : p->n - 1],
                                            .position = (int32_t)(p->position + i),
                                            .sequence = number_of(l, s),
                                            .wanted = p->wanted && i + 1 == p->n};
    if (decode(l, batch, n) != LLAMA_ABI_OK)
        return;
    s->filled = p->position + n;
    cut_cache(l, s, p->position + p->n);
    take(l, s, p, p->n - 1);
}

/* One token of each slot from..to-1, both multiples of GROUP; idle ones read one that is forgotten again. */
static void read_together(struct local *l, size_t from, size_t to, const struct dialogue_piece *pieces)
{
    struct llama_abi_token batch[SLOTS_MAX];
    for (size_t i = from; i < to; i++) {
        struct slot *s = &l->slots[i];
        cut_cache(l, s, s->busy ? pieces[i].position : s->cached.n);
        batch[i - from] = (struct llama_abi_token){.id = s->busy ? pieces[i].ids[0] : 0,
                                                   .position = (int32_t)s->filled,
                                                   .sequence = (int32_t)i,
                                                   .wanted = s->busy && pieces[i].wanted};
    }
    if (decode(l, batch, to - from) != LLAMA_ABI_OK)
        return;
    for (size_t i = from; i < to; i++) {
        if (l->slots[i].busy)
            take(l, &l->slots[i], &pieces[i], i - from);
        else
            l->abi->forget(l->engine, (int32_t)i, (int32_t)l->slots[i].filled);
    }
}

/* ---- what the caches hold already ---- */

/*
 * How many chunks of the dialogue's prompt a slot's cache holds. Only whole chunks are taken over, so every number in
 * the cache comes from the same operations whether or not it was there already. The last chunk is always read, for its
 * logits.
 */
static size_t chunks_held(const struct slot *s, const struct dialogue *d)
{
    size_t kept = 0, from = 0;
    for (; kept + 1 < d->ends.n && kept < s->cached_ends.n && d->ends.at[kept] == s->cached_ends.at[kept]; kept++) {
        size_t to = (size_t)d->ends.at[kept];
        if (memcmp(d->prompt.at + from, s->cached.at + from, (to - from) * sizeof(int32_t)) != 0)
            break;
        from = to;
    }
    return kept;
}

static size_t tokens_of(const struct dialogue *d, size_t chunks)
{
    return chunks ? (size_t)d->ends.at[chunks - 1] : 0;
}

/* Copies another slot's cache if it holds clearly more of the prompt than the slot's own: copying a cache takes as long
 * as reading a few tokens. */
static size_t take_over(struct local *l, struct slot *s)
{
    enum { WORTH_TOKENS = 32 };
    const struct dialogue *d = &s->dialogue;
    size_t kept = chunks_held(s, d);
    const struct slot *best = s;
    for (size_t i = 0; i < l->slots_count; i++) {
        size_t held = chunks_held(&l->slots[i], d);
        if (tokens_of(d, held) > tokens_of(d, kept) + WORTH_TOKENS) {
            kept = held;
            best = &l->slots[i];
        }
    }
    size_t n = tokens_of(d, kept);
    if (best != s) {
        l->abi->copy(l->engine, number_of(l, best), number_of(l, s), (int32_t)n);
        s->filled = n;
        s->cached.n = s->cached_ends.n = 0;
        for (size_t i = 0; i < n; i++)
            tokens_add(&s->cached, best->cached.at[i]);
        for (size_t i = 0; i < kept; i++)
            tokens_add(&s->cached_ends, best->cached_ends.at[i]);
    }
    return kept;
}

/* Just before a dialogue reads its first token, when the slots before it have read their prompts. */
static void start(struct local *l, struct slot *s)
{
    struct dialogue *d = &s->dialogue;
    d->chunk = take_over(l, s);
    s->cached.n = tokens_of(d, d->chunk);
    s->cached_ends.n = d->chunk;
    d->answer.usage.tokens_cached += s->cached.n;
    s->started = s->in_first_prompt = true;
}

/* ---- all of them ---- */

/* Until the dialogue is over, or wants a single token read: true, with the token in *out. */
static bool read_ahead(struct local *l, struct slot *s, const atomic_bool *stop, struct dialogue_piece *out)
{
    if (!s->started && s->dialogue.phase != DIALOGUE_DONE)
        start(l, s);
    while (dialogue_next(&s->dialogue, out)) {
        if (out->n == 1 && l->slots_count > 1)
            return true;
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            return false;
        read_alone(l, s, out);
    }
    return false;
}

/* Gives every idle slot a request, as long as there are any. */
static enum err fill(struct local *l, const struct feed *feed, struct error *e)
{
    for (size_t i = 0; i < l->slots_count; i++) {
        size_t index;
        const struct request *r;
        if (l->slots[i].busy)
            continue;
        enum err result = feed->next(feed->arg, &index, &r, e);
        if (result != ERR_OK || !r)
            return result;
        l->slots[i].busy = true;
        l->slots[i].started = false;
        l->slots[i].index = index;
        dialogue_begin(&l->slots[i].dialogue, &l->shared, r);
    }
    return ERR_OK;
}

/* Brings every slot to where it wants a single token read. True: some answers are complete, and were given back. */
static bool advance(struct local *l, const struct feed *feed, const atomic_bool *stop, struct dialogue_piece *pieces)
{
    bool gave = false;
    for (size_t i = 0; i < l->slots_count; i++) {
        struct slot *s = &l->slots[i];
        if (!s->busy || read_ahead(l, s, stop, &pieces[i]) || s->dialogue.phase != DIALOGUE_DONE)
            continue;
        s->busy = false;
        feed->done(feed->arg, s->index, &s->dialogue.answer);
        gave = true;
    }
    return gave;
}

static bool busy_range(const struct local *l, size_t *from, size_t *to)
{
    *from = l->slots_count;
    *to = 0;
    for (size_t i = 0; i < l->slots_count; i++)
        if (l->slots[i].busy) {
            *from = *from < i ? *from : i / GROUP * GROUP;
            *to = i / GROUP * GROUP + GROUP;
        }
    if (*from < *to && filled_up(*to - *from, l->slots_count) > *to - *from) {
        *from = 0;
        *to = l->slots_count;
    }
    return *from < *to;
}

static enum err local_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct local *l = ctx;
    struct dialogue_piece pieces[SLOTS_MAX];
    size_t from, to;
    enum err result = ERR_OK;
    while (result == ERR_OK && (result = fill(l, feed, e)) == ERR_OK) {
        bool gave = advance(l, feed, stop, pieces);
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            result = error_set(e, ERR_INTERRUPTED, "stopped while the local model was answering");
        else if (!gave && !busy_range(l, &from, &to))
            break;
        else if (!gave)
            read_together(l, from, to, pieces);
    }
    for (size_t i = 0; i < l->slots_count; i++)
        l->slots[i].busy = false; /* their requests are asked again when the run goes on */
    return result;
}

/* ---- the oracle ---- */

void local_use_grammar(struct model *m, bool on)
{
    struct local *l = m->ctx;
    l->shared.use_grammar = on;
}

enum err local_grammar_accepts(const struct model *m, const struct schema *s, struct str answer, bool *accepts,
                               struct error *e)
{
    struct local *l = m->ctx;
    struct buf gbnf = {0};
    schema_gbnf(s, &gbnf);
    struct llama_grammar *grammar = l->abi->grammar_new(l->engine, gbnf.at);
    buf_release(&gbnf);
    if (!grammar)
        return error_set(e, ERR_MODEL, "llama.cpp does not take the grammar of this schema");
    struct tokens ids = {0};
    vocab_tokenize(&l->vocab, answer, false, &ids);
    float *logits = mem_new(l->vocab.n, sizeof *logits);
    *accepts = true;
    for (size_t i = 0; i <= ids.n && *accepts; i++) {
        memset(logits, 0, l->vocab.n * sizeof *logits);
        l->abi->grammar_mask(grammar, logits, l->vocab.n);
        if (i < ids.n) {
            *accepts = logits[ids.at[i]] > -INFINITY;
            if (*accepts)
                l->abi->grammar_take(grammar, ids.at[i]);
            continue;
        }
        bool may_end = false;
        for (size_t id = 0; id < l->vocab.n && !may_end; id++)
            may_end = logits[id] > -INFINITY && l->abi->token_kind(l->engine, (int32_t)id) & LLAMA_ABI_ENDS_TURN;
        *accepts = may_end;
    }
    free(logits);
    tokens_release(&ids);
    l->abi->grammar_free(grammar);
    return ERR_OK;
}

/* ---- opening ---- */

static void local_close(void *ctx)
{
    struct local *l = ctx;
    if (!l)
        return;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        dialogue_release(&l->slots[i].dialogue);
        tokens_release(&l->slots[i].cached);
        tokens_release(&l->slots[i].cached_ends);
    }
    if (l->engine)
        l->abi->close(l->engine);
    vocab_release(&l->vocab);
    free(l);
}

static enum err pick_format(struct local *l, const char *path, struct error *e)
{
    enum { TEMPLATE_BYTES = 64 * 1024 };
    char *template = mem_zero(TEMPLATE_BYTES, 1);
    l->abi->meta(l->engine, "tokenizer.chat_template", template, TEMPLATE_BYTES);
    l->shared.format = chat_format_of(template);
    free(template);
    if (l->shared.format)
        return ERR_OK;
    struct buf names = {0};
    chat_format_names(&names);
    error_set(e, ERR_MODEL, "%s wants a chat format this program does not know", path);
    error_hint(e, "known are %s; other models run on a server, through openai:", names.at);
    buf_release(&names);
    return ERR_MODEL;
}

/* As many as an eighth of the memory has caches for, in whole groups. */
static size_t slots_for(uint64_t cache_bytes)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    uint64_t fit = memory / 8 / (cache_bytes ? cache_bytes : 1) / GROUP * GROUP;
    return fit < GROUP ? GROUP : fit < SLOTS_MAX ? (size_t)fit : SLOTS_MAX;
}

static enum err load(struct local *l, const char *path, const struct model_opts *opts, struct error *e)
{
    char backends[4096], why[160] = "there is no memory";
    enum err result = local_library_open(&l->abi, backends, sizeof backends, e);
    if (result != ERR_OK)
        return result;
    struct llama_abi_opts o = {
        .model_path = path,
        .backends = *backends ? backends : NULL,
        .context_tokens = opts->context_tokens ? (uint32_t)opts->context_tokens : CONTEXT_TOKENS,
        .batch_tokens = BATCH_TOKENS,
        .threads = (int32_t)par_threads(opts->par),
    };
    l->engine = l->abi->open(&o, why, sizeof why);
    if (l->engine) {
        uint64_t bytes = l->abi->sequence_bytes(l->engine);
        l->slots_count = opts->one_sequence ? 1 : slots_for(bytes);
        if (!l->abi->make_room(l->engine, (uint32_t)l->slots_count, why, sizeof why)) {
            l->abi->close(l->engine);
            l->engine = NULL;
        }
    }
    if (!l->engine) {
        error_set(e, ERR_MODEL, "the model %s cannot be loaded: %s", path, why);
        return error_hint(e, "clio doctor checks models and libraries");
    }
    vocab_init(&l->vocab, l->abi, l->engine);
    l->shared.vocab = &l->vocab;
    l->shared.context = l->abi->context_tokens(l->engine);
    l->shared.first_token = l->abi->first_token(l->engine);
    return pick_format(l, path, e);
}

bool local_fingerprint(struct str rest, const struct model_opts *opts, struct hasher *h)
{
    struct arena a = {0};
    hash_add_u64(h, ENGINE_VERSION);
    bool there = model_fingerprint_file(local_path(rest, opts, &a), h);
    arena_release(&a);
    return there;
}

static enum err identify(const struct local *l, const char *path, const struct local_pinned *p, struct model_info *info,
                         struct error *e)
{
    char hash[HASH_HEX];
    enum err result = local_file_hash(path, p, hash, e);
    if (result == ERR_OK)
        snprintf(info->identity, sizeof info->identity, "%s %.8s %d", hash, l->abi->library_version(), ENGINE_VERSION);
    return result;
}

static const struct model_ops ops = {.scheme = "local", .complete = local_complete, .close = local_close};

enum err local_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct arena a = {0};
    const struct local_pinned *p = local_pinned_find(rest);
    const char *path = local_path(rest, opts, &a);
    struct local *l = mem_zero(1, sizeof *l);
    enum err result = local_check_file(path, p, e);
    if (result == ERR_OK)
        result = load(l, path, opts, e);
    if (result == ERR_OK)
        result = identify(l, path, p, &out->info, e);
    const char *slash = strrchr(path, '/');
    snprintf(out->info.name, sizeof out->info.name, "local:%s", p ? p->name : slash ? slash + 1 : path);
    arena_release(&a);
    if (result != ERR_OK) {
        local_close(l);
        return result;
    }
    const char *grammar = getenv("CLIO_LOCAL_GRAMMAR");
    l->shared.use_grammar = grammar && strcmp(grammar, "1") == 0;
    out->info.context_tokens = l->shared.context;
    out->info.in_flight = l->slots_count;
    out->ops = &ops;
    out->ctx = l;
    return ERR_OK;
}
