/*
 * single.h: one call by itself, repeated as all calls are (calls.h).            Layer: model, used by batch.c.
 */
#ifndef CLIO_MODEL_SINGLE_H
#define CLIO_MODEL_SINGLE_H

#include "model/calls.h"

enum single_end {
    SINGLE_ANSWERED, /* status 2xx */
    SINGLE_REJECTED, /* status 4xx; reply holds what was said */
    SINGLE_FAILED,   /* neither, however often; with once: perhaps the server did it */
};

struct single {
    struct http_request http; /* without the body */
    struct buf body;          /* what is sent; the caller's, and whole again on return */
    bool once, impatient, may_be_missing;
    enum err (*rest)(void *arg, struct error *e);
    void *rest_arg;
    /* What came. */
    struct buf reply;
    enum single_end end;
    long status;
};

/* Errors: those of calls_run, for trouble of the server that no call escapes. */
MUST_USE enum err single_call(struct calls *c, struct single *s, const atomic_bool *stop, struct error *e);
void single_release(struct single *s);

#endif
