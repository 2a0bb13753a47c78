/*
 * bundle.h: RUN/published/, read-only: what passed the four layers. Written by privacy/publish.c alone (which holds the
 * schema); read by serve, export and tree. Nothing here can open run.db.                Layer: store, uses base only.
 */
#ifndef CLIO_STORE_BUNDLE_H
#define CLIO_STORE_BUNDLE_H

#include "base/str.h"

struct db; /* store/db.h could open run.db too; who only reads bundles does not need it */

/* published/clio.db. Every table is written in a fixed order inside one transaction.
 *   meta(key TEXT PRIMARY KEY, value TEXT)       JSON: totals, thresholds, flags, model names, "audited" label, limits
 *   facet(name, kind, position, clustered, several)
 *   value(facet, position, value, label)         in the order the page shows them; label: what people read
 *   node(id, facet, level, parent, position, name, description, short_name, conversations, accounts, rating,
 *        x, y, radius)
 *   cell(node, facet, value, week, conversations, accounts)      node -1: the whole run; week NULL: all weeks
 *   total(node, week, conversations, accounts)                   node size by week
 *   density(facet, x, y, conversations)                          64 x 64 grid cells over the map
 *   point(facet, node, x, y)                                     public runs only
 */
extern const char bundle_schema[];

struct bundle_node {
    int64_t id, parent, conversations, accounts;
    int level, position, rating;
    struct str facet, name, description, short_name;
    double x, y, radius; /* radius < 0: not on the map */
};

/* The error has a hint when nothing is published yet. */
MUST_USE enum err bundle_open(const char *run_path, struct db **out, struct error *e);
void bundle_close(struct db *d); /* NULL is fine */
MUST_USE enum err bundle_nodes(struct db *d, struct str facet, struct arena *a, struct bundle_node **out, size_t *n,
                               struct error *e); /* top level first, then by position */
/* Empty: there is none. */
MUST_USE enum err bundle_meta(struct db *d, const char *key, struct arena *a, struct str *json, struct error *e);
/* The clustered ones, in order. */
MUST_USE enum err bundle_facets(struct db *d, struct arena *a, struct str **names, size_t *n, struct error *e);

#endif
