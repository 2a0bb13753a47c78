#include "store/batches.h"

static struct str view(const struct hash *h)
{
    return (struct str){(const char *)h->at, sizeof h->at};
}

/* The row last: items of a batch that is not there are in none. */
enum err batches_put(struct run *r, const struct batch_row *b, const struct hash *items, struct error *e)
{
    enum err result = ERR_OK;
    db_group_adopt(r->db);
    for (int64_t i = 0; i < b->requests && result == ERR_OK; i++)
        result = db_put(r->db, e, "INSERT OR REPLACE INTO batch_item VALUES(?1,?2)", "bs", view(&items[i]), b->token);
    if (result == ERR_OK)
        result =
            db_put(r->db, e, "INSERT INTO batch(token, stage, model, id, sent_at, requests) VALUES(?1,?2,?3,?4,?5,?6)",
                   "ssssii", b->token, b->stage, b->model, b->id, b->sent_at, b->requests);
    return result == ERR_OK ? db_flush(r->db, e) : result;
}

enum err batches_set_id(struct run *r, const char *token, const char *id, struct error *e)
{
    enum err result = db_put(r->db, e, "UPDATE batch SET id = ?2 WHERE token = ?1", "zz", token, id);
    return result == ERR_OK ? db_flush(r->db, e) : result;
}

enum err batches_delete(struct run *r, const char *token, struct error *e)
{
    enum err result = db_put(r->db, e, "DELETE FROM batch_item WHERE token = ?1", "z", token);
    if (result == ERR_OK)
        result = db_put(r->db, e, "DELETE FROM batch WHERE token = ?1", "z", token);
    return result == ERR_OK ? db_flush(r->db, e) : result;
}

enum err batches_each(struct run *r, const char *stage, const char *model, batch_row_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    int64_t there;
    bool row = false;
    enum err result = db_get_int(r->db, e, &there, 0, "SELECT count(*) FROM sqlite_schema WHERE name = 'batch'", "");
    if (result != ERR_OK || !there)
        return result;
    result = db_query(r->db, e, &q,
                      "SELECT token, stage, model, id, sent_at, requests FROM batch WHERE (?1 IS NULL OR stage = ?1)"
                      " AND (?2 IS NULL OR model = ?2) ORDER BY sent_at, token",
                      "zz", stage, model);
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row)
        fn(arg, &(struct batch_row){.token = db_text(q, 0),
                                    .stage = db_text(q, 1),
                                    .model = db_text(q, 2),
                                    .id = db_text(q, 3),
                                    .sent_at = db_int(q, 4),
                                    .requests = db_int(q, 5)});
    return result;
}

enum err batches_find(struct run *r, struct hash item, struct arena *a, struct str *token, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    *token = (struct str){0};
    enum err result = db_query(r->db, e, &q, "SELECT token FROM batch_item WHERE item = ?1", "b", view(&item));
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result != ERR_OK || !row)
        return result;
    *token = str_dup(a, db_text(q, 0));
    db_done(q);
    return ERR_OK;
}
