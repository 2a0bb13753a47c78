/*
 * ledger.h: every model call's answer, durable before it counts. An answered call is never made again; a changed
 * prompt, schema, model or parameter is another key, so nothing stale is reused.
 *
 * Group commit: answers are put inside a transaction that the ledger ends every LEDGER_GROUP answers or LEDGER_MS
 * milliseconds after the last commit, whichever comes first; ledger_flush ends it now, as providers have it done before
 * they send what costs money (feed.rest). It is the same group that records_put, facet_put and the like write into
 * (store/db.h), so an answer and its derived rows are durable together. A transaction opened by db_begin is taken over:
 * do not call ledger_put inside one that must stay whole. Layer: store, uses base only.
 */
#ifndef CLIO_STORE_LEDGER_H
#define CLIO_STORE_LEDGER_H

#include "base/hash.h"
#include "store/run.h"

enum { LEDGER_GROUP = 64, LEDGER_MS = 500 };

/* status 0: answered, with a text an ask, or with fewer: the first ones of a dialogue that was not over. Else there are
 * no texts, and it is the enum answer_status (model/model.h) of what the model said instead of an answer. */
struct ledger_entry {
    const struct str *texts;
    size_t texts_count;
    uint64_t tokens_in, tokens_cached, tokens_out;
    int status;
};

/* *found false when there is none. Texts are copied into the arena. */
MUST_USE enum err ledger_get(struct run *r, struct hash key, struct arena *a, struct ledger_entry *out, bool *found,
                             struct error *e);
MUST_USE enum err ledger_put(struct run *r, const char *stage, struct hash key, const struct ledger_entry *entry,
                             struct error *e);
/* How many answers of a stage there are (status 0), whatever they were asked with. */
MUST_USE enum err ledger_count(struct run *r, const char *stage, int64_t *out, struct error *e);
MUST_USE enum err ledger_flush(struct run *r, struct error *e);

#endif
