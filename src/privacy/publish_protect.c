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
 * may still find narrow intervals for a withheld cell. A node's own size is always shown; the run's is rounded where it
 * would tell the size of a small rest, and then counts as withheld (publish_totals.c). Conversations without a value
 * or a time stand in no part, so sums over them say less. Who knows from elsewhere that a missing part is nought knows
 * more than this rule assumes. Nothing here protects against the comparison of two releases (R5).
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
    const uint32_t *order; /* its conversations: places order[lo..hi) */
    size_t lo, hi;
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
static struct family *families(const struct release *r, const uint32_t *all)
{
    struct family *f = mem_zero(publish__node_base(r, r->trees_count), sizeof *f);
    f[0] = (struct family){.order = all, .hi = r->records.n};
    for (size_t t = 0; t < r->trees_count; t++) {
        size_t base = publish__node_base(r, t);
        uint32_t tops = 1; /* what is behind no shown cluster */
        for (size_t i = 0; i <= r->trees[t].nodes_count; i++) {
            bool top = i == r->trees[t].nodes_count || r->trees[t].nodes[i].parent_index == SIZE_MAX;
            size_t up = top ? 0 : base + r->trees[t].nodes[i].parent_index;
            bool rest = i == r->trees[t].nodes_count;
            f[base + i].order = r->trees[t].order;
            f[base + i].lo = rest ? r->trees[t].shown : r->trees[t].nodes[i].lo;
            f[base + i].hi = rest ? r->records.n : r->trees[t].nodes[i].hi;
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
    size_t known, unknown; /* parts */
    bool needs;            /* something in it has to be protected */
    int64_t largest;       /* accounts of the largest unknown part */
    struct cell *smallest; /* known part to give up next */
};

static struct view look(const struct release *r, const struct sums *s, const struct sum *sum, int64_t m)
{
    struct view v = {0};
    for (uint32_t i = sum->first; i < sum->first + sum->n; i++) {
        struct cell *c = &r->cells[s->parts[i].cell];
        if (c->hidden) {
            v.unknown++;
            v.needs |= !c->rest || c->accounts < m;
            v.largest = v.largest > c->accounts ? v.largest : c->accounts;
        } else {
            v.known++;
            if (!c->fixed && (!v.smallest || c->accounts < v.smallest->accounts))
                v.smallest = c;
        }
    }
    return v;
}

/* ---- Who stands behind what is left over ---- */

struct protector {
    struct release *r;
    struct family *f;
    struct sums sums[SUM_COUNT];
    int64_t m;        /* accounts */
    uint64_t *spare;  /* [2 * records.n + 1] */
    bool *known_week; /* [weeks_count] */
    uint32_t *all;    /* [records.n] every place */
};

static bool has_value(const struct release *r, int32_t facet, int32_t value, uint32_t place)
{
    if (facet == FACET_SIZE)
        return true;
    const struct release_facet *f = &r->facets[facet];
    for (size_t i = f->start[place]; i < f->start[place + 1]; i++)
        if (f->value[i] == value)
            return true;
    return false;
}

/* Adds the account of a conversation that no known part holds. */
static size_t add_unknown(const struct protector *p, enum sum_kind kind, const struct sum_name *name,
                          const bool *known_value, uint32_t place, size_t n)
{
    const struct release *r = p->r;
    bool left = false;
    if (kind != SUM_WEEKS && name->week != WEEK_ALL && r->week[place] != name->week)
        return n;
    if (kind == SUM_VALUES) {
        const struct release_facet *f = &r->facets[name->facet];
        for (size_t i = f->start[place]; i < f->start[place + 1]; i++)
            left |= !known_value[f->value[i]];
    } else {
        left = has_value(r, name->facet, name->value, place) &&
               (kind == SUM_CHILDREN || (r->week[place] != WEEK_ALL && !p->known_week[r->week[place]]));
    }
    if (left)
        p->spare[n++] = r->account[place];
    return n;
}

static int64_t distinct(uint64_t *accounts, size_t n)
{
    int64_t found = 0;
    publish__sort(accounts, accounts + n, n);
    for (size_t i = 0; i < n; i++)
        found += i == 0 || accounts[i] != accounts[i - 1];
    return found;
}

/* Accounts behind the unknown parts of a sum, counted one by one. */
static int64_t unknown_accounts(const struct protector *p, enum sum_kind kind, const struct sum *sum)
{
    const struct release *r = p->r;
    const struct part *parts = p->sums[kind].parts + sum->first;
    const struct sum_name *name = &parts[0].sum;
    bool known_value[FACET_VALUES_MAX] = {false};
    size_t n = 0;
    if (kind == SUM_CHILDREN) { /* each unknown child's own conversations */
        for (uint32_t i = 0; i < sum->n; i++) {
            const struct cell *c = &r->cells[parts[i].cell];
            const struct family *child = &p->f[c->node];
            for (size_t j = child->lo; c->hidden && j < child->hi; j++)
                n = add_unknown(p, kind, name, known_value, child->order[j], n);
        }
        return distinct(p->spare, n);
    }
    for (uint32_t i = 0; i < sum->n; i++) {
        const struct cell *c = &r->cells[parts[i].cell];
        if (kind == SUM_VALUES)
            known_value[c->value] = !c->hidden;
        else
            p->known_week[c->week] = !c->hidden;
    }
    const struct family *node = &p->f[name->node];
    for (size_t j = node->lo; j < node->hi; j++)
        n = add_unknown(p, kind, name, known_value, node->order[j], n);
    for (size_t i = 0; i < r->weeks_count; i++)
        p->known_week[i] = false;
    return distinct(p->spare, n);
}

static bool is_safe(const struct protector *p, enum sum_kind kind, const struct sum *sum, const struct view *v)
{
    const struct cell *whole = &p->r->cells[sum->whole];
    size_t missing = sum->possible > v->known ? sum->possible - v->known : v->unknown;
    if (whole->hidden ? v->known == 0 : !v->needs)
        return true;
    if (missing < (whole->hidden ? 1 : 2))
        return false; /* a withheld whole is an unknown too: its known parts must not come near it */
    return v->largest >= p->m || unknown_accounts(p, kind, sum) >= p->m;
}

static bool protect_sum(struct protector *p, enum sum_kind kind, const struct sum *sum)
{
    struct cell *whole = &p->r->cells[sum->whole];
    for (bool changed = false;; changed = true) {
        struct view v = look(p->r, &p->sums[kind], sum, p->m);
        struct cell *give = v.smallest ? v.smallest : whole;
        if (is_safe(p, kind, sum, &v) || give->hidden || give->fixed)
            return changed;
        give->hidden = true;
    }
}

static void protect_all(struct protector *p)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int kind = 0; kind < SUM_COUNT; kind++)
            for (size_t i = 0; i < p->sums[kind].n; i++)
                changed |= protect_sum(p, (enum sum_kind)kind, &p->sums[kind].at[i]);
    }
}

void publish__protect(struct release *r)
{
    struct protector p = {.r = r, .m = (int64_t)r->config->min_cell_accounts};
    if (p.m <= 1)
        return; /* every cell stands on an account */
    for (size_t i = 0; i < r->cells_count; i++)
        if (!r->cells[i].fixed && r->cells[i].accounts < p.m)
            r->cells[i].hidden = true;

    p.all = mem_new(r->records.n + 1, sizeof *p.all);
    for (size_t i = 0; i < r->records.n; i++)
        p.all[i] = (uint32_t)i;
    p.f = families(r, p.all);
    p.spare = mem_new(2 * r->records.n + 1, sizeof *p.spare);
    p.known_week = mem_zero(r->weeks_count + 1, sizeof *p.known_week);
    for (int kind = 0; kind < SUM_COUNT; kind++)
        build_sums(r, p.f, (enum sum_kind)kind, &p.sums[kind]);
    protect_all(&p);
    for (int kind = 0; kind < SUM_COUNT; kind++) {
        free(p.sums[kind].parts);
        free(p.sums[kind].at);
    }
    free(p.f);
    free(p.all);
    free(p.spare);
    free(p.known_week);
    for (size_t i = 0; i < r->cells_count; i++)
        r->cells_withheld += r->cells[i].hidden && !r->cells[i].rest;
}
