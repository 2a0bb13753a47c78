/*
 * batch_book.h: what a run remembers of its batches, so that a kill at any moment neither loses one nor submits it
 * twice. A batch is entered before it is sent, with what is in it; what the server calls it follows; it is struck out
 * when all that came of it is in the ledger. Implemented by the run (stage/batches.c), used by batch.c. Layer: model.
 */
#ifndef CLIO_MODEL_BATCH_BOOK_H
#define CLIO_MODEL_BATCH_BOOK_H

#include "model/model.h"

enum { BATCH_TOKEN = 33, BATCH_ID = 100 };

struct batch_entry {
    char model[80];          /* model_info.identity */
    char token[BATCH_TOKEN]; /* ours, random: tells batches apart, and finds one whose id was lost */
    char id[BATCH_ID];       /* the server's; "": not known to have arrived */
    int64_t sent_at;         /* unix seconds, just before */
    size_t requests;
};

typedef void batch_entry_fn(void *arg, const struct batch_entry *b);

/* Of the batches that are awaited, all zero when none is: as the provider says, so far as it was asked. */
struct batch_news {
    uint64_t batches, requests, done;
    double next_look_s; /* when it is asked again */
};

/* What is written is durable when they return. */
struct batch_book {
    enum err (*enter)(void *arg, const struct batch_entry *b, const struct hash *items, struct error *e);
    enum err (*arrived)(void *arg, const struct batch_entry *b, struct error *e);
    enum err (*strike)(void *arg, const struct batch_entry *b, struct error *e);
    /* Of this model and the stage under way. */
    enum err (*each)(void *arg, const char *model, batch_entry_fn *fn, void *fn_arg, struct error *e);
    /* The token of the batch an item is in; "" when in none. */
    enum err (*find)(void *arg, struct hash item, char token[BATCH_TOKEN], struct error *e);
    enum err (*flush)(void *arg, struct error *e);          /* everything the run was given before */
    void (*waiting)(void *arg, const struct batch_news *n); /* now and then; NULL: nobody looks on */
    void *arg;
};

#endif
