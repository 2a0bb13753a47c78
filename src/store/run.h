/*
 * run.h: a run is a folder.
 *     manifest.json     what was asked and with what (inputs' hashes, config, seeds, models, version), stage states
 *     private/          0700: run.db (everything that may hold personal text), account.key, NAME.vec, vectors.log
 *     published/        only what passed the four layers; written by privacy/publish.c alone
 *     events.jsonl      progress and counts, never text
 * One process at a time: run_open takes a lock.                                         Layer: store, uses base only.
 */
#ifndef CLIO_STORE_RUN_H
#define CLIO_STORE_RUN_H

#include "base/hash.h"
#include "store/db.h"

struct run {
    struct arena arena;
    const char *path;
    struct db *db; /* private/run.db; schema in store/schema.c */
    int lock_fd;
    bool scratch;
    unsigned char account_key[HASH_BYTES];
};

enum run_mode {
    RUN_CREATE, /* or continue */
    RUN_EXISTING,
    RUN_READ,    /* no lock, read-only */
    RUN_SCRATCH, /* made inside the folder `path`, gone with run_close; its database is in memory alone */
};

/* Errors: ERR_IO no such run, not a run, locked by another process (says its pid), a newer version's schema. */
MUST_USE enum err run_open(const char *path, enum run_mode mode, struct run *out, struct error *e);
void run_close(struct run *r);
/* "published/clio.db" -> "RUN/published/clio.db", in r->arena. */
const char *run_path(struct run *r, const char *inside);

/*
 * What the manifest remembers about the run itself. Values are JSON texts, kept sorted by key; manifest.json is
 * rewritten atomically (inside db_begin .. db_commit it is not: call run_write_manifest behind).
 */
MUST_USE enum err run_note(struct run *r, const char *key, struct str json_value, struct error *e);
/* Empty: nothing noted. */
MUST_USE enum err run_noted(struct run *r, const char *key, struct arena *a, struct str *json_value, struct error *e);
MUST_USE enum err run_write_manifest(struct run *r, struct error *e);

/* Stage states, in run.db and in the manifest. A stage is done for exactly one fingerprint. */
struct stage_state {
    bool done;
    struct hash fingerprint;
    int64_t total, ok, quarantined; /* records */
    double seconds;                 /* private: never published */
    struct str note;                /* one line for people: counts only */
};
MUST_USE enum err run_stage_get(struct run *r, const char *stage, struct arena *a, struct stage_state *out,
                                struct error *e);
MUST_USE enum err run_stage_put(struct run *r, const char *stage, const struct stage_state *s, struct error *e);

#endif
