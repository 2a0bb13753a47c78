/*
 * bundle_views.h: what the page asks of the published bundle, beyond the list of nodes (store/bundle.h). Everything is
 * read into an arena; nothing here can see more than published/ holds.                 Layer: store, uses base only.
 */
#ifndef CLIO_STORE_BUNDLE_VIEWS_H
#define CLIO_STORE_BUNDLE_VIEWS_H

#include "store/bundle.h"

struct bundle_value {
    struct str value, label;
};

struct bundle_facet {
    struct str name, kind; /* "categorical", "ordinal", "computed", "metadata", "text" */
    bool clustered, several;
    struct bundle_value *values; /* in display order */
    size_t values_count;
};

enum { BUNDLE_RUN = -1, BUNDLE_ALL_WEEKS = INT32_MIN };

struct bundle_cell {
    int64_t node; /* BUNDLE_RUN: everything that was kept */
    struct str facet, value;
    int32_t week; /* days since 1970 of its Monday, or BUNDLE_ALL_WEEKS */
    int64_t conversations, accounts;
};

struct bundle_spot {
    int64_t node; /* points only */
    int64_t x, y, conversations;
};

MUST_USE enum err bundle_facet_list(struct db *d, struct arena *a, struct bundle_facet **out, size_t *n,
                                    struct error *e);
MUST_USE enum err bundle_node_by_id(struct db *d, int64_t id, struct arena *a, struct bundle_node *out, bool *found,
                                    struct error *e);

/* All cells of a node, by facet, value, week; all weeks before single ones. */
MUST_USE enum err bundle_cells_of_node(struct db *d, int64_t node, struct arena *a, struct bundle_cell **out, size_t *n,
                                       struct error *e);
/* The cells over all weeks of one facet, of every node: one value's (or all, when value.at is NULL), by node. */
MUST_USE enum err bundle_cells_of_facet(struct db *d, struct str facet, struct str value, struct arena *a,
                                        struct bundle_cell **out, size_t *n, struct error *e);
/* A node's size by week; facet and value are empty. */
MUST_USE enum err bundle_weeks(struct db *d, int64_t node, struct arena *a, struct bundle_cell **out, size_t *n,
                               struct error *e);
MUST_USE enum err bundle_density(struct db *d, struct str facet, struct arena *a, struct bundle_spot **out, size_t *n,
                                 struct error *e);
MUST_USE enum err bundle_points(struct db *d, struct str facet, struct arena *a, struct bundle_spot **out, size_t *n,
                                struct error *e);

#endif
