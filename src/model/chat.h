/*
 * chat.h: dialogues with a server: takes requests from a feed, sends ask after ask of each, thousands side by side, and
 * gives the answers back. What a request and a reply look like is the protocol's.   Layer: model, used by openai.c and
 * anthropic.c.
 */
#ifndef CLIO_MODEL_CHAT_H
#define CLIO_MODEL_CHAT_H

#include "base/json.h"
#include "model/calls.h"
#include "model/model.h"

struct chat_protocol {
    const char *path;
    /* The body for ask i, with the answers given so far. */
    void (*build)(void *ctx, const struct request *r, size_t i, const struct answer *so_far, struct buf *body);
    /* Fills in text i (in the arena) or a status, and adds the usage. False: this is no answer at all. */
    bool (*read)(void *ctx, yyjson_val *root, size_t i, struct arena *a, struct answer *out);
    /* After a rejection: true when requests are built differently from now on, so that it is worth another try. */
    bool (*adapt)(void *ctx, const struct http_reply *r);
    void *ctx;
};

enum { CHAT_ANSWER_TOKENS = 4096, CHAT_BODY_MAX = 1 << 20 /* bytes of a reply: far above any answer */ };

MUST_USE enum err chat_complete(struct calls *c, const struct chat_protocol *p, const struct feed *feed,
                                const atomic_bool *stop, struct error *e);

void chat_set_status(struct answer *out, enum answer_status status, const char *reason);

#endif
