#include "num/encoder.h"

#include "num/encoder_layer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_TEXTS = 4096, /* tokenised at a time: bounds the memory for ids */
    PIECE_TEXTS = 64,   /* tokenised by one piece of work */
    GROUP_ROWS = 208    /* tokens that pass through the weights together: enough to use a panel well */
};

struct run {
    const struct encoder *enc;
    const struct str *texts; /* of this block */
    float *out;              /* [count][d], of this block */
    size_t count, tokens_max;
    struct encoder_slot *slots; /* [count], longest text first once sorted */
    size_t *groups;             /* [group_count + 1]: the first slot of each */
    size_t group_count;
    bool *bad;                       /* [group_count]: a row came out without a direction */
    struct encoder_scratch *scratch; /* [threads] */
};

enum err encoder_new(const struct encoder_files *files, enum encoder_arithmetic arithmetic, struct encoder **out,
                     struct error *e)
{
    struct encoder *enc = mem_zero(1, sizeof *enc);
    enum err err = wordpiece_new(files->tokenizer, &enc->words, e);
    *out = NULL;
    enc->arithmetic = arithmetic;
    enc->kernels = kernels_best();
    enc->products = codes_best();
    if (err == ERR_OK)
        err = encoder__load(enc, files, e);
    if (err != ERR_OK) {
        encoder_free(enc);
        return err;
    }
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
    struct encoder_scratch *s = &run->scratch[worker];
    const struct encoder_slot *slots = run->slots + run->groups[piece];
    size_t count = run->groups[piece + 1] - run->groups[piece], rows = 0;
    if (!s->x)
        encoder__scratch_init(s, enc, run->tokens_max > GROUP_ROWS ? run->tokens_max : GROUP_ROWS, run->tokens_max);
    rows = encoder__run_words(enc, s, slots, count);
    for (size_t i = 0; i < enc->layers; i++)
        encoder__run_layer(enc, s, &enc->layer[i], slots, count, rows);
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
        run->slots[i] = (struct encoder_slot){mem_new(n, sizeof *ids), (uint32_t)n, (uint32_t)i};
        memcpy(run->slots[i].ids, ids, n * sizeof *ids);
    }
    free(ids);
}

/* Longest first, so that the last pieces of work are short and all threads end together. */
static int by_length(const void *a, const void *b)
{
    const struct encoder_slot *x = a, *y = b;
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
    bool ok = enc->finite || n == 0;
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
