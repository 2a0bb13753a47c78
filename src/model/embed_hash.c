/*
 * embed_hash.c: `hash:768`, a test double for an embedding model. Every word and every pair of neighbouring words has a
 * random direction of its own, drawn from its hash; a text's vector is their sum, scaled to length one. Texts that
 * share words are near each other, which is all that clustering needs to be exercised.
 */
#include "base/rng.h"
#include "model/provider.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MIN = 8, WIDTH_MAX = 4096, SPARSE = 16, TEXTS_PER_PIECE = 64, VERSION = 1 };

static const float PAIR_WEIGHT = 0.5f;

struct hash_embedder {
    struct par *par;
    size_t width;
};

struct job {
    const struct str *texts;
    size_t n;
    struct mat out;
    uint64_t *words; /* a piece */
};

/* SPARSE places of the row get plus or minus the weight: as good as a dense direction, and 50 times cheaper. */
static void add_direction(float *row, size_t width, uint64_t hash, float weight)
{
    struct rng r = rng_seed(hash, width);
    for (size_t i = 0; i < SPARSE; i++) {
        uint64_t v = rng_u64(&r);
        row[(v >> 1) % width] += v & 1 ? weight : -weight;
    }
}

static bool is_word_byte(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The hash of the next word, small letters and capitals alike; 0 at the end of the text. */
static uint64_t next_word(struct str *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    size_t n = 0;
    for (; s->n && !is_word_byte((unsigned char)*s->at); s->at++)
        s->n--;
    for (; s->n && is_word_byte((unsigned char)*s->at); s->at++, s->n--, n++) {
        unsigned char c = (unsigned char)*s->at;
        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 1099511628211u;
    }
    return n ? h | 1 : 0;
}

static uint64_t embed_text(struct str text, float *row, size_t width)
{
    memset(row, 0, width * sizeof *row);
    uint64_t words = 0, before = 0;
    for (uint64_t word; (word = next_word(&text)) != 0; before = word, words++) {
        add_direction(row, width, word, 1);
        if (before)
            add_direction(row, width, rng_mix(before, word), PAIR_WEIGHT);
    }
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)row[i] * (double)row[i];
    if (sum <= 0) { /* no words, or words that cancel out: still a unit row */
        memset(row, 0, width * sizeof *row);
        row[0] = 1;
        return words;
    }
    double scale = 1 / sqrt(sum);
    for (size_t i = 0; i < width; i++)
        row[i] = (float)((double)row[i] * scale);
    return words;
}

static void embed_piece(void *arg, size_t piece, size_t worker)
{
    struct job *j = arg;
    (void)worker;
    size_t to = (piece + 1) * TEXTS_PER_PIECE;
    for (size_t i = piece * TEXTS_PER_PIECE; i < to && i < j->n; i++)
        j->words[piece] += embed_text(j->texts[i], mat_row(j->out, i), j->out.d);
}

static enum err hash_embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                           struct error *e)
{
    struct hash_embedder *h = ctx;
    if (out.n < n || out.d != h->width)
        return error_set(e, ERR_RANGE, "the embedder gives %zu numbers a text, not %zu", h->width, out.d);
    size_t pieces = (n + TEXTS_PER_PIECE - 1) / TEXTS_PER_PIECE;
    struct job job = {texts, n, out, mem_zero(pieces + 1, sizeof(uint64_t))};
    par_for(h->par, pieces, embed_piece, &job);
    for (size_t i = 0; usage && i < pieces; i++)
        usage->tokens_in += job.words[i];
    if (usage)
        usage->calls++;
    free(job.words);
    return ERR_OK;
}

static void hash_close(void *ctx)
{
    free(ctx);
}

bool hash_fingerprint(struct str rest, const struct model_opts *opts, struct hasher *h)
{
    (void)rest, (void)opts;
    hash_add_u64(h, VERSION);
    return true;
}

static const struct model_ops ops = {.scheme = "hash", .embed = hash_embed, .close = hash_close};

enum err hash_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    int64_t width;
    if (!str_to_i64(rest, &width) || width < WIDTH_MIN || width > WIDTH_MAX)
        return error_set(e, ERR_CONFIG, "hash: takes a width between %d and %d, for example hash:768", WIDTH_MIN,
                         WIDTH_MAX);
    struct hash_embedder *h = mem_new(1, sizeof *h);
    *h = (struct hash_embedder){opts->par, (size_t)width};
    snprintf(out->info.name, sizeof out->info.name, "hash:%d", (int)width);
    snprintf(out->info.identity, sizeof out->info.identity, "hashed words %d, %d", (int)width, VERSION);
    out->info.width = h->width;
    out->info.in_flight = 4096;
    out->info.scripted = true;
    out->ops = &ops;
    out->ctx = h;
    return ERR_OK;
}
