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

/* A cluster that got no usable name stays without one, so it is never shown; it is counted as quarantined. */
static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct labelling *l = arg;
    if (!answer->ok)
        return stage_quarantine(l->c, -1, answer->reason, e);
    struct arena a = {0};
    struct naming named = naming_read(answer, &a);
    struct node node = l->nodes[i];
    node.name = named.name;
    node.description = named.description;
    node.short_name = named.short_name;
    node.rating = 0; /* a new text has not been audited */
    enum err result = clusters_put(l->c->run, &node, e);
    arena_release(&a);
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
    if (result == ERR_OK && l->n)
        result = samples_open(&l->samples, l->c, l->facet, e);
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
    stage_begin(c, 0);
    for (size_t f = 0; f < c->config->facets_count && result == ERR_OK; f++)
        if (c->config->facets[f].cluster)
            result = label_facet(&(struct labelling){.c = c, .facet = f}, e);
    stage_note(c, "%lld clusters named, %lld without a usable name", (long long)(c->done - c->quarantined),
               (long long)c->quarantined);
    return result == ERR_OK ? stage_check_failures(c, e) : result;
}
