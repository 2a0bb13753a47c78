#include "store/schema.h"

#include <assert.h>

/* "Clio" in ASCII: tells `file` and us whose database this is. */
enum { APPLICATION_ID = 0x436c696f };

/*
 * Long texts stand last in their rows, so that a scan over the short columns never reads them. Tables read in the order
 * of their key are WITHOUT ROWID; those with long texts are not (an index page holds few of them).
 */
static const char tables[] =
    "CREATE TABLE note(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE stage(position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, done INTEGER NOT NULL,"
    " fingerprint BLOB NOT NULL, total INTEGER NOT NULL, ok INTEGER NOT NULL, quarantined INTEGER NOT NULL,"
    " seconds REAL NOT NULL, note TEXT NOT NULL) STRICT;"

    /* Every model call's answer. texts: one after the other as LENGTH:BYTES, */
    "CREATE TABLE answer(number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, stage TEXT NOT NULL,"
    " tokens_in INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, tokens_out INTEGER NOT NULL, texts BLOB NOT NULL)"
    " STRICT;"

    /* Numbers in order of first appearance; the name itself is never stored. */
    "CREATE TABLE account(number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE) STRICT;"

    /* dropped: why it left the run (screener, filter), NULL while it is in. created_at: NULL without a time. */
    "CREATE TABLE conversation(rec INTEGER PRIMARY KEY, account INTEGER NOT NULL, created_at INTEGER, dropped TEXT,"
    " line INTEGER NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, metadata TEXT NOT NULL) STRICT;"
    "CREATE INDEX conversation_dropped ON conversation(dropped) WHERE dropped IS NOT NULL;"

    /* key = rec * 2^20 + number of the turn: one b-tree in reading order, without a second index. */
    "CREATE TABLE turn(key INTEGER PRIMARY KEY, rec INTEGER AS (key >> 20), role TEXT NOT NULL, text TEXT NOT NULL)"
    " STRICT;"

    "CREATE TABLE facet_value(facet TEXT NOT NULL, rec INTEGER NOT NULL, seq INTEGER NOT NULL, number REAL, text TEXT,"
    " PRIMARY KEY(facet, rec, seq)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE quarantine(stage TEXT NOT NULL, source TEXT NOT NULL, line INTEGER NOT NULL, rec INTEGER NOT NULL,"
    " reason TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY(stage, source, line, rec)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE node(id INTEGER PRIMARY KEY, facet TEXT NOT NULL, level INTEGER NOT NULL, parent INTEGER NOT NULL,"
    " conversations INTEGER NOT NULL, accounts INTEGER NOT NULL, large_enough INTEGER NOT NULL, rating INTEGER NOT "
    "NULL,"
    " name TEXT NOT NULL, description TEXT NOT NULL, short_name TEXT NOT NULL, rating_reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX node_level ON node(facet, level);"

    "CREATE TABLE member(facet TEXT NOT NULL, rec INTEGER NOT NULL, leaf INTEGER NOT NULL, PRIMARY KEY(facet, rec))"
    " STRICT, WITHOUT ROWID;"

    "CREATE TABLE point(facet TEXT NOT NULL, rec INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL,"
    " PRIMARY KEY(facet, rec)) STRICT, WITHOUT ROWID;"

    "PRAGMA application_id=0x436c696f;";

/* What came with version 2; older databases get it when they are next written to. */
static const char tables_of_2[] =
    /* What was asked of models, with and without an answer, over all times the run went on. */
    "CREATE TABLE spent(stage TEXT NOT NULL, model TEXT NOT NULL, calls INTEGER NOT NULL, tokens_in INTEGER NOT NULL,"
    " tokens_cached INTEGER NOT NULL, tokens_out INTEGER NOT NULL, again INTEGER NOT NULL, cut INTEGER NOT NULL,"
    " refused INTEGER NOT NULL, too_long INTEGER NOT NULL, failed INTEGER NOT NULL, ms INTEGER NOT NULL, PRIMARY "
    "KEY(stage, model))"
    " STRICT, WITHOUT ROWID;";

/* And with version 3: what a model said instead of an answer (store/ledger.h). */
static const char tables_of_3[] = "ALTER TABLE answer ADD COLUMN status INTEGER NOT NULL DEFAULT 0;";

/* And with version 4: batches at providers, from just before one is sent until all of it is in `answer`. id: '' until
 * it is known to have arrived. */
static const char tables_of_4[] =
    "CREATE TABLE batch(token TEXT PRIMARY KEY, stage TEXT NOT NULL, model TEXT NOT NULL, id TEXT NOT NULL,"
    " sent_at INTEGER NOT NULL, requests INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE batch_item(item BLOB PRIMARY KEY, token TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX batch_item_token ON batch_item(token);";

/* And with version 5: what servers took into their caches. */
static const char tables_of_5[] = "ALTER TABLE spent ADD COLUMN tokens_to_cache INTEGER NOT NULL DEFAULT 0;"
                                  "PRAGMA user_version=5;";

static_assert(SCHEMA_VERSION == 5 && APPLICATION_ID == 0x436c696f, "the last two lines above say the same");

/* From the version there is to this one, whole or not at all. */
static enum err create(struct db *d, int64_t version, struct error *e)
{
    enum err result = db_begin(d, e);
    if (result == ERR_OK && version < 1)
        result = db_exec(d, tables, e);
    if (result == ERR_OK && version < 2)
        result = db_exec(d, tables_of_2, e);
    if (result == ERR_OK && version < 3)
        result = db_exec(d, tables_of_3, e);
    if (result == ERR_OK && version < 4)
        result = db_exec(d, tables_of_4, e);
    if (result == ERR_OK)
        result = db_exec(d, tables_of_5, e);
    if (result == ERR_OK)
        return db_commit(d, e);
    db_rollback(d);
    return result;
}

enum err schema_apply(struct db *d, const char *path, bool writable, struct error *e)
{
    int64_t version, application, objects;
    enum err result = db_get_int(d, e, &version, 0, "PRAGMA user_version", "");
    if (result == ERR_OK)
        result = db_get_int(d, e, &application, 0, "PRAGMA application_id", "");
    if (result == ERR_OK)
        result = db_get_int(d, e, &objects, 0, "SELECT count(*) FROM sqlite_schema", "");
    if (result != ERR_OK)
        return result;
    if (objects == 0 && version == 0 && writable)
        return create(d, 0, e);
    if (application != APPLICATION_ID || version < 1)
        return error_set(e, ERR_IO, "%s is not the database of a run", path);
    if (version < SCHEMA_VERSION && writable)
        return create(d, version, e);
    if (version <= SCHEMA_VERSION)
        return ERR_OK;
    error_set(e, ERR_IO, "%s was written by a newer version of clio (schema %lld, this program knows %d)", path,
              (long long)version, SCHEMA_VERSION);
    return error_hint(e, "use that version, or start a new run folder"), ERR_IO;
}
