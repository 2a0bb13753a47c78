#include "privacy/threshold.h"

#include "store/clusters.h"
#include "store/records.h"

#include <stdlib.h>
#include <string.h>

/* One conversation in one leaf; sorted, so that equal accounts of a leaf stand together. */
struct membership {
    int64_t leaf, account;
};

struct gather {
    const struct record_index *records;
    struct membership *at;
    size_t n;
};

static enum err gather_member(void *arg, int64_t rec, int64_t leaf, struct error *e)
{
    struct gather *g = arg;
    size_t place = records_find(g->records, rec);
    if (place == SIZE_MAX)
        return ERR_OK; /* dropped since: it stands behind nothing */
    if (g->n == g->records->n)
        return error_set(e, ERR_PRIVACY, "more cluster members than conversations: the run's data is damaged");
    g->at[g->n++] = (struct membership){leaf, g->records->account[place]};
    return ERR_OK;
}

static int by_leaf_account(const void *a, const void *b)
{
    const struct membership *x = a, *y = b;
    if (x->leaf != y->leaf)
        return x->leaf < y->leaf ? -1 : 1;
    return (x->account > y->account) - (x->account < y->account);
}

static int by_id(const void *a, const void *b)
{
    const struct node *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static enum err count_members(const struct gather *g, struct node *leaves, size_t n, struct error *e)
{
    for (size_t i = 0; i < g->n; i++) {
        struct node key = {.id = g->at[i].leaf};
        struct node *leaf = n ? bsearch(&key, leaves, n, sizeof *leaves, by_id) : NULL;
        if (!leaf)
            return error_set(e, ERR_PRIVACY, "a conversation belongs to base cluster %lld, which does not exist",
                             (long long)g->at[i].leaf);
        leaf->conversations++;
        leaf->accounts += i == 0 || by_leaf_account(&g->at[i - 1], &g->at[i]) != 0;
    }
    return ERR_OK;
}

struct tally {
    size_t kept, all;
};

static enum err threshold_facet(struct stage_context *c, const struct record_index *records, struct str facet,
                                struct tally *tally, struct error *e)
{
    struct arena arena = {0};
    struct gather g = {.records = records, .at = arena_new(&arena, records->n + 1, sizeof *g.at)};
    struct node *leaves = NULL;
    size_t n = 0;
    enum err result = clusters_load(c->run, facet, 0, &arena, &leaves, &n, e);
    if (result == ERR_OK)
        result = members_each(c->run, facet, gather_member, &g, e);
    if (result != ERR_OK)
        goto out;

    for (size_t i = 0; i < n; i++) {
        leaves[i].conversations = leaves[i].accounts = 0;
        leaves[i].large_enough = false;
    }
    if (n)
        qsort(leaves, n, sizeof *leaves, by_id);
    qsort(g.at, g.n, sizeof *g.at, by_leaf_account);
    result = count_members(&g, leaves, n, e);
    for (size_t i = 0; i < n && result == ERR_OK; i++) {
        leaves[i].large_enough = leaves[i].accounts >= (int64_t)c->config->min_accounts &&
                                 leaves[i].conversations >= (int64_t)c->config->min_conversations &&
                                 leaves[i].accounts > 0;
        tally->kept += leaves[i].large_enough;
        result = clusters_put(c->run, &leaves[i], e);
    }
    tally->all += n;
    stage_advance(c, (int64_t)n);
out:
    arena_release(&arena);
    return result;
}

static enum err threshold_all(struct stage_context *c, const struct record_index *records, struct tally *tally,
                              struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < c->config->facets_count && result == ERR_OK; i++)
        if (c->config->facets[i].cluster)
            result = threshold_facet(c, records, c->config->facets[i].name, tally, e);
    return result;
}

enum err threshold_run(struct stage_context *c, struct error *e)
{
    struct arena arena = {0};
    struct record_index records = {0};
    struct tally tally = {0};
    stage_begin(c, 0);
    enum err result = records_index(c->run, &arena, &records, e);
    if (result != ERR_OK)
        goto out;

    result = db_begin(c->run->db, e);
    if (result != ERR_OK)
        goto out;
    result = threshold_all(c, &records, &tally, e);
    if (result == ERR_OK)
        result = db_commit(c->run->db, e);
    else
        db_rollback(c->run->db);
    if (result == ERR_OK)
        stage_note(c, "%zu of %zu base clusters are large enough", tally.kept, tally.all);
out:
    arena_release(&arena);
    return result;
}
