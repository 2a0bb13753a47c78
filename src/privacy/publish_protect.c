/*
 * Which cells are withheld.
 *
 * First, every cell resting on fewer than m = min_cell_accounts accounts.
 *
 * Then those from which such a cell could be worked out. Published cells obey three kinds of sums:
 *     the values of a facet in one node and week add up to the node's size in that week;
 *     the weeks of one value add up to the cell over all weeks;
 *     the children of a node, with what is behind no shown cluster, add up to the node.
 * What the known parts of a sum leave over must rest on nothing or on at least m accounts (R3), and it must not be
 * clear which part it belongs to: a cell that is nought is not published either, so a missing part may be withheld or
 * nought, and at least two parts have to be missing. A whole that is withheld must not be bounded closely by its known
 * parts either. Where that does not hold the smallest known part is withheld too.
 * Withholding a cell touches the other sums it stands in, so this repeats until nothing changes.
 *
 * Limits, plainly. The rule looks at one sum at a time: an attacker who solves all sums together as a linear programme
 * may still find narrow intervals for a withheld cell. "Resting on m accounts" is a lower bound from the counts alone;
 * where conversations are missing a facet or a time, or name several values, it is coarser. A node's own size is always
 * shown. Who knows from elsewhere that a missing part is nought knows more than this rule assumes. Nothing here
 * protects against the comparison of two releases (R5).
 */
#include "privacy/publish_parts.h"

#include <stdlib.h>

enum sum_kind { SUM_VALUES, SUM_WEEKS, SUM_CHILDREN, SUM_COUNT };

/* The name of a sum: cells with equal names are its parts. */
struct sum_name {
    int32_t tree, node, week;
    int32_t facet, value;
};

struct part {
    struct sum_name sum;
    uint32_t cell;
};

/* Parts that add up to a whole; cells are named by their place in release->cells. */
struct sum {
    uint32_t first, n; /* in sums->parts */
    uint32_t whole;
    uint32_t possible; /* parts there could be, as far as a reader knows */
};

static const uint32_t NONE = UINT32_MAX;

struct sums {
    struct part *parts;
    struct sum *at;
    size_t parts_count, n;
};

struct family {
    int32_t tree, up;  /* up: cell number of the parent node */
    uint32_t children; /* of this node; for the run, of the tree with the fewest */
};

static int by_name(const struct sum_name *x, const struct sum_name *y)
{
    int32_t a[] = {x->tree, x->node, x->week, x->facet, x->value};
    int32_t b[] = {y->tree, y->node, y->week, y->facet, y->value};
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int by_sum(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int c = by_name(&x->sum, &y->sum);
    return c ? c : (x->cell > y->cell) - (x->cell < y->cell);
}

/* Every parent of every node, by cell number; node 0, the run, has none. */
static struct family *families(const struct release *r)
{
    struct family *f = mem_zero(publish__node_base(r, r->trees_count), sizeof *f);
    for (size_t t = 0; t < r->trees_count; t++) {
        size_t base = publish__node_base(r, t);
        uint32_t tops = 1; /* what is behind no shown cluster */
        for (size_t i = 0; i <= r->trees[t].nodes_count; i++) {
            bool top = i == r->trees[t].nodes_count || r->trees[t].nodes[i].parent_index == SIZE_MAX;
            size_t up = top ? 0 : base + r->trees[t].nodes[i].parent_index;
            f[base + i].tree = (int32_t)t;
            f[base + i].up = (int32_t)up;
            if (top)
                tops += i < r->trees[t].nodes_count;
            else
                f[up].children++;
        }
        f[0].children = t == 0 || tops < f[0].children ? tops : f[0].children;
    }
    return f;
}

/* False: the cell is no part of a sum of this kind. */
static bool sum_of(const struct cell *c, const struct family *f, enum sum_kind kind, struct sum_name *out)
{
    *out = (struct sum_name){.node = c->node, .week = c->week, .facet = c->facet, .value = c->value};
    switch (kind) {
    case SUM_VALUES:
        out->value = 0;
        return c->facet != FACET_SIZE;
    case SUM_WEEKS:
        out->week = WEEK_ALL;
        return c->week != WEEK_ALL;
    case SUM_CHILDREN:
        out->tree = f[c->node].tree;
        out->node = f[c->node].up;
        return c->node != 0;
    case SUM_COUNT:
        break;
    }
    return false;
}

/* The cell that the parts add up to; NONE: there is none (as for weeks in which the node has no conversations). */
static uint32_t whole_of(const struct release *r, const struct sum_name *name, enum sum_kind kind)
{
    struct cell want = {.node = name->node,
                        .facet = (int16_t)(kind == SUM_VALUES ? FACET_SIZE : name->facet),
                        .value = (int16_t)name->value,
                        .week = name->week};
    const struct cell *hit = bsearch(&want, r->cells, r->cells_count, sizeof want, publish__by_cell);
    return hit ? (uint32_t)(hit - r->cells) : NONE;
}

static uint32_t possible_parts(const struct release *r, const struct family *f, const struct sum_name *name,
                               enum sum_kind kind)
{
    switch (kind) {
    case SUM_VALUES: /* categories may be more than those seen */
        return (uint32_t)r->facets[name->facet].values_count +
               (r->facets[name->facet].def->kind == FACET_CATEGORICAL && r->facets[name->facet].def->values_count == 0);
    case SUM_WEEKS:
        return (uint32_t)r->weeks_count;
    case SUM_CHILDREN:
        return f[name->node].children;
    case SUM_COUNT:
        break;
    }
    return 0;
}

static void build_sums(const struct release *r, const struct family *f, enum sum_kind kind, struct sums *s)
{
    *s = (struct sums){.parts = mem_new(r->cells_count + 1, sizeof *s->parts),
                       .at = mem_new(r->cells_count + 1, sizeof *s->at)};
    for (size_t i = 0; i < r->cells_count; i++)
        if (sum_of(&r->cells[i], f, kind, &s->parts[s->parts_count].sum))
            s->parts[s->parts_count++].cell = (uint32_t)i;
    qsort(s->parts, s->parts_count, sizeof *s->parts, by_sum);
    for (size_t i = 0, end; i < s->parts_count; i = end) {
        const struct sum_name *name = &s->parts[i].sum;
        for (end = i + 1; end < s->parts_count && by_name(&s->parts[end].sum, name) == 0;)
            end++;
        uint32_t whole = whole_of(r, name, kind);
        if (whole != NONE)
            s->at[s->n++] = (struct sum){(uint32_t)i, (uint32_t)(end - i), whole, possible_parts(r, f, name, kind)};
    }
}

/* What an attacker knows of one sum. */
struct view {
    size_t known, unknown;  /* parts */
    bool needs;             /* something in it has to be protected */
    int64_t largest;        /* accounts of the largest unknown part */
    int64_t known_accounts; /* of the known parts, added up */
    int64_t conversations;  /* of all parts */
    struct cell *smallest;  /* known part to give up next */
};

static struct view look(const struct release *r, const struct sums *s, const struct sum *sum, int64_t m)
{
    struct view v = {0};
    for (uint32_t i = sum->first; i < sum->first + sum->n; i++) {
        struct cell *c = &r->cells[s->parts[i].cell];
        v.conversations += c->conversations;
        if (c->hidden) {
            v.unknown++;
            v.needs |= !c->rest || c->accounts < m;
            v.largest = v.largest > c->accounts ? v.largest : c->accounts;
        } else {
            v.known++;
            v.known_accounts += c->accounts;
            if (!c->fixed && (!v.smallest || c->accounts < v.smallest->accounts))
                v.smallest = c;
        }
    }
    return v;
}

static bool is_safe(const struct view *v, const struct sum *sum, const struct cell *whole, int64_t m)
{
    size_t missing = sum->possible > v->known ? sum->possible - v->known : v->unknown;
    if (whole->hidden) /* its known parts are a lower bound, which must not come near */
        return v->known == 0 || (missing >= 1 && whole->accounts - v->known_accounts >= m);
    if (!v->needs)
        return true;
    int64_t together = v->largest;
    /* Where the parts are exactly the whole, the accounts no known part explains must be behind the unknown ones. */
    if (v->conversations == whole->conversations && whole->accounts - v->known_accounts > together)
        together = whole->accounts - v->known_accounts;
    return missing >= 2 && together >= m;
}

static bool protect_sum(struct release *r, const struct sums *s, const struct sum *sum, int64_t m)
{
    struct cell *whole = &r->cells[sum->whole];
    for (bool changed = false;; changed = true) {
        struct view v = look(r, s, sum, m);
        struct cell *give = v.smallest ? v.smallest : whole;
        if (is_safe(&v, sum, whole, m) || give->hidden || give->fixed)
            return changed;
        give->hidden = true;
    }
}

void publish__protect(struct release *r)
{
    int64_t m = (int64_t)r->config->min_cell_accounts;
    if (r->config->public_data)
        return;
    for (size_t i = 0; i < r->cells_count; i++)
        if (!r->cells[i].fixed && r->cells[i].accounts < m)
            r->cells[i].hidden = true;

    struct family *f = families(r);
    struct sums sums[SUM_COUNT];
    for (int kind = 0; kind < SUM_COUNT; kind++)
        build_sums(r, f, (enum sum_kind)kind, &sums[kind]);
    for (bool changed = true; changed;) {
        changed = false;
        for (int kind = 0; kind < SUM_COUNT; kind++)
            for (size_t i = 0; i < sums[kind].n; i++)
                changed |= protect_sum(r, &sums[kind], &sums[kind].at[i], m);
    }
    for (int kind = 0; kind < SUM_COUNT; kind++) {
        free(sums[kind].parts);
        free(sums[kind].at);
    }
    free(f);
    for (size_t i = 0; i < r->cells_count; i++)
        r->cells_withheld += r->cells[i].hidden && !r->cells[i].rest;
}
