/*
 * langid.h: which language is this text? A predictor for fastText's lid.176.ftz, held in memory (Joulin et al. 2016).
 * Hashed character n-grams, product-quantised rows, hierarchical softmax, as the file says.            Layer: num.
 */
#ifndef CLIO_NUM_LANGID_H
#define CLIO_NUM_LANGID_H

#include "base/error.h"
#include "base/str.h"

struct langid;

struct langid_guess {
    char code[8]; /* ISO 639 code as the model has it: "en", "zh", "pt" ... */
    float p;      /* 0..1 */
};

/* model is borrowed as long as the predictor lives. Errors: ERR_MODEL not a quantised fastText model; all offsets are
 * checked. */
MUST_USE enum err langid_new(struct str model, struct langid **out, struct error *e);
void langid_free(struct langid *l);

/* The best guesses, most probable first, at most max; returns how many (0 when the text has nothing to go by).
 * Thread-safe. */
size_t langid_guess(const struct langid *l, struct str text, struct langid_guess *out, size_t max);

#endif
