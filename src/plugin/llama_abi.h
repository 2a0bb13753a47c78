/*
 * llama_abi.h: all the program knows of llama.cpp. The plugin (plugin/llama.c) fills this table in; model/local.c finds
 * the plugin at run time and calls nothing else. llama.cpp's own structs, which grow from release to release, and its
 * C++ run time stay behind it.
 *
 * The plugin is mechanism only: tokens in, logits out. What is asked, which token is taken and when to stop is decided
 * in src/model, where it can be tested without a model. Sequences are numbered from 0, each with a cache of its own,
 * and decoded together. No function here may be called by two threads at once on one engine. Layer: between model and
 * the plugin.
 */
#ifndef CLIO_PLUGIN_LLAMA_ABI_H
#define CLIO_PLUGIN_LLAMA_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LLAMA_ABI_VERSION = 2 };
#define LLAMA_ABI_SYMBOL "clio_llama_abi"

struct llama_engine;  /* weights, context and key-value cache */
struct llama_grammar; /* llama.cpp's own grammar sampler: the oracle */

struct llama_abi_opts {
    const char *model_path;
    const char *backends;    /* folder with the ggml back ends; NULL: the system's places */
    uint32_t context_tokens; /* of each sequence */
    uint32_t batch_tokens;
    int32_t threads;
};

struct llama_abi_token {
    int32_t id;
    int32_t position;
    int32_t sequence;
    bool wanted; /* logits wanted behind this token */
};

enum llama_abi_status {
    LLAMA_ABI_OK = 0,
    LLAMA_ABI_FULL = 1, /* no room left in the cache */
    LLAMA_ABI_FAILED = 2,
};

enum llama_abi_kind { /* of a token, as bits */
                      LLAMA_ABI_ENDS_TURN = 1,
                      LLAMA_ABI_CONTROL = 2, /* never part of text */
};

struct llama_abi {
    uint32_t version; /* LLAMA_ABI_VERSION */
    uint32_t bytes;   /* sizeof(struct llama_abi) */

    const char *(*library_version)(void);

    /* NULL when it cannot be opened; why (why_size bytes) then says so in one clause. */
    struct llama_engine *(*open)(const struct llama_abi_opts *opts, char *why, size_t why_size);
    void (*close)(struct llama_engine *g);
    /* Memory of one sequence's cache; and room for so many of them, once, before anything is read. False: no memory. */
    uint64_t (*sequence_bytes)(const struct llama_engine *g);
    bool (*make_room)(struct llama_engine *g, uint32_t sequences, char *why, size_t why_size);

    uint32_t (*context_tokens)(const struct llama_engine *g);
    size_t (*vocab_count)(const struct llama_engine *g);
    int32_t (*first_token)(const struct llama_engine *g); /* every text of the model begins with it; -1: none does */
    unsigned (*token_kind)(const struct llama_engine *g, int32_t id);
    /* Both write at most max and return how many there are in all, as snprintf does. special: control tokens are
     * parsed. */
    size_t (*token_bytes)(const struct llama_engine *g, int32_t id, char *out, size_t max);
    size_t (*tokenize)(const struct llama_engine *g, const char *text, size_t n, bool special, int32_t *out,
                       size_t max);
    /* The model's own metadata; false when there is no such key. Cut to size. */
    bool (*meta)(const struct llama_engine *g, const char *key, char *out, size_t size);

    /* Forgets everything of a sequence from this position on. */
    void (*forget)(struct llama_engine *g, int32_t sequence, int32_t from);
    /* Sequence `to` is now the first n tokens of `from`, and nothing else. */
    void (*copy)(struct llama_engine *g, int32_t from, int32_t to, int32_t n);
    /* Reads n tokens, at most batch_tokens. logits(g, i) is then [vocab_count] for token i if it was wanted. */
    enum llama_abi_status (*decode)(struct llama_engine *g, const struct llama_abi_token *tokens, size_t n);
    const float *(*logits)(struct llama_engine *g, size_t i);

    /* Sets every logit the grammar forbids to -INFINITY; takes a token that was allowed. NULL: the text does not parse.
     */
    struct llama_grammar *(*grammar_new)(struct llama_engine *g, const char *gbnf);
    void (*grammar_free)(struct llama_grammar *grammar);
    void (*grammar_mask)(struct llama_grammar *grammar, float *logits, size_t n);
    void (*grammar_take)(struct llama_grammar *grammar, int32_t id);
};

typedef const struct llama_abi *llama_abi_fn(void);

#endif
