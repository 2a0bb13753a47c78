/*
 * publish_parts.h: what the files of publish share; nobody else includes it.                    Layer: stage (privacy).
 *
 *   publish_load.c     reads the run, opens the gate: which nodes are shown, and which conversations stand behind each
 *   publish_totals.c   rounds the totals of the whole run where they would tell the size of a small rest
 *   publish_cells.c    counts nodes by facet value and week
 *   publish_protect.c  withholds cells that rest on too few accounts, and those that would give them away
 *   publish_map.c      centres, radii, density, points
 *   publish_facets.c   reads facet values, puts numbers into bins and rare values together
 *   publish_write.c    puts it all into the file
 *   publish_meta.c     what a reader has to know about the whole run
 *   publish.c          the order of it, and the rename
 *
 * A `place` is a conversation's index in record_index: 0..n-1. Accounts and weeks are renumbered 0..count-1.
 */
#ifndef CLIO_PRIVACY_PUBLISH_PARTS_H
#define CLIO_PRIVACY_PUBLISH_PARTS_H

#include "stage/stage.h"
#include "store/clusters.h"
#include "store/records.h"

enum {
    WEEK_ALL = -1,         /* a cell over all weeks */
    FACET_SIZE = -1,       /* the pseudo-facet that counts everything once */
    FACET_VALUES_MAX = 64, /* the most frequent values; the others are counted together */
    GRID = 64,             /* density cells along a side */
    MAP_UNITS = 4096,      /* coordinates are whole multiples of 1/4096 of the map's side */
};

/* A facet that can be counted: categorical, ordinal, computed (in bins) or metadata. */
struct release_facet {
    const struct facet_def *def;
    struct str *values; /* in display order */
    struct str *labels; /* what people read; equals the value where there is nothing better */
    size_t values_count;
    size_t *start; /* [n + 1]: the values of a place are value[start[place]..start[place + 1]) */
    uint16_t *value;
};

struct release_node {
    const struct node *from;
    int64_t parent;      /* id of the nearest shown ancestor, -1 at the top */
    size_t parent_index; /* its place in tree->nodes, SIZE_MAX at the top */
    size_t lo, hi;       /* its conversations are tree->order[lo..hi) */
    int64_t conversations, accounts;
    double x, y, radius;
    bool on_map;
};

/* What was held back, and why: the report owes its reader that. */
struct withheld {
    int64_t clusters, conversations;
};

struct release_tree {
    const struct facet_def *def;
    struct release_node *nodes; /* shown ones; parents before children, siblings by size */
    size_t nodes_count;
    uint32_t *order; /* [n] places, leaf by leaf in the nodes' order; those behind no shown leaf last */
    size_t shown;    /* how many of them stand behind a shown leaf */
    int64_t placed, leaves, leaves_shown, parents, parents_shown;
    struct withheld too_small, audit;
    bool is_split;     /* placed and the withheld conversations may be told apart; else they are published as null */
    bool sampled;      /* the map was drawn from a sample */
    int64_t points;    /* shown conversations that are on it */
    uint32_t *density; /* [GRID * GRID] conversations; 0: none, or withheld */
    float *xy;         /* [n][2] by place, 0..1 over the map; NaN: not on it */
};

/* Conversations and accounts of a node by one value of one facet, in one week or in all. */
struct cell {
    int32_t node;  /* 0: the run; then the trees' nodes, see release_node_base; each tree's last one is its rest */
    int32_t week;  /* index into weeks, or WEEK_ALL */
    int16_t facet; /* index into facets, or FACET_SIZE */
    int16_t value;
    uint32_t conversations, accounts;
    bool hidden;
    bool fixed; /* a node's own size: printed with the node, cannot be hidden here; the run's, unless it is rounded */
    bool rest;  /* belongs to what is behind no shown leaf: never printed */
};

/* What is published about the whole run; see publish_totals.c. */
struct totals {
    int64_t imported, kept, accounts, dated;
    bool rounded; /* up: the exact numbers would tell the size of a small rest */
    bool accounts_rounded;
};

struct release {
    struct arena arena;
    const struct config *config;
    struct run *run;
    struct record_index records;
    int64_t imported, kept;
    uint32_t *account; /* [n] */
    size_t accounts_count;
    int32_t *week;  /* [n], WEEK_ALL without a time */
    int32_t *weeks; /* [weeks_count] days since 1970, ascending */
    size_t weeks_count;
    struct release_facet *facets;
    size_t facets_count;
    struct release_tree *trees;
    size_t trees_count;
    struct totals totals;
    struct cell *cells; /* on the heap; sorted by node, facet, value, week */
    size_t cells_count, cells_cap;
    int64_t cells_withheld;
};

/* The cell number of a tree's first node; its rest follows its last node. */
size_t publish__node_base(const struct release *r, size_t tree);
void publish__sort(uint64_t *keys, uint64_t *spare, size_t n);
/* Distinct accounts among order[lo..hi); spare holds 2 * (hi - lo) words. */
int64_t publish__accounts(const struct release *r, const uint32_t *order, size_t lo, size_t hi, uint64_t *spare);

/* The order of cells: node, facet, value, week. */
int publish__by_cell(const void *a, const void *b);

MUST_USE enum err publish__facets(struct release *r, struct error *e);
MUST_USE enum err publish__load(struct release *r, struct error *e);
void publish__totals(struct release *r);
void publish__count(struct release *r);
void publish__protect(struct release *r);
MUST_USE enum err publish__map(struct release *r, struct error *e);
MUST_USE enum err publish__write(struct release *r, struct db *d, struct error *e);
MUST_USE enum err publish__meta(struct release *r, struct db *d, struct error *e);

#endif
