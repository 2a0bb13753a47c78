/*
 * model.h: a language model or an embedding model, whoever provides it. One vtable, one file a provider.
 *
 * A request is a short dialogue: a system text and one or more asks. The model answers the first ask, then the second
 * in the same context, and so on, so that a conversation shown in the first ask is read once. Conversation text inside
 * a request is data: providers must never interpret control tokens in it. Layer: model, uses base and num.
 */
#ifndef CLIO_MODEL_MODEL_H
#define CLIO_MODEL_MODEL_H

#include "base/hash.h"
#include "base/par.h"
#include "model/schema.h"
#include "num/mat.h"

#include <stdatomic.h>

struct ask {
    struct str user;             /* the user's turn */
    const struct schema *answer; /* the shape of the reply */
};

enum { ASKS_MAX = 8 };

struct request {
    struct str system;
    const struct ask *asks;
    size_t asks_count; /* 1..ASKS_MAX */
    double temperature;
    uint64_t seed; /* sampling depends on this and the request, not on time or neighbours */
    /* The first asks' answers where those were given before (feed.part). Providers for whom an answer costs little may
     * ask them again. */
    const struct str *known;
    size_t known_count; /* below asks_count */
};

/* The first ones are kept in ledgers as numbers (store/ledger.h): what a model said, and would be paid for again. */
enum answer_status {
    ANSWER_OK,
    ANSWER_CUT,      /* ended by a length limit */
    ANSWER_REFUSED,  /* the provider declined */
    ANSWER_EMPTY,    /* nothing was said */
    ANSWER_TOO_LONG, /* the request does not fit the model's context */
    ANSWER_FAILED,   /* anything else, for this request only; reason says what */
    ANSWER_HOPELESS, /* the same, and it was repeated already or repeating cannot help */
};

struct usage {
    uint64_t calls, tokens_in, tokens_out;
    uint64_t tokens_cached;   /* part of tokens_in that was not read again */
    uint64_t tokens_to_cache; /* another part, which a server took into its cache, and bills for that */
};

struct answer {
    enum answer_status status;
    struct str texts[ASKS_MAX]; /* one JSON text an ask when ANSWER_OK; not yet parsed */
    struct usage usage;
    const char *reason; /* constant text when not ok */
};

/* Called once for each request, in any order, from the calling thread. The answer is borrowed for the call. */
typedef void answer_fn(void *arg, size_t index, const struct answer *answer);

/*
 * Where a provider takes requests from and puts answers. It pulls: whenever it has room for one more, and after every
 * answer, so that thousands can be in flight while only those need memory.
 */
struct feed {
    /*
     * The next request and the number its answer is given back with; the request stays valid until then. *out NULL:
     * none now. More may come with the answers still awaited (a question asked again); when none are, it was the last.
     * An error ends everything.
     */
    enum err (*next)(void *arg, size_t *index, const struct request **out, struct error *e);
    answer_fn *done;
    /* An ask of several is answered and the next one is about to be sent: texts[0..asks-1] of the answer are there.
     * Called by providers that are paid by the call. NULL: nobody wants to know. */
    void (*part)(void *arg, size_t index, const struct answer *so_far, size_t asks);
    /* Before a provider that is paid by the call sends anything, and a few times a second while it waits: makes durable
     * what was answered, so that no more can be asked twice than is in flight. NULL: nothing to do. */
    enum err (*rest)(void *arg, struct error *e);
    void *arg;
};

struct model_info {
    char name[96];     /* "local:qwen2.5-coder-1.5b-instruct-q4_k_m": manifest and page */
    char identity[80]; /* changes when answers may change: file hash, server model name; part of answer keys */
    uint64_t context_tokens;
    size_t in_flight; /* how many requests it holds at once, at most; embedding models: texts at once */
    size_t width;     /* embedding models: d */
    bool apart;       /* vectors of texts do not compare with those looked up */
    bool scripted;    /* a test double: runs made with it are marked everywhere */
};

/* What a look at a server found; no conversation and no question goes there for it. */
struct probe {
    char key_from[200];     /* "CLIO_OPENAI_KEY", or a file's path; "": no key */
    bool elsewhere;         /* on another computer */
    double first_s, next_s; /* an exchange with and without the connection's set-up */
    enum { PROBE_LISTED, PROBE_NOT_LISTED, PROBE_UNSAID /* it lists no models */ } model;
    char like_it[96]; /* a listed model that is spelt nearly so; "": none */
};

struct model_ops {
    const char *scheme; /* "local" */
    /* Until the feed is empty. An error only for trouble that concerns every request (server gone, bad key); one
     * request's trouble is its answer. stop: set from outside to end early with ERR_INTERRUPTED; may be NULL. */
    enum err (*complete)(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e);
    /* out [n][width], unit rows. NULL for models that only complete; complete is NULL for models that only embed. */
    enum err (*embed)(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                      struct error *e);
    /* Vectors made elsewhere, by record number: out [n][width], unit rows. NULL for models that make them from texts.
     */
    enum err (*lookup)(void *ctx, const int64_t *recs, size_t n, struct mat out, struct error *e);
    /* NULL: the model is no server's. Errors: as complete. */
    enum err (*probe)(void *ctx, struct probe *out, struct error *e);
    void (*close)(void *ctx);
};

struct model {
    const struct model_ops *ops;
    void *ctx;
    struct model_info info;
};

struct batch_book; /* model/batch_book.h */

struct model_opts {
    struct par *par;         /* threads to compute with; borrowed */
    uint64_t context_tokens; /* wanted window for local models; 0: 4096 */
    struct str base_folder;  /* relative paths in the spec start here (the config's folder) */
    const atomic_bool *stop; /* what embed looks at, as complete does at its own; may be NULL; borrowed */
    struct str model_folder; /* local: models are looked for here before the cache; may be empty */
    bool one_sequence;       /* local: one request at a time, for comparison; last bits may differ from many at once */
    const struct batch_book *batches; /* what remembers batches (batch=1); borrowed. NULL: none can be sent */
};

/*
 * Opens "SCHEME:REST". Schemes stand in one table in model.c: local, openai, anthropic, script, replay (complete);
 * encoder, file, hash (embed). Errors: ERR_CONFIG unknown scheme (with a suggestion); ERR_MODEL missing file or
 * library, with the command that mends it.
 */
MUST_USE enum err model_open(struct str spec, const struct model_opts *opts, struct model *out, struct error *e);
void model_close(struct model *m); /* zeroed is fine */
/* Kind i of the table, for help: how it is written, and what it is; NULL behind the last. */
const char *model_kind_help(size_t i, const char **form);

/* A number among the options of a spec: "context" of "openai:MODEL@ADDRESS?context=8192&batch=1". */
int64_t model_option(struct str spec, const char *name, int64_t otherwise);

/* Requests that are all there already; answers come back with their place in the array. */
MUST_USE enum err model_complete(const struct model *m, const struct request *requests, size_t n, answer_fn *done,
                                 void *arg, const atomic_bool *stop, struct error *e);

/*
 * What tells, without opening it, that a model is another one than before: the spec, and of its files the size and the
 * time of the last change, or the bytes of small ones (a script's rules). False: a file is missing, so that only the
 * spec says anything. A spec that cannot be opened at all is no error here.
 */
bool model_fingerprint(struct str spec, const struct model_opts *opts, struct hasher *h);
bool model_fingerprint_file(const char *path, struct hasher *h);

/* The key of a request's answer in the ledger: everything the answer may depend on. In one place, for stages and
 * replay:. */
struct hash model_request_key(const char *stage, const struct model_info *info, const struct request *r);

#endif
