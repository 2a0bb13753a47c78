/*
 * calls.h: JSON calls to one server, many at once, each repeated where that can help: at most CALL_REPEATS times, after
 * a wait that doubles, half of it by chance, and never shorter than the server's Retry-After. What tells one call's
 * trouble from the server's: a wrong key, a spent quota, an unknown address and a bad certificate end everything at
 * once; several different calls in a row that no repetition helped do too.   Layer: model, used by chat.c and openai.c.
 */
#ifndef CLIO_MODEL_CALLS_H
#define CLIO_MODEL_CALLS_H

#include "model/http.h"

#include <stdatomic.h>

enum { CALL_REPEATS = 6 };

struct calls;

struct calls_opts {
    struct http_opts http;
    int64_t backoff_ms;                    /* before the first repetition */
    double requests_minute, tokens_minute; /* 0: no limit */
    const char *key_hint;                  /* what to set when the key is refused */
};

struct call {
    struct buf body; /* filled by the source; kept for the next one */
    uint64_t tokens; /* what it may cost, for the limit on tokens */
    size_t index;    /* 0..calls_slots-1: for the source's own array */
    /* Set by the source where it is no POST of JSON to the source's path: */
    struct http_request http; /* without the body */
    bool once;                /* what the server may have acted on is not repeated: CALL_FAILED at once */
    bool impatient;           /* not repeated at all: somebody looks on */
    bool may_be_missing;      /* 404 is this call's answer, CALL_REJECTED, and no wrong address */
};

enum call_trouble {
    CALL_REJECTED,   /* status 4xx: this call never will be answered; the reply says why */
    CALL_UNREADABLE, /* replies nobody understands, or far too large, however often */
    CALL_FAILED,     /* errors, however often */
};

enum call_step {
    CALL_OVER,
    CALL_ANOTHER, /* the body was replaced: send it, with tries of its own */
    CALL_AGAIN,   /* a reply that is none: repeat */
};

struct calls_source {
    const char *path; /* "chat/completions"; a call's own comes first */
    /* *given false: none now; asked again after every call that is over. */
    enum err (*next)(void *arg, struct call *c, bool *given, struct error *e);
    enum call_step (*reply)(void *arg, struct call *c, const struct http_reply *r); /* of a status 2xx */
    enum call_step (*trouble)(void *arg, struct call *c, enum call_trouble t, const struct http_reply *r);
    enum err (*rest)(void *arg, struct error *e); /* before anything is sent; may be NULL */
    void *arg;
};

MUST_USE enum err calls_open(const struct calls_opts *opts, struct calls **out, struct error *e);
void calls_close(struct calls *c);
size_t calls_slots(const struct calls *c);

/* Until nothing is left. Errors: ERR_AUTH, ERR_MODEL for trouble of the server; ERR_INTERRUPTED; the source's. */
MUST_USE enum err calls_run(struct calls *c, const struct calls_source *s, const atomic_bool *stop, struct error *e);

/* Whether the reply is {"error": {...}} with this code, type or param. */
bool call_error_is(const struct http_reply *r, const char *member, const char *value);

#endif
