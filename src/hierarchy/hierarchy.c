#include "hierarchy/hierarchy.h"

#include "hierarchy/plan.h"
#include "hierarchy/tier.h"
#include "stage/naming.h"

#include <string.h>

/* A level being made: parents proposed, and who was given to whom. */
struct renaming {
    struct growth *g;
    const struct tier *below;
    const uint32_t *parent; /* [below->n] */
    struct tier *above;
    struct naming *named; /* [above->n] */
    uint32_t *from;       /* [above->n] which proposal each kept parent was */
    const struct proposals *p;
};

/* Step 1: what is below, with vectors. Only clusters that have a name take part. */
static enum err load_leaves(struct growth *g, struct tier *out, struct error *e)
{
    struct node *all;
    size_t n;
    enum err result = clusters_load(g->c->run, g->facet->name, 0, g->arena, &all, &n, e);
    *out = (struct tier){.nodes = all};
    for (size_t i = 0; result == ERR_OK && i < n; i++)
        if (all[i].large_enough && all[i].name.n)
            out->nodes[out->n++] = all[i];
    out->groups = arena_new(g->arena, out->n, sizeof *out->groups);
    for (size_t i = 0; i < out->n; i++)
        out->groups[i] = (struct group){&out->nodes[i].id, 1};
    return result;
}

static enum err embed_tier(struct growth *g, struct tier *t, struct error *e)
{
    struct str *texts = arena_new(g->arena, t->n, sizeof *texts);
    for (size_t i = 0; i < t->n; i++)
        texts[i] = tier_text(&t->nodes[i], g->arena);
    return tier_embed(g, texts, t->n, &t->vectors, e);
}

/* All base clusters below a parent. */
static struct group group_of(const struct renaming *r, size_t proposal)
{
    size_t n = 0;
    for (size_t i = 0; i < r->below->n; i++)
        n += r->parent[i] == proposal ? r->below->groups[i].n : 0;
    int64_t *clusters = arena_new(r->g->arena, n, sizeof *clusters);
    struct group out = {clusters, 0};
    for (size_t i = 0; i < r->below->n; i++)
        for (size_t k = 0; r->parent[i] == proposal && k < r->below->groups[i].n; k++)
            clusters[out.n++] = r->below->groups[i].clusters[k];
    return out;
}

/* Parents nobody was given to are dropped; the others keep the order of the proposals. */
static void keep_parents(struct renaming *r, int level)
{
    size_t *children = arena_zero(r->g->arena, r->p->n, sizeof *children);
    for (size_t i = 0; i < r->below->n; i++)
        children[r->parent[i]]++;
    r->above->nodes = arena_zero(r->g->arena, r->p->n, sizeof *r->above->nodes);
    r->above->groups = arena_zero(r->g->arena, r->p->n, sizeof *r->above->groups);
    r->named = arena_zero(r->g->arena, r->p->n, sizeof *r->named);
    r->from = arena_new(r->g->arena, r->p->n, sizeof *r->from);
    for (size_t j = 0; j < r->p->n; j++) {
        if (children[j] == 0)
            continue;
        struct node *node = &r->above->nodes[r->above->n];
        *node = (struct node){.id = cluster_id(r->g->facet_index, level, r->above->n),
                              .facet = r->g->facet->name,
                              .level = level,
                              .parent = -1,
                              .large_enough = true};
        for (size_t i = 0; i < r->below->n; i++)
            if (r->parent[i] == j)
                node->conversations += r->below->nodes[i].conversations;
        r->above->groups[r->above->n] = group_of(r, j);
        r->from[r->above->n++] = (uint32_t)j;
    }
}

static const struct node *only_child(const struct renaming *r, size_t above)
{
    const struct node *only = NULL;
    for (size_t i = 0; i < r->below->n; i++) {
        if (r->parent[i] != r->from[above])
            continue;
        if (only)
            return NULL;
        only = &r->below->nodes[i];
    }
    return only;
}

/* Step 6: asked again from the children a parent actually got; its siblings' proposed names are the contrast. */
static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct renaming *r = arg;
    if (only_child(r, i))
        return ERR_OK;
    struct str *members = arena_new(a, r->below->n, sizeof *members),
               *others = arena_new(a, r->above->n, sizeof *others);
    struct naming_question q = {.facet = r->g->facet, .members = members, .contrast = others, .of_clusters = true};
    for (size_t k = 0; k < r->below->n; k++)
        if (r->parent[k] == r->from[i])
            members[q.members_count++] = str_printf(a, STR_FMT ": " STR_FMT, STR_ARG(r->below->nodes[k].short_name),
                                                    STR_ARG(r->below->nodes[k].name));
    for (size_t k = 0; k < r->above->n; k++)
        if (k != i)
            others[q.contrast_count++] = r->p->names[r->from[k]];
    return naming_request(r->g->c, &q, a, out, e);
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    (void)arg;
    (void)i;
    return naming_accept(answer, reason);
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct renaming *r = arg;
    if (!answer->ok)
        return ERR_OK; /* stays without a name and is never shown; its children move up when the tree is published */
    struct arena a = {0};
    struct str *taken = arena_new(&a, r->below->n, sizeof *taken);
    struct naming_judge judge = {.taken = taken, .any = true, .fallback = r->p->names[r->from[i]]};
    samples_judge(&r->g->samples, r->above->groups[i], &a, &judge);
    for (size_t k = 0; k < r->below->n; k++)
        if (r->parent[k] == r->from[i])
            taken[judge.taken_count++] = r->below->nodes[k].name;
    enum err result = naming_read(r->g->c, answer, &judge, r->g->arena, &r->named[i], e);
    arena_release(&a);
    return result;
}

static enum err rename_parents(struct renaming *r, struct error *e)
{
    for (size_t j = 0; j < r->above->n; j++) {
        const struct node *only = only_child(r, j);
        if (only) /* a level cannot say more about one cluster than its own name does */
            r->named[j] =
                (struct naming){.name = only->name, .description = only->description, .short_name = only->short_name};
    }
    struct ask_job job = {.role = ROLE_STRONG,
                          .count = r->above->n,
                          .temperature = NAMING_TEMPERATURE,
                          .build = build,
                          .take = take,
                          .accept = accept,
                          .arg = r};
    r->g->c->total += (int64_t)r->above->n;
    enum err result = ask_each(r->g->c, &job, e);
    naming_tell_apart(r->named, r->above->n);
    for (size_t j = 0; j < r->above->n; j++) {
        r->above->nodes[j].name = r->named[j].name;
        r->above->nodes[j].description = r->named[j].description;
        r->above->nodes[j].short_name = r->named[j].short_name;
    }
    return result;
}

static enum err store_level(const struct renaming *r, struct error *e)
{
    struct run *run = r->g->c->run;
    enum err result = db_begin(run->db, e);
    for (size_t j = 0; j < r->above->n && result == ERR_OK; j++) {
        result = clusters_put(run, &r->above->nodes[j], e);
        for (size_t i = 0; i < r->below->n && result == ERR_OK; i++)
            if (r->parent[i] == r->from[j])
                result = clusters_set_parent(run, r->below->nodes[i].id, r->above->nodes[j].id, e);
    }
    if (result == ERR_OK)
        return db_commit(run->db, e);
    db_rollback(run->db);
    return result;
}

static enum err grow_level(struct growth *g, const struct tier *below, int level, size_t target, struct tier *above,
                           struct error *e)
{
    struct proposals p;
    uint32_t *parent = arena_zero(g->arena, below->n, sizeof *parent);
    *above = (struct tier){0};
    enum err result = propose_parents(g, below, target, &p, e);
    if (result == ERR_OK)
        result = merge_proposals(g, &p, target, e);
    if (result == ERR_OK)
        result = assign_parents(g, below, &p, parent, e);
    struct renaming r = {.g = g, .below = below, .parent = parent, .above = above, .p = &p};
    if (result != ERR_OK)
        return result;
    keep_parents(&r, level);
    if (above->n < 2)
        return ERR_OK; /* one parent of everything says nothing */
    result = rename_parents(&r, e);
    if (result == ERR_OK)
        result = store_level(&r, e);
    return result == ERR_OK ? embed_tier(g, above, e) : result;
}

static enum err grow_facet(struct growth *g, struct error *e)
{
    size_t sizes[HIERARCHY_LEVELS_MAX];
    struct tier below, above;
    enum err result = clusters_clear(g->c->run, g->facet->name, 1, e);
    if (result == ERR_OK)
        result = load_leaves(g, &below, e);
    if (result != ERR_OK || below.n == 0)
        return result;
    size_t levels = hierarchy_plan(below.n, g->c->config->levels, g->c->config->top, sizes);
    if (levels > 1)
        result = samples_open(&g->samples, g->c, g->facet_index, below.nodes, below.n, e);
    if (result == ERR_OK && levels > 1)
        result = embed_tier(g, &below, e);
    for (size_t l = 1; l < levels && result == ERR_OK; l++) {
        result = grow_level(g, &below, (int)l, sizes[l], &above, e);
        if (above.n < 2)
            break;
        below = above;
    }
    return result;
}

enum err hierarchy_run(struct stage_context *c, struct error *e)
{
    enum err result = ERR_OK;
    stage_begin(c, 0);
    for (size_t f = 0; f < c->config->facets_count && result == ERR_OK; f++) {
        if (!c->config->facets[f].cluster)
            continue;
        struct arena a = {0};
        struct growth g = {.c = c, .facet_index = f, .facet = &c->config->facets[f], .arena = &a};
        result = grow_facet(&g, e);
        samples_close(&g.samples);
        arena_release(&a);
    }
    return result;
}
