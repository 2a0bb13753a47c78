#include "base/text.h"
#include "hierarchy/tier.h"
#include "num/dist.h"
#include "stage/prompt.h"
#include "stage/scrub.h"

#include <string.h>

/* Names this close say the same thing; further ones are merged only while there are too many. */
static const float SAME_MEANING = 0.85f;
static const double ABOUT = 1.25; /* "about the wanted number": up to a quarter more */

static const struct field name_field = {.name = "name", .kind = FIELD_TEXT, .max_chars = 80};
static const struct schema name_schema = {&name_field, 1};

struct merging {
    struct growth *g;
    struct proposals *p;
    uint32_t *group; /* [p->n] group of each proposal: the lowest member's number */
    uint32_t *heads; /* groups with more than one member */
    size_t heads_count;
};

/* Average vector of a group, in the row of its head; heads only have meaning. */
static void join(struct mat sums, uint32_t *group, size_t n, uint32_t keep, uint32_t gone)
{
    for (size_t i = 0; i < n; i++)
        if (group[i] == gone)
            group[i] = keep;
    for (size_t j = 0; j < sums.d; j++)
        mat_row(sums, keep)[j] += mat_row(sums, gone)[j];
    dist_normalise((struct mat){mat_row(sums, keep), 1, sums.d});
}

/* The closest pair of heads; ties go to the lower numbers. */
static float closest(struct mat sums, const uint32_t *group, size_t n, uint32_t *a, uint32_t *b)
{
    float best = -2;
    for (size_t i = 0; i < n; i++) {
        if (group[i] != i)
            continue;
        for (size_t j = i + 1; j < n; j++) {
            float s = group[j] == j ? dist_dot(mat_row(sums, i), mat_row(sums, j), sums.d) : -2;
            if (s > best) {
                best = s;
                *a = (uint32_t)i;
                *b = (uint32_t)j;
            }
        }
    }
    return best;
}

/* Agglomerate: first what means the same, then the closest until about the wanted number is left. */
static void group_proposals(struct merging *m, size_t target)
{
    size_t n = m->p->n, left = n;
    struct mat sums = {arena_new(m->g->arena, n * m->p->vectors.d, sizeof(float)), n, m->p->vectors.d};
    memcpy(sums.at, m->p->vectors.at, n * sums.d * sizeof(float));
    for (size_t i = 0; i < n; i++)
        m->group[i] = (uint32_t)i;
    while (left > 1) {
        uint32_t a = 0, b = 0;
        float s = closest(sums, m->group, n, &a, &b);
        if (s < SAME_MEANING && (double)left <= ABOUT * (double)target)
            break;
        join(sums, m->group, n, a, b);
        left--;
    }
}

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct merging *m = arg;
    struct buf lines = {0};
    for (size_t k = 0; k < m->p->n; k++)
        if (m->group[k] == m->heads[i])
            buf_printf(&lines, "- " STR_FMT "\n", STR_ARG(m->p->names[k]));
    struct prompt_var vars[] = {{"names", str_trim(buf_str(&lines))}, {"form", m->g->facet->name_form}};
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    enum err result = prompt_render(m->g->c->prompts, "merge.system.txt", vars, 2, a, &out->system, e);
    if (result == ERR_OK)
        result = prompt_render(m->g->c->prompts, "merge.user.txt", vars, 2, a, &ask->user, e);
    ask->answer = &name_schema;
    out->asks = ask;
    out->asks_count = 1;
    buf_release(&lines);
    return result;
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    (void)arg;
    (void)i;
    *reason = "the merged name is empty or holds private details";
    return str_trim(answer->values[0][0].text).n && !scrub_find(answer->values[0][0].text);
}

/* Without a usable answer the group keeps its first name, which was accepted before. */
static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct merging *m = arg;
    (void)e;
    if (answer->ok) {
        struct buf line = {0};
        text_add_line(&line, answer->values[0][0].text);
        m->p->names[m->heads[i]] = str_dup(m->g->arena, buf_str(&line));
        buf_release(&line);
    }
    return ERR_OK;
}

static void find_heads(struct merging *m)
{
    for (size_t i = 0; i < m->p->n; i++) {
        size_t members = 0;
        for (size_t k = 0; k < m->p->n; k++)
            members += m->group[k] == i;
        if (members > 1)
            m->heads[m->heads_count++] = (uint32_t)i;
    }
}

/* Groups become proposals again; two groups that were given one and the same name become one. */
static void keep_heads(struct merging *m)
{
    struct arena a = {0};
    size_t n = 0;
    struct str *folded = arena_new(&a, m->p->n, sizeof *folded);
    for (size_t i = 0; i < m->p->n; i++) {
        bool seen = m->group[i] != i;
        struct str f = text_fold(&a, m->p->names[i]);
        for (size_t k = 0; k < n && !seen; k++)
            seen = str_eq(folded[k], f);
        if (seen)
            continue;
        folded[n] = f;
        m->p->names[n++] = m->p->names[i];
    }
    m->p->n = n;
    arena_release(&a);
}

enum err merge_proposals(struct growth *g, struct proposals *p, size_t target, struct error *e)
{
    struct merging m = {.g = g,
                        .p = p,
                        .group = arena_new(g->arena, p->n, sizeof(uint32_t)),
                        .heads = arena_new(g->arena, p->n, sizeof(uint32_t))};
    group_proposals(&m, target);
    find_heads(&m);
    g->c->total += (int64_t)m.heads_count;
    struct ask_job job = {.role = ROLE_STRONG,
                          .count = m.heads_count,
                          .temperature = 0.5,
                          .build = build,
                          .take = take,
                          .accept = accept,
                          .arg = &m};
    enum err result = m.heads_count ? ask_each(g->c, &job, e) : ERR_OK;
    keep_heads(&m);
    return result == ERR_OK ? tier_embed(g, p->names, p->n, &p->vectors, e) : result;
}
