/*
 * batches.h: batches of questions at a provider, from just before one is sent until all of it is in the ledger, so that
 * no kill loses one or has it sent twice (model/batch_book.h says how they are used). Layer: store, uses base only.
 */
#ifndef CLIO_STORE_BATCHES_H
#define CLIO_STORE_BATCHES_H

#include "store/run.h"

struct batch_row {
    struct str stage, model, token, id; /* id: "" until it is known to have arrived */
    int64_t sent_at, requests;
};

/* Enters a batch and what is in it; an item that was in an older batch is in this one now. Durable on return. */
MUST_USE enum err batches_put(struct run *r, const struct batch_row *b, const struct hash *items, struct error *e);
MUST_USE enum err batches_set_id(struct run *r, const char *token, const char *id, struct error *e); /* durable */
MUST_USE enum err batches_delete(struct run *r, const char *token, struct error *e);                 /* durable */

/* NULL: of any stage, of any model. A run made before there was this table has none. */
typedef void batch_row_fn(void *arg, const struct batch_row *b);
MUST_USE enum err batches_each(struct run *r, const char *stage, const char *model, batch_row_fn *fn, void *arg,
                               struct error *e);

/* The batch an item is in; token is empty when it is in none. */
MUST_USE enum err batches_find(struct run *r, struct hash item, struct arena *a, struct str *token, struct error *e);

#endif
