#include "store/ledger.h"

#include "base/pack.h"

#include <stdlib.h>

/* An answer weighs as much as it takes for LEDGER_GROUP of them to fill a group. */
enum { ANSWER_WEIGHT = DB_GROUP_WEIGHT / LEDGER_GROUP };

_Static_assert((int)LEDGER_MS == (int)DB_GROUP_MS, "the ledger shares the store's group");

static struct str key_view(const struct hash *key)
{
    return (struct str){(const char *)key->at, sizeof key->at};
}

static bool unpack_all(struct str packed, struct arena *a, struct ledger_entry *out)
{
    struct str rest = packed, text;
    size_t n = 0;
    for (; rest.n; n++)
        if (!pack_take(&rest, &text))
            return false;
    struct str *texts = arena_new(a, n, sizeof *texts);
    rest = str_dup(a, packed);
    for (size_t i = 0; i < n; i++)
        if (!pack_take(&rest, &texts[i]))
            return false;
    out->texts = texts;
    out->texts_count = n;
    return true;
}

enum err ledger_get(struct run *r, struct hash key, struct arena *a, struct ledger_entry *out, bool *found,
                    struct error *e)
{
    sqlite3_stmt *q;
    *found = false;
    *out = (struct ledger_entry){0};
    enum err result =
        db_query(r->db, e, &q, "SELECT texts, tokens_in, tokens_cached, tokens_out, status FROM answer WHERE key = ?1",
                 "b", key_view(&key));
    if (result == ERR_OK)
        result = db_step(q, found, e);
    if (result != ERR_OK || !*found)
        return result;
    if (unpack_all(db_text(q, 0), a, out)) {
        out->tokens_in = (uint64_t)db_int(q, 1);
        out->tokens_cached = (uint64_t)db_int(q, 2);
        out->tokens_out = (uint64_t)db_int(q, 3);
        out->status = (int)db_int(q, 4);
    } else {
        *found = false;
        result = error_set(e, ERR_IO, "%s/private/run.db: an answer in the ledger is damaged", r->path);
    }
    db_done(q);
    return result;
}

enum err ledger_put(struct run *r, const char *stage, struct hash key, const struct ledger_entry *entry,
                    struct error *e)
{
    struct buf texts = {0};
    for (size_t i = 0; i < entry->texts_count; i++)
        pack_add(&texts, entry->texts[i]);
    db_group_adopt(r->db);
    enum err result = db_group_begin(r->db, e);
    if (result == ERR_OK)
        result = db_run(r->db, e,
                        "INSERT INTO answer(key, stage, tokens_in, tokens_cached, tokens_out, texts, status)"
                        " VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(key) DO UPDATE SET stage=excluded.stage,"
                        " tokens_in=excluded.tokens_in, tokens_cached=excluded.tokens_cached,"
                        " tokens_out=excluded.tokens_out, texts=excluded.texts, status=excluded.status",
                        "bziiibi", key_view(&key), stage, (int64_t)entry->tokens_in, (int64_t)entry->tokens_cached,
                        (int64_t)entry->tokens_out, buf_str(&texts), (int64_t)entry->status);
    buf_release(&texts);
    return result == ERR_OK ? db_group_end(r->db, ANSWER_WEIGHT, e) : result;
}

enum err ledger_count(struct run *r, const char *stage, int64_t *out, struct error *e)
{
    return db_get_int(r->db, e, out, 0, "SELECT count(*) FROM answer WHERE stage = ?1 AND status = 0", "z", stage);
}

enum err ledger_flush(struct run *r, struct error *e)
{
    return db_flush(r->db, e);
}
