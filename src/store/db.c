#include "store/db.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_MS = 5000,
    COPIES_MAX = 4, /* of one statement, for loops inside loops */
};

enum transaction {
    TX_NONE,
    TX_OWN,   /* db_begin */
    TX_GROUP, /* db_group_begin */
};

/* The cache is an open-addressed table. One text may stand in it several times: once for every level of nesting. */
struct cached {
    uint64_t hash;
    sqlite3_stmt *q;
};

struct db {
    sqlite3 *handle;
    char *path;
    struct cached *cache;
    size_t cache_n, cache_cap; /* cap is a power of two */
    enum transaction tx;
    int group_weight;
    double committed_at; /* clock_seconds */
    bool broken;         /* a commit failed: what it held is lost, so nothing more may be written */
};

/* SQLite's messages name tables, columns and SQL, never values. */
static enum err fail(sqlite3 *handle, const char *path, int code, struct error *e)
{
    const char *message = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
    error_set(e, ERR_IO, "%s: %s", path && *path ? path : "database", message);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return error_hint(e, "the disk is full: free some space and run the same command again, it resumes"), ERR_IO;
    case SQLITE_IOERR:
        return error_hint(e, "check the disk (free space, quota), then run the same command again, it resumes"), ERR_IO;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_hint(e, "another program has the file open: close it and run the same command again"), ERR_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_hint(e, "the file is damaged: restore it from a backup or start a new run folder"), ERR_IO;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return error_hint(e, "check that the folder exists and that you may read and write it"), ERR_IO;
    default:
        return ERR_IO;
    }
}

static enum err fail_db(struct db *d, int code, struct error *e)
{
    return fail(d->handle, d->path, code, e);
}

/* What SQLite gave up on its own (disk full), or a failed commit, must stop the caller, not pass unseen. */
static enum err check_whole(struct db *d, struct error *e)
{
    if (!d->broken && (d->tx == TX_NONE || !sqlite3_get_autocommit(d->handle)))
        return ERR_OK;
    error_set(e, ERR_IO, "%s: an earlier write failed, so nothing more is written", d->path);
    return error_hint(e, "free some space and run the same command again, it resumes"), ERR_IO;
}

/* ---- opening ---- */

/*
 * The file is made here, not by SQLite, so that it is private from its first moment and never a link's target. An
 * existing file is only looked at, not opened: closing a second descriptor would drop SQLite's locks on it.
 */
static enum err prepare_file(const char *path, enum db_mode mode, struct error *e)
{
    struct stat st;
    if (mode == DB_BUILD && unlink(path) != 0 && errno != ENOENT)
        return error_errno(e, ERR_IO, "cannot replace %s", path);
    if (lstat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return error_set(e, ERR_IO, "%s is not a regular file", path);
        if (mode == DB_WRITE && (st.st_mode & 077) && chmod(path, 0600) != 0)
            return error_errno(e, ERR_IO, "cannot make %s private", path);
        return ERR_OK;
    }
    if (mode == DB_READ)
        return error_errno(e, ERR_IO, "cannot open %s", path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(e, ERR_IO, "cannot create %s", path);
    close(fd);
    return ERR_OK;
}

/* Nothing personal may reach a temporary file, hence temp_store. */
static const char *const settings[] = {
    [DB_READ] = "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA cache_size=-16384;",
    [DB_WRITE] = "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON;"
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                 "PRAGMA journal_size_limit=16777216; PRAGMA cache_size=-65536;",
    [DB_SCRATCH] = "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;",
    [DB_BUILD] = "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE;"
                 "PRAGMA journal_mode=OFF; PRAGMA synchronous=FULL; PRAGMA locking_mode=EXCLUSIVE;"
                 "PRAGMA cache_size=-65536;",
};

/* A file system without shared memory silently keeps another mode; durability is not left to luck. */
static enum err check_wal(struct db *d, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(d, e, &q, "PRAGMA journal_mode", "");
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result != ERR_OK)
        return result;
    bool wal = row && str_eqz(db_text(q, 0), "wal");
    db_done(q);
    return wal ? ERR_OK : error_set(e, ERR_IO, "%s: this file system cannot hold a write-ahead log", d->path);
}

enum err db_open(const char *path, enum db_mode mode, struct db **out, struct error *e)
{
    *out = NULL;
    enum err result = mode == DB_SCRATCH ? ERR_OK : prepare_file(path, mode, e);
    if (result != ERR_OK)
        return result;
    struct db *d = mem_zero(1, sizeof *d);
    d->path = mem_new(strlen(path) + 1, 1);
    strcpy(d->path, path);
    d->committed_at = clock_seconds();
    int flags = (mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(mode == DB_SCRATCH ? ":memory:" : path, &d->handle, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(d->handle, 1);
        sqlite3_busy_timeout(d->handle, BUSY_MS);
        code = sqlite3_exec(d->handle, settings[mode], NULL, NULL, NULL);
    }
    if (code != SQLITE_OK)
        result = fail_db(d, code, e);
    else if (mode == DB_WRITE)
        result = check_wal(d, e);
    if (result != ERR_OK) {
        db_close(d);
        return result;
    }
    *out = d;
    return ERR_OK;
}

void db_close(struct db *d)
{
    if (!d)
        return;
    if (d->tx == TX_GROUP) {
        enum err lost = db_flush(d, NULL); /* whoever must know has called db_flush before */
        (void)lost;
    }
    for (size_t i = 0; i < d->cache_cap; i++)
        sqlite3_finalize(d->cache[i].q);
    sqlite3_close(d->handle); /* rolls back an open transaction */
    free(d->cache);
    free(d->path);
    free(d);
}

/* ---- statements ---- */

static uint64_t hash_text(const char *z)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 1099511628211u;
    return h;
}

static void cache_insert(struct db *d, struct cached c)
{
    size_t i = (size_t)c.hash & (d->cache_cap - 1);
    while (d->cache[i].q)
        i = (i + 1) & (d->cache_cap - 1);
    d->cache[i] = c;
}

static void cache_add(struct db *d, struct cached c)
{
    if (2 * (d->cache_n + 1) > d->cache_cap) {
        struct cached *old = d->cache;
        size_t old_cap = d->cache_cap;
        d->cache_cap = old_cap ? 2 * old_cap : 64;
        d->cache = mem_zero(d->cache_cap, sizeof *d->cache);
        for (size_t i = 0; i < old_cap; i++)
            if (old[i].q)
                cache_insert(d, old[i]);
        free(old);
    }
    cache_insert(d, c);
    d->cache_n++;
}

/* By content, not by address: texts built on a stack may share one. */
static sqlite3_stmt *cache_find(struct db *d, uint64_t hash, const char *sql)
{
    sqlite3_stmt *first_busy = NULL;
    int copies = 0;
    if (d->cache_cap == 0)
        return NULL;
    for (size_t i = (size_t)hash & (d->cache_cap - 1); d->cache[i].q; i = (i + 1) & (d->cache_cap - 1)) {
        struct cached *c = &d->cache[i];
        if (c->hash != hash || strcmp(sqlite3_sql(c->q), sql) != 0)
            continue;
        if (!sqlite3_stmt_busy(c->q))
            return c->q;
        if (!first_busy)
            first_busy = c->q;
        copies++;
    }
    return copies >= COPIES_MAX ? first_busy : NULL;
}

static enum err prepare(struct db *d, const char *sql, sqlite3_stmt **out, struct error *e)
{
    uint64_t hash = hash_text(sql);
    *out = cache_find(d, hash, sql);
    if (*out) {
        sqlite3_reset(*out);
        return ERR_OK;
    }
    const char *rest = NULL;
    int code = sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, &rest);
    if (code != SQLITE_OK)
        return fail_db(d, code, e);
    assert(*out && rest && !*rest && "one statement a text");
    cache_add(d, (struct cached){hash, *out});
    return ERR_OK;
}

static int bind_str(sqlite3_stmt *q, int i, bool text, struct str s, sqlite3_destructor_type own)
{
    const char *at = s.at ? s.at : ""; /* an empty view is an empty text, not NULL */
    return text ? sqlite3_bind_text64(q, i, at, s.n, own, SQLITE_UTF8) : sqlite3_bind_blob64(q, i, at, s.n, own);
}

static int bind_all(sqlite3_stmt *q, const char *types, va_list args, sqlite3_destructor_type own)
{
    int code = SQLITE_OK;
    assert(sqlite3_bind_parameter_count(q) == (int)strlen(types) && "one letter a parameter");
    for (int i = 1; types[i - 1] && code == SQLITE_OK; i++) {
        switch (types[i - 1]) {
        case 'i':
            code = sqlite3_bind_int64(q, i, va_arg(args, int64_t));
            break;
        case 'd':
            code = sqlite3_bind_double(q, i, va_arg(args, double));
            break;
        case 's':
            code = bind_str(q, i, true, va_arg(args, struct str), own);
            break;
        case 'b':
            code = bind_str(q, i, false, va_arg(args, struct str), own);
            break;
        case 'z':
            code = sqlite3_bind_text(q, i, va_arg(args, const char *), -1, own);
            break;
        case 'n':
            code = sqlite3_bind_null(q, i);
            break;
        default:
            assert(0 && "unknown letter");
        }
    }
    return code;
}

enum err db_exec(struct db *d, const char *sql, struct error *e)
{
    enum err result = check_whole(d, e);
    if (result != ERR_OK)
        return result;
    int code = sqlite3_exec(d->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ERR_OK : fail_db(d, code, e);
}

static enum err run_args(struct db *d, struct error *e, const char *sql, const char *types, va_list args)
{
    sqlite3_stmt *q;
    enum err result = check_whole(d, e);
    if (result == ERR_OK)
        result = prepare(d, sql, &q, e);
    if (result != ERR_OK)
        return result;
    int code = bind_all(q, types, args, SQLITE_STATIC);
    while (code == SQLITE_OK || code == SQLITE_ROW)
        code = sqlite3_step(q);
    if (code != SQLITE_DONE)
        result = fail_db(d, code, e);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q); /* they pointed into the caller's memory */
    return result;
}

enum err db_run(struct db *d, struct error *e, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    enum err result = run_args(d, e, sql, types, args);
    va_end(args);
    return result;
}

static enum err query_args(struct db *d, struct error *e, sqlite3_stmt **q, const char *sql, const char *types,
                           va_list args)
{
    enum err result = prepare(d, sql, q, e);
    if (result != ERR_OK)
        return result;
    int code = bind_all(*q, types, args, SQLITE_TRANSIENT);
    return code == SQLITE_OK ? ERR_OK : fail_db(d, code, e);
}

enum err db_query(struct db *d, struct error *e, sqlite3_stmt **q, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    enum err result = query_args(d, e, q, sql, types, args);
    va_end(args);
    return result;
}

enum err db_step(sqlite3_stmt *q, bool *row, struct error *e)
{
    int code = sqlite3_step(q);
    *row = code == SQLITE_ROW;
    if (*row)
        return ERR_OK;
    enum err result = ERR_OK;
    if (code != SQLITE_DONE) {
        sqlite3 *handle = sqlite3_db_handle(q);
        result = fail(handle, sqlite3_db_filename(handle, "main"), code, e);
    }
    db_done(q); /* an ended query must not hold back the log */
    return result;
}

void db_done(sqlite3_stmt *q)
{
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
}

int64_t db_int(sqlite3_stmt *q, int column)
{
    return sqlite3_column_int64(q, column);
}

double db_real(sqlite3_stmt *q, int column)
{
    return sqlite3_column_double(q, column);
}

struct str db_text(sqlite3_stmt *q, int column)
{
    const char *at = sqlite3_column_blob(q, column); /* as stored: STRICT tables convert nothing */
    return (struct str){at, (size_t)sqlite3_column_bytes(q, column)};
}

bool db_is_null(sqlite3_stmt *q, int column)
{
    return sqlite3_column_type(q, column) == SQLITE_NULL;
}

enum err db_get_int(struct db *d, struct error *e, int64_t *out, int64_t fallback, const char *sql, const char *types,
                    ...)
{
    sqlite3_stmt *q;
    bool row = false;
    va_list args;
    *out = fallback;
    va_start(args, types);
    enum err result = query_args(d, e, &q, sql, types, args);
    va_end(args);
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result == ERR_OK && row) {
        if (!db_is_null(q, 0))
            *out = db_int(q, 0);
        db_done(q);
    }
    return result;
}

/* ---- transactions ---- */

static enum err begin(struct db *d, enum transaction kind, struct error *e)
{
    enum err result = db_run(d, e, "BEGIN IMMEDIATE", "");
    if (result != ERR_OK)
        return result;
    d->tx = kind;
    d->group_weight = 0;
    return ERR_OK;
}

/* A commit that failed (a failed fsync among them) is never tried again: the system may have dropped the dirty pages.
 */
static enum err commit(struct db *d, struct error *e)
{
    enum err result = check_whole(d, e);
    if (result == ERR_OK)
        result = db_run(d, e, "COMMIT", "");
    if (result != ERR_OK) {
        d->broken = true;
        if (!sqlite3_get_autocommit(d->handle))
            sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    d->tx = TX_NONE;
    d->group_weight = 0;
    d->committed_at = clock_seconds();
    return result;
}

enum err db_begin(struct db *d, struct error *e)
{
    assert(d->tx != TX_OWN && "transactions do not nest");
    enum err result = d->tx == TX_GROUP ? commit(d, e) : ERR_OK;
    return result == ERR_OK ? begin(d, TX_OWN, e) : result;
}

enum err db_commit(struct db *d, struct error *e)
{
    return db_flush(d, e);
}

void db_rollback(struct db *d)
{
    if (d->tx != TX_OWN)
        return;
    if (!sqlite3_get_autocommit(d->handle))
        sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
    d->tx = TX_NONE;
}

bool db_in_transaction(struct db *d)
{
    return !sqlite3_get_autocommit(d->handle);
}

bool db_owned(struct db *d)
{
    return d->tx == TX_OWN;
}

enum err db_group_begin(struct db *d, struct error *e)
{
    return d->tx == TX_NONE ? begin(d, TX_GROUP, e) : check_whole(d, e);
}

enum err db_group_end(struct db *d, int weight, struct error *e)
{
    if (d->tx != TX_GROUP)
        return ERR_OK;
    d->group_weight += weight;
    bool due = d->group_weight >= DB_GROUP_WEIGHT || clock_seconds() - d->committed_at >= 1e-3 * DB_GROUP_MS;
    return due ? commit(d, e) : ERR_OK;
}

void db_group_adopt(struct db *d)
{
    if (d->tx == TX_OWN)
        d->tx = TX_GROUP;
}

enum err db_flush(struct db *d, struct error *e)
{
    return d->tx == TX_NONE ? check_whole(d, e) : commit(d, e);
}

enum err db_put(struct db *d, struct error *e, const char *sql, const char *types, ...)
{
    enum err result = db_group_begin(d, e);
    if (result != ERR_OK)
        return result;
    va_list args;
    va_start(args, types);
    result = run_args(d, e, sql, types, args);
    va_end(args);
    return result == ERR_OK ? db_group_end(d, 1, e) : result;
}
