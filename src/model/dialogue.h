/*
 * dialogue.h: one request on its way through a local model, as a machine that computes nothing itself.
 *
 * It says which tokens are to be read next and at which position, and is given the numbers behind the last of them, so
 * that a scheduler can keep many going on one model (local.c):
 *
 *     dialogue_begin(&d, ...); choose how many chunks the cache holds; d.chunk = kept
 *     while (dialogue_next(&d, &p))
 *         forget the sequence from p.position on, read p.ids, dialogue_take(&d, logits behind the last)
 *     d.answer is complete
 *
 * What is read in one go depends on the request alone: a prompt, with what the schema fixes of the answer's beginning,
 * is read in chunks that end where its parts end, and every CHUNK_TOKENS within them; the other fixed parts of an
 * answer in one go each; single tokens singly. A number in the
 * cache then comes from the same operations whatever was asked before, so that an answer never depends, not even in its
 * last bit, on other requests.                                                   Layer: model, used by local.c.
 */
#ifndef CLIO_MODEL_DIALOGUE_H
#define CLIO_MODEL_DIALOGUE_H

#include "model/chat_format.h"
#include "model/model.h"
#include "model/writer.h"

enum { CHUNK_TOKENS = 128 };

/* What the dialogues of one model share; borrowed. */
struct dialogue_model {
    const struct vocab *vocab;
    const struct chat_format *format;
    int32_t first_token; /* every prompt begins with it; -1: none */
    size_t context;      /* tokens of one sequence */
    bool use_grammar;    /* llama.cpp's grammar sampler instead of the writer: slow, for comparison */
};

enum dialogue_phase { DIALOGUE_READING, DIALOGUE_WRITING, DIALOGUE_DONE };

struct dialogue {
    struct tokens prompt, ends; /* what is to be read, and where its chunks end */
    size_t chunk;               /* the next one of the prompt; set it before the first step to skip what is cached */
    struct answer answer;       /* texts are in the arena */

    /* Private from here on. */
    const struct dialogue_model *m;
    const struct request *request;
    struct arena arena;
    enum dialogue_phase phase;
    size_t ask;      /* the one being read or answered */
    size_t position; /* where the present prompt or answer begins in the sequence */
    size_t primed;   /* tokens at the prompt's end that are the answer's fixed beginning */
    bool all_fixed;  /* and nothing follows them */
    size_t read;     /* tokens of the answer that were read */
    struct writer writer;
    struct llama_grammar *grammar;
    struct rng rng;
};

struct dialogue_piece {
    const int32_t *ids;
    size_t n, position;
    bool wanted; /* the numbers behind its last token are needed */
};

/* On a zeroed dialogue, or on one that is over: its memory is used again. The request is borrowed until it is done. */
void dialogue_begin(struct dialogue *d, const struct dialogue_model *m, const struct request *r);
bool dialogue_next(struct dialogue *d, struct dialogue_piece *out); /* false: the answer is there */
void dialogue_take(struct dialogue *d, const float *logits);        /* the piece was read; logits NULL if not wanted */
void dialogue_fail(struct dialogue *d, enum answer_status status, const char *reason); /* ends it */
void dialogue_release(struct dialogue *d);

#endif
