/*
 * db.h: SQLite, as this project uses it: one connection that owns all writes, WAL, synchronous=FULL, STRICT tables.
 * SQL text lives in store/ and privacy/publish only. Statements are prepared once and cached by their text.
 *                                                                                       Layer: store, uses base only.
 */
#ifndef CLIO_STORE_DB_H
#define CLIO_STORE_DB_H

#include "base/str.h"

#include <sqlite3.h>

struct db; /* belongs to one thread at a time */

enum db_mode {
    DB_READ,    /* an existing file, read-only */
    DB_WRITE,   /* created when missing; WAL */
    DB_SCRATCH, /* in memory, whatever the path says; nothing of it ever reaches a disk */
    DB_BUILD,   /* a new file (an old one is removed) written in one transaction without a journal: deterministic bytes;
                 * on the disk when db_commit returns; the caller renames it when whole */
};

MUST_USE enum err db_open(const char *path, enum db_mode mode, struct db **out, struct error *e);
void db_close(struct db *d);
MUST_USE enum err db_exec(struct db *d, const char *sql, struct error *e); /* one or more statements, no results */

/*
 * A statement ready for values: bind by ?1, ?2 ... with the letters of `types`: i int64_t, d double, s struct str
 * (text), b struct str (blob), z const char *, n NULL (takes no argument).
 * db_run runs to the end. db_query returns rows by db_step: ERR_OK with *row true or false.
 * Example: db_run(d, e, "INSERT INTO t VALUES(?1,?2)", "is", rec, text)
 * A query ends by itself behind its last row, else by db_done. The same text may be queried again while it runs (nested
 * loops work, a few deep); a query left open without db_done is reset when its turn comes. Bound texts are copied.
 */
MUST_USE enum err db_run(struct db *d, struct error *e, const char *sql, const char *types, ...);
MUST_USE enum err db_query(struct db *d, struct error *e, sqlite3_stmt **q, const char *sql, const char *types, ...);
MUST_USE enum err db_step(sqlite3_stmt *q, bool *row, struct error *e);
void db_done(sqlite3_stmt *q);

int64_t db_int(sqlite3_stmt *q, int column);
double db_real(sqlite3_stmt *q, int column);
struct str db_text(sqlite3_stmt *q, int column); /* text or blob; borrowed until the next step */
bool db_is_null(sqlite3_stmt *q, int column);

/* One value of one row; `fallback` when there is no row or it is NULL. */
MUST_USE enum err db_get_int(struct db *d, struct error *e, int64_t *out, int64_t fallback, const char *sql,
                             const char *types, ...);

/*
 * Transactions do not nest. db_commit after a failure inside must not be called: db_rollback instead.
 * db_begin first commits an open group (below). A transaction that SQLite itself rolled back (disk full) is an error in
 * every later call until db_rollback, so that nothing is written half.
 */
MUST_USE enum err db_begin(struct db *d, struct error *e);
MUST_USE enum err db_commit(struct db *d, struct error *e);
void db_rollback(struct db *d);
bool db_in_transaction(struct db *d); /* of either kind */
bool db_owned(struct db *d);          /* between db_begin and its end */

/*
 * Group commit: many small writes share one transaction and one fsync. Call db_group_begin before a write and
 * db_group_end(weight) behind it; the group is committed when its weights reach DB_GROUP_WEIGHT or DB_GROUP_MS have
 * passed since the last commit. Inside db_begin .. db_commit both do nothing. db_flush commits whatever is open; no-op
 * when nothing is. A group is never rolled back by db_rollback: it holds work of others.
 */
enum { DB_GROUP_WEIGHT = 4096, DB_GROUP_MS = 500 };
MUST_USE enum err db_group_begin(struct db *d, struct error *e);
MUST_USE enum err db_group_end(struct db *d, int weight, struct error *e);
void db_group_adopt(struct db *d); /* an open db_begin becomes a group: the ledger's durability comes first */
MUST_USE enum err db_flush(struct db *d, struct error *e);

/* db_run inside the group: what the put functions of store/ use. */
MUST_USE enum err db_put(struct db *d, struct error *e, const char *sql, const char *types, ...);

#endif
