/*
 * db.h: SQLite, as this project uses it: one connection that owns all writes, WAL, synchronous=FULL, STRICT tables.
 * SQL text lives in store/ and privacy/publish only. Statements are prepared once and cached by their text.
 *                                                                                       Layer: store, uses base only.
 */
#ifndef CLIO_STORE_DB_H
#define CLIO_STORE_DB_H

#include "base/str.h"

#include <sqlite3.h>

struct db;

enum db_mode {
    DB_READ,  /* an existing file, read-only */
    DB_WRITE, /* created when missing; WAL */
    DB_BUILD, /* a new file written in one go, no journal: deterministic bytes; the caller renames it when whole */
};

MUST_USE enum err db_open(const char *path, enum db_mode mode, struct db **out, struct error *e);
void              db_close(struct db *d);
MUST_USE enum err db_exec(struct db *d, const char *sql, struct error *e); /* one or more statements, no results */

/*
 * A statement ready for values: bind by ?1, ?2 ... with the letters of `types`: i int64_t, d double, s struct str (text),
 * b struct str (blob), z const char *, n NULL (takes no argument). Example: db_run(d, e, "INSERT INTO t VALUES(?1,?2)", "is", rec, text)
 * runs to the end. db_query returns rows by db_step: ERR_OK with *row true or false.
 * A query is reset by db_query on the same text or by db_done.
 */
MUST_USE enum err db_run(struct db *d, struct error *e, const char *sql, const char *types, ...);
MUST_USE enum err db_query(struct db *d, struct error *e, sqlite3_stmt **q, const char *sql, const char *types, ...);
MUST_USE enum err db_step(sqlite3_stmt *q, bool *row, struct error *e);
void              db_done(sqlite3_stmt *q);

int64_t    db_int(sqlite3_stmt *q, int column);
double     db_real(sqlite3_stmt *q, int column);
struct str db_text(sqlite3_stmt *q, int column); /* text or blob; borrowed until the next step */
bool       db_is_null(sqlite3_stmt *q, int column);

/* One value of one row; `fallback` when there is no row or it is NULL. */
MUST_USE enum err db_get_int(struct db *d, struct error *e, int64_t *out, int64_t fallback, const char *sql,
                             const char *types, ...);

/* Transactions do not nest. db_commit after a failure inside must not be called: db_rollback instead. */
MUST_USE enum err db_begin(struct db *d, struct error *e);
MUST_USE enum err db_commit(struct db *d, struct error *e);
void              db_rollback(struct db *d);
bool              db_in_transaction(struct db *d);

#endif
