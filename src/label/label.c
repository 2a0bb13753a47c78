#include "label/label.h"

#include "stage/samples.h"
#include "store/clusters.h"

struct labelling {
    struct stage_context *c;
    size_t facet;
    struct arena arena;
    struct samples samples;
    struct node *nodes; /* those large enough, by id */
    size_t n;
    struct naming *named; /* [n] */
};

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct labelling *l = arg;
    struct naming_question q = {.facet = &l->c->config->facets[l->facet]};
    samples_ask(&l->samples, (struct group){&l->nodes[i].id, 1}, a, &q);
    return naming_request(l->c, &q, a, out, e);
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    (void)arg;
    (void)i;
    return naming_accept(answer, reason);
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct labelling *l = arg;
    if (!answer->ok)
        return ERR_OK;
    struct arena a = {0};
    struct naming_judge judge = {0};
    samples_judge(&l->samples, (struct group){&l->nodes[i].id, 1}, &a, &judge);
    enum err result = naming_read(l->c, answer, &judge, &l->arena, &l->named[i], e);
    arena_release(&a);
    return result;
}

/* A cluster that got no usable name stays without one, so it is never shown. */
static enum err store_names(struct labelling *l, int64_t *nameless, struct error *e)
{
    enum err result = ERR_OK;
    naming_tell_apart(l->named, l->n);
    for (size_t i = 0; i < l->n && result == ERR_OK; i++) {
        struct node node = l->nodes[i];
        *nameless += l->named[i].name.n == 0;
        node.name = l->named[i].name;
        node.description = l->named[i].description;
        node.short_name = l->named[i].short_name;
        result = clusters_put(l->c->run, &node, e);
    }
    return result;
}

/* Names of an earlier run of this stage must not outlive it; a new text has not been audited either. */
static enum err forget_names(struct labelling *l, struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < l->n && result == ERR_OK; i++) {
        l->nodes[i].name = l->nodes[i].description = l->nodes[i].short_name = l->nodes[i].rating_reason =
            (struct str){0};
        l->nodes[i].rating = 0;
        result = clusters_put(l->c->run, &l->nodes[i], e);
    }
    return result;
}

/* Only what passed the threshold is ever shown to the namer. */
static enum err load_nodes(struct labelling *l, struct error *e)
{
    struct node *all;
    size_t n;
    enum err result = clusters_load(l->c->run, l->c->config->facets[l->facet].name, 0, &l->arena, &all, &n, e);
    if (result != ERR_OK)
        return result;
    l->nodes = all;
    for (size_t i = 0; i < n; i++)
        if (all[i].large_enough)
            l->nodes[l->n++] = all[i];
    return ERR_OK;
}

static enum err label_facet(struct labelling *l, int64_t *nameless, struct error *e)
{
    enum err result = load_nodes(l, e);
    l->c->total += (int64_t)l->n;
    if (result == ERR_OK)
        result = forget_names(l, e);
    if (result == ERR_OK && l->n)
        result = samples_open(&l->samples, l->c, l->facet, l->nodes, l->n, e);
    l->named = arena_zero(&l->arena, l->n, sizeof *l->named);
    if (result == ERR_OK && l->n) {
        struct ask_job job = {.role = ROLE_STRONG,
                              .count = l->n,
                              .temperature = NAMING_TEMPERATURE,
                              .build = build,
                              .take = take,
                              .accept = accept,
                              .arg = l};
        result = ask_each(l->c, &job, e);
    }
    if (result == ERR_OK)
        result = store_names(l, nameless, e);
    samples_close(&l->samples);
    arena_release(&l->arena);
    return result;
}

enum err label_run(struct stage_context *c, struct error *e)
{
    enum err result = ERR_OK;
    int64_t nameless = 0;
    stage_begin(c, 0);
    for (size_t f = 0; f < c->config->facets_count && result == ERR_OK; f++) {
        struct labelling l = {.c = c, .facet = f};
        if (c->config->facets[f].cluster)
            result = label_facet(&l, &nameless, e);
    }
    stage_note(c, "%lld clusters named, %lld without a usable name", (long long)(c->done - nameless),
               (long long)nameless);
    return result;
}
