#include "num/encoder_weights.h"

#include "num/encoder_trial.h"
#include "num/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What config.json says, in bounds that keep all sizes far from overflow. */
struct shape {
    bool mpnet;
    size_t d, h, f, layers, vocab, rows; /* rows of the position table */
    size_t first;                        /* the first token's row in it: MPNet leaves room for padding */
    size_t buckets;
    float eps;
};

/* The names of one layer's tensors, behind "encoder.layer.N.". */
struct names {
    const char *q, *k, *v, *out, *norm_out;
};

static const struct names bert_names = {"attention.self.query", "attention.self.key", "attention.self.value",
                                        "attention.output.dense", "attention.output.LayerNorm"};
static const struct names mpnet_names = {"attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o",
                                         "attention.LayerNorm"};

void *encoder__memory(struct arena *a, size_t bytes)
{
    enum { LINE = 64 };
    uintptr_t at = (uintptr_t)arena_new(a, bytes + LINE, 1);
    return (void *)((at + LINE - 1) & ~(uintptr_t)(LINE - 1));
}

float *encoder__floats(struct arena *a, size_t n)
{
    return encoder__memory(a, n * sizeof(float));
}

static bool take(yyjson_val *config, const char *key, size_t min, size_t max, size_t *out)
{
    yyjson_val *v = yyjson_obj_get(config, key);
    *out = (size_t)yyjson_get_uint(v);
    return yyjson_is_uint(v) && *out >= min && *out <= max;
}

static enum err read_config(struct shape *s, struct str text, struct error *e)
{
    yyjson_doc *doc = NULL;
    if (json_parse(text, false, &doc, NULL) != ERR_OK)
        return error_set(e, ERR_MODEL, "the encoder's config.json is not valid JSON");
    yyjson_val *c = yyjson_doc_get_root(doc);
    struct str kind = json_get_str(c, "model_type"), act = json_get_str(c, "hidden_act");
    size_t pad = 0;
    *s = (struct shape){.mpnet = str_eqz(kind, "mpnet"), .buckets = 2};
    bool ok = (s->mpnet || str_eqz(kind, "bert")) && str_eqz(act, "gelu") && take(c, "hidden_size", 32, 8192, &s->d) &&
              take(c, "num_attention_heads", 1, 256, &s->h) && take(c, "intermediate_size", 32, 65536, &s->f) &&
              take(c, "num_hidden_layers", 1, 128, &s->layers) && take(c, "vocab_size", 1, 10000000, &s->vocab) &&
              take(c, "max_position_embeddings", 4, 4096, &s->rows);
    if (ok && s->mpnet) {
        ok = take(c, "pad_token_id", 0, 1, &pad) && take(c, "relative_attention_num_buckets", 4, 1024, &s->buckets) &&
             s->buckets % 4 == 0;
        s->first = pad + 1;
    }
    yyjson_val *position = yyjson_obj_get(c, "position_embedding_type");
    ok = ok && (!position || str_eqz(json_str(position), "absolute"));
    s->eps = (float)yyjson_get_num(yyjson_obj_get(c, "layer_norm_eps"));
    ok = ok && s->eps >= 0.0f && s->eps < 1.0f;
    yyjson_doc_free(doc);
    if (!ok)
        return error_set(e, ERR_MODEL,
                         "the encoder's config.json is not that of a BERT or MPNet encoder with exact gelu");
    if (s->d % KERNELS_PANEL != 0 || s->f % KERNELS_PANEL != 0 || s->d % s->h != 0 || s->d / s->h % KERNELS_PANEL != 0)
        return error_set(e, ERR_MODEL,
                         "an encoder of width %zu, %zu heads and inner width %zu cannot be run: "
                         "widths and the width of a head must be multiples of 32",
                         s->d, s->h, s->f);
    return ERR_OK;
}

/* Reading goes on after the first failure, which `err` keeps: the caller looks once. */
struct reader {
    const struct safetensors *st;
    struct arena *memory;
    float *rows; /* scratch: one panel's rows */
    bool finite;
    char prefix[64];
    struct error *e;
    enum err err;
};

static const char *find(struct reader *r, const char *name, const char *part, size_t rows, size_t columns)
{
    char full[160];
    const char *at = NULL;
    snprintf(full, sizeof full, "%s%s%s", r->prefix, name, part);
    if (r->err == ERR_OK)
        r->err = safetensors_find(r->st, full, rows, columns, &at, r->e);
    return at;
}

static void note_finite(struct reader *r, const float *x, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * 0.0f;
    r->finite = r->finite && sum == 0.0f;
}

static float *read_vector(struct reader *r, const char *name, const char *part, size_t n)
{
    const char *at = find(r, name, part, n, 0);
    float *out = encoder__floats(r->memory, n);
    if (at) {
        memcpy(out, at, n * sizeof *out);
        note_finite(r, out, n);
    }
    return out;
}

static struct encoder_norm read_norm(struct reader *r, const char *name, size_t d)
{
    return (struct encoder_norm){read_vector(r, name, ".weight", d), read_vector(r, name, ".bias", d)};
}

static struct encoder_dense new_dense(struct reader *r, size_t n, size_t k)
{
    return (struct encoder_dense){
        .n = n, .k = k, .w = encoder__floats(r->memory, n * k), .bias = encoder__floats(r->memory, n)};
}

/* Reads the tensors "name.weight" [n][k] and "name.bias" [n] as the rows of dense from `first` on. The file's floats
 * may be unaligned, so a panel's rows are copied before they are packed. */
static void read_rows(struct reader *r, const char *name, size_t n, const struct encoder_dense *dense, size_t first)
{
    size_t k = dense->k;
    const char *at = find(r, name, ".weight", n, k), *bias = find(r, name, ".bias", n, 0);
    for (size_t row = 0; at && row < n; row += KERNELS_PANEL) {
        memcpy(r->rows, at + row * k * sizeof(float), KERNELS_PANEL * k * sizeof(float));
        note_finite(r, r->rows, KERNELS_PANEL * k);
        kernels_pack_rows(r->rows, k, KERNELS_PANEL, k, dense->w + (first + row) * k);
    }
    if (bias) {
        memcpy(dense->bias + first, bias, n * sizeof(float));
        note_finite(r, dense->bias + first, n);
    }
}

static struct encoder_dense read_dense(struct reader *r, const char *name, size_t n, size_t k)
{
    struct encoder_dense dense = new_dense(r, n, k);
    read_rows(r, name, n, &dense, 0);
    return dense;
}

static struct encoder_dense read_qkv(struct reader *r, const struct names *names, size_t d)
{
    const char *const name[3] = {names->q, names->k, names->v};
    struct encoder_dense dense = new_dense(r, 3 * d, d);
    for (size_t i = 0; i < 3; i++)
        read_rows(r, name[i], d, &dense, i * d);
    return dense;
}

static void read_layer(struct reader *r, const struct shape *s, size_t i, struct encoder_layer *layer)
{
    const struct names *names = s->mpnet ? &mpnet_names : &bert_names;
    snprintf(r->prefix, sizeof r->prefix, "encoder.layer.%zu.", i);
    layer->qkv = read_qkv(r, names, s->d);
    layer->out = read_dense(r, names->out, s->d, s->d);
    layer->norm_out = read_norm(r, names->norm_out, s->d);
    layer->up = read_dense(r, "intermediate.dense", s->f, s->d);
    layer->down = read_dense(r, "output.dense", s->d, s->f);
    layer->norm_down = read_norm(r, "output.LayerNorm", s->d);
}

/* Reads layer after layer as floats, and codes it for what a few texts have shown of its inputs. */
static void read_as_bytes(struct reader *r, const struct shape *s, struct encoder *enc)
{
    struct encoder_trial trial;
    encoder__trial_start(&trial, enc);
    for (size_t i = 0; i < s->layers && r->err == ERR_OK; i++) {
        struct arena floats = {0};
        struct encoder_layer layer;
        r->memory = &floats;
        read_layer(r, s, i, &layer);
        if (r->err == ERR_OK)
            encoder__trial_code(&trial, enc, &layer, &enc->layer[i]);
        arena_release(&floats);
    }
    r->memory = &enc->memory;
    encoder__trial_end(&trial);
}

static void read_embeddings(struct reader *r, const struct shape *s, struct encoder *enc)
{
    size_t d = s->d;
    strcpy(r->prefix, "embeddings.");
    enc->word_rows = find(r, "word_embeddings", ".weight", s->vocab, d);
    const char *positions = find(r, "position_embeddings", ".weight", s->rows, d);
    enc->positions = encoder__floats(r->memory, enc->tokens_max * d);
    if (positions)
        memcpy(enc->positions, positions + s->first * d * sizeof(float), enc->tokens_max * d * sizeof(float));
    if (!s->mpnet) {
        const char *types = find(r, "token_type_embeddings", ".weight", 2, d);
        if (types)
            memcpy(r->rows, types, d * sizeof(float));
        for (size_t i = 0; types && i < enc->tokens_max * d; i++)
            enc->positions[i] += r->rows[i % d];
    }
    enc->norm_in = read_norm(r, "LayerNorm", d);
}

/*
 * The bucket of n = query position - key position (T5's two-sided rule): near distances have one each, far ones share
 * logarithmically up to 128; keys behind the query use the upper half.
 */
static size_t bucket(long n, size_t buckets)
{
    size_t half = buckets / 2, exact = half / 2;
    size_t base = n < 0 ? half : 0, away = (size_t)labs(n);
    if (away < exact)
        return base + away;
    double steps = log((double)away / (double)exact) / log(128.0 / (double)exact) * (double)(half - exact);
    size_t far = exact + (size_t)steps;
    return base + (far < half - 1 ? far : half - 1);
}

static void read_near(struct reader *r, const struct shape *s, struct encoder *enc)
{
    size_t max = enc->tokens_max, stride = 2 * max + KERNELS_PANEL;
    r->prefix[0] = '\0';
    enc->near = encoder__floats(r->memory, (s->mpnet ? s->h : 1) * stride);
    memset(enc->near, 0, (s->mpnet ? s->h : 1) * stride * sizeof(float));
    enc->near_stride = s->mpnet ? stride : 0;
    if (!s->mpnet)
        return;
    const char *table = find(r, "encoder.relative_attention_bias", ".weight", s->buckets, s->h);
    for (size_t i = 0; table && i < 2 * max - 1; i++) {
        size_t b = bucket((long)max - 1 - (long)i, s->buckets);
        for (size_t head = 0; head < s->h; head++)
            memcpy(&enc->near[head * stride + i], table + (b * s->h + head) * sizeof(float), sizeof(float));
    }
}

enum err encoder__load(struct encoder *enc, const struct encoder_files *files, struct error *e)
{
    struct shape s;
    struct safetensors st;
    enum err err = read_config(&s, files->config, e);
    if (err != ERR_OK)
        return err;
    /* Before anything is allocated by the config's word: the file must have that much. */
    size_t floats = s.layers * (4 * s.d * s.d + 2 * s.d * s.f) + (s.vocab + s.rows) * s.d;
    if (floats > files->weights.n / sizeof(float))
        return error_set(e, ERR_MODEL, "the weights have %zu bytes, too few for what config.json says",
                         files->weights.n);
    if ((err = safetensors_open(&st, files->weights, e)) != ERR_OK)
        return err;
    enc->d = s.d;
    enc->h = s.h;
    enc->f = s.f;
    enc->layers = s.layers;
    enc->vocab = s.vocab;
    enc->eps = s.eps;
    enc->tokens_max = s.rows - s.first;
    enc->layer = arena_zero(&enc->memory, s.layers, sizeof *enc->layer);
    size_t widest = s.d > s.f ? s.d : s.f;
    struct reader r = {.st = &st, .memory = &enc->memory, .finite = true, .e = e};
    r.rows = mem_new(KERNELS_PANEL * widest, sizeof(float));
    read_embeddings(&r, &s, enc);
    read_near(&r, &s, enc);
    if (r.err == ERR_OK && wordpiece_size(enc->words) > enc->vocab)
        r.err =
            error_set(e, ERR_MODEL, "tokenizer.json has %zu tokens, the weights only %zu: they do not belong together",
                      wordpiece_size(enc->words), enc->vocab);
    if (r.err == ERR_OK && enc->arithmetic == ENCODER_BYTES)
        read_as_bytes(&r, &s, enc);
    for (size_t i = 0; i < s.layers && r.err == ERR_OK && enc->arithmetic == ENCODER_FLOATS; i++)
        read_layer(&r, &s, i, &enc->layer[i]);
    free(r.rows);
    enc->finite = r.finite;
    safetensors_close(&st);
    return r.err;
}
