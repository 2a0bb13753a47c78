/*
 * talk.h: one dialogue with a server on its way: which of its asks is open, and what was answered so far. How a body
 * gets there and back is not its concern, so that single calls and batches share it. Layer: model, used by chat.c and
 * batch.c.
 */
#ifndef CLIO_MODEL_TALK_H
#define CLIO_MODEL_TALK_H

#include "model/chat.h"

struct talk {
    const struct request *request; /* NULL: none */
    size_t index, ask;
    struct arena arena; /* its answers */
    struct answer answer;
};

/* The feed's next request; t->request is NULL when there is none now. */
MUST_USE enum err talk_begin(struct talk *t, const struct feed *feed, struct error *e);

/* The body for its open ask; returns about how many tokens it takes. */
uint64_t talk_build(const struct talk *t, const struct chat_protocol *p, struct buf *body);

/*
 * What came for the open ask. CALL_OVER: talk_end is due. CALL_ANOTHER: a body is to be built again, for the next ask
 * or in another way. CALL_AGAIN: that was no answer.
 */
enum call_step talk_read(struct talk *t, const struct chat_protocol *p, const struct feed *feed, yyjson_val *root);
enum call_step talk_trouble(struct talk *t, const struct chat_protocol *p, enum call_trouble why,
                            const struct http_reply *r);
void talk_end(struct talk *t, const struct feed *feed); /* gives the answer back */
void talk_release(struct talk *t);

#endif
