/*
 * records.h: conversations, their turns, their facet values, and what was set aside.
 *
 * A record number (`rec`) is the conversation's place in the input, from 0, with gaps where records were not taken.
 * Everything later is stored by it, so no result depends on timing.                     Layer: store, uses base only.
 */
#ifndef CLIO_STORE_RECORDS_H
#define CLIO_STORE_RECORDS_H

#include "store/run.h"

struct turn {
    struct str role; /* user, assistant, system, tool */
    struct str text; /* with markers such as [image] already in place */
};

struct conversation {
    int64_t rec;
    struct str id;
    int64_t account; /* number of the account (not its name); 0 is "no account given", which counts as one */
    bool has_time;
    int64_t created_at;  /* unix seconds */
    struct str metadata; /* JSON object, private */
    struct turn *turns;
    size_t turns_count;
    struct str source; /* file name, for quarantine and messages */
    int64_t line;      /* line (JSON lines) or element (JSON array), from 1 */
};

/* Replaces everything an import wrote before (conversations and all that came of them). */
MUST_USE enum err records_reset(struct run *r, struct error *e);
/* account_name empty: account 0. The name is stored only as a keyed hash; *account is its number. */
MUST_USE enum err records_account(struct run *r, struct str account_name, int64_t *account, struct error *e);
MUST_USE enum err records_put(struct run *r, const struct conversation *c, struct error *e);
MUST_USE enum err records_delete(struct run *r, int64_t rec, struct error *e);

/*
 * All kept conversations in order of rec. Arrays of n, in the arena; 20 bytes a conversation. week is INT32_MIN without
 * a time.
 */
struct record_index {
    size_t n;
    int64_t *rec;
    int64_t *account;
    int32_t *week;
};
MUST_USE enum err records_index(struct run *r, struct arena *a, struct record_index *out, struct error *e);
size_t records_find(const struct record_index *x, int64_t rec); /* its place, or SIZE_MAX */

/* One conversation with its turns, in the arena. */
MUST_USE enum err records_get(struct run *r, int64_t rec, struct arena *a, struct conversation *out, struct error *e);

/* The screener's and the filter's verdict: dropped conversations leave records_index but stay counted. */
MUST_USE enum err records_drop(struct run *r, int64_t rec, const char *why, struct error *e);
/* All dropped for this reason come back. */
MUST_USE enum err records_undrop(struct run *r, const char *why, struct error *e);
MUST_USE enum err records_count(struct run *r, int64_t *imported, int64_t *kept, struct error *e);

/*
 * Facet values. seq 0,1,.. for facets with several values; text facets and categories have text, numbers have number
 * (and text). NaN is "no number".
 */
MUST_USE enum err facet_clear(struct run *r, struct str facet, struct error *e);
MUST_USE enum err facet_delete(struct run *r, struct str facet, int64_t rec, struct error *e); /* one conversation's */
MUST_USE enum err facet_put(struct run *r, int64_t rec, struct str facet, int seq, struct str text, double number,
                            struct error *e);
typedef enum err facet_row_fn(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e);
/* By rec, seq. The function may write, also to this facet; what it adds behind the present row may be seen too. */
MUST_USE enum err facet_each(struct run *r, struct str facet, facet_row_fn *fn, void *arg, struct error *e);

/*
 * Set aside with a reason from a constant list; never quotes text. rec < 0: no record number. Counted once a (stage,
 * source, line, rec).
 */
struct quarantine_row {
    struct str stage, source, reason, id;
    int64_t line, rec;
};
MUST_USE enum err quarantine_put(struct run *r, const struct quarantine_row *row, struct error *e);
MUST_USE enum err quarantine_clear(struct run *r, const char *stage, struct error *e);
typedef enum err quarantine_fn(void *arg, const struct quarantine_row *row, struct error *e);
MUST_USE enum err quarantine_each(struct run *r, const char *stage_or_null, quarantine_fn *fn, void *arg,
                                  struct error *e);
typedef enum err reason_fn(void *arg, struct str reason, int64_t count, struct error *e);
MUST_USE enum err quarantine_reasons(struct run *r, const char *stage_or_null, reason_fn *fn, void *arg,
                                     struct error *e);

#endif
