/*
 * spent.h: everything that was asked of models, paid for or not, per stage and model. The ledger holds only answers
 * that can be used again; this also counts those that were cut, refused, or asked again, over all times the run went
 * on. Written in the same group as the ledger, so that the sums survive a kill as the answers do. Layer: store, uses
 * base only.
 */
#ifndef CLIO_STORE_SPENT_H
#define CLIO_STORE_SPENT_H

#include "store/run.h"

struct spent {
    uint64_t calls, tokens_in, tokens_cached, tokens_out; /* cached: part of tokens_in */
    uint64_t again;                                       /* asked again: the answer could not be used */
    uint64_t cut, refused, too_long, failed;              /* calls without an answer, by what came instead */
    uint64_t ms;                                          /* waited for the model, all side by side */
    uint64_t tokens_to_cache;                             /* another part of tokens_in (model/model.h) */
};

/* Adds to what is there. model: as the configuration names it. */
MUST_USE enum err spent_add(struct run *r, const char *stage, struct str model, const struct spent *s, struct error *e);

/* In order of stage name and model. A run made before there was this table has spent nothing. */
typedef void spent_fn(void *arg, struct str stage, struct str model, const struct spent *s);
MUST_USE enum err spent_each(struct run *r, spent_fn *fn, void *arg, struct error *e);

#endif
