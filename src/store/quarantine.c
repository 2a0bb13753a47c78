#include "store/records.h"

enum err quarantine_put(struct run *r, const struct quarantine_row *row, struct error *e)
{
    return db_put(r->db, e,
                  "INSERT INTO quarantine(stage, source, line, rec, reason, id) VALUES(?1,?2,?3,?4,?5,?6)"
                  " ON CONFLICT DO UPDATE SET reason=excluded.reason, id=excluded.id",
                  "ssiiss", row->stage, row->source, row->line, row->rec, row->reason, row->id);
}

enum err quarantine_clear(struct run *r, const char *stage, struct error *e)
{
    return db_put(r->db, e, "DELETE FROM quarantine WHERE stage = ?1", "z", stage);
}

enum err quarantine_each(struct run *r, const char *stage_or_null, quarantine_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(r->db, e, &q,
                               "SELECT stage, source, reason, id, line, rec FROM quarantine"
                               " WHERE ?1 IS NULL OR stage = ?1 ORDER BY stage, source, line, rec",
                               "z", stage_or_null);
    if (result != ERR_OK)
        return result;
    while ((result = db_step(q, &row, e)) == ERR_OK && row) {
        struct quarantine_row found = {.stage = db_text(q, 0),
                                       .source = db_text(q, 1),
                                       .reason = db_text(q, 2),
                                       .id = db_text(q, 3),
                                       .line = db_int(q, 4),
                                       .rec = db_int(q, 5)};
        result = fn(arg, &found, e);
        if (result != ERR_OK)
            break;
    }
    db_done(q);
    return result;
}

enum err quarantine_reasons(struct run *r, const char *stage_or_null, reason_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(r->db, e, &q,
                               "SELECT reason, count(*) AS n FROM quarantine WHERE ?1 IS NULL OR stage = ?1"
                               " GROUP BY reason ORDER BY n DESC, reason",
                               "z", stage_or_null);
    if (result != ERR_OK)
        return result;
    while ((result = db_step(q, &row, e)) == ERR_OK && row) {
        result = fn(arg, db_text(q, 0), db_int(q, 1), e);
        if (result != ERR_OK)
            break;
    }
    db_done(q);
    return result;
}
