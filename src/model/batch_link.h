/*
 * batch_link.h: what is said to a server about batches, one call at a time.       Layer: model, used by batch.c.
 */
#ifndef CLIO_MODEL_BATCH_LINK_H
#define CLIO_MODEL_BATCH_LINK_H

#include "model/batch_api.h"
#include "model/single.h"

struct batch_link {
    struct calls *calls;
    const struct batch_api *api;
    const atomic_bool *stop;
    enum err (*rest)(void *arg, struct error *e); /* while it waits */
    void *rest_arg;
};

enum link_end {
    LINK_DONE,
    LINK_REJECTED, /* the server said no: of a batch asked about, that there is none of this id */
    LINK_UNSURE,   /* no answer, or none that can be read: perhaps it was done */
};

/* Errors: ERR_AUTH, ERR_MODEL for what concerns every call; ERR_INTERRUPTED. */

/* body: a whole batch as the API wants it. LINK_DONE: id is what the server calls it. */
MUST_USE enum err link_send(const struct batch_link *l, struct buf *body, const char *token, char id[BATCH_ID],
                            enum link_end *end, struct error *e);
MUST_USE enum err link_state(const struct batch_link *l, const char *id, struct batch_state *out, enum link_end *end,
                             struct error *e);

/*
 * The batch that was sent as b though its id was lost: by our token where the server keeps one, else by time and number
 * of requests (its results tell whether it was ours). *found false: there is none that taken() does not know.
 */
typedef bool link_taken_fn(void *arg, const char *id);
MUST_USE enum err link_find(const struct batch_link *l, const struct batch_entry *b, link_taken_fn *taken, void *arg,
                            char id[BATCH_ID], bool *found, struct error *e);

/* Gives every result to fn as it comes; when the connection breaks, all of them again. */
typedef void link_result_fn(void *arg, const struct batch_result *r);
MUST_USE enum err link_results(const struct batch_link *l, const char *path, link_result_fn *fn, void *arg,
                               enum link_end *end, struct error *e);

/*
 * Nothing of the conversations stays at the server: neither what its state (NULL: it is not known) names, nor what was
 * uploaded for b by any try. What cannot be deleted is left to it.
 */
MUST_USE enum err link_tidy(const struct batch_link *l, const struct batch_entry *b, const struct batch_state *s,
                            struct error *e);
MUST_USE enum err link_cancel(const struct batch_link *l, const char *id, struct error *e);

#endif
