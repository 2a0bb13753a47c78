#include "store/records.h"

#include "base/clock.h"
#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <string.h>
#include <unistd.h>

/* A turn's key is rec * 2^20 + its number (store/schema.c). */
enum { TURN_BITS = 20 };

static int64_t first_turn(int64_t rec)
{
    return rec * ((int64_t)1 << TURN_BITS);
}

/* ---- import ---- */

/* Vectors are personal data like the texts they were made from. */
static void remove_vectors(struct run *r)
{
    DIR *d = opendir(run_path(r, "private"));
    if (!d)
        return;
    for (struct dirent *entry; (entry = readdir(d));) {
        size_t n = strlen(entry->d_name);
        if (n > 4 && strcmp(entry->d_name + n - 4, ".vec") == 0)
            unlinkat(dirfd(d), entry->d_name, 0);
    }
    closedir(d);
}

enum err records_reset(struct run *r, struct error *e)
{
    enum err result = db_begin(r->db, e);
    if (result != ERR_OK)
        return result;
    /* Stage states go too: what they claim to have done is gone. Answers stay: they are found again by their keys. */
    result = db_exec(r->db,
                     "DELETE FROM stage; DELETE FROM conversation; DELETE FROM turn; DELETE FROM account;"
                     "DELETE FROM facet_value; DELETE FROM quarantine; DELETE FROM node; DELETE FROM member;"
                     "DELETE FROM point;",
                     e);
    if (result != ERR_OK) {
        db_rollback(r->db);
        return result;
    }
    result = db_commit(r->db, e);
    if (result == ERR_OK)
        remove_vectors(r);
    return result;
}

enum err records_account(struct run *r, struct str account_name, int64_t *account, struct error *e)
{
    *account = 0;
    if (account_name.n == 0)
        return ERR_OK;
    struct hasher h;
    hash_init_keyed(&h, r->account_key);
    hash_add(&h, account_name);
    struct hash hash = hash_end(&h);
    struct str view = {(const char *)hash.at, sizeof hash.at};
    enum err result = db_get_int(r->db, e, account, 0, "SELECT number FROM account WHERE hash = ?1", "b", view);
    if (result != ERR_OK || *account)
        return result;
    result = db_put(r->db, e, "INSERT INTO account(hash) VALUES(?1)", "b", view);
    return result == ERR_OK ? db_get_int(r->db, e, account, 0, "SELECT number FROM account WHERE hash = ?1", "b", view)
                            : result;
}

static enum err put_conversation(struct run *r, const struct conversation *c, struct error *e)
{
    static const char with_time[] = "INSERT INTO conversation(rec, account, created_at, line, source, id, metadata)"
                                    " VALUES(?1,?2,?3,?4,?5,?6,?7)";
    static const char without[] = "INSERT INTO conversation(rec, account, line, source, id, metadata)"
                                  " VALUES(?1,?2,?3,?4,?5,?6)";
    if (c->has_time)
        return db_run(r->db, e, with_time, "iiiisss", c->rec, c->account, c->created_at, c->line, c->source, c->id,
                      c->metadata);
    return db_run(r->db, e, without, "iiisss", c->rec, c->account, c->line, c->source, c->id, c->metadata);
}

enum err records_put(struct run *r, const struct conversation *c, struct error *e)
{
    if (c->rec < 0 || c->rec >= (int64_t)1 << (62 - TURN_BITS) || c->turns_count >= (size_t)1 << TURN_BITS)
        return error_set(e, ERR_RANGE, "record %lld with %zu turns is more than a run can hold", (long long)c->rec,
                         c->turns_count);
    enum err result = db_group_begin(r->db, e);
    if (result == ERR_OK)
        result = put_conversation(r, c, e);
    for (size_t i = 0; i < c->turns_count && result == ERR_OK; i++)
        result = db_run(r->db, e, "INSERT INTO turn(key, role, text) VALUES(?1,?2,?3)", "iss",
                        first_turn(c->rec) + (int64_t)i, c->turns[i].role, c->turns[i].text);
    return result == ERR_OK ? db_group_end(r->db, 1 + (int)c->turns_count, e) : result;
}

enum err records_delete(struct run *r, int64_t rec, struct error *e)
{
    /* The tables keyed by (facet, rec) are entered once a facet, not read whole. */
    static const char *const by_facet[] = {
        "WITH RECURSIVE f(name) AS (SELECT min(facet) FROM facet_value UNION ALL"
        " SELECT (SELECT min(facet) FROM facet_value WHERE facet > f.name) FROM f WHERE f.name IS NOT NULL)"
        " DELETE FROM facet_value WHERE facet IN (SELECT name FROM f) AND rec = ?1",
        "WITH RECURSIVE f(name) AS (SELECT min(facet) FROM member UNION ALL"
        " SELECT (SELECT min(facet) FROM member WHERE facet > f.name) FROM f WHERE f.name IS NOT NULL)"
        " DELETE FROM member WHERE facet IN (SELECT name FROM f) AND rec = ?1",
        "WITH RECURSIVE f(name) AS (SELECT min(facet) FROM point UNION ALL"
        " SELECT (SELECT min(facet) FROM point WHERE facet > f.name) FROM f WHERE f.name IS NOT NULL)"
        " DELETE FROM point WHERE facet IN (SELECT name FROM f) AND rec = ?1",
    };
    enum err result = db_group_begin(r->db, e);
    if (result == ERR_OK)
        result = db_run(r->db, e, "DELETE FROM conversation WHERE rec = ?1", "i", rec);
    if (result == ERR_OK)
        result = db_run(r->db, e, "DELETE FROM turn WHERE key >= ?1 AND key < ?2", "ii", first_turn(rec),
                        first_turn(rec + 1));
    for (size_t i = 0; i < sizeof by_facet / sizeof *by_facet && result == ERR_OK; i++)
        result = db_run(r->db, e, by_facet[i], "i", rec);
    return result == ERR_OK ? db_group_end(r->db, 8, e) : result;
}

/* ---- reading ---- */

enum err records_index(struct run *r, struct arena *a, struct record_index *out, struct error *e)
{
    *out = (struct record_index){0};
    int64_t kept;
    enum err result = records_count(r, &(int64_t){0}, &kept, e);
    if (result != ERR_OK)
        return result;
    size_t n = (size_t)kept;
    out->rec = arena_new(a, n, sizeof *out->rec);
    out->account = arena_new(a, n, sizeof *out->account);
    out->week = arena_new(a, n, sizeof *out->week);
    sqlite3_stmt *q;
    bool row = false;
    result = db_query(r->db, e, &q,
                      "SELECT rec, account, created_at FROM conversation WHERE dropped IS NULL ORDER BY rec", "");
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        assert(out->n < n);
        out->rec[out->n] = db_int(q, 0);
        out->account[out->n] = db_int(q, 1);
        out->week[out->n] = db_is_null(q, 2) ? INT32_MIN : clock_week(db_int(q, 2));
        out->n++;
    }
    return result;
}

size_t records_find(const struct record_index *x, int64_t rec)
{
    size_t low = 0, high = x->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->rec[middle] < rec)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->n && x->rec[low] == rec ? low : SIZE_MAX;
}

static enum err get_turns(struct run *r, struct arena *a, struct conversation *c, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    size_t cap = 8;
    c->turns = arena_new(a, cap, sizeof *c->turns);
    enum err result = db_query(r->db, e, &q, "SELECT role, text FROM turn WHERE key >= ?1 AND key < ?2 ORDER BY key",
                               "ii", first_turn(c->rec), first_turn(c->rec + 1));
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        if (c->turns_count == cap) {
            struct turn *grown = arena_new(a, 2 * cap, sizeof *grown);
            memcpy(grown, c->turns, cap * sizeof *grown);
            c->turns = grown;
            cap *= 2;
        }
        c->turns[c->turns_count++] = (struct turn){str_dup(a, db_text(q, 0)), str_dup(a, db_text(q, 1))};
    }
    return result;
}

enum err records_get(struct run *r, int64_t rec, struct arena *a, struct conversation *out, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    *out = (struct conversation){.rec = rec};
    enum err result =
        db_query(r->db, e, &q,
                 "SELECT account, created_at, line, source, id, metadata FROM conversation WHERE rec = ?1", "i", rec);
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result != ERR_OK)
        return result;
    if (!row)
        return error_set(e, ERR_RANGE, "record %lld is not in this run", (long long)rec);
    out->account = db_int(q, 0);
    out->has_time = !db_is_null(q, 1);
    out->created_at = db_int(q, 1);
    out->line = db_int(q, 2);
    out->source = str_dup(a, db_text(q, 3));
    out->id = str_dup(a, db_text(q, 4));
    out->metadata = str_dup(a, db_text(q, 5));
    db_done(q);
    return get_turns(r, a, out, e);
}

/* ---- dropping ---- */

enum err records_drop(struct run *r, int64_t rec, const char *why, struct error *e)
{
    /* The first reason stays: a later stage no longer sees the record. */
    return db_put(r->db, e, "UPDATE conversation SET dropped = ?2 WHERE rec = ?1 AND dropped IS NULL", "iz", rec, why);
}

enum err records_undrop(struct run *r, const char *why, struct error *e)
{
    return db_put(r->db, e, "UPDATE conversation SET dropped = NULL WHERE dropped = ?1", "z", why);
}

enum err records_count(struct run *r, int64_t *imported, int64_t *kept, struct error *e)
{
    int64_t dropped;
    enum err result = db_get_int(r->db, e, imported, 0, "SELECT count(*) FROM conversation", "");
    *kept = 0;
    if (result == ERR_OK)
        result = db_get_int(r->db, e, &dropped, 0, "SELECT count(*) FROM conversation WHERE dropped IS NOT NULL", "");
    if (result == ERR_OK)
        *kept = *imported - dropped;
    return result;
}
