#include "store/records.h"

#include <math.h>

enum err facet_clear(struct run *r, struct str facet, struct error *e)
{
    return db_put(r->db, e, "DELETE FROM facet_value WHERE facet = ?1", "s", facet);
}

enum err facet_delete(struct run *r, struct str facet, int64_t rec, struct error *e)
{
    return db_put(r->db, e, "DELETE FROM facet_value WHERE facet = ?1 AND rec = ?2", "si", facet, rec);
}

/* A NaN ("no number") is stored as NULL by SQLite and comes back as NaN. */
enum err facet_put(struct run *r, int64_t rec, struct str facet, int seq, struct str text, double number,
                   struct error *e)
{
    return db_put(r->db, e,
                  "INSERT INTO facet_value(facet, rec, seq, text, number) VALUES(?1,?2,?3,?4,?5)"
                  " ON CONFLICT DO UPDATE SET text=excluded.text, number=excluded.number",
                  "siisd", facet, rec, (int64_t)seq, text, number);
}

enum err facet_each(struct run *r, struct str facet, facet_row_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(
        r->db, e, &q, "SELECT rec, seq, text, number FROM facet_value WHERE facet = ?1 ORDER BY rec, seq", "s", facet);
    if (result != ERR_OK)
        return result;
    while ((result = db_step(q, &row, e)) == ERR_OK && row) {
        double number = db_is_null(q, 3) ? (double)NAN : db_real(q, 3);
        result = fn(arg, db_int(q, 0), (int)db_int(q, 1), db_text(q, 2), number, e);
        if (result != ERR_OK)
            break;
    }
    db_done(q);
    return result;
}
