#include "store/clusters.h"

#include <assert.h>
#include <string.h>

/* Decimal places, so that an id can be read: facet 1, level 2, index 34 is 1'02'0000034. Below 2^53, exact in JSON. */
static const int64_t LEVEL_UNIT = 10000000, FACET_UNIT = 1000000000;

int64_t cluster_id(size_t facet_index, int level, size_t index)
{
    assert(facet_index < 9000000 && level >= 0 && level < 100 && (int64_t)index < LEVEL_UNIT);
    return (int64_t)facet_index * FACET_UNIT + (int64_t)level * LEVEL_UNIT + (int64_t)index;
}

void cluster_parts(int64_t id, size_t *facet_index, int *level, size_t *index)
{
    assert(id >= 0);
    *facet_index = (size_t)(id / FACET_UNIT);
    *level = (int)(id % FACET_UNIT / LEVEL_UNIT);
    *index = (size_t)(id % LEVEL_UNIT);
}

enum err clusters_clear(struct run *r, struct str facet, int from_level, struct error *e)
{
    enum err result = db_group_begin(r->db, e);
    if (result == ERR_OK)
        result =
            db_run(r->db, e, "DELETE FROM node WHERE facet = ?1 AND level >= ?2", "si", facet, (int64_t)from_level);
    if (result == ERR_OK && from_level <= 0)
        result = db_run(r->db, e, "DELETE FROM member WHERE facet = ?1", "s", facet);
    if (result == ERR_OK && from_level > 0) /* their parents are gone */
        result = db_run(r->db, e, "UPDATE node SET parent = -1 WHERE facet = ?1 AND level = ?2", "si", facet,
                        (int64_t)from_level - 1);
    return result == ERR_OK ? db_group_end(r->db, 1, e) : result;
}

enum err clusters_put(struct run *r, const struct node *n, struct error *e)
{
    return db_put(r->db, e,
                  "INSERT OR REPLACE INTO node(id, facet, level, parent, conversations, accounts, large_enough, rating,"
                  " name, description, short_name, rating_reason) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
                  "isiiiiiissss", n->id, n->facet, (int64_t)n->level, n->parent, n->conversations, n->accounts,
                  (int64_t)n->large_enough, (int64_t)n->rating, n->name, n->description, n->short_name,
                  n->rating_reason);
}

enum err clusters_set_parent(struct run *r, int64_t id, int64_t parent, struct error *e)
{
    return db_put(r->db, e, "UPDATE node SET parent = ?2 WHERE id = ?1", "ii", id, parent);
}

enum err clusters_set_rating(struct run *r, int64_t id, int rating, struct str reason, struct error *e)
{
    return db_put(r->db, e, "UPDATE node SET rating = ?2, rating_reason = ?3 WHERE id = ?1", "iis", id, (int64_t)rating,
                  reason);
}

static struct node read_node(sqlite3_stmt *q, struct arena *a)
{
    return (struct node){
        .id = db_int(q, 0),
        .facet = str_dup(a, db_text(q, 1)),
        .level = (int)db_int(q, 2),
        .parent = db_int(q, 3),
        .conversations = db_int(q, 4),
        .accounts = db_int(q, 5),
        .large_enough = db_int(q, 6) != 0,
        .rating = (int)db_int(q, 7),
        .name = str_dup(a, db_text(q, 8)),
        .description = str_dup(a, db_text(q, 9)),
        .short_name = str_dup(a, db_text(q, 10)),
        .rating_reason = str_dup(a, db_text(q, 11)),
    };
}

enum err clusters_load(struct run *r, struct str facet, int level_or_minus_1, struct arena *a, struct node **nodes,
                       size_t *n, struct error *e)
{
    *nodes = NULL;
    *n = 0;
    int64_t count, level = level_or_minus_1;
    enum err result =
        db_get_int(r->db, e, &count, 0, "SELECT count(*) FROM node WHERE facet = ?1 AND (?2 < 0 OR level = ?2)", "si",
                   facet, level);
    if (result != ERR_OK)
        return result;
    sqlite3_stmt *q;
    bool row = false;
    *nodes = arena_new(a, (size_t)count, sizeof **nodes);
    result = db_query(r->db, e, &q,
                      "SELECT id, facet, level, parent, conversations, accounts, large_enough, rating, name,"
                      " description, short_name, rating_reason FROM node"
                      " WHERE facet = ?1 AND (?2 < 0 OR level = ?2) ORDER BY level, id",
                      "si", facet, level);
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        assert(*n < (size_t)count);
        (*nodes)[(*n)++] = read_node(q, a);
    }
    return result;
}

enum err clusters_facets(struct run *r, struct arena *a, struct str **names, size_t *n, struct error *e)
{
    *names = NULL;
    *n = 0;
    int64_t count;
    enum err result = db_get_int(r->db, e, &count, 0, "SELECT count(DISTINCT facet) FROM node", "");
    if (result != ERR_OK)
        return result;
    sqlite3_stmt *q;
    bool row = false;
    *names = arena_new(a, (size_t)count, sizeof **names);
    result = db_query(r->db, e, &q, "SELECT facet FROM node GROUP BY facet ORDER BY min(id)", "");
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        assert(*n < (size_t)count);
        (*names)[(*n)++] = str_dup(a, db_text(q, 0));
    }
    return result;
}

enum err members_put(struct run *r, struct str facet, int64_t rec, int64_t leaf, struct error *e)
{
    return db_put(r->db, e, "INSERT OR REPLACE INTO member(facet, rec, leaf) VALUES(?1,?2,?3)", "sii", facet, rec,
                  leaf);
}

enum err members_each(struct run *r, struct str facet, member_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(r->db, e, &q, "SELECT rec, leaf FROM member WHERE facet = ?1 ORDER BY rec", "s", facet);
    if (result != ERR_OK)
        return result;
    while ((result = db_step(q, &row, e)) == ERR_OK && row) {
        result = fn(arg, db_int(q, 0), db_int(q, 1), e);
        if (result != ERR_OK)
            break;
    }
    db_done(q);
    return result;
}

enum err points_clear(struct run *r, struct str facet, struct error *e)
{
    return db_put(r->db, e, "DELETE FROM point WHERE facet = ?1", "s", facet);
}

enum err points_put(struct run *r, struct str facet, int64_t rec, float x, float y, struct error *e)
{
    return db_put(r->db, e, "INSERT OR REPLACE INTO point(facet, rec, x, y) VALUES(?1,?2,?3,?4)", "sidd", facet, rec,
                  (double)x, (double)y);
}

enum err points_each(struct run *r, struct str facet, point_fn *fn, void *arg, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(r->db, e, &q, "SELECT rec, x, y FROM point WHERE facet = ?1 ORDER BY rec", "s", facet);
    if (result != ERR_OK)
        return result;
    while ((result = db_step(q, &row, e)) == ERR_OK && row) {
        result = fn(arg, db_int(q, 0), (float)db_real(q, 1), (float)db_real(q, 2), e);
        if (result != ERR_OK)
            break;
    }
    db_done(q);
    return result;
}
