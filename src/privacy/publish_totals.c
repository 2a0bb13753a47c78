/*
 * The totals of the whole run, made so that subtracting from them tells nothing small.
 *
 * The sizes of shown clusters are published, so `kept` minus their sum is the size of what is behind no shown cluster,
 * the tree's rest. Where a rest stands on fewer than m = min_cell_accounts accounts, the totals are rounded up until it
 * looks like a multiple of m: a reader learns that there is a rest, and its size up to m. What is withheld is told
 * apart (too small, refused by the audit, in no cluster) only where each of these parts stands on nothing or on at
 * least m accounts.
 */
#include "privacy/publish_parts.h"

#include <stdlib.h>

/* Why the conversations of a rest are in it. */
enum rest { REST_SMALL, REST_AUDIT, REST_UNPLACED, RESTS };

struct tally {
    const struct release *r;
    uint64_t *spare; /* [2 * records.n + 1] */
    int64_t m;
};

static int64_t accounts_of(const struct tally *t, const uint32_t *order, size_t lo, size_t hi)
{
    return publish__accounts(t->r, order, lo, hi, t->spare);
}

/* The smallest number not below v that stands on a multiple of m above base; base itself and less stay. */
static int64_t round_up(int64_t base, int64_t v, int64_t m)
{
    return v <= base ? v : base + (v - base + m - 1) / m * m;
}

/* The reason is known by the order of the rest: unplaced, then too small, then refused (publish_load.c). */
static bool may_split(const struct tally *t, const struct release_tree *tree)
{
    const int64_t sizes[RESTS] = {[REST_SMALL] = tree->too_small.conversations,
                                  [REST_AUDIT] = tree->audit.conversations,
                                  [REST_UNPLACED] = (int64_t)t->r->records.n - tree->placed};
    static const enum rest order[RESTS] = {REST_UNPLACED, REST_SMALL, REST_AUDIT};
    size_t at = tree->shown;
    for (size_t i = 0; i < RESTS; i++) {
        size_t n = (size_t)sizes[order[i]];
        if (n && accounts_of(t, tree->order, at, at + n) < t->m)
            return false;
        at += n;
    }
    return true;
}

void publish__totals(struct release *r)
{
    size_t n = r->records.n;
    struct tally t = {r, mem_new(2 * n + 1, sizeof *t.spare), (int64_t)r->config->min_cell_accounts};
    struct totals exact = {.imported = r->imported, .kept = (int64_t)n, .accounts = (int64_t)r->accounts_count};
    for (size_t i = 0; i < n; i++)
        exact.dated += r->week[i] != WEEK_ALL;
    r->totals = exact;
    for (size_t i = 0; i < r->trees_count; i++) {
        struct release_tree *tree = &r->trees[i];
        int64_t shown = (int64_t)tree->shown, known = accounts_of(&t, tree->order, 0, tree->shown);
        tree->is_split = may_split(&t, tree);
        if (exact.accounts - known < t.m && r->totals.accounts < round_up(known, exact.accounts, t.m)) {
            r->totals.accounts = round_up(known, exact.accounts, t.m);
            r->totals.accounts_rounded = true;
        }
        if (tree->shown == n || accounts_of(&t, tree->order, tree->shown, n) >= t.m)
            continue;
        int64_t kept = round_up(shown, exact.kept, t.m), dated = round_up(shown, exact.dated, t.m);
        r->totals.rounded = true;
        r->totals.kept = r->totals.kept > kept ? r->totals.kept : kept;
        r->totals.dated = r->totals.dated > dated ? r->totals.dated : dated;
    }
    if (r->totals.imported < r->totals.kept)
        r->totals.imported = r->totals.kept;
    free(t.spare);
}
