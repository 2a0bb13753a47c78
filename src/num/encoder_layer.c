#include "num/encoder_layer.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK_M = 32, /* rows and columns of a block of integer products: they stay in the first cache */
    BLOCK_N = 128
};

static size_t padded(size_t t)
{
    return (t + KERNELS_PANEL - 1) / KERNELS_PANEL * KERNELS_PANEL;
}

void encoder__scratch_init(struct encoder_scratch *s, const struct encoder *enc, size_t rows, size_t tokens_max)
{
    size_t width = enc->d / enc->h;
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
    s->scales = encoder__memory(&s->memory, whole * sizeof *s->scales);
    s->products = encoder__memory(&s->memory, BLOCK_M * BLOCK_N * sizeof *s->products);
}

static void apply_bytes(const struct encoder *enc, struct encoder_scratch *s, const struct encoder_dense *dense,
                        const float *x, size_t rows, float *y)
{
    size_t stride = codes_stride(dense->k), n = dense->n;
    for (size_t i = 0; i < rows; i++)
        s->scales[i] = enc->kernels->code(x + i * dense->k, dense->shrink, dense->k, s->codes + i * stride);
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
                                                    .sums = dense->sums + j,
                                                    .bias = dense->bias + j,
                                                    .out = y + i * n + j,
                                                    .ld = n});
        }
}

static void note_largest(const struct encoder_dense *dense, const float *x, size_t rows)
{
    for (size_t i = 0; i < rows * dense->k; i++)
        dense->largest[i % dense->k] = fmaxf(dense->largest[i % dense->k], fabsf(x[i]));
}

/* y [rows][n] = dense(x [rows][k]) */
static void apply(const struct encoder *enc, struct encoder_scratch *s, const struct encoder_dense *dense,
                  const float *x, size_t rows, float *y)
{
    if (dense->codes) {
        apply_bytes(enc, s, dense, x, rows, y);
        return;
    }
    if (dense->largest)
        note_largest(dense, x, rows);
    enc->kernels->gemm(&(struct gemm){.m = rows,
                                      .n = dense->n,
                                      .k = dense->k,
                                      .a = x,
                                      .lda = dense->k,
                                      .b = dense->w,
                                      .bias = dense->bias,
                                      .c = y,
                                      .ldc = dense->n});
}

static void normalise(const struct encoder *enc, const struct encoder_norm *norm, float *x, const float *add,
                      size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        enc->kernels->layer_norm(x + i * enc->d, add ? add + i * enc->d : NULL, norm->weight, norm->bias, enc->d,
                                 enc->eps);
}

static void embed_tokens(const struct encoder *enc, const struct encoder_slot *slot, float *x)
{
    for (size_t i = 0; i < slot->n; i++, x += enc->d) {
        memcpy(x, enc->word_rows + slot->ids[i] * enc->d * sizeof(float), enc->d * sizeof(float));
        for (size_t j = 0; j < enc->d; j++)
            x[j] += enc->positions[i * enc->d + j];
    }
}

/* One head of one text: context [t][width] = softmax(queries keys^T / sqrt(width) + near) values. */
static void attend(const struct encoder *enc, struct encoder_scratch *s, const float *qkv, float *context, size_t t,
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

size_t encoder__run_words(const struct encoder *enc, struct encoder_scratch *s, const struct encoder_slot *slots,
                          size_t count)
{
    size_t rows = 0;
    for (size_t i = 0; i < count; rows += slots[i++].n)
        embed_tokens(enc, &slots[i], s->x + rows * enc->d);
    normalise(enc, &enc->norm_in, s->x, NULL, rows);
    return rows;
}

void encoder__run_layer(const struct encoder *enc, struct encoder_scratch *s, const struct encoder_layer *layer,
                        const struct encoder_slot *slots, size_t count, size_t rows)
{
    size_t d = enc->d, width = d / enc->h;
    apply(enc, s, &layer->qkv, s->x, rows, s->qkv);
    for (size_t i = 0, row = 0; i < count; row += slots[i++].n)
        for (size_t head = 0; head < enc->h; head++)
            attend(enc, s, s->qkv + row * 3 * d + head * width, s->context + row * d + head * width, slots[i].n, head);
    apply(enc, s, &layer->out, s->context, rows, s->change);
    normalise(enc, &layer->norm_out, s->x, s->change, rows);

    apply(enc, s, &layer->up, s->x, rows, s->inner);
    enc->kernels->gelu(s->inner, rows * enc->f);
    apply(enc, s, &layer->down, s->inner, rows, s->change);
    normalise(enc, &layer->norm_down, s->x, s->change, rows);
}
