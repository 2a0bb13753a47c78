/* Reads the run and opens the gate: which nodes are shown, and which conversations stand behind each. */
#include "privacy/publish_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Conversations: accounts and weeks get small numbers ---- */

static int by_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts at[0..n) and takes repetitions out; returns how many are left. */
static size_t sort_unique(int64_t *at, size_t n)
{
    size_t kept = 0;
    qsort(at, n, sizeof *at, by_i64);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || at[i] != at[i - 1])
            at[kept++] = at[i];
    return kept;
}

static size_t rank_of(const int64_t *sorted, size_t n, int64_t v)
{
    const int64_t *hit = n ? bsearch(&v, sorted, n, sizeof v, by_i64) : NULL;
    return hit ? (size_t)(hit - sorted) : SIZE_MAX;
}

static enum err load_records(struct release *r, struct error *e)
{
    enum err result = records_index(r->run, &r->arena, &r->records, e);
    if (result == ERR_OK)
        result = records_count(r->run, &r->imported, &r->kept, e);
    if (result != ERR_OK)
        return result;

    size_t n = r->records.n;
    int64_t *scratch = mem_new(n + 1, sizeof *scratch);
    r->account = arena_new(&r->arena, n + 1, sizeof *r->account);
    for (size_t i = 0; i < n; i++)
        scratch[i] = r->records.account[i];
    r->accounts_count = sort_unique(scratch, n);
    for (size_t i = 0; i < n; i++)
        r->account[i] = (uint32_t)rank_of(scratch, r->accounts_count, r->records.account[i]);

    size_t dated = 0;
    for (size_t i = 0; i < n; i++)
        if (r->records.week[i] != INT32_MIN)
            scratch[dated++] = r->records.week[i];
    r->weeks_count = sort_unique(scratch, dated);
    r->weeks = arena_new(&r->arena, r->weeks_count + 1, sizeof *r->weeks);
    r->week = arena_new(&r->arena, n + 1, sizeof *r->week);
    for (size_t i = 0; i < r->weeks_count; i++)
        r->weeks[i] = (int32_t)scratch[i];
    for (size_t i = 0; i < n; i++)
        r->week[i] =
            r->records.week[i] == INT32_MIN ? WEEK_ALL : (int32_t)rank_of(scratch, r->weeks_count, r->records.week[i]);
    free(scratch);
    return ERR_OK;
}

/* ---- The gate of one tree ---- */

/* A node of the run while it is being judged. */
struct judged {
    const struct node *from;
    int64_t conversations, accounts; /* leaves: counted here, whatever the row says */
    bool rated, shown, holds_shown;
    size_t up;       /* index of the parent, SIZE_MAX at the top */
    size_t shown_up; /* of the nearest shown ancestor */
    size_t place;    /* in tree->nodes */
};

struct gate {
    struct release *r;
    struct judged *at; /* ascending by id */
    size_t n;
    size_t *leaf; /* [records.n] index of the leaf, SIZE_MAX: unplaced */
    int64_t placed;
};

static int by_node_id(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    return (x->from->id > y->from->id) - (x->from->id < y->from->id);
}

static size_t gate_find(const struct gate *g, int64_t id)
{
    struct node key = {.id = id};
    struct judged want = {.from = &key};
    struct judged *hit = g->n ? bsearch(&want, g->at, g->n, sizeof *g->at, by_node_id) : NULL;
    return hit ? (size_t)(hit - g->at) : SIZE_MAX;
}

static enum err gate_member(void *arg, int64_t rec, int64_t leaf, struct error *e)
{
    struct gate *g = arg;
    size_t place = records_find(&g->r->records, rec);
    if (place == SIZE_MAX)
        return ERR_OK;
    size_t i = gate_find(g, leaf);
    if (i == SIZE_MAX || g->at[i].from->level != 0)
        return error_set(e, ERR_PRIVACY, "conversation %lld belongs to base cluster %lld, which does not exist",
                         (long long)rec, (long long)leaf);
    g->leaf[place] = i;
    return ERR_OK;
}

static void gate_count(struct gate *g)
{
    const struct release *r = g->r;
    uint64_t *keys = mem_new(2 * r->records.n + 1, sizeof *keys);
    size_t n = 0;
    for (size_t i = 0; i < r->records.n; i++)
        if (g->leaf[i] != SIZE_MAX)
            keys[n++] = (uint64_t)g->leaf[i] << 32 | r->account[i];
    publish__sort(keys, keys + n, n);
    for (size_t i = 0; i < n; i++) {
        struct judged *leaf = &g->at[keys[i] >> 32];
        leaf->conversations++;
        leaf->accounts += i == 0 || keys[i] != keys[i - 1];
    }
    g->placed = (int64_t)n;
    free(keys);
}

static bool leaf_is_large_enough(const struct judged *j, const struct config *c)
{
    return j->from->large_enough && j->accounts > 0 && j->accounts >= (int64_t)c->min_accounts &&
           j->conversations >= (int64_t)c->min_conversations;
}

/* Whatever is not plainly allowed stays hidden. Node levels rise strictly towards the top, so no walk can circle. */
static enum err gate_judge(struct gate *g, struct error *e)
{
    const struct config *c = g->r->config;
    for (size_t i = 0; i < g->n; i++) {
        struct judged *j = &g->at[i];
        j->up = j->from->parent < 0 ? SIZE_MAX : gate_find(g, j->from->parent);
        if (j->from->parent >= 0 && (j->up == SIZE_MAX || g->at[j->up].from->level <= j->from->level))
            return error_set(e, ERR_PRIVACY, "cluster %lld has no proper parent: the tree is damaged",
                             (long long)j->from->id);
        j->rated =
            j->from->rating >= 1 && j->from->rating <= 5 && j->from->rating >= (int)c->audit_min && j->from->name.n > 0;
        if (j->from->level == 0)
            j->shown = j->rated && leaf_is_large_enough(j, c);
    }
    for (size_t i = 0; i < g->n; i++)
        if (g->at[i].from->level == 0 && g->at[i].shown)
            for (size_t up = g->at[i].up; up != SIZE_MAX; up = g->at[up].up)
                g->at[up].holds_shown = true;
    for (size_t i = 0; i < g->n; i++)
        if (g->at[i].from->level > 0)
            g->at[i].shown = g->at[i].rated && g->at[i].holds_shown;

    for (size_t i = 0; i < g->n; i++) {
        struct judged *j = &g->at[i];
        for (j->shown_up = j->up; j->shown_up != SIZE_MAX && !g->at[j->shown_up].shown;)
            j->shown_up = g->at[j->shown_up].up;
        if (j->from->level == 0 && j->shown)
            for (size_t up = j->up; up != SIZE_MAX; up = g->at[up].up)
                g->at[up].conversations += g->at[up].shown ? j->conversations : 0;
    }
    return ERR_OK;
}

static void gate_tally(const struct gate *g, struct release_tree *t)
{
    t->placed = g->placed;
    for (size_t i = 0; i < g->n; i++) {
        const struct judged *j = &g->at[i];
        bool is_leaf = j->from->level == 0;
        struct withheld *why = is_leaf && !leaf_is_large_enough(j, g->r->config) ? &t->too_small : &t->audit;
        *(is_leaf ? &t->leaves : &t->parents) += 1;
        *(is_leaf ? &t->leaves_shown : &t->parents_shown) += j->shown;
        if (!j->shown && (is_leaf || !j->rated)) {
            why->clusters++;
            why->conversations += is_leaf ? j->conversations : 0;
        }
    }
}

/* ---- The shown tree, in order ---- */

struct sibling {
    size_t up; /* index of the shown ancestor; SIZE_MAX (the top) sorts last */
    size_t at;
    int64_t conversations, id;
};

static int by_family(const void *a, const void *b)
{
    const struct sibling *x = a, *y = b;
    if (x->up != y->up)
        return x->up < y->up ? -1 : 1;
    if (x->conversations != y->conversations)
        return x->conversations > y->conversations ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t first_child(const struct sibling *s, size_t n, size_t up)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s[mid].up < up)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Depth first, larger siblings first. */
static void lay_out(struct gate *g, struct release_tree *t, struct arena *keep)
{
    struct sibling *s = mem_new(g->n + 1, sizeof *s);
    size_t *stack = mem_new(g->n + 1, sizeof *stack);
    size_t n = 0, depth = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->at[i].shown)
            s[n++] = (struct sibling){g->at[i].shown_up, i, g->at[i].conversations, g->at[i].from->id};
    qsort(s, n, sizeof *s, by_family);
    t->nodes = arena_zero(keep, n + 1, sizeof *t->nodes);
    for (size_t i = n; i > first_child(s, n, SIZE_MAX); i--)
        stack[depth++] = i - 1;
    while (depth) {
        struct sibling *now = &s[stack[--depth]];
        struct judged *j = &g->at[now->at];
        j->place = t->nodes_count;
        t->nodes[t->nodes_count++] = (struct release_node){
            .from = j->from,
            .parent = now->up == SIZE_MAX ? -1 : g->at[now->up].from->id,
            .parent_index = now->up == SIZE_MAX ? SIZE_MAX : g->at[now->up].place,
            .lo = SIZE_MAX,
            .conversations = j->conversations,
        };
        size_t first = first_child(s, n, now->at), last = first;
        while (last < n && s[last].up == now->at)
            last++;
        for (; last > first; last--)
            stack[depth++] = last - 1;
    }
    free(s);
    free(stack);
}

/* Why a conversation is behind no shown leaf, in the order of the rest: unplaced, too small, refused by the audit. */
enum { WHY_UNPLACED, WHY_SMALL, WHY_AUDIT, WHYS };

static int why_hidden(const struct gate *g, size_t place)
{
    if (g->leaf[place] == SIZE_MAX)
        return WHY_UNPLACED;
    return leaf_is_large_enough(&g->at[g->leaf[place]], g->r->config) ? WHY_AUDIT : WHY_SMALL;
}

/* Conversations leaf by leaf, so that every node, however high, is one range of `order`. */
static void order_places(struct gate *g, struct release_tree *t)
{
    struct release *r = g->r;
    size_t n = r->records.n, at;
    size_t *next = mem_zero(t->nodes_count + 2, sizeof *next);
    t->order = arena_new(&r->arena, n + 1, sizeof *t->order);
    for (size_t i = 0; i < n; i++)
        if (g->leaf[i] != SIZE_MAX && g->at[g->leaf[i]].shown)
            next[g->at[g->leaf[i]].place + 1]++;
    for (size_t i = 1; i <= t->nodes_count; i++)
        next[i] += next[i - 1];
    t->shown = next[t->nodes_count];
    for (size_t i = 0; i < t->nodes_count; i++)
        if (t->nodes[i].from->level == 0) {
            t->nodes[i].lo = next[i];
            t->nodes[i].hi = next[i + 1];
        }
    at = t->shown;
    for (int why = 0; why < WHYS; why++)
        for (size_t i = 0; i < n; i++) {
            bool is_shown = g->leaf[i] != SIZE_MAX && g->at[g->leaf[i]].shown;
            if (is_shown && why == 0)
                t->order[next[g->at[g->leaf[i]].place]++] = (uint32_t)i;
            else if (!is_shown && why_hidden(g, i) == why)
                t->order[at++] = (uint32_t)i;
        }
    for (size_t i = t->nodes_count; i-- > 0;) {
        struct release_node *up = t->nodes[i].parent_index == SIZE_MAX ? NULL : &t->nodes[t->nodes[i].parent_index];
        if (up && up->lo > t->nodes[i].lo)
            up->lo = t->nodes[i].lo;
        if (up && up->hi < t->nodes[i].hi)
            up->hi = t->nodes[i].hi;
    }
    free(next);
}

static void count_accounts(const struct release *r, struct release_tree *t)
{
    uint64_t *spare = mem_new(2 * r->records.n + 1, sizeof *spare);
    for (size_t i = 0; i < t->nodes_count; i++)
        t->nodes[i].accounts = publish__accounts(r, t->order, t->nodes[i].lo, t->nodes[i].hi, spare);
    free(spare);
}

static enum err load_tree(struct release *r, struct release_tree *t, struct error *e)
{
    struct node *nodes = NULL;
    struct gate g = {.r = r};
    enum err result = clusters_load(r->run, t->def->name, -1, &r->arena, &nodes, &g.n, e);
    if (result != ERR_OK)
        return result;
    g.at = mem_zero(g.n + 1, sizeof *g.at);
    g.leaf = mem_new(r->records.n + 1, sizeof *g.leaf);
    for (size_t i = 0; i < g.n; i++)
        g.at[i].from = &nodes[i];
    qsort(g.at, g.n, sizeof *g.at, by_node_id);
    for (size_t i = 0; i < r->records.n; i++)
        g.leaf[i] = SIZE_MAX;

    result = members_each(r->run, t->def->name, gate_member, &g, e);
    if (result == ERR_OK) {
        gate_count(&g);
        result = gate_judge(&g, e);
    }
    if (result == ERR_OK) {
        gate_tally(&g, t);
        lay_out(&g, t, &r->arena);
        order_places(&g, t);
        count_accounts(r, t);
    }
    free(g.at);
    free(g.leaf);
    return result;
}

enum err publish__load(struct release *r, struct error *e)
{
    enum err result = load_records(r, e);
    if (result == ERR_OK)
        result = publish__facets(r, e);
    r->trees = arena_zero(&r->arena, r->config->facets_count + 1, sizeof *r->trees);
    for (size_t i = 0; i < r->config->facets_count && result == ERR_OK; i++)
        if (r->config->facets[i].cluster) {
            r->trees[r->trees_count].def = &r->config->facets[i];
            result = load_tree(r, &r->trees[r->trees_count++], e);
        }
    return result;
}

size_t publish__node_base(const struct release *r, size_t tree)
{
    size_t base = 1;
    for (size_t i = 0; i < tree; i++)
        base += r->trees[i].nodes_count + 1;
    return base;
}
