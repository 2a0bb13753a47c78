#include "store/bundle.h"

#include "base/file.h"
#include "store/db.h"

#include <assert.h>

const char bundle_schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE facet(name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, position INTEGER PRIMARY KEY,"
    " clustered INTEGER NOT NULL, several INTEGER NOT NULL) STRICT;"
    "CREATE TABLE value(facet TEXT NOT NULL, position INTEGER NOT NULL, value TEXT NOT NULL, label TEXT NOT NULL,"
    " PRIMARY KEY(facet, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE node(id INTEGER PRIMARY KEY, facet TEXT NOT NULL, level INTEGER NOT NULL, parent INTEGER NOT NULL,"
    " position INTEGER NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, short_name TEXT NOT NULL,"
    " conversations INTEGER NOT NULL, accounts INTEGER NOT NULL, rating INTEGER NOT NULL,"
    " x REAL, y REAL, radius REAL) STRICT;"
    "CREATE INDEX node_order ON node(facet, level, position);"
    "CREATE TABLE cell(node INTEGER NOT NULL, facet TEXT NOT NULL, value TEXT NOT NULL, week INTEGER,"
    " conversations INTEGER NOT NULL, accounts INTEGER NOT NULL) STRICT;"
    "CREATE INDEX cell_place ON cell(node, facet, week);"
    "CREATE INDEX cell_value ON cell(facet, value, node) WHERE week IS NULL;"
    "CREATE TABLE total(node INTEGER NOT NULL, week INTEGER, conversations INTEGER NOT NULL,"
    " accounts INTEGER NOT NULL) STRICT;"
    "CREATE INDEX total_place ON total(node, week);"
    "CREATE TABLE density(facet TEXT NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL, conversations INTEGER NOT NULL,"
    " PRIMARY KEY(facet, x, y)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE point(facet TEXT NOT NULL, node INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL) STRICT;"
    "CREATE INDEX point_place ON point(facet, node);";

enum err bundle_open(const char *run_path, struct db **out, struct error *e)
{
    struct arena a = {0};
    const char *path = str_printf(&a, "%s/published/clio.db", run_path).at;
    enum err result;
    *out = NULL;
    if (file_exists(path)) {
        result = db_open(path, DB_READ, out, e);
    } else {
        result = error_set(e, ERR_IO, "nothing is published in %s yet", run_path);
        error_hint(e, "clio run --run %s finishes the run; publishing is its last stage", run_path);
    }
    arena_release(&a);
    return result;
}

void bundle_close(struct db *d)
{
    db_close(d);
}

static struct bundle_node read_node(sqlite3_stmt *q, struct arena *a)
{
    return (struct bundle_node){
        .id = db_int(q, 0),
        .parent = db_int(q, 1),
        .conversations = db_int(q, 2),
        .accounts = db_int(q, 3),
        .level = (int)db_int(q, 4),
        .position = (int)db_int(q, 5),
        .rating = (int)db_int(q, 6),
        .facet = str_dup(a, db_text(q, 7)),
        .name = str_dup(a, db_text(q, 8)),
        .description = str_dup(a, db_text(q, 9)),
        .short_name = str_dup(a, db_text(q, 10)),
        .x = db_real(q, 11),
        .y = db_real(q, 12),
        .radius = db_is_null(q, 13) ? -1 : db_real(q, 13),
    };
}

enum err bundle_nodes(struct db *d, struct str facet, struct arena *a, struct bundle_node **out, size_t *n,
                      struct error *e)
{
    *out = NULL;
    *n = 0;
    int64_t count;
    enum err result = db_get_int(d, e, &count, 0, "SELECT count(*) FROM node WHERE facet = ?1", "s", facet);
    if (result != ERR_OK)
        return result;
    sqlite3_stmt *q;
    bool row = false;
    *out = arena_new(a, (size_t)count, sizeof **out);
    result = db_query(d, e, &q,
                      "SELECT id, parent, conversations, accounts, level, position, rating, facet, name, description,"
                      " short_name, x, y, radius FROM node WHERE facet = ?1 ORDER BY level DESC, position, id",
                      "s", facet);
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        assert(*n < (size_t)count);
        (*out)[(*n)++] = read_node(q, a);
    }
    return result;
}

enum err bundle_meta(struct db *d, const char *key, struct arena *a, struct str *json, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    *json = (struct str){0};
    enum err result = db_query(d, e, &q, "SELECT value FROM meta WHERE key = ?1", "z", key);
    if (result == ERR_OK)
        result = db_step(q, &row, e);
    if (result == ERR_OK && row) {
        *json = str_dup(a, db_text(q, 0));
        db_done(q);
    }
    return result;
}

enum err bundle_facets(struct db *d, struct arena *a, struct str **names, size_t *n, struct error *e)
{
    *names = NULL;
    *n = 0;
    int64_t count;
    enum err result = db_get_int(d, e, &count, 0, "SELECT count(*) FROM facet WHERE clustered", "");
    if (result != ERR_OK)
        return result;
    sqlite3_stmt *q;
    bool row = false;
    *names = arena_new(a, (size_t)count, sizeof **names);
    result = db_query(d, e, &q, "SELECT name FROM facet WHERE clustered ORDER BY position", "");
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        assert(*n < (size_t)count);
        (*names)[(*n)++] = str_dup(a, db_text(q, 0));
    }
    return result;
}
