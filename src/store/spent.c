#include "store/spent.h"

enum { COLUMNS = sizeof(struct spent) / sizeof(uint64_t) };

/* Columns in the struct's order. */
enum err spent_add(struct run *r, const char *stage, struct str model, const struct spent *s, struct error *e)
{
    enum err result = db_group_begin(r->db, e);
    if (result == ERR_OK)
        result =
            db_run(r->db, e,
                   "INSERT INTO spent VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13) ON CONFLICT(stage, model) DO "
                   "UPDATE SET"
                   " calls=calls+excluded.calls, tokens_in=tokens_in+excluded.tokens_in,"
                   " tokens_cached=tokens_cached+excluded.tokens_cached, tokens_out=tokens_out+excluded.tokens_out,"
                   " again=again+excluded.again, cut=cut+excluded.cut, refused=refused+excluded.refused,"
                   " too_long=too_long+excluded.too_long, failed=failed+excluded.failed, ms=ms+excluded.ms,"
                   " tokens_to_cache=tokens_to_cache+excluded.tokens_to_cache",
                   "zsiiiiiiiiiii", stage, model, (int64_t)s->calls, (int64_t)s->tokens_in, (int64_t)s->tokens_cached,
                   (int64_t)s->tokens_out, (int64_t)s->again, (int64_t)s->cut, (int64_t)s->refused,
                   (int64_t)s->too_long, (int64_t)s->failed, (int64_t)s->ms, (int64_t)s->tokens_to_cache);
    return result == ERR_OK ? db_group_end(r->db, 1, e) : result;
}

enum err spent_each(struct run *r, spent_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    int64_t columns_there;
    bool row = false;
    enum err result = db_get_int(r->db, e, &columns_there, 0, "SELECT count(*) FROM pragma_table_info('spent')", "");
    if (result != ERR_OK || !columns_there)
        return result;
    bool older = columns_there < 2 + COLUMNS; /* and only read: nothing was known of what went to caches */
    result = db_query(
        r->db, e, &q,
        older ? "SELECT *, 0 FROM spent ORDER BY stage, model" : "SELECT * FROM spent ORDER BY stage, model", "");
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        struct spent s;
        uint64_t *const columns[COLUMNS] = {&s.calls,  &s.tokens_in, &s.tokens_cached,  &s.tokens_out,
                                            &s.again,  &s.cut,       &s.refused,        &s.too_long,
                                            &s.failed, &s.ms,        &s.tokens_to_cache};
        for (int i = 0; i < COLUMNS; i++)
            *columns[i] = (uint64_t)db_int(q, 2 + i);
        fn(arg, db_text(q, 0), db_text(q, 1), &s);
    }
    return result;
}
