/*
 * writer.h: writes one answer of a given shape with a local model, a token at a time.
 *
 * The parts of the answer that the schema fixes ({"name": ", the given start, closing quotes) are never sampled: they
 * are appended as tokens in one go, about half of a typical answer. Free text takes any token the vocabulary's table
 * allows (vocab.h); a choice and a number take only tokens that lead to an allowed value. So whatever the model's
 * numbers are, the answer parses.
 *
 * A writer computes nothing and knows no cache. It says which tokens follow and is given the logits behind the last
 * one:
 *
 *     for (bool more = writer_step(w, NULL); more; more = writer_step(w, logits))
 *         forget the tokens from w->kept on, read w->tokens from w->kept on, and get the logits behind the last;
 *
 * so many writers can take turns on one model.                            Layer: model, used by local.c.
 */
#ifndef CLIO_MODEL_WRITER_H
#define CLIO_MODEL_WRITER_H

#include "base/rng.h"
#include "model/schema.h"
#include "model/vocab.h"

enum writer_phase { WRITER_START, WRITER_TEXT, WRITER_OPTIONS, WRITER_INT, WRITER_DONE };

struct writer {
    struct tokens tokens; /* the answer so far */
    size_t kept;          /* this many of them were there before the last step; all behind are new */
    struct buf json;      /* the same as text */

    /* Private from here on. */
    const struct vocab *vocab;
    const struct schema *schema;
    double temperature; /* 0 or less: always the likeliest token */
    struct rng rng;
    enum writer_phase phase;
    size_t field;       /* the one being written */
    struct buf literal; /* fixed text waiting to be appended */
    size_t value_from;  /* where in json the model's own text began, and which token that was */
    size_t value_token;
    size_t items; /* written of a list */
    struct arena arena;
    struct str *options; /* what may follow, whole; options_n is 0 in other phases */
    size_t options_n, matched;
};

void writer_begin(struct writer *w, const struct vocab *v, const struct schema *s, double temperature, struct rng rng);
bool writer_step(struct writer *w, const float *logits); /* false: the answer is complete */
void writer_release(struct writer *w);

/* What sampling takes of a list of tokens: top-k 40, top-p 0.9, then the temperature. Exported for the grammar's path.
 */
struct candidate {
    int32_t id;
    float logit;
};

enum { CANDIDATES_MAX = 40 };

/* Sorts c and returns one of its ids; n > 0. Ties go to the lower id. */
int32_t writer_sample(struct candidate *c, size_t n, double temperature, struct rng *rng);

/* The most likely tokens whose logit is not -INFINITY and whose class is not VOCAB_NEVER (any class when v is NULL). */
size_t writer_top(const struct vocab *v, const float *logits, size_t n, struct candidate out[CANDIDATES_MAX]);

#endif
