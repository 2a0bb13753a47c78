/*
 * batch_api.h: what the batch APIs of providers differ in: how a batch is written, how its state and its results are
 * read, and where things are. Two tables of functions, without I/O.             Layer: model, used by batch.c.
 *
 *                    Anthropic                          OpenAI
 *     submit         POST messages/batches              POST files (JSON lines), then POST batches
 *     state          GET messages/batches/ID            GET batches/ID
 *     results        GET messages/batches/ID/results    GET files/ID/content, one for answers, one for errors
 *     tidy up        DELETE messages/batches/ID         DELETE files/ID, all three
 *     find again     GET messages/batches, by number    GET batches, by our token; GET files, by a name with it
 *     limits         100,000 requests, 256 MB           50,000 requests, 200 MB
 *     ends           after 24 hours, with "expired" for what was not done, at both
 */
#ifndef CLIO_MODEL_BATCH_API_H
#define CLIO_MODEL_BATCH_API_H

#include "base/json.h"
#include "model/batch_book.h"

enum batch_phase {
    BATCH_RUNNING,
    BATCH_ENDED,     /* whatever there is can be had; what is missing expired or was forgotten */
    BATCH_CANCELLED, /* the same, by somebody's wish */
    BATCH_REFUSED,   /* it was never begun; code says why */
};

enum { BATCH_PATH = 160, BATCH_RESULTS = 2, BATCH_LEFT = 3 };

struct batch_state {
    enum batch_phase phase;
    bool expired;
    char id[BATCH_ID], token[BATCH_TOKEN]; /* token: "" where the API keeps none */
    char code[64];
    int64_t created; /* unix seconds */
    uint64_t total, done;
    char results[BATCH_RESULTS][BATCH_PATH]; /* paths to get; "": none */
    char left[BATCH_LEFT][BATCH_PATH];       /* paths to delete when all is had */
};

enum batch_outcome { BATCH_ANSWER, BATCH_ERROR, BATCH_ITEM_EXPIRED, BATCH_ITEM_CANCELLED };

struct batch_result {
    struct str item; /* the custom id */
    enum batch_outcome outcome;
    yyjson_val *body; /* what a single call would have been answered: a completion, or an error */
    long status;      /* of an error, as a single call would have had it */
};

struct batch_api {
    const char *path;   /* "batches" */
    const char *upload; /* where the body goes first, as a form; NULL: to path */
    size_t requests_max, bytes_max;
    const char *after; /* of lists: the member of a query that says behind which id the next page begins */
    void (*begin)(struct buf *body, const char *token);
    void (*add)(struct buf *body, const char *item, struct str request, bool first);
    void (*end)(struct buf *body);
    void (*order)(struct buf *body, const char *token, const char *file); /* behind an upload; else NULL */
    bool (*read_state)(yyjson_val *root, struct batch_state *out);        /* false: that is none */
    bool (*read_result)(yyjson_val *line, struct batch_result *out);
    /* Whether a listed file was uploaded for the batch of this token: the path to delete; NULL where nothing is. */
    bool (*read_upload)(yyjson_val *file, const char *token, char path[BATCH_PATH], int64_t *created);
};

extern const struct batch_api batch_anthropic, batch_openai;

/* An id of the server's, fit to be put into a path: else "" . */
void batch_copy_id(struct str id, char *out, size_t size);

#endif
