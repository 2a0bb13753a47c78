#include "label/label.h"

#include "label/samples.h"
#include "stage/naming.h"
#include "store/clusters.h"

struct labelling {
    struct stage_context *c;
    size_t facet;
    struct arena arena;
    struct samples samples;
    struct node *nodes; /* those large enough, by id */
    size_t n;
    int64_t nameless;
};

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct labelling *l = arg;
    struct naming_question q = {.facet = &l->c->config->facets[l->facet]};
    samples_of(&l->samples, l->nodes[i].id, a, &q);
    return naming_request(l->c, &q, a, out, e);
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    (void)arg;
    (void)i;
    return naming_accept(answer, reason);
}

/* A cluster that got no usable name stays without one, so it is never shown. */
static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct labelling *l = arg;
    struct node node = l->nodes[i];
    if (!answer->ok) {
        l->nameless++;
        return ERR_OK;
    }
    struct arena a = {0};
    struct naming named = {0};
    struct naming_judge judge = {.start = l->c->config->facets[l->facet].name_start,
                                 .members = samples_vectors(&l->samples, node.id, &a),
                                 .support = samples_support(&l->samples, node.id, &a)};
    enum err result = naming_read(l->c, answer, &judge, &a, &named, e);
    l->nameless += named.name.n == 0;
    node.name = named.name;
    node.description = named.description;
    node.short_name = named.short_name;
    if (result == ERR_OK)
        result = clusters_put(l->c->run, &node, e);
    arena_release(&a);
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

static enum err label_facet(struct labelling *l, struct error *e)
{
    enum err result = load_nodes(l, e);
    l->c->total += (int64_t)l->n;
    if (result == ERR_OK)
        result = forget_names(l, e);
    if (result == ERR_OK && l->n)
        result = samples_open(&l->samples, l->c, l->facet, l->nodes, l->n, e);
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
            result = label_facet(&l, e);
        nameless += l.nameless;
    }
    stage_note(c, "%lld clusters named, %lld without a usable name", (long long)(c->done - nameless),
               (long long)nameless);
    return result;
}
