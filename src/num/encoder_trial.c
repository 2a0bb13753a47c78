#include "num/encoder_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 48 };

/* Invented. Several languages and scripts, code, numbers: what is large in one of them may not be in another. */
static const char *const texts[ENCODER_TRIAL_TEXTS] = {
    "How do I sort a list of dictionaries by two keys in Python, newest first?",
    "Bitte schreibe eine kurze, h\u00f6fliche E-Mail an meine Vermieterin: Die Heizung ist seit Montag kalt.",
    "def mean(xs):\n    return sum(xs) / len(xs)  # fails for []",
    "\u8bf7\u628a\u8fd9\u6bb5\u8bdd\u7ffb\u8bd1\u6210\u82f1\u6587\u3002 "
    "\u042d\u0442\u043e \u043f\u0440\u043e\u0441\u0442\u043e \u043f\u0440\u043e\u0432\u0435\u0440\u043a\u0430. "
    "\u00bfQu\u00e9 tal?",
    "The user asks for a plan of three days in Lisbon with two children, and what it would cost.",
    "1. Milk, 2. eggs (12), 3. flour - 500 g; total: $7.45!",
};

void encoder__trial_start(struct encoder_trial *t, const struct encoder *enc)
{
    size_t most = enc->tokens_max < TOKENS_MAX ? enc->tokens_max : TOKENS_MAX;
    memset(t, 0, sizeof *t);
    encoder__scratch_init(&t->scratch, enc, ENCODER_TRIAL_TEXTS * TOKENS_MAX, TOKENS_MAX);
    for (size_t i = 0; i < ENCODER_TRIAL_TEXTS; i++) {
        uint32_t *ids = mem_new(most, sizeof *ids);
        t->slots[i] = (struct encoder_slot){ids, 0, (uint32_t)i};
        t->slots[i].n = (uint32_t)wordpiece_encode(enc->words, str_of(texts[i]), ids, most);
    }
    t->rows = encoder__run_words(enc, &t->scratch, t->slots, ENCODER_TRIAL_TEXTS);
}

void encoder__trial_end(struct encoder_trial *t)
{
    for (size_t i = 0; i < ENCODER_TRIAL_TEXTS; i++)
        free(t->slots[i].ids);
    arena_release(&t->scratch.memory);
}

/* Row `row` of what kernels_pack_rows made. */
static void unpack_row(const struct encoder_dense *floats, size_t row, float *out)
{
    const float *panel = floats->w + row / KERNELS_PANEL * KERNELS_PANEL * floats->k + row % KERNELS_PANEL;
    for (size_t i = 0; i < floats->k; i++)
        out[i] = panel[i * KERNELS_PANEL];
}

/* grow [k]: half of the way, in the logarithm, from inputs of one size to weights of one size. */
static void balance(const struct encoder_dense *floats, float *grow)
{
    float *weights = mem_zero(floats->k, sizeof *weights);
    for (size_t row = 0; row < floats->n; row += KERNELS_PANEL)
        for (size_t i = 0; i < floats->k * KERNELS_PANEL; i++)
            weights[i / KERNELS_PANEL] = fmaxf(weights[i / KERNELS_PANEL], fabsf(floats->w[row * floats->k + i]));
    for (size_t i = 0; i < floats->k; i++) {
        float ratio = floats->largest[i] / weights[i];
        grow[i] = ratio > 1e-6f && ratio < 1e6f ? sqrtf(ratio) : 1.0f;
    }
    free(weights);
}

/* floats->largest NULL: the inputs stay as they are. */
static struct encoder_dense code(const struct encoder_dense *floats, struct arena *memory)
{
    size_t n = floats->n, k = floats->k, stride = codes_stride(k);
    struct encoder_dense bytes = {.n = n, .k = k, .bias = encoder__floats(memory, n)};
    float *row = mem_new(k, sizeof *row), *grow = mem_new(k, sizeof *grow);
    int8_t *panel = mem_new(CODES_PANEL, stride);
    bytes.codes = encoder__memory(memory, n * stride);
    bytes.scales = encoder__floats(memory, n);
    bytes.sums = encoder__floats(memory, n);
    memcpy(bytes.bias, floats->bias, n * sizeof *bytes.bias);
    if (floats->largest) {
        balance(floats, grow);
        bytes.shrink = encoder__floats(memory, k);
        for (size_t i = 0; i < k; i++)
            bytes.shrink[i] = 1.0f / grow[i];
    }
    for (size_t at = 0; at < n; at++) {
        int8_t *coded = panel + at % CODES_PANEL * stride;
        int32_t sum = 0;
        unpack_row(floats, at, row);
        for (size_t i = 0; floats->largest && i < k; i++)
            row[i] *= grow[i];
        bytes.scales[at] = codes_quantise(row, k, coded);
        for (size_t i = 0; i < k; i++)
            sum += coded[i];
        bytes.sums[at] = (float)sum;
        if (at % CODES_PANEL == CODES_PANEL - 1)
            codes_pack(panel, CODES_PANEL, stride, bytes.codes + (at + 1 - CODES_PANEL) * stride);
    }
    free(panel);
    free(grow);
    free(row);
    return bytes;
}

static struct encoder_norm copy_norm(const struct encoder_norm *norm, struct encoder *enc)
{
    struct encoder_norm copy = {encoder__floats(&enc->memory, enc->d), encoder__floats(&enc->memory, enc->d)};
    memcpy(copy.weight, norm->weight, enc->d * sizeof(float));
    memcpy(copy.bias, norm->bias, enc->d * sizeof(float));
    return copy;
}

void encoder__trial_code(struct encoder_trial *t, struct encoder *enc, struct encoder_layer *floats,
                         struct encoder_layer *bytes)
{
    /* What comes out of a layer norm has its large inputs always in the same places. */
    floats->qkv.largest = mem_zero(enc->d, sizeof(float));
    floats->up.largest = mem_zero(enc->d, sizeof(float));
    encoder__run_layer(enc, &t->scratch, floats, t->slots, ENCODER_TRIAL_TEXTS, t->rows);
    *bytes = (struct encoder_layer){.qkv = code(&floats->qkv, &enc->memory),
                                    .out = code(&floats->out, &enc->memory),
                                    .norm_out = copy_norm(&floats->norm_out, enc),
                                    .up = code(&floats->up, &enc->memory),
                                    .down = code(&floats->down, &enc->memory),
                                    .norm_down = copy_norm(&floats->norm_down, enc)};
    free(floats->qkv.largest);
    free(floats->up.largest);
}
