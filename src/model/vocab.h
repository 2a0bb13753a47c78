/*
 * vocab.h: a local model's tokens, sorted once by what they may do inside a JSON string.
 *
 * With this table free text needs no grammar: a token either is plain text, or ends the text, or is never taken.
 *                                                                        Layer: model, used by writer.c and local.c.
 */
#ifndef CLIO_MODEL_VOCAB_H
#define CLIO_MODEL_VOCAB_H

#include "base/str.h"
#include "plugin/llama_abi.h"

/* A growing list of token ids. Zeroed is valid. */
struct tokens {
    int32_t *at;
    size_t n, cap;
};

void tokens_add(struct tokens *t, int32_t id);
void tokens_release(struct tokens *t);

enum vocab_class {
    VOCAB_NEVER, /* control tokens, and text that would need an escape */
    VOCAB_TEXT,  /* whole characters, none of them special */
    VOCAB_PART,  /* begins or ends within a character: allowed where it fits */
    VOCAB_ENDS,  /* holds a quote or a newline, or ends the turn: what stands before it still counts */
};

struct vocab {
    const struct llama_abi *abi;
    struct llama_engine *engine;
    size_t n;
    char *bytes;            /* all pieces, one behind the other */
    uint32_t *at;           /* [n + 1] where each begins */
    unsigned char *classes; /* enum vocab_class [n] */
    uint32_t *slots;        /* piece to id: open addressing, id + 1, 0 is free */
    size_t slots_mask;
};

void vocab_init(struct vocab *v, const struct llama_abi *abi, struct llama_engine *engine);
void vocab_release(struct vocab *v);
struct str vocab_piece(const struct vocab *v, int32_t id);
int32_t vocab_find(const struct vocab *v, struct str piece); /* the plain-text token of exactly these bytes; -1: none */
void vocab_tokenize(const struct vocab *v, struct str text, bool special, struct tokens *out); /* appends */

/* How many bytes at the end of s are a character's beginning whose rest may follow: 0..3. */
size_t vocab_open_bytes(struct str s);

#endif
