#include "model/local.h"

#include "base/file.h"
#include "model/local_library.h"
#include "model/provider.h"
#include "model/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTEXT_TOKENS = 4096,
    BATCH_TOKENS = 512,
    CHUNK_TOKENS = 128, /* see read_prompt */
    FINGERPRINT_BYTES = 1 << 20,
    ENGINE_VERSION = 2, /* part of the identity: raise it when the same numbers would give another answer */
};

static const struct local_pinned pinned[] = {
    {"qwen2.5-coder-1.5b-instruct-q4_k_m", "qwen2.5-coder-1.5b", 1117320768,
     "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"},
    {"qwen2.5-coder-0.5b-instruct-q4_k_m", "qwen2.5-coder-0.5b", 491400064,
     "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"},
};

/* How a family of models wants a dialogue written. `mark` is looked for in the model's own template. */
struct chat_format {
    const char *family, *mark;
    const char *system_open, *system_close, *user_open, *user_close, *answer_close;
};

static const struct chat_format formats[] = {
    {"ChatML", "<|im_start|>", "<|im_start|>system\n", "<|im_end|>\n", "<|im_start|>user\n",
     "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n"},
};

struct local {
    const struct llama_abi *abi;
    struct llama_engine *engine;
    struct vocab vocab;
    const struct chat_format *format;
    size_t context;
    bool use_grammar;

    /* What the cache holds of the last request's first prompt, and where its chunks end. */
    struct tokens cached, cached_ends;
};

const struct local_pinned *local_pinned_at(size_t i)
{
    return i < sizeof pinned / sizeof *pinned ? &pinned[i] : NULL;
}

static const struct local_pinned *find_pinned(struct str name)
{
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++)
        if (str_eqz(name, pinned[i].name) || str_eqz(name, pinned[i].alias))
            return &pinned[i];
    return NULL;
}

const char *local_path(struct str name, const struct model_opts *opts, struct arena *a)
{
    const struct local_pinned *p = find_pinned(name);
    if (p)
        return file_cache_path(a, "models", str_printf(a, "%s.gguf", p->name).at, NULL);
    if (!opts || opts->base_folder.n == 0 || (name.n && name.at[0] == '/'))
        return str_dupz(a, name);
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(opts->base_folder), STR_ARG(name)).at;
}

enum err local_check_library(char version[64], struct error *e)
{
    const struct llama_abi *abi;
    char backends[4096];
    enum err result = local_library_open(&abi, backends, sizeof backends, e);
    if (result == ERR_OK && version)
        snprintf(version, 64, "%s", abi->library_version());
    return result;
}

/* ---- one dialogue ---- */

/* One request on its way through the model. */
struct dialogue {
    struct local *l;
    const struct request *request;
    const atomic_bool *stop;
    struct tokens prompt, ends; /* what is to be read next, and where chunks end in it */
    size_t position;            /* tokens in the cache */
    const float *logits;        /* behind the last of them */
    struct rng rng;
    struct usage usage;
    enum answer_status status;
    const char *reason;
    bool stopped;
};

static bool fail(struct dialogue *d, enum answer_status status, const char *reason)
{
    d->status = status;
    d->reason = reason;
    return false;
}

static bool is_stopped(struct dialogue *d)
{
    if (!d->stopped && d->stop && atomic_load_explicit(d->stop, memory_order_relaxed)) {
        d->stopped = true;
        fail(d, ANSWER_FAILED, "stopped");
    }
    return d->stopped;
}

/* Reads at most a batch; the logits behind the last token are there afterwards. */
static bool read_tokens(struct dialogue *d, const int32_t *ids, size_t n)
{
    struct llama_abi_token batch[BATCH_TOKENS];
    if (d->position + n > d->l->context)
        return fail(d, ANSWER_TOO_LONG, "the dialogue does not fit the model's context");
    for (size_t i = 0; i < n; i++)
        batch[i] = (struct llama_abi_token){
            .id = ids[i], .position = (int32_t)(d->position + i), .sequence = 0, .wanted = i + 1 == n};
    enum llama_abi_status status = d->l->abi->decode(d->l->engine, batch, n);
    if (status == LLAMA_ABI_FULL)
        return fail(d, ANSWER_TOO_LONG, "the dialogue does not fit the model's context");
    if (status != LLAMA_ABI_OK)
        return fail(d, ANSWER_FAILED, "llama.cpp could not compute");
    d->position += n;
    d->logits = d->l->abi->logits(d->l->engine, n - 1);
    return true;
}

static void add_marker(struct dialogue *d, const char *text)
{
    vocab_tokenize(&d->l->vocab, str_of(text), true, &d->prompt);
}

/* Conversation text never becomes a control token. */
static void add_text(struct dialogue *d, struct str text)
{
    vocab_tokenize(&d->l->vocab, text, false, &d->prompt);
}

/* Closes a segment that began at token `from`: it is read in chunks of its own. */
static void end_segment(struct dialogue *d, size_t from)
{
    for (size_t at = from + CHUNK_TOKENS; at < d->prompt.n; at += CHUNK_TOKENS)
        tokens_add(&d->ends, (int32_t)at);
    tokens_add(&d->ends, (int32_t)d->prompt.n);
}

static void build_first_prompt(struct dialogue *d)
{
    const struct chat_format *f = d->l->format;
    if (d->request->system.n) {
        add_marker(d, f->system_open);
        add_text(d, d->request->system);
        add_marker(d, f->system_close);
        end_segment(d, 0);
    }
    size_t from = d->prompt.n;
    add_marker(d, f->user_open);
    add_text(d, d->request->asks[0].user);
    add_marker(d, f->user_close);
    end_segment(d, from);
}

/*
 * A prompt is read in chunks that end at places given by the request alone: where its parts end, and every CHUNK_TOKENS
 * within them. Only whole chunks are taken over from the request before, so every number in the cache comes from the
 * same sequence of operations whether or not it was there already: the answer cannot depend, not even in its last bit,
 * on what was asked before. The last chunk is always read, for its logits.
 */
static size_t chunks_to_keep(const struct dialogue *d)
{
    const struct local *l = d->l;
    size_t kept = 0, from = 0;
    for (; kept + 1 < d->ends.n && kept < l->cached_ends.n && d->ends.at[kept] == l->cached_ends.at[kept]; kept++) {
        size_t to = (size_t)d->ends.at[kept];
        if (memcmp(d->prompt.at + from, l->cached.at + from, (to - from) * sizeof(int32_t)) != 0)
            break;
        from = to;
    }
    return kept;
}

static bool read_prompt(struct dialogue *d)
{
    struct local *l = d->l;
    size_t kept = chunks_to_keep(d);
    d->position = kept ? (size_t)d->ends.at[kept - 1] : 0;
    d->usage.tokens_in += d->prompt.n;
    d->usage.tokens_cached += d->position;
    l->abi->forget(l->engine, 0, (int32_t)d->position);
    l->cached.n = d->position;
    l->cached_ends.n = kept;
    for (; kept < d->ends.n; kept++) {
        size_t from = d->position, to = (size_t)d->ends.at[kept];
        if (is_stopped(d) || !read_tokens(d, d->prompt.at + from, to - from))
            return false;
        for (size_t i = from; i < to; i++)
            tokens_add(&l->cached, d->prompt.at[i]);
        tokens_add(&l->cached_ends, (int32_t)to);
    }
    return true;
}

/* Follows an answer: its tokens that were not read yet, then the next turn. */
static bool read_turn(struct dialogue *d, const int32_t *tail, size_t tail_n, struct str user)
{
    d->prompt.n = 0;
    for (size_t i = 0; i < tail_n; i++)
        tokens_add(&d->prompt, tail[i]);
    add_marker(d, d->l->format->answer_close);
    add_marker(d, d->l->format->user_open);
    add_text(d, user);
    add_marker(d, d->l->format->user_close);
    d->usage.tokens_in += d->prompt.n - tail_n;
    for (size_t from = 0; from < d->prompt.n; from += CHUNK_TOKENS) {
        size_t n = d->prompt.n - from < CHUNK_TOKENS ? d->prompt.n - from : CHUNK_TOKENS;
        if (is_stopped(d) || !read_tokens(d, d->prompt.at + from, n))
            return false;
    }
    return true;
}

/* tail: how many of the writer's tokens the model has read when it is done. */
static bool write_answer(struct dialogue *d, struct writer *w, size_t *read)
{
    size_t base = d->position;
    bool more = writer_step(w, NULL);
    *read = 0;
    while (more) {
        if (is_stopped(d))
            return false;
        if (w->kept < *read) {
            d->l->abi->forget(d->l->engine, 0, (int32_t)(base + w->kept));
            d->position = base + w->kept;
            *read = w->kept;
        }
        while (*read < w->tokens.n) {
            size_t n = w->tokens.n - *read < CHUNK_TOKENS ? w->tokens.n - *read : CHUNK_TOKENS;
            if (!read_tokens(d, w->tokens.at + *read, n))
                return false;
            *read += n;
        }
        more = writer_step(w, d->logits);
    }
    if (w->kept < *read) {
        d->l->abi->forget(d->l->engine, 0, (int32_t)(base + w->kept));
        d->position = base + w->kept;
        *read = w->kept;
    }
    d->usage.tokens_out += w->tokens.n;
    return true;
}

/* The slow way, for comparison: every token through llama.cpp's grammar sampler. */
static bool write_by_grammar(struct dialogue *d, const struct schema *s, struct buf *json)
{
    struct local *l = d->l;
    struct buf gbnf = {0};
    schema_gbnf(s, &gbnf);
    struct llama_grammar *grammar = l->abi->grammar_new(l->engine, gbnf.at);
    buf_release(&gbnf);
    if (!grammar)
        return fail(d, ANSWER_FAILED, "llama.cpp did not take the grammar");
    float *logits = mem_new(l->vocab.n, sizeof *logits);
    bool ok = true;
    for (;;) {
        struct candidate top[CANDIDATES_MAX];
        memcpy(logits, d->logits, l->vocab.n * sizeof *logits);
        l->abi->grammar_mask(grammar, logits, l->vocab.n);
        size_t n = writer_top(NULL, logits, l->vocab.n, top);
        if (n == 0 || is_stopped(d)) {
            ok = d->stopped ? false : fail(d, ANSWER_FAILED, "the grammar allows nothing");
            break;
        }
        int32_t id = writer_sample(top, n, d->request->temperature, &d->rng);
        if (l->abi->token_kind(l->engine, id) & LLAMA_ABI_ENDS_TURN)
            break;
        l->abi->grammar_take(grammar, id);
        buf_add(json, vocab_piece(&l->vocab, id));
        d->usage.tokens_out++;
        if (!(ok = read_tokens(d, &id, 1)))
            break;
    }
    free(logits);
    l->abi->grammar_free(grammar);
    return ok;
}

static bool answer_ask(struct dialogue *d, size_t i, struct arena *a, struct answer *out, struct tokens *tail)
{
    const struct ask *ask = &d->request->asks[i];
    if (i == 0 ? !read_prompt(d) : !read_turn(d, tail->at, tail->n, ask->user))
        return false;
    d->usage.calls++;
    tail->n = 0;
    if (d->l->use_grammar) {
        struct buf json = {0};
        bool ok = write_by_grammar(d, ask->answer, &json);
        out->texts[i] = str_dup(a, buf_str(&json));
        buf_release(&json);
        return ok;
    }
    struct writer w;
    size_t read;
    writer_begin(&w, &d->l->vocab, ask->answer, d->request->temperature, d->rng);
    bool ok = write_answer(d, &w, &read);
    for (size_t t = read; ok && t < w.tokens.n; t++)
        tokens_add(tail, w.tokens.at[t]);
    d->rng = w.rng;
    out->texts[i] = str_dup(a, buf_str(&w.json));
    writer_release(&w);
    return ok;
}

/* The least room the answers need; one that turns out longer ends the dialogue when the context is full. */
static size_t room_for_answers(const struct request *r)
{
    enum { SHORT_ANSWER = 64 };
    size_t sum = 0;
    for (size_t i = 0; i < r->asks_count; i++) {
        size_t most = schema_max_tokens(r->asks[i].answer) / 4;
        sum += most < SHORT_ANSWER ? most : SHORT_ANSWER;
        sum += i ? r->asks[i].user.n / 8 : 0;
    }
    return sum;
}

/* Other dice for every request, the same ones for the same request: the seed and the prompt, nothing else. */
static struct rng dice(const struct dialogue *d)
{
    struct str bytes = {(const char *)d->prompt.at, d->prompt.n * sizeof *d->prompt.at};
    return rng_seed(d->request->seed, hash_u64(hash_of(bytes)));
}

static bool run_dialogue(struct local *l, const struct request *r, const atomic_bool *stop, struct arena *a,
                         struct answer *out)
{
    struct dialogue d = {.l = l, .request = r, .stop = stop};
    struct tokens tail = {0};
    build_first_prompt(&d);
    d.rng = dice(&d);
    if (d.prompt.n + room_for_answers(r) > l->context)
        fail(&d, ANSWER_TOO_LONG, "the request does not fit the model's context");
    for (size_t i = 0; i < r->asks_count && d.status == ANSWER_OK; i++)
        if (!answer_ask(&d, i, a, out, &tail))
            break;
    out->status = d.status;
    out->reason = d.reason;
    out->usage = d.usage;
    tokens_release(&tail);
    tokens_release(&d.prompt);
    tokens_release(&d.ends);
    return !d.stopped;
}

static enum err local_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct local *l = ctx;
    struct arena a = {0};
    size_t index;
    const struct request *r;
    enum err result;
    while ((result = feed->next(feed->arg, &index, &r, e)) == ERR_OK && r) {
        struct answer answer = {0};
        if (!run_dialogue(l, r, stop, &a, &answer)) {
            result = error_set(e, ERR_INTERRUPTED, "stopped while the local model was answering");
            break;
        }
        feed->done(feed->arg, index, &answer);
        arena_clear(&a);
    }
    arena_release(&a);
    return result;
}

/* ---- the oracle ---- */

void local_use_grammar(struct model *m, bool on)
{
    struct local *l = m->ctx;
    l->use_grammar = on;
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
    if (l->engine)
        l->abi->close(l->engine);
    vocab_release(&l->vocab);
    tokens_release(&l->cached);
    tokens_release(&l->cached_ends);
    free(l);
}

static enum err pick_format(struct local *l, const char *path, struct error *e)
{
    enum { TEMPLATE_BYTES = 64 * 1024 };
    char *template = mem_zero(TEMPLATE_BYTES, 1);
    l->abi->meta(l->engine, "tokenizer.chat_template", template, TEMPLATE_BYTES);
    for (size_t i = 0; !l->format && i < sizeof formats / sizeof *formats; i++)
        if (strstr(template, formats[i].mark))
            l->format = &formats[i];
    free(template);
    if (l->format)
        return ERR_OK;
    error_set(e, ERR_MODEL, "%s wants a chat format this program does not know", path);
    return error_hint(e, "use a model with the ChatML format (Qwen, for example), or a server through openai:");
}

/* A file of one's own: its size, its first and its last MiB. Hashing gigabytes at every start would cost more than it
 * tells. */
static enum err fingerprint(const char *path, char out[HASH_HEX], struct error *e)
{
    struct file_map m = {0};
    enum err result = file_map_open(&m, path, e);
    if (result != ERR_OK)
        return result;
    struct str all = m.bytes;
    size_t part = all.n < FINGERPRINT_BYTES ? all.n : FINGERPRINT_BYTES;
    struct hasher h;
    hash_init(&h);
    hash_add_u64(&h, all.n);
    hash_add(&h, (struct str){all.at, part});
    hash_add(&h, (struct str){all.at + all.n - part, part});
    hash_hex(hash_end(&h), out);
    file_map_close(&m);
    return ERR_OK;
}

static enum err identify(struct local *l, const char *path, const struct local_pinned *p, struct model_info *info,
                         struct error *e)
{
    char hash[HASH_HEX];
    enum err result = ERR_OK;
    if (p)
        snprintf(hash, sizeof hash, "%s", p->sha256);
    else
        result = fingerprint(path, hash, e);
    snprintf(info->identity, sizeof info->identity, "%s %.8s %d", hash, l->abi->library_version(), ENGINE_VERSION);
    return result;
}

static enum err check_file(const char *path, const struct local_pinned *p, struct error *e)
{
    int64_t bytes = file_size(path);
    if (bytes < 0) {
        error_set(e, ERR_MODEL, "the model %s is missing", path);
        return error_hint(e,
                          p ? "run tools/deps: it brings the pinned models"
                            : "give local: a path to a .gguf file, or one of: %s, %s",
                          pinned[0].name, pinned[1].name);
    }
    if (p && (uint64_t)bytes != p->bytes) {
        error_set(e, ERR_MODEL, "the model %s has %" PRId64 " bytes instead of %" PRIu64, path, bytes, p->bytes);
        return error_hint(e, "delete it and run tools/deps again");
    }
    struct file_map m = {0};
    enum err result = file_map_open(&m, path, e);
    if (result == ERR_OK && !str_has_prefix(m.bytes, STR("GGUF"))) {
        error_set(e, ERR_MODEL, "%s is not a GGUF file", path);
        result = error_hint(e, "local: runs models in llama.cpp's GGUF format");
    }
    file_map_close(&m);
    return result;
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
        .sequences = 1,
        .threads = (int32_t)par_threads(opts->par),
    };
    l->engine = l->abi->open(&o, why, sizeof why);
    if (!l->engine) {
        error_set(e, ERR_MODEL, "the model %s cannot be loaded: %s", path, why);
        return error_hint(e, "clio doctor checks models and libraries");
    }
    l->context = l->abi->context_tokens(l->engine);
    vocab_init(&l->vocab, l->abi, l->engine);
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

static const struct model_ops ops = {.scheme = "local", .complete = local_complete, .close = local_close};

enum err local_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct arena a = {0};
    const struct local_pinned *p = find_pinned(rest);
    const char *path = local_path(rest, opts, &a);
    struct local *l = mem_zero(1, sizeof *l);
    enum err result = check_file(path, p, e);
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
    l->use_grammar = grammar && strcmp(grammar, "1") == 0;
    out->info.context_tokens = l->context;
    out->info.in_flight = 1;
    out->ops = &ops;
    out->ctx = l;
    return ERR_OK;
}
