#include "num/encoder.h"

#include "num/encoder_weights.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_TEXTS = 4096, /* tokenised at a time: bounds the memory for ids */
    PIECE_TEXTS = 64,   /* tokenised by one piece of work */
    GROUP_ROWS = 208,   /* tokens that pass through the weights together: enough to use a panel well */
    BLOCK_M = 32,       /* rows and columns of a block of integer products: they stay in the first cache */
    BLOCK_N = 128
};

/* One worker's memory: all rows of a group, and one head's attention. */
struct scratch {
    float *x, *qkv, *context, *change, *inner;
    float *scores, *keys, *values;
    int8_t *codes; /* the rows of a product as bytes, */
    float *scales; /* their scales, */
    int32_t *products;
    struct arena memory;
};

struct slot {
    uint32_t *ids;
    uint32_t n;    /* tokens */
    uint32_t text; /* index in the block */
};

struct run {
    const struct encoder *enc;
    const struct str *texts; /* of this block */
    float *out;              /* [count][d], of this block */
    size_t count, tokens_max;
    struct slot *slots; /* [count], longest text first once sorted */
    size_t *groups;     /* [group_count + 1]: the first slot of each */
    size_t group_count;
    bool *bad;               /* [group_count]: a row came out without a direction */
    struct scratch *scratch; /* [threads] */
};

enum err encoder_new(const struct encoder_files *files, enum encoder_arithmetic arithmetic, struct encoder **out,
                     struct error *e)
{
    struct encoder *enc = mem_zero(1, sizeof *enc);
    enum err err = wordpiece_new(files->tokenizer, &enc->words, e);
    *out = NULL;
    enc->arithmetic = arithmetic;
    if (err == ERR_OK)
        err = encoder__load(enc, files, e);
    if (err == ERR_OK && wordpiece_size(enc->words) > enc->vocab)
        err =
            error_set(e, ERR_MODEL, "tokenizer.json has %zu tokens, the weights only %zu: they do not belong together",
                      wordpiece_size(enc->words), enc->vocab);
    if (err != ERR_OK) {
        encoder_free(enc);
        return err;
    }
    enc->kernels = kernels_best();
    enc->products = codes_best();
    *out = enc;
    return ERR_OK;
}

void encoder_free(struct encoder *enc)
{
    if (!enc)
        return;
    wordpiece_free(enc->words);
    arena_release(&enc->memory);
    free(enc);
}

size_t encoder_width(const struct encoder *enc)
{
    return enc->d;
}

double encoder_flops(const struct encoder *enc, uint64_t tokens)
{
    double d = (double)enc->d, per_layer = 2 * d * (4 * d + 2 * (double)enc->f);
    return (double)enc->layers * (double)tokens * per_layer;
}

static size_t padded(size_t t)
{
    return (t + KERNELS_PANEL - 1) / KERNELS_PANEL * KERNELS_PANEL;
}

static void scratch_init(struct scratch *s, const struct encoder *enc, size_t tokens_max)
{
    size_t rows = tokens_max > GROUP_ROWS ? tokens_max : GROUP_ROWS, width = enc->d / enc->h;
    s->x = encoder__floats(&s->memory, rows * enc->d);
    s->qkv = encoder__floats(&s->memory, rows * enc->d * 3);
    s->context = encoder__floats(&s->memory, rows * enc->d);
    s->change = encoder__floats(&s->memory, rows * enc->d);
    s->inner = encoder__floats(&s->memory, rows * enc->f);
    s->scores = encoder__floats(&s->memory, tokens_max * padded(tokens_max));
    s->keys = encoder__floats(&s->memory, width * padded(tokens_max));
    s->values = encoder__floats(&s->memory, width * tokens_max);
    if (enc->arithmetic == ENCODER_FLOATS)
        return;
    size_t whole = (rows + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL;
    size_t stride = codes_stride(enc->d > enc->f ? enc->d : enc->f);
    s->codes = encoder__memory(&s->memory, whole * stride);
    memset(s->codes, 0, whole * stride); /* rows behind the last are multiplied too, and what comes of it dropped */
    s->scales = encoder__floats(&s->memory, whole);
    s->products = encoder__memory(&s->memory, BLOCK_M * BLOCK_N * sizeof *s->products);
}

static void apply_bytes(const struct encoder *enc, struct scratch *s, const struct encoder_dense *dense, const float *x,
                        size_t rows, size_t k, float *y, size_t n)
{
    size_t stride = codes_stride(k);
    for (size_t i = 0; i < rows; i++)
        s->scales[i] = enc->kernels->code(x + i * k, k, s->codes + i * stride);
    for (size_t j = 0; j < n; j += BLOCK_N)
        for (size_t i = 0; i < rows; i += BLOCK_M) {
            size_t bn = n - j < BLOCK_N ? n - j : BLOCK_N, m = rows - i < BLOCK_M ? rows - i : BLOCK_M;
            enc->products->dots(&(struct codes_block){.a = s->codes + i * stride,
                                                      .b = dense->codes + j * stride,
                                                      .an = (m + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL,
                                                      .bn = bn,
                                                      .stride = stride,
                                                      .out = s->products});
            enc->kernels->restore(&(struct product){.m = m,
                                                    .n = bn,
                                                    .products = s->products,
                                                    .rows = s->scales + i,
                                                    .columns = dense->scales + j,
                                                    .bias = dense->bias + j,
                                                    .out = y + i * n + j,
                                                    .ld = n});
        }
}

/* y [rows][n] = dense(x [rows][k]) */
static void apply(const struct encoder *enc, struct scratch *s, const struct encoder_dense *dense, const float *x,
                  size_t rows, size_t k, float *y, size_t n)
{
    if (enc->arithmetic == ENCODER_BYTES) {
        apply_bytes(enc, s, dense, x, rows, k, y, n);
        return;
    }
    enc->kernels->gemm(&(struct gemm){
        .m = rows, .n = n, .k = k, .a = x, .lda = k, .b = dense->w, .bias = dense->bias, .c = y, .ldc = n});
}

static void normalise(const struct encoder *enc, const struct encoder_norm *norm, float *x, const float *add,
                      size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        enc->kernels->layer_norm(x + i * enc->d, add ? add + i * enc->d : NULL, norm->weight, norm->bias, enc->d,
                                 enc->eps);
}

static void embed_tokens(const struct encoder *enc, const struct slot *slot, float *x)
{
    for (size_t i = 0; i < slot->n; i++, x += enc->d) {
        memcpy(x, enc->word_rows + slot->ids[i] * enc->d * sizeof(float), enc->d * sizeof(float));
        for (size_t j = 0; j < enc->d; j++)
            x[j] += enc->positions[i * enc->d + j];
    }
}

/* One head of one text: context [t][width] = softmax(queries keys^T / sqrt(width) + near) values. */
static void attend(const struct encoder *enc, struct scratch *s, const float *qkv, float *context, size_t t,
                   size_t head)
{
    size_t width = enc->d / enc->h, ld = 3 * enc->d, columns = padded(t);
    kernels_pack_rows(qkv + enc->d, ld, t, width, s->keys);
    enc->kernels->gemm(&(struct gemm){
        .m = t, .n = columns, .k = width, .a = qkv, .lda = ld, .b = s->keys, .c = s->scores, .ldc = columns});
    const float *near = enc->near + head * enc->near_stride + enc->tokens_max - 1;
    float scale = 1.0f / sqrtf((float)width);
    for (size_t i = 0; i < t; i++) {
        float *row = s->scores + i * columns;
        for (size_t j = t; j < columns; j++)
            row[j] = -1e30f; /* the padding's share is lost in rounding */
        enc->kernels->softmax(row, near - i, columns, scale);
    }
    for (size_t panel = 0; panel < width; panel += KERNELS_PANEL)
        for (size_t i = 0; i < t; i++)
            memcpy(s->values + panel * t + i * KERNELS_PANEL, qkv + 2 * enc->d + i * ld + panel,
                   KERNELS_PANEL * sizeof(float));
    enc->kernels->gemm(&(struct gemm){
        .m = t, .n = width, .k = t, .a = s->scores, .lda = columns, .b = s->values, .c = context, .ldc = enc->d});
}

static void run_layer(const struct encoder *enc, struct scratch *s, const struct encoder_layer *layer,
                      const struct slot *slots, size_t count, size_t rows)
{
    size_t d = enc->d, width = d / enc->h;
    apply(enc, s, &layer->qkv, s->x, rows, d, s->qkv, 3 * d);
    for (size_t i = 0, row = 0; i < count; row += slots[i++].n)
        for (size_t head = 0; head < enc->h; head++)
            attend(enc, s, s->qkv + row * 3 * d + head * width, s->context + row * d + head * width, slots[i].n, head);
    apply(enc, s, &layer->out, s->context, rows, d, s->change, d);
    normalise(enc, &layer->norm_out, s->x, s->change, rows);

    apply(enc, s, &layer->up, s->x, rows, d, s->inner, enc->f);
    enc->kernels->gelu(s->inner, rows * enc->f);
    apply(enc, s, &layer->down, s->inner, rows, enc->f, s->change, d);
    normalise(enc, &layer->norm_down, s->x, s->change, rows);
}

/* The mean of a text's rows, at length one; false when it has no direction. */
static bool pool(const float *x, size_t rows, size_t d, float *out)
{
    double squares = 0;
    for (size_t j = 0; j < d; j++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++)
            sum += (double)x[i * d + j];
        out[j] = (float)(sum / (double)rows);
        squares += (double)out[j] * (double)out[j];
    }
    double length = sqrt(squares);
    for (size_t j = 0; j < d; j++)
        out[j] = (float)((double)out[j] / length);
    return isfinite(length) && length > 0;
}

static void encode_group(void *arg, size_t piece, size_t worker)
{
    struct run *run = arg;
    const struct encoder *enc = run->enc;
    struct scratch *s = &run->scratch[worker];
    const struct slot *slots = run->slots + run->groups[piece];
    size_t count = run->groups[piece + 1] - run->groups[piece], rows = 0;
    if (!s->x)
        scratch_init(s, enc, run->tokens_max);
    for (size_t i = 0; i < count; rows += slots[i++].n)
        embed_tokens(enc, &slots[i], s->x + rows * enc->d);
    normalise(enc, &enc->norm_in, s->x, NULL, rows);
    for (size_t i = 0; i < enc->layers; i++)
        run_layer(enc, s, &enc->layer[i], slots, count, rows);
    for (size_t i = 0, row = 0; i < count; row += slots[i++].n)
        if (!pool(s->x + row * enc->d, slots[i].n, enc->d, run->out + slots[i].text * enc->d))
            run->bad[piece] = true;
}

static void tokenise(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct run *run = arg;
    uint32_t *ids = mem_new(run->tokens_max, sizeof *ids);
    for (size_t i = piece * PIECE_TEXTS; i < run->count && i < (piece + 1) * PIECE_TEXTS; i++) {
        size_t n = wordpiece_encode(run->enc->words, run->texts[i], ids, run->tokens_max);
        run->slots[i] = (struct slot){mem_new(n, sizeof *ids), (uint32_t)n, (uint32_t)i};
        memcpy(run->slots[i].ids, ids, n * sizeof *ids);
    }
    free(ids);
}

/* Longest first, so that the last pieces of work are short and all threads end together. */
static int by_length(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return x->text < y->text ? -1 : 1;
}

static void make_groups(struct run *run)
{
    size_t rows = 0;
    run->group_count = 0;
    for (size_t i = 0; i < run->count; i++) {
        if (i == 0 || rows + run->slots[i].n > GROUP_ROWS) {
            run->groups[run->group_count++] = i;
            rows = 0;
        }
        rows += run->slots[i].n;
    }
    run->groups[run->group_count] = run->count;
}

static bool run_block(struct run *run, uint64_t *tokens, struct par *par)
{
    bool ok = true;
    par_for(par, (run->count + PIECE_TEXTS - 1) / PIECE_TEXTS, tokenise, run);
    qsort(run->slots, run->count, sizeof *run->slots, by_length);
    make_groups(run);
    memset(run->bad, 0, run->group_count * sizeof *run->bad);
    par_for(par, run->group_count, encode_group, run);
    for (size_t i = 0; i < run->group_count; i++)
        ok = ok && !run->bad[i];
    for (size_t i = 0; i < run->count; i++) {
        *tokens += run->slots[i].n;
        free(run->slots[i].ids);
    }
    return ok;
}

enum err encoder_run(const struct encoder *enc, const struct str *texts, size_t n, size_t max_tokens, struct mat out,
                     uint64_t *tokens, struct par *par, struct error *e)
{
    assert(out.n == n && out.d == enc->d);
    size_t block = n < BLOCK_TEXTS ? n : BLOCK_TEXTS, threads = par_threads(par);
    uint64_t read = 0;
    bool ok = true;
    struct run run = {.enc = enc, .tokens_max = enc->tokens_max};
    if (max_tokens != 0 && max_tokens < run.tokens_max)
        run.tokens_max = max_tokens < 2 ? 2 : max_tokens;
    run.slots = mem_new(block, sizeof *run.slots);
    run.groups = mem_new(block + 1, sizeof *run.groups);
    run.bad = mem_new(block, sizeof *run.bad);
    run.scratch = mem_zero(threads, sizeof *run.scratch);
    for (size_t done = 0; done < n; done += run.count) {
        run.texts = texts + done;
        run.out = out.at + done * out.d;
        run.count = n - done < block ? n - done : block;
        ok = run_block(&run, &read, par) && ok;
    }
    for (size_t i = 0; i < threads; i++)
        arena_release(&run.scratch[i].memory);
    free(run.scratch);
    free(run.bad);
    free(run.groups);
    free(run.slots);
    if (tokens)
        *tokens = read;
    return ok ? ERR_OK : error_set(e, ERR_NUMERIC, "the encoder's weights gave a vector without a direction");
}
