#include "base/text.h"
#include "hierarchy/tier.h"
#include "num/dist.h"
#include "stage/prompt.h"
#include "stage/scrub.h"

#include <string.h>

/* Names this close say the same thing; further ones are merged only while there are too many. */
static const float SAME_MEANING = 0.85f;
static const double ABOUT = 1.5; /* "about the wanted number": up to half more, as proposals are asked for */

static const struct field name_field = {.name = "name", .kind = FIELD_TEXT, .max_chars = 80};
static const struct schema name_schema = {&name_field, 1};

struct merging {
    struct growth *g;
    struct proposals *p;
    uint32_t *group; /* [p->n] group of each proposal: the lowest member's number */
    uint32_t *heads; /* groups with more than one member */
    size_t heads_count;
};

/*
 * Agglomeration with a memory: of each head the nearest head behind it, looked up again only where a merge may have
 * changed it. So n proposals cost about n^2 products of vectors, where looking at all pairs for each merge took n^3.
 */
struct heads {
    struct mat sums;  /* the average vector of a group, in the row of its head; the other rows have no meaning */
    uint32_t *group;  /* [n] */
    uint32_t *near;   /* [n] the nearest head behind this one, */
    float *closeness; /* [n] and how near it is; -2 without one */
    size_t n;
};

/* Ties go to the lower number. */
static void find_near(struct heads *h, size_t i)
{
    h->closeness[i] = -2;
    for (size_t j = i + 1; j < h->n; j++) {
        if (h->group[j] != j)
            continue;
        float s = dist_dot(mat_row(h->sums, i), mat_row(h->sums, j), h->sums.d);
        if (s > h->closeness[i]) {
            h->closeness[i] = s;
            h->near[i] = (uint32_t)j;
        }
    }
}

static void join(struct heads *h, uint32_t keep, uint32_t gone)
{
    for (size_t i = gone; i < h->n; i++)
        if (h->group[i] == gone)
            h->group[i] = keep;
    for (size_t j = 0; j < h->sums.d; j++)
        mat_row(h->sums, keep)[j] += mat_row(h->sums, gone)[j];
    dist_normalise((struct mat){mat_row(h->sums, keep), 1, h->sums.d});
}

/* Who had one of the two as the nearest looks again; others only ask whether the new average is nearer. */
static void update_near(struct heads *h, uint32_t keep, uint32_t gone)
{
    find_near(h, keep);
    for (size_t i = 0; i < gone; i++) {
        if (h->group[i] != i || i == keep)
            continue;
        if (h->closeness[i] > -2 && (h->near[i] == keep || h->near[i] == gone)) {
            find_near(h, i);
        } else if (i < keep) {
            float s = dist_dot(mat_row(h->sums, i), mat_row(h->sums, keep), h->sums.d);
            if (s > h->closeness[i] || (s == h->closeness[i] && keep < h->near[i])) {
                h->closeness[i] = s;
                h->near[i] = keep;
            }
        }
    }
}

size_t merge_groups(struct mat vectors, size_t target, uint32_t *group)
{
    struct arena a = {0};
    size_t n = vectors.n, left = n;
    struct heads h = {.sums = {arena_new(&a, n * vectors.d, sizeof(float)), n, vectors.d},
                      .group = group,
                      .near = arena_zero(&a, n, sizeof(uint32_t)),
                      .closeness = arena_new(&a, n, sizeof(float)),
                      .n = n};
    memcpy(h.sums.at, vectors.at, n * vectors.d * sizeof(float));
    for (size_t i = 0; i < n; i++)
        group[i] = (uint32_t)i;
    for (size_t i = 0; i < n; i++)
        find_near(&h, i);
    for (; left > 1; left--) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (group[i] == i && h.closeness[i] > h.closeness[best])
                best = i;
        if (h.closeness[best] < SAME_MEANING && (double)left <= ABOUT * (double)target)
            break;
        uint32_t gone = h.near[best];
        join(&h, (uint32_t)best, gone);
        update_near(&h, (uint32_t)best, gone);
    }
    arena_release(&a);
    return left;
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
    struct arena a = {0};
    size_t *members = arena_zero(&a, m->p->n, sizeof *members);
    for (size_t i = 0; i < m->p->n; i++)
        members[m->group[i]]++;
    for (size_t i = 0; i < m->p->n; i++)
        if (members[i] > 1)
            m->heads[m->heads_count++] = (uint32_t)i;
    arena_release(&a);
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
    merge_groups(p->vectors, target, m.group);
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
