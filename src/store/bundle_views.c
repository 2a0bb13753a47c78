#include "store/bundle_views.h"

#include "store/db.h"

#include <string.h>

/* A list in an arena that doubles; what it outgrows stays in the arena until the request ends. */
struct list {
    struct arena *arena;
    char *at;
    size_t n, cap, size;
};

static void *list_add(struct list *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        char *bigger = arena_zero(l->arena, cap, l->size);
        if (l->n)
            memcpy(bigger, l->at, l->n * l->size);
        l->at = bigger;
        l->cap = cap;
    }
    return l->at + l->size * l->n++;
}

/* Fills one element from the present row. */
typedef void row_fn(void *element, sqlite3_stmt *q, struct arena *a);

static enum err collect(sqlite3_stmt *q, struct list *l, row_fn *fn, struct error *e)
{
    for (bool row;;) {
        enum err result = db_step(q, &row, e);
        if (result != ERR_OK || !row) {
            db_done(q);
            return result;
        }
        fn(list_add(l), q, l->arena);
    }
}

/* ---- Facets ---- */

static void facet_row(void *element, sqlite3_stmt *q, struct arena *a)
{
    struct bundle_facet *f = element;
    f->name = str_dup(a, db_text(q, 0));
    f->kind = str_dup(a, db_text(q, 1));
    f->clustered = db_int(q, 2) != 0;
    f->several = db_int(q, 3) != 0;
}

static void value_row(void *element, sqlite3_stmt *q, struct arena *a)
{
    struct bundle_value *v = element;
    v->value = str_dup(a, db_text(q, 0));
    v->label = str_dup(a, db_text(q, 1));
}

enum err bundle_facet_list(struct db *d, struct arena *a, struct bundle_facet **out, size_t *n, struct error *e)
{
    sqlite3_stmt *q;
    struct list facets = {.arena = a, .size = sizeof(struct bundle_facet)};
    enum err result = db_query(d, e, &q, "SELECT name, kind, clustered, several FROM facet ORDER BY position", "");
    if (result == ERR_OK)
        result = collect(q, &facets, facet_row, e);
    *out = (struct bundle_facet *)(void *)facets.at;
    *n = facets.n;
    for (size_t i = 0; i < facets.n && result == ERR_OK; i++) {
        struct bundle_facet *f = &(*out)[i];
        struct list values = {.arena = a, .size = sizeof(struct bundle_value)};
        result = db_query(d, e, &q, "SELECT value, label FROM value WHERE facet = ?1 ORDER BY position", "s", f->name);
        if (result == ERR_OK)
            result = collect(q, &values, value_row, e);
        f->values = (struct bundle_value *)(void *)values.at;
        f->values_count = values.n;
    }
    return result;
}

/* ---- Nodes ---- */

enum err bundle_node_by_id(struct db *d, int64_t id, struct arena *a, struct bundle_node *out, bool *found,
                           struct error *e)
{
    sqlite3_stmt *q;
    enum err result = db_query(d, e, &q,
                               "SELECT facet, level, parent, position, name, description, short_name, conversations, "
                               "accounts, rating, x, y, radius FROM node WHERE id = ?1",
                               "i", id);
    *found = false;
    if (result == ERR_OK)
        result = db_step(q, found, e);
    if (result == ERR_OK && *found)
        *out = (struct bundle_node){
            .id = id,
            .facet = str_dup(a, db_text(q, 0)),
            .level = (int)db_int(q, 1),
            .parent = db_int(q, 2),
            .position = (int)db_int(q, 3),
            .name = str_dup(a, db_text(q, 4)),
            .description = str_dup(a, db_text(q, 5)),
            .short_name = str_dup(a, db_text(q, 6)),
            .conversations = db_int(q, 7),
            .accounts = db_int(q, 8),
            .rating = (int)db_int(q, 9),
            .x = db_real(q, 10),
            .y = db_real(q, 11),
            .radius = db_is_null(q, 12) ? -1 : db_real(q, 12),
        };
    if (result == ERR_OK)
        db_done(q);
    return result;
}

/* ---- Cells ---- */

static void cell_row(void *element, sqlite3_stmt *q, struct arena *a)
{
    struct bundle_cell *c = element;
    c->node = db_int(q, 0);
    c->facet = str_dup(a, db_text(q, 1));
    c->value = str_dup(a, db_text(q, 2));
    c->week = db_is_null(q, 3) ? BUNDLE_ALL_WEEKS : (int32_t)db_int(q, 3);
    c->conversations = db_int(q, 4);
    c->accounts = db_int(q, 5);
}

static enum err cells(sqlite3_stmt *q, struct arena *a, struct bundle_cell **out, size_t *n, struct error *e)
{
    struct list l = {.arena = a, .size = sizeof(struct bundle_cell)};
    enum err result = collect(q, &l, cell_row, e);
    *out = (struct bundle_cell *)(void *)l.at;
    *n = l.n;
    return result;
}

enum err bundle_cells_of_node(struct db *d, int64_t node, struct arena *a, struct bundle_cell **out, size_t *n,
                              struct error *e)
{
    sqlite3_stmt *q;
    enum err result = db_query(d, e, &q,
                               "SELECT node, facet, value, week, conversations, accounts FROM cell WHERE node = ?1 "
                               "ORDER BY facet, value, week",
                               "i", node);
    return result == ERR_OK ? cells(q, a, out, n, e) : result;
}

enum err bundle_cells_of_facet(struct db *d, struct str facet, struct str value, struct arena *a,
                               struct bundle_cell **out, size_t *n, struct error *e)
{
    sqlite3_stmt *q;
    enum err result = db_query(d, e, &q,
                               "SELECT node, facet, value, week, conversations, accounts FROM cell "
                               "WHERE facet = ?1 AND (?2 OR value = ?3) AND week IS NULL ORDER BY node, value",
                               "sis", facet, (int64_t)(value.at == NULL), value);
    return result == ERR_OK ? cells(q, a, out, n, e) : result;
}

enum err bundle_weeks(struct db *d, int64_t node, struct arena *a, struct bundle_cell **out, size_t *n, struct error *e)
{
    sqlite3_stmt *q;
    enum err result = db_query(d, e, &q,
                               "SELECT node, '', '', week, conversations, accounts FROM total WHERE node = ?1 "
                               "ORDER BY week",
                               "i", node);
    return result == ERR_OK ? cells(q, a, out, n, e) : result;
}

/* ---- The map ---- */

static void spot_row(void *element, sqlite3_stmt *q, struct arena *a)
{
    struct bundle_spot *s = element;
    (void)a;
    *s = (struct bundle_spot){db_int(q, 0), db_int(q, 1), db_int(q, 2), db_int(q, 3)};
}

static enum err spots(struct db *d, const char *sql, struct str facet, struct arena *a, struct bundle_spot **out,
                      size_t *n, struct error *e)
{
    sqlite3_stmt *q;
    struct list l = {.arena = a, .size = sizeof(struct bundle_spot)};
    enum err result = db_query(d, e, &q, sql, "s", facet);
    if (result == ERR_OK)
        result = collect(q, &l, spot_row, e);
    *out = (struct bundle_spot *)(void *)l.at;
    *n = l.n;
    return result;
}

enum err bundle_density(struct db *d, struct str facet, struct arena *a, struct bundle_spot **out, size_t *n,
                        struct error *e)
{
    return spots(d, "SELECT 0, x, y, conversations FROM density WHERE facet = ?1 ORDER BY y, x", facet, a, out, n, e);
}

enum err bundle_points(struct db *d, struct str facet, struct arena *a, struct bundle_spot **out, size_t *n,
                       struct error *e)
{
    return spots(d, "SELECT node, x, y, 1 FROM point WHERE facet = ?1 ORDER BY node, x, y", facet, a, out, n, e);
}
