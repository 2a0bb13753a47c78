#include "base/text.h"
#include "hierarchy/tier.h"
#include "num/kmeans.h"
#include "stage/prompt.h"
#include "stage/scrub.h"

#include <math.h>

enum { OUTSIDE = 10, THOUGHT_CHARS = 300, PARENT_CHARS = 80, LINES_TOKENS = 2400 };

struct neighbourhood {
    uint32_t *inside; /* places in the tier */
    size_t n;
    size_t min, max; /* how many names are wanted: half to one and a half times its share */
    struct field fields[2];
    struct schema schema;
    struct str *names; /* what was proposed */
    size_t names_count;
};

struct proposing {
    struct growth *g;
    const struct tier *below;
    struct neighbourhood *at;
    size_t n;
};

/* Step 2. k-means of the names' vectors. */
static enum err split(struct proposing *p, size_t target, struct error *e)
{
    const struct tier *below = p->below;
    size_t size = (size_t)p->g->c->config->neighbourhood;
    size_t k = (below->n + size / 2) / size;
    p->n = k ? k : 1;
    p->at = arena_zero(p->g->arena, p->n, sizeof *p->at);
    uint32_t *label = arena_zero(p->g->arena, below->n, sizeof *label);
    struct mat centroids = {arena_new(p->g->arena, p->n * below->vectors.d, sizeof(float)), p->n, below->vectors.d};
    struct kmeans_opts opts = {.k = p->n, .seed = p->g->c->config->seed};
    enum err result = kmeans_run(below->vectors, &opts, centroids, label, NULL, p->g->c->par, e);
    if (result != ERR_OK)
        return result;
    for (size_t j = 0; j < p->n; j++) {
        struct neighbourhood *nb = &p->at[j];
        nb->inside = arena_new(p->g->arena, below->n, sizeof *nb->inside);
        for (size_t i = 0; i < below->n; i++)
            if (label[i] == j)
                nb->inside[nb->n++] = (uint32_t)i;
        double share = (double)target * (double)nb->n / (double)below->n;
        share = share < 1 ? 1 : share;
        nb->min = (size_t)ceil(0.5 * share);
        nb->max = (size_t)floor(1.5 * share);
        nb->max = nb->max > nb->min ? nb->max : nb->min + 1;
        nb->fields[0] = (struct field){.name = "thoughts", .kind = FIELD_TEXT, .max_chars = THOUGHT_CHARS};
        nb->fields[1] = (struct field){.name = "categories",
                                       .kind = FIELD_LIST,
                                       .max_chars = PARENT_CHARS,
                                       .min = (int64_t)nb->min,
                                       .max = (int64_t)nb->max};
        nb->schema = (struct schema){nb->fields, 2};
    }
    return ERR_OK;
}

/* "subject: name", one a line: the subjects are what categories are made of. */
static void add_clusters(struct buf *out, const struct tier *t, const uint32_t *at, size_t n, size_t tokens)
{
    for (size_t i = 0; i < n; i++) {
        const struct node *node = &t->nodes[at[i]];
        size_t cost = text_tokens(node->name) + text_tokens(node->short_name) + 3;
        if (cost > tokens)
            break;
        tokens -= cost;
        buf_printf(out, "- " STR_FMT ": " STR_FMT "\n", STR_ARG(node->short_name), STR_ARG(node->name));
    }
}

/* The clusters outside that lie nearest to the middle of the neighbourhood, so that borders are seen from both sides.
 */
static size_t nearest_outside(const struct tier *t, const struct neighbourhood *nb, struct arena *a, uint32_t *out)
{
    unsigned char *skip = arena_zero(a, t->n, 1);
    float *middle = arena_zero(a, t->vectors.d, sizeof *middle);
    for (size_t i = 0; i < nb->n; i++) {
        skip[nb->inside[i]] = 1;
        for (size_t j = 0; j < t->vectors.d; j++)
            middle[j] += mat_row(t->vectors, nb->inside[i])[j];
    }
    return tier_nearest(t->vectors, middle, skip, OUTSIDE, out);
}

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct proposing *p = arg;
    struct neighbourhood *nb = &p->at[i];
    if (nb->n == 0)
        return ERR_OK;
    uint32_t outside[OUTSIDE];
    size_t outside_count = nearest_outside(p->below, nb, a, outside);
    struct buf inside_text = {0}, outside_text = {0};
    add_clusters(&inside_text, p->below, nb->inside, nb->n, LINES_TOKENS);
    add_clusters(&outside_text, p->below, outside, outside_count, LINES_TOKENS / 4);
    struct prompt_var vars[] = {
        {"clusters", str_trim(buf_str(&inside_text))},
        {"outside", str_trim(buf_str(&outside_text))},
        {"min", str_printf(a, "%zu", nb->min)},
        {"max", str_printf(a, "%zu", nb->max)},
        {"form", p->g->facet->name_form},
    };
    enum { VARS = sizeof vars / sizeof *vars };
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    enum err result = prompt_render(p->g->c->prompts, "propose.system.txt", vars, VARS, a, &out->system, e);
    if (result == ERR_OK)
        result = prompt_render(p->g->c->prompts, "propose.user.txt", vars, VARS, a, &ask->user, e);
    ask->answer = &nb->schema;
    out->asks = ask;
    out->asks_count = 1;
    buf_release(&inside_text);
    buf_release(&outside_text);
    return result;
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    (void)arg;
    (void)i;
    const struct field_value *list = &answer->values[0][1];
    for (size_t k = 0; k < list->items_count; k++)
        if (str_trim(list->items[k]).n == 0 || scrub_find(list->items[k])) {
            *reason = "a proposed name is empty or holds private details";
            return false;
        }
    return true;
}

/* A neighbourhood without usable proposals puts its own clusters' names forward: nothing is lost, merging sees to the
 * rest. */
static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct proposing *p = arg;
    struct neighbourhood *nb = &p->at[i];
    (void)e;
    nb->names_count = answer->ok ? answer->values[0][1].items_count : nb->n;
    nb->names = arena_new(p->g->arena, nb->names_count, sizeof *nb->names);
    for (size_t k = 0; k < nb->names_count; k++) {
        struct buf line = {0};
        text_add_line(&line, answer->ok ? answer->values[0][1].items[k] : p->below->nodes[nb->inside[k]].name);
        nb->names[k] = str_dup(p->g->arena, buf_str(&line));
        buf_release(&line);
    }
    return ERR_OK;
}

static bool known(const struct proposals *out, struct str name)
{
    struct arena a = {0};
    struct str folded = text_fold(&a, name);
    bool found = false;
    for (size_t i = 0; i < out->n && !found; i++)
        found = str_eq(text_fold(&a, out->names[i]), folded);
    arena_release(&a);
    return found;
}

enum err propose_parents(struct growth *g, const struct tier *below, size_t target, struct proposals *out,
                         struct error *e)
{
    struct proposing p = {.g = g, .below = below};
    enum err result = split(&p, target, e);
    if (result != ERR_OK)
        return result;
    g->c->total += (int64_t)p.n;
    struct ask_job job = {.role = ROLE_STRONG,
                          .count = p.n,
                          .temperature = 0.5,
                          .build = build,
                          .take = take,
                          .accept = accept,
                          .arg = &p};
    result = ask_each(g->c, &job, e);
    size_t all = 0;
    for (size_t j = 0; j < p.n; j++)
        all += p.at[j].names_count;
    *out = (struct proposals){.names = arena_new(g->arena, all, sizeof(struct str))};
    for (size_t j = 0; j < p.n; j++)
        for (size_t k = 0; k < p.at[j].names_count; k++)
            if (!known(out, p.at[j].names[k]))
                out->names[out->n++] = p.at[j].names[k];
    return result == ERR_OK ? tier_embed(g, out->names, out->n, &out->vectors, e) : result;
}
