/*
 * prices.h: what models cost and how fast they are: a dated JSON file, which users edit (examples/prices.json is the
 * one in the program). A price that is not known stays unknown: nothing ever takes it for 0.        Layer: model, uses
 * base.
 */
#ifndef CLIO_MODEL_PRICES_H
#define CLIO_MODEL_PRICES_H

#include "model/model.h"

/* Of one model. Negative: not known. */
struct price {
    const char *model; /* a shell pattern over the model as the configuration names it: "openai:gpt-4o-mini@*" */
    double input, cached, output; /* for a million tokens, in the file's currency; cached unknown: as input */
    double to_cache;              /* input that a server keeps for a while; unknown: as input */
    double to_cache_hour;         /* the same for an hour, as in batches */
    double batch;                 /* what the batch API makes of these: 0.5 is half the price; unknown: it has none */
    double read, write;           /* tokens a second of a model on this computer, over all that runs at once */
    double call_s;                /* seconds from a request to its whole answer, of a model on a server */
    double batch_s;               /* the same of a batch */
};

struct prices {
    struct arena arena;
    const char *source;   /* the file's path, or what the program's own is called */
    const char *date;     /* "2026-11-25": when they were looked up */
    const char *currency; /* "USD" */
    struct price *rows;
    size_t n;
};

/* The program's own file, as one would edit it. */
struct str prices_default(void);

/* path NULL or "": the program's own. Errors: ERR_CONFIG with file and row; *out is released then. */
MUST_USE enum err prices_load(const char *path, struct prices *out, struct error *e);
void prices_release(struct prices *p); /* zeroed is fine */

/* The first row that fits; one in which everything is unknown when none does. With batch=1 among the spec's options the
 * prices are those of batches, to_cache that of an hour. */
struct price prices_find(const struct prices *p, struct str spec);

/* What a use of the model costs. Negative: it cannot be said, since a price that it takes is not known. */
double price_of(const struct price *p, const struct usage *u);

#endif
