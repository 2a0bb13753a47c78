#include "privacy/audit.h"

#include "stage/prompt.h"
#include "stage/scrub.h"
#include "store/clusters.h"

/* Names first, verdict after. Words instead of numbers: a small model rates everything 1 or everything 4. */
enum { F_NAMES, F_CIRCLE, FIELDS };

/* The paper's scale, 1 to 5, in this order. */
static const struct str circles[] = {STR_INIT("person"), STR_INIT("organisation"), STR_INIT("few"), STR_INIT("unusual"),
                                     STR_INIT("many")};

static const struct field fields[FIELDS] = {
    [F_NAMES] = {.name = "names", .kind = FIELD_TEXT, .max_chars = 200},
    [F_CIRCLE] = {.name = "circle", .kind = FIELD_CHOICE, .values = circles, .values_count = 5},
};
static const struct schema audit_schema = {fields, FIELDS};

struct auditing {
    struct stage_context *c;
    struct node *nodes;
    size_t n;
    int64_t withheld;
};

enum err audit_request(struct stage_context *c, const struct audit_text *text, struct arena *a, struct request *out,
                       struct error *e)
{
    struct prompt_var vars[] = {{"name", text->name},
                                {"short_name", text->short_name.n ? text->short_name : text->name},
                                {"description", text->description}};
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    enum err result =
        prompt_render(c->prompts, "audit.system.txt", vars, sizeof vars / sizeof *vars, a, &out->system, e);
    if (result == ERR_OK)
        result = prompt_render(c->prompts, "audit.user.txt", vars, sizeof vars / sizeof *vars, a, &ask->user, e);
    ask->answer = &audit_schema;
    out->asks = ask;
    out->asks_count = 1;
    return result;
}

int audit_rating(const struct asked *answer, struct str *reason)
{
    if (!answer->ok) {
        *reason = str_of(answer->reason);
        return 1;
    }
    *reason = answer->values[0][F_NAMES].text;
    return 1 + (int)answer->values[0][F_CIRCLE].number;
}

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct auditing *x = arg;
    const struct node *n = &x->nodes[i];
    return audit_request(x->c, &(struct audit_text){n->name, n->short_name, n->description}, a, out, e);
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct auditing *x = arg;
    const struct node *node = &x->nodes[i];
    struct str reason;
    int rating = audit_rating(answer, &reason);
    const char *found = NULL;
    const struct str texts[] = {node->name, node->description, node->short_name};
    for (size_t k = 0; k < sizeof texts / sizeof *texts && !found; k++)
        found = scrub_find(texts[k]);
    if (found) {    /* whatever the auditor thinks of it */
        rating = 0; /* below every audit_min */
        reason = str_of(found);
    }
    x->withheld += rating < (int)x->c->config->audit_min;
    return clusters_set_rating(x->c->run, node->id, rating, reason, e);
}

static enum err audit_facet(struct auditing *x, size_t facet_index, struct error *e)
{
    struct arena a = {0};
    size_t n;
    enum err result = clusters_load(x->c->run, x->c->config->facets[facet_index].name, -1, &a, &x->nodes, &n, e);
    x->n = 0;
    for (size_t i = 0; result == ERR_OK && i < n; i++)
        if (x->nodes[i].large_enough && x->nodes[i].name.n)
            x->nodes[x->n++] = x->nodes[i];
    x->c->total += (int64_t)x->n;
    /* A malformed verdict is a 1: no second roll of the dice. */
    struct ask_job job = {
        .role = ROLE_STRONG, .count = x->n, .tries = 1, .temperature = 0.05, .build = build, .take = take, .arg = x};
    if (result == ERR_OK)
        result = ask_each(x->c, &job, e);
    arena_release(&a);
    return result;
}

enum err audit_run(struct stage_context *c, struct error *e)
{
    struct auditing x = {.c = c};
    enum err result = ERR_OK;
    stage_begin(c, 0);
    for (size_t f = 0; f < c->config->facets_count && result == ERR_OK; f++)
        if (c->config->facets[f].cluster)
            result = audit_facet(&x, f, e);
    stage_note(c, "%lld names rated, %lld withheld", (long long)c->done, (long long)x.withheld);
    return result;
}
