/*
 * ask.h: asking a model many things, through the ledger. The one way stages call models.
 *
 * ask_each builds request 0..count-1, looks each up in the ledger, lets the model pull the missing ones, makes every
 * answer durable, parses it strictly, and hands it over in index order. An answer that does not parse is asked again
 * (ASK_TRIES in all unless the job says otherwise, each with its own seed and key); then it is handed over as failed.
 *
 * Memory: a request for each of the model's slots (model_info.in_flight) and as many again that wait for them, and the
 * values alone of answers that wait for a slower one before them, at most eight times the slots.      Layer: stage.
 */
#ifndef CLIO_STAGE_ASK_H
#define CLIO_STAGE_ASK_H

#include "stage/stage.h"

enum { ASK_TRIES = 3 };

struct asked {
    bool ok;
    const char *reason;                         /* constant text when not ok */
    const struct field_value *values[ASKS_MAX]; /* [ask][field] */
};

struct ask_job {
    enum role role;
    size_t count;
    unsigned tries; /* 0: ASK_TRIES */
    double temperature;
    /* Fills *out for index i, everything allocated in a. *out->asks_count of 0 skips the index (take is not called). */
    enum err (*build)(void *arg, size_t i, struct arena *a, struct request *out, struct error *e);
    /* Receives the answer of index i; borrowed. In index order; may write to the run. */
    enum err (*take)(void *arg, size_t i, const struct asked *answer, struct error *e);
    /* Optional: a further check of a parsed answer; false means ask again (say why in *reason, constant text). */
    bool (*accept)(void *arg, size_t i, const struct asked *answer, const char **reason);
    void *arg;
};

MUST_USE enum err ask_each(struct stage_context *c, const struct ask_job *job, struct error *e);

#endif
