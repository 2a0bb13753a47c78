/*
 * llama.c: the plugin between the program and llama.cpp. See llama_abi.h. Nothing but translation happens here.
 */
#include "plugin/llama_abi.h"
#include "plugin/pace.h"

#include <llama.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct llama_engine {
    struct llama_model *model;
    struct llama_context *context;
    const struct llama_vocab *vocab;
    struct llama_batch batch;
    uint32_t batch_max, context_tokens, sequences;
    struct pace writing, reading; /* a token of each sequence; whole batches */
};

struct llama_grammar {
    struct llama_sampler *sampler;
    llama_token_data *data;
    size_t n;
};

/* llama.cpp talks a lot while loading; errors come back as return values anyway. */
static void drop_log(enum ggml_log_level level, const char *text, void *arg)
{
    (void)level;
    (void)text;
    (void)arg;
}

static const char *plugin_library_version(void)
{
    return llama_version();
}

static void plugin_close(struct llama_engine *g)
{
    if (!g)
        return;
    if (g->batch.token)
        llama_batch_free(g->batch);
    if (g->context)
        llama_free(g->context);
    if (g->model)
        llama_model_free(g->model);
    free(g);
}

static void load_backends(const char *folder)
{
    if (ggml_backend_reg_count() > 0)
        return; /* an engine opened before has brought them */
    if (folder)
        ggml_backend_load_all_from_path(folder);
    else
        ggml_backend_load_all();
    llama_backend_init();
}

static bool plugin_make_room(struct llama_engine *g, uint32_t sequences, char *why, size_t why_size)
{
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = g->context_tokens * sequences;
    p.n_batch = g->batch_max;
    p.n_ubatch = g->batch_max;
    p.n_seq_max = g->sequences = sequences;
    p.kv_unified = false; /* a token's cell is its position, whatever other sequences hold */
    p.n_threads = g->reading.all;
    p.n_threads_batch = g->reading.all;
    /* Its sums are split by threads: without it an answer is the same with any number of them
     * (tests/unit/test_local.c). */
    p.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    p.no_perf = true;
    g->context = llama_init_from_model(g->model, p);
    if (!g->context)
        snprintf(why, why_size, "there is no memory for a context of %u tokens", p.n_ctx);
    return g->context != NULL;
}

/* Keys and values, 16 bits each. */
static uint64_t plugin_sequence_bytes(const struct llama_engine *g)
{
    uint64_t heads = (uint64_t)llama_model_n_head(g->model), width = (uint64_t)llama_model_n_embd(g->model);
    uint64_t kept = (uint64_t)llama_model_n_head_kv(g->model) * (heads ? width / heads : width);
    return 2 * 2 * kept * (uint64_t)llama_model_n_layer(g->model) * g->context_tokens;
}

static struct llama_engine *plugin_open(const struct llama_abi_opts *opts, char *why, size_t why_size)
{
    llama_log_set(drop_log, NULL);
    load_backends(opts->backends);
    if (ggml_backend_dev_count() == 0) {
        snprintf(why, why_size, "llama.cpp found no back end for this processor");
        return NULL;
    }
    struct llama_engine *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    struct llama_model_params p = llama_model_default_params();
    p.n_gpu_layers = 0; /* two machines of one kind should give the same answers */
    g->model = llama_model_load_from_file(opts->model_path, p);
    if (!g->model) {
        snprintf(why, why_size, "llama.cpp cannot read the file");
        plugin_close(g);
        return NULL;
    }
    if (llama_model_is_recurrent(g->model) || llama_model_is_hybrid(g->model)) {
        snprintf(why, why_size, "a model of its kind cannot forget the end of what it read, which is needed here");
        plugin_close(g);
        return NULL;
    }
    g->vocab = llama_model_get_vocab(g->model);
    g->batch_max = opts->batch_tokens;
    g->context_tokens = opts->context_tokens;
    g->writing.all = g->reading.all = opts->threads;
    g->batch = llama_batch_init((int32_t)g->batch_max, 0, 1);
    return g;
}

static uint32_t plugin_context_tokens(const struct llama_engine *g)
{
    return llama_n_ctx_seq(g->context);
}

static size_t plugin_vocab_count(const struct llama_engine *g)
{
    return (size_t)llama_vocab_n_tokens(g->vocab);
}

static unsigned plugin_token_kind(const struct llama_engine *g, int32_t id)
{
    const unsigned special = LLAMA_TOKEN_ATTR_CONTROL | LLAMA_TOKEN_ATTR_UNKNOWN | LLAMA_TOKEN_ATTR_UNUSED;
    unsigned attr = (unsigned)llama_vocab_get_attr(g->vocab, id);
    unsigned kind = llama_vocab_is_eog(g->vocab, id) ? LLAMA_ABI_ENDS_TURN : 0;
    return kind | (attr & special || llama_vocab_is_control(g->vocab, id) ? LLAMA_ABI_CONTROL : 0);
}

static size_t plugin_token_bytes(const struct llama_engine *g, int32_t id, char *out, size_t max)
{
    int32_t n = llama_token_to_piece(g->vocab, id, out, (int32_t)max, 0, false);
    return (size_t)(n < 0 ? -n : n);
}

static size_t plugin_tokenize(const struct llama_engine *g, const char *text, size_t n, bool special, int32_t *out,
                              size_t max)
{
    if (n > INT32_MAX / 2)
        return SIZE_MAX;
    int32_t count = llama_tokenize(g->vocab, text, (int32_t)n, out, (int32_t)max, false, special);
    return count == INT32_MIN ? SIZE_MAX : (size_t)(count < 0 ? -count : count);
}

static bool plugin_meta(const struct llama_engine *g, const char *key, char *out, size_t size)
{
    return llama_model_meta_val_str(g->model, key, out, size) >= 0;
}

static int32_t plugin_first_token(const struct llama_engine *g)
{
    return llama_vocab_get_add_bos(g->vocab) ? llama_vocab_bos(g->vocab) : -1;
}

static void plugin_copy(struct llama_engine *g, int32_t from, int32_t to, int32_t n)
{
    llama_memory_t memory = llama_get_memory(g->context);
    llama_memory_seq_cp(memory, from, to, -1, -1); /* between caches only the whole can be copied */
    llama_memory_seq_rm(memory, to, n, -1);
}

static void plugin_forget(struct llama_engine *g, int32_t sequence, int32_t from)
{
    llama_memory_seq_rm(llama_get_memory(g->context), sequence, from, -1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Only calls of one size are comparable: a token of each sequence, and full batches. */
static struct pace *pace_of(struct llama_engine *g, size_t n)
{
    return n == g->sequences ? &g->writing : n == g->batch_max ? &g->reading : NULL;
}

static int32_t compute(struct llama_engine *g, size_t n)
{
    struct pace *pace = pace_of(g, n);
    int32_t threads = pace ? pace_threads(pace) : g->reading.single ? 1 : g->reading.all;
    double started = now();
    llama_set_n_threads(g->context, threads, threads);
    int32_t code = llama_decode(g->context, g->batch);
    if (pace && code == 0)
        pace_took(pace, threads, now() - started);
    return code;
}

static enum llama_abi_status plugin_decode(struct llama_engine *g, const struct llama_abi_token *tokens, size_t n)
{
    if (n == 0 || n > g->batch_max)
        return LLAMA_ABI_FAILED;
    struct llama_batch *b = &g->batch;
    b->n_tokens = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        b->token[i] = tokens[i].id;
        b->pos[i] = tokens[i].position;
        b->n_seq_id[i] = 1;
        b->seq_id[i][0] = tokens[i].sequence;
        b->logits[i] = tokens[i].wanted;
    }
    int32_t code = compute(g, n);
    return code == 0 ? LLAMA_ABI_OK : code == 1 ? LLAMA_ABI_FULL : LLAMA_ABI_FAILED;
}

static const float *plugin_logits(struct llama_engine *g, size_t i)
{
    return llama_get_logits_ith(g->context, (int32_t)i);
}

static void plugin_grammar_free(struct llama_grammar *grammar)
{
    if (!grammar)
        return;
    if (grammar->sampler)
        llama_sampler_free(grammar->sampler);
    free(grammar->data);
    free(grammar);
}

static struct llama_grammar *plugin_grammar_new(struct llama_engine *g, const char *gbnf)
{
    struct llama_grammar *grammar = calloc(1, sizeof *grammar);
    if (!grammar)
        return NULL;
    grammar->n = plugin_vocab_count(g);
    grammar->data = malloc(grammar->n * sizeof *grammar->data);
    grammar->sampler = llama_sampler_init_grammar(g->vocab, gbnf, "root");
    if (!grammar->data || !grammar->sampler) {
        plugin_grammar_free(grammar);
        return NULL;
    }
    return grammar;
}

static void plugin_grammar_mask(struct llama_grammar *grammar, float *logits, size_t n)
{
    size_t count = n < grammar->n ? n : grammar->n;
    for (size_t i = 0; i < count; i++)
        grammar->data[i] = (llama_token_data){.id = (llama_token)i, .logit = logits[i]};
    llama_token_data_array all = {.data = grammar->data, .size = count, .selected = -1};
    llama_sampler_apply(grammar->sampler, &all);
    for (size_t i = 0; i < count; i++)
        logits[i] = -INFINITY;
    for (size_t i = 0; i < all.size; i++)
        logits[all.data[i].id] = all.data[i].logit;
}

static void plugin_grammar_take(struct llama_grammar *grammar, int32_t id)
{
    llama_sampler_accept(grammar->sampler, id);
}

static const struct llama_abi table = {
    .version = LLAMA_ABI_VERSION,
    .bytes = sizeof(struct llama_abi),
    .library_version = plugin_library_version,
    .open = plugin_open,
    .close = plugin_close,
    .sequence_bytes = plugin_sequence_bytes,
    .make_room = plugin_make_room,
    .context_tokens = plugin_context_tokens,
    .vocab_count = plugin_vocab_count,
    .first_token = plugin_first_token,
    .token_kind = plugin_token_kind,
    .token_bytes = plugin_token_bytes,
    .tokenize = plugin_tokenize,
    .meta = plugin_meta,
    .forget = plugin_forget,
    .copy = plugin_copy,
    .decode = plugin_decode,
    .logits = plugin_logits,
    .grammar_new = plugin_grammar_new,
    .grammar_free = plugin_grammar_free,
    .grammar_mask = plugin_grammar_mask,
    .grammar_take = plugin_grammar_take,
};

__attribute__((visibility("default"))) const struct llama_abi *clio_llama_abi(void);

const struct llama_abi *clio_llama_abi(void)
{
    return &table;
}
