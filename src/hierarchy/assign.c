#include "base/rng.h"
#include "hierarchy/tier.h"
#include "num/dist.h"
#include "stage/prompt.h"

/*
 * The vectors say which parents could be meant: those almost as close as the closest, at most CANDIDATES. The model
 * says which of them is. Where only one could be, nothing is asked.
 */
enum { CANDIDATES = 16 };
static const float ALMOST_AS_CLOSE = 0.08f;

struct assigning {
    struct growth *g;
    const struct tier *below;
    const struct proposals *p;
    uint32_t *parent;
};

/* In an order of their own for each child: a model must not learn to like the first place. */
static size_t candidates_of(const struct assigning *x, size_t child, uint32_t *out)
{
    const float *vector = mat_row(x->below->vectors, child);
    size_t near = tier_nearest(x->p->vectors, vector, NULL, CANDIDATES, out), n = 1;
    float best = dist_dot(mat_row(x->p->vectors, out[0]), vector, x->p->vectors.d);
    while (n < near && best - dist_dot(mat_row(x->p->vectors, out[n]), vector, x->p->vectors.d) < ALMOST_AS_CLOSE)
        n++;
    struct rng r = rng_seed(x->g->c->config->seed, (uint64_t)x->below->nodes[child].id);
    rng_shuffle(&r, out, n);
    return n;
}

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct assigning *x = arg;
    uint32_t candidates[CANDIDATES];
    size_t n = candidates_of(x, i, candidates);
    x->parent[i] = candidates[0];
    if (n == 1)
        return ERR_OK;
    struct str *names = arena_new(a, n, sizeof *names);
    struct buf lines = {0};
    for (size_t k = 0; k < n; k++) {
        names[k] = x->p->names[candidates[k]];
        buf_printf(&lines, "- " STR_FMT "\n", STR_ARG(names[k]));
    }
    struct field *field = arena_zero(a, 1, sizeof *field);
    *field = (struct field){.name = "category", .kind = FIELD_CHOICE, .values = names, .values_count = n};
    struct schema *schema = arena_zero(a, 1, sizeof *schema);
    *schema = (struct schema){field, 1};
    const struct node *node = &x->below->nodes[i];
    struct prompt_var vars[] = {
        {"parents", str_trim(buf_str(&lines))}, {"name", node->name}, {"description", node->description}};
    enum { VARS = sizeof vars / sizeof *vars };
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    enum err result = prompt_render(x->g->c->prompts, "assign.system.txt", vars, VARS, a, &out->system, e);
    if (result == ERR_OK)
        result = prompt_render(x->g->c->prompts, "assign.user.txt", vars, VARS, a, &ask->user, e);
    ask->answer = schema;
    out->asks = ask;
    out->asks_count = 1;
    buf_release(&lines);
    return result;
}

/* Without a usable answer the nearest parent is taken: every cluster has a place in the tree. */
static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct assigning *x = arg;
    uint32_t candidates[CANDIDATES];
    (void)e;
    if (answer->ok) {
        candidates_of(x, i, candidates);
        x->parent[i] = candidates[answer->values[0][0].number];
    } else {
        tier_nearest(x->p->vectors, mat_row(x->below->vectors, i), NULL, 1, candidates);
        x->parent[i] = candidates[0];
    }
    return ERR_OK;
}

enum err assign_parents(struct growth *g, const struct tier *below, const struct proposals *p, uint32_t *parent,
                        struct error *e)
{
    struct assigning x = {.g = g, .below = below, .p = p, .parent = parent};
    struct ask_job job = {
        .role = ROLE_STRONG, .count = below->n, .temperature = 0, .build = build, .take = take, .arg = &x};
    g->c->total += (int64_t)below->n;
    return ask_each(g->c, &job, e);
}
