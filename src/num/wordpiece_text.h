/*
 * wordpiece_text.h: BERT's text rules, as the `tokenizers` library applies them.                       Layer: num.
 *
 * That library's tables of punctuation and marks are those of Unicode 8; ours (utf8proc) are younger. The models were
 * trained with the older ones, so what came later is not punctuation here and not stripped as an accent.
 */
#ifndef CLIO_NUM_WORDPIECE_TEXT_H
#define CLIO_NUM_WORDPIECE_TEXT_H

#include "base/str.h"

struct wordpiece_rules {
    bool clean;         /* drop control characters, every blank becomes a space */
    bool space_cjk;     /* spaces around Chinese characters */
    bool strip_accents; /* decompose, drop nonspacing marks */
    bool lower;
};

/* Appends text in its normal form. Invalid UTF-8 is read as U+FFFD (which `clean` drops). Linear in text.n. */
void wordpiece__normalise(const struct wordpiece_rules *rules, struct str text, struct buf *out);

enum wordpiece_class {
    WORDPIECE_WORD,  /* part of a word */
    WORDPIECE_BLANK, /* between words */
    WORDPIECE_ALONE  /* punctuation: a word by itself */
};

/* The class of the character at text.at[i] (normalised text, so valid UTF-8), and its length. */
enum wordpiece_class wordpiece__class_at(struct str text, size_t i, size_t *n);

#endif
