/* Counts every node by facet value and week. A node is one range of its tree's `order`, so each is one short loop. */
#include "privacy/publish_parts.h"

#include <stdlib.h>
#include <string.h>

static int by_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Radix sort for the large ranges near the top of a tree, the library's sort for the many small ones below. */
void publish__sort(uint64_t *keys, uint64_t *spare, size_t n)
{
    if (n < 2)
        return;
    if (n < 4096) {
        qsort(keys, n, sizeof *keys, by_u64);
        return;
    }
    for (unsigned shift = 0; shift < 64; shift += 16) {
        size_t *next = mem_zero(65536 + 1, sizeof *next);
        for (size_t i = 0; i < n; i++)
            next[(keys[i] >> shift & 0xffff) + 1]++;
        for (size_t i = 1; i <= 65536; i++)
            next[i] += next[i - 1];
        for (size_t i = 0; i < n; i++)
            spare[next[keys[i] >> shift & 0xffff]++] = keys[i];
        memcpy(keys, spare, n * sizeof *keys);
        free(next);
    }
}

int64_t publish__accounts(const struct release *r, const uint32_t *order, size_t lo, size_t hi, uint64_t *spare)
{
    size_t n = 0;
    int64_t distinct = 0;
    for (size_t i = lo; i < hi; i++)
        spare[n++] = r->account[order[i]];
    publish__sort(spare, spare + n, n);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || spare[i] != spare[i - 1];
    return distinct;
}

/* What is being counted, and working memory for it. */
struct counter {
    struct release *r;
    const uint32_t *order;
    size_t lo, hi;
    int32_t node;
    bool rest;
    uint64_t *keys, *spare;
    size_t cap;
};

static void add_cell(struct counter *c, struct cell cell)
{
    struct release *r = c->r;
    if (r->cells_count == r->cells_cap)
        r->cells = mem_grow(r->cells, r->cells_cap = r->cells_cap ? r->cells_cap * 2 : 4096, sizeof *r->cells);
    r->cells[r->cells_count++] = cell;
}

/* Keys are value, week, account from the top bits down; equal value and week make a cell. */
static void add_cells(struct counter *c, int16_t facet, size_t n, bool by_week)
{
    publish__sort(c->keys, c->spare, n);
    for (size_t i = 0; i < n;) {
        struct cell cell = {.node = c->node,
                            .facet = facet,
                            .value = (int16_t)(c->keys[i] >> 52),
                            .week = by_week ? (int32_t)(c->keys[i] >> 32 & 0xfffff) : WEEK_ALL,
                            .rest = c->rest,
                            .hidden = c->rest,
                            .fixed = facet == FACET_SIZE && !by_week};
        uint64_t group = c->keys[i] >> 32;
        for (size_t first = i; i < n && c->keys[i] >> 32 == group; i++) {
            cell.conversations++;
            cell.accounts += i == first || c->keys[i] != c->keys[i - 1];
        }
        add_cell(c, cell);
    }
}

static void put_key(struct counter *c, size_t at, uint64_t value, uint64_t week, uint64_t account)
{
    if (at == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 4096;
        c->keys = mem_grow(c->keys, c->cap, sizeof *c->keys);
        c->spare = mem_grow(c->spare, c->cap, sizeof *c->spare);
    }
    c->keys[at] = value << 52 | week << 32 | account;
}

static void count_facet(struct counter *c, int16_t facet, bool by_week)
{
    const struct release *r = c->r;
    const struct release_facet *f = facet == FACET_SIZE ? NULL : &r->facets[facet];
    size_t n = 0;
    for (size_t i = c->lo; i < c->hi; i++) {
        uint32_t place = c->order[i];
        if (by_week && r->week[place] == WEEK_ALL)
            continue;
        uint64_t week = by_week ? (uint64_t)r->week[place] : 0;
        if (!f)
            put_key(c, n++, 0, week, r->account[place]);
        else
            for (size_t v = f->start[place]; v < f->start[place + 1]; v++)
                put_key(c, n++, f->value[v], week, r->account[place]);
    }
    add_cells(c, facet, n, by_week);
}

static void count_node(struct counter *c, size_t node, size_t lo, size_t hi, bool rest)
{
    c->node = (int32_t)node;
    c->lo = lo;
    c->hi = hi;
    c->rest = rest;
    for (int facet = FACET_SIZE; facet < (int)c->r->facets_count; facet++) {
        count_facet(c, (int16_t)facet, false);
        count_facet(c, (int16_t)facet, true);
    }
}

int publish__by_cell(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->facet != y->facet)
        return x->facet < y->facet ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->week > y->week) - (x->week < y->week);
}

void publish__count(struct release *r)
{
    struct counter c = {.r = r};
    uint32_t *all = mem_new(r->records.n + 1, sizeof *all);
    for (size_t i = 0; i < r->records.n; i++)
        all[i] = (uint32_t)i;
    c.order = all;
    count_node(&c, 0, 0, r->records.n, false);
    for (size_t i = 0; i < r->cells_count; i++) /* a rounded total must not be found again in the run's cells */
        if (r->cells[i].fixed && r->totals.rounded) {
            r->cells[i].fixed = false;
            r->cells[i].hidden = true;
        }
    for (size_t i = 0; i < r->trees_count; i++) {
        const struct release_tree *t = &r->trees[i];
        size_t base = publish__node_base(r, i);
        c.order = t->order;
        for (size_t j = 0; j < t->nodes_count; j++)
            count_node(&c, base + j, t->nodes[j].lo, t->nodes[j].hi, false);
        count_node(&c, base + t->nodes_count, t->shown, r->records.n, true);
    }
    if (r->cells_count)
        qsort(r->cells, r->cells_count, sizeof *r->cells, publish__by_cell);
    free(all);
    free(c.keys);
    free(c.spare);
}
