/*
 * views.h: the JSON of every view, from the published bundle alone.                             Layer: stage (serve).
 */
#ifndef CLIO_SERVE_VIEWS_H
#define CLIO_SERVE_VIEWS_H

#include "store/bundle_views.h"

/* What the request asked for; at == NULL: not given. */
struct view_query {
    struct str facet, value, tree;
    int64_t node;
};

/*
 * Each appends one JSON value to out. d is NULL while nothing is published: only view_run accepts that.
 * Errors: ERR_RANGE no such facet or cluster (answered as 404); ERR_IO the bundle cannot be read.
 */
typedef enum err view_fn(struct db *d, const struct view_query *q, struct buf *out, struct error *e);

MUST_USE enum err view_run(struct db *d, const struct view_query *q, struct buf *out, struct error *e);
MUST_USE enum err view_tree(struct db *d, const struct view_query *q, struct buf *out, struct error *e);
MUST_USE enum err view_node(struct db *d, const struct view_query *q, struct buf *out, struct error *e);
MUST_USE enum err view_overlay(struct db *d, const struct view_query *q, struct buf *out, struct error *e);
MUST_USE enum err view_map(struct db *d, const struct view_query *q, struct buf *out, struct error *e);

#endif
