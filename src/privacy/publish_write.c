/* Puts a release into the file. Every table is written in a fixed order. */
#include "base/text.h"
#include "privacy/publish_parts.h"
#include "store/bundle.h"

#include <math.h>
#include <stdlib.h>

static const char *const kind_names[] = {
    [FACET_COMPUTED] = "computed", [FACET_CATEGORICAL] = "categorical", [FACET_ORDINAL] = "ordinal",
    [FACET_TEXT] = "text",         [FACET_METADATA] = "metadata",
};

static enum err write_values(const struct release_facet *f, struct db *d, struct error *e)
{
    for (size_t i = 0; i < f->values_count; i++)
        if (db_run(d, e, "INSERT INTO value(facet, position, value, label) VALUES(?1,?2,?3,?4)", "siss", f->def->name,
                   (int64_t)i, f->values[i], f->labels[i]) != ERR_OK)
            return e->code;
    return ERR_OK;
}

/*
 * A value's name may itself tell something (a rare language, a free category), so a value is listed only when at least
 * one cell with it is.
 */
static void hide_unseen_values(struct release *r)
{
    for (size_t f = 0; f < r->facets_count; f++) {
        bool seen[FACET_VALUES_MAX] = {false};
        for (size_t i = 0; i < r->cells_count; i++)
            if (r->cells[i].facet == (int16_t)f && !r->cells[i].hidden)
                seen[r->cells[i].value] = true;
        if (r->facets[f].def->kind == FACET_ORDINAL || r->facets[f].def->kind == FACET_COMPUTED)
            continue; /* their values come from the config, not from the data */
        for (size_t v = 0; v < r->facets[f].values_count; v++)
            if (!seen[v])
                r->facets[f].values[v] = (struct str){0};
    }
}

static enum err write_facets(struct release *r, struct db *d, struct error *e)
{
    for (size_t i = 0; i < r->config->facets_count; i++) {
        const struct facet_def *f = &r->config->facets[i];
        if (f->kind == FACET_TEXT && !f->cluster)
            continue;
        if (db_run(d, e, "INSERT INTO facet(name, kind, position, clustered, several) VALUES(?1,?2,?3,?4,?5)", "sziii",
                   f->name, kind_names[f->kind], (int64_t)i, (int64_t)f->cluster, (int64_t)f->several) != ERR_OK)
            return e->code;
    }
    hide_unseen_values(r);
    for (size_t i = 0; i < r->facets_count; i++) {
        struct release_facet seen = {.def = r->facets[i].def,
                                     .values = mem_new(r->facets[i].values_count + 1, sizeof(struct str)),
                                     .labels = mem_new(r->facets[i].values_count + 1, sizeof(struct str))};
        for (size_t v = 0; v < r->facets[i].values_count; v++)
            if (r->facets[i].values[v].at) {
                seen.values[seen.values_count] = r->facets[i].values[v];
                seen.labels[seen.values_count++] = r->facets[i].labels[v];
            }
        enum err result = write_values(&seen, d, e);
        free(seen.values);
        free(seen.labels);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

static struct str line_of(struct arena *a, struct str text)
{
    struct buf b = {0};
    text_add_line(&b, text);
    struct str out = str_dup(a, buf_str(&b));
    buf_release(&b);
    return out;
}

static enum err write_node(struct release *r, const struct release_node *n, int64_t position, struct db *d,
                           struct error *e)
{
    const char *sql = n->on_map ? "INSERT INTO node(id, facet, level, parent, position, name, description, short_name, "
                                  "conversations, accounts, rating, x, y, radius) "
                                  "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)"
                                : "INSERT INTO node(id, facet, level, parent, position, name, description, short_name, "
                                  "conversations, accounts, rating) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)";
    return db_run(d, e, sql, n->on_map ? "isiiisssiiiddd" : "isiiisssiii", n->from->id, n->from->facet,
                  (int64_t)n->from->level, n->parent, position, line_of(&r->arena, n->from->name),
                  line_of(&r->arena, n->from->description), line_of(&r->arena, n->from->short_name), n->conversations,
                  n->accounts, (int64_t)n->from->rating, n->x, n->y, n->radius);
}

static enum err write_nodes(struct release *r, struct db *d, struct error *e)
{
    for (size_t t = 0; t < r->trees_count; t++)
        for (size_t i = 0; i < r->trees[t].nodes_count; i++)
            if (write_node(r, &r->trees[t].nodes[i], (int64_t)i, d, e) != ERR_OK)
                return e->code;
    return ERR_OK;
}

/* The published id of each cell number; -1 is the run. Rests have none and are never written. */
static int64_t *node_ids(const struct release *r)
{
    int64_t *ids = mem_new(publish__node_base(r, r->trees_count), sizeof *ids);
    ids[0] = -1;
    for (size_t t = 0; t < r->trees_count; t++) {
        size_t base = publish__node_base(r, t);
        for (size_t i = 0; i < r->trees[t].nodes_count; i++)
            ids[base + i] = r->trees[t].nodes[i].from->id;
        ids[base + r->trees[t].nodes_count] = INT64_MIN;
    }
    return ids;
}

static enum err write_cell(const struct release *r, const struct cell *c, int64_t node, struct db *d, struct error *e)
{
    int64_t conversations = c->conversations, accounts = c->accounts;
    int64_t week = c->week == WEEK_ALL ? 0 : r->weeks[c->week];
    if (c->facet == FACET_SIZE)
        return c->week == WEEK_ALL ? ERR_OK
                                   : db_run(d, e,
                                            "INSERT INTO total(node, week, conversations, accounts) "
                                            "VALUES(?1,?2,?3,?4)",
                                            "iiii", node, week, conversations, accounts);
    const struct release_facet *f = &r->facets[c->facet];
    if (c->week == WEEK_ALL)
        return db_run(d, e, "INSERT INTO cell(node, facet, value, conversations, accounts) VALUES(?1,?2,?3,?4,?5)",
                      "issii", node, f->def->name, f->values[c->value], conversations, accounts);
    return db_run(d, e,
                  "INSERT INTO cell(node, facet, value, week, conversations, accounts) "
                  "VALUES(?1,?2,?3,?4,?5,?6)",
                  "issiii", node, f->def->name, f->values[c->value], week, conversations, accounts);
}

static enum err write_cells(struct release *r, struct db *d, struct error *e)
{
    int64_t *ids = node_ids(r);
    enum err result = ERR_OK;
    for (size_t i = 0; i < r->cells_count && result == ERR_OK; i++)
        if (!r->cells[i].hidden && !r->cells[i].rest)
            result = write_cell(r, &r->cells[i], ids[r->cells[i].node], d, e);
    free(ids);
    return result;
}

static enum err write_density(const struct release_tree *t, struct db *d, struct error *e)
{
    for (int64_t i = 0; i < (int64_t)GRID * GRID; i++)
        if (t->density[i] && db_run(d, e, "INSERT INTO density(facet, x, y, conversations) VALUES(?1,?2,?3,?4)", "siii",
                                    t->def->name, i % GRID, i / GRID, (int64_t)t->density[i]) != ERR_OK)
            return e->code;
    return ERR_OK;
}

struct spot {
    int64_t node;
    int32_t x, y;
};

static int by_spot(const void *a, const void *b)
{
    const struct spot *p = a, *q = b;
    if (p->node != q->node)
        return p->node < q->node ? -1 : 1;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y);
}

/* Sorted by position, so that their order says nothing about the order of the conversations. */
static enum err write_points(const struct release_tree *t, struct db *d, struct error *e)
{
    struct spot *spots = mem_new(t->shown + 1, sizeof *spots);
    size_t n = 0;
    enum err result = ERR_OK;
    for (size_t i = 0; i < t->nodes_count; i++)
        for (size_t j = t->nodes[i].lo; t->nodes[i].from->level == 0 && j < t->nodes[i].hi; j++) {
            const float *xy = &t->xy[2 * (size_t)t->order[j]];
            if (!isnan(xy[0]))
                spots[n++] =
                    (struct spot){t->nodes[i].from->id, (int32_t)(xy[0] * MAP_UNITS), (int32_t)(xy[1] * MAP_UNITS)};
        }
    qsort(spots, n, sizeof *spots, by_spot);
    for (size_t i = 0; i < n && result == ERR_OK; i++)
        result = db_run(d, e, "INSERT INTO point(facet, node, x, y) VALUES(?1,?2,?3,?4)", "siii", t->def->name,
                        spots[i].node, (int64_t)spots[i].x, (int64_t)spots[i].y);
    free(spots);
    return result;
}

enum err publish__write(struct release *r, struct db *d, struct error *e)
{
    enum err result = publish__meta(r, d, e);
    if (result == ERR_OK)
        result = write_facets(r, d, e);
    if (result == ERR_OK)
        result = write_nodes(r, d, e);
    if (result == ERR_OK)
        result = write_cells(r, d, e);
    for (size_t i = 0; i < r->trees_count && result == ERR_OK; i++) {
        result = write_density(&r->trees[i], d, e);
        /* Single points would tell what a withheld density cell holds. */
        if (result == ERR_OK && r->config->public_data && r->config->min_cell_accounts <= 1)
            result = write_points(&r->trees[i], d, e);
    }
    return result;
}
