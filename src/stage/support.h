/*
 * support.h: a name in a published text must come from enough people (PRIVACY R6). Words that look like names (a
 * capital inside a sentence, digits, other alphabets) have to stand in texts of at least k accounts; a model that
 * repeats one person's employer, or invents a town, is not believed. No model is asked. Layer: stage.
 */
#ifndef CLIO_STAGE_SUPPORT_H
#define CLIO_STAGE_SUPPORT_H

#include "store/records.h"

/* Beginnings of all words written small somewhere in a facet's texts: a capital there is a heading's, not a name's. */
struct common_words {
    struct str *at; /* sorted, distinct */
    size_t n;
};

MUST_USE enum err common_words_load(struct run *r, struct str facet, struct arena *a, struct common_words *out,
                                    struct error *e);
/* Whether the word, whatever its capitals, is one of them, or one with an ending. words may be NULL. */
bool common_words_have(const struct common_words *words, struct str word);

struct support {
    const struct str *texts; /* [n] what the model was told about */
    const int64_t *accounts; /* [n] whose text each is; NULL: each stands for an account of its own */
    size_t n;
    uint64_t k;                        /* accounts wanted */
    const struct common_words *common; /* may be NULL */
};

/*
 * Whether every name-like word of the text is supported. begins: the text begins a sentence, whose first capital is no
 * name's; a text that stands by itself (a short name, a subject) has no such excuse. Cost: words x the texts' bytes.
 */
bool support_has(const struct support *s, struct str text, bool begins);

/* Whether enough accounts have the word, whatever it looks like, in their texts. */
bool support_has_word(const struct support *s, struct str word);

/* One word after the other, without what stands between them; empty at the end. */
struct str support_word(struct str *rest);

/* The text without what is not supported: list items, or else whole sentences. Only its first word, and what commonly
 * opens a sentence, may be written large without support. In the arena. */
struct str support_sentences(const struct support *s, struct str text, struct arena *a);

#endif
