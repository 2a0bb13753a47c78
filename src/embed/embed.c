#include "embed/embed.h"

#include "num/dist.h"
#include "stage/lead.h"
#include "store/records.h"
#include "store/vector_log.h"
#include "store/vectors.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 }; /* texts between two looks at the stop flag */

struct texts {
    struct arena *arena;
    struct str *at;
    int64_t *recs;
    size_t n, cap;
};

static enum err collect(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    struct texts *t = arg;
    (void)number;
    (void)e;
    if (seq != 0)
        return ERR_OK;
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 1024;
        t->at = mem_grow(t->at, t->cap, sizeof *t->at);
        t->recs = mem_grow(t->recs, t->cap, sizeof *t->recs);
    }
    t->at[t->n] = str_dup(t->arena, text);
    t->recs[t->n++] = rec;
    return ERR_OK;
}

/*
 * A value with a lead lies in the middle between its two parts: read as one sentence, the verb and the details of a
 * request outweigh its field, and everything that is to be "explained" ends in one cluster.
 */
static enum err embed_parts(struct stage_context *c, struct model *m, const struct str *texts, struct mat rows,
                            struct error *e)
{
    struct str lead[CHUNK], rest[CHUNK];
    struct arena a = {0};
    struct mat leads = {arena_new(&a, rows.n * rows.d, sizeof(float)), rows.n, rows.d};
    for (size_t i = 0; i < rows.n; i++) {
        lead[i] = lead_of(texts[i], &rest[i]);
        lead[i] = lead[i].n ? lead[i] : texts[i];
    }
    enum err result = m->ops->embed(m->ctx, lead, rows.n, leads, &c->usage, e);
    if (result == ERR_OK)
        result = m->ops->embed(m->ctx, rest, rows.n, rows, &c->usage, e);
    for (size_t i = 0; result == ERR_OK && i < rows.n * rows.d; i++)
        rows.at[i] += leads.at[i];
    dist_normalise(rows);
    arena_release(&a);
    return result;
}

/* What a vector depends on, but for the model: the log knows that one. */
static struct hash key_of(struct str text, bool parts)
{
    struct hasher h;
    hash_init(&h);
    hash_add_u64(&h, parts);
    hash_add(&h, text);
    return hash_end(&h);
}

/* At most CHUNK rows: those that the log has from there, the others from the model and into the log. */
static enum err embed_texts(struct stage_context *c, struct model *m, struct vector_log *log, bool parts,
                            const struct str *texts, struct mat rows, struct error *e)
{
    struct str new_texts[CHUNK];
    struct hash keys[CHUNK];
    size_t to[CHUNK], n = 0;
    struct arena a = {0};
    for (size_t i = 0; i < rows.n; i++) {
        keys[n] = key_of(texts[i], parts);
        if (vector_log_find(log, &keys[n], mat_row(rows, i)))
            continue;
        new_texts[n] = texts[i];
        to[n++] = i;
    }
    struct mat made = {arena_new(&a, n * rows.d, sizeof(float)), n, rows.d};
    enum err result = ERR_OK;
    if (n > 0)
        result =
            parts ? embed_parts(c, m, new_texts, made, e) : m->ops->embed(m->ctx, new_texts, n, made, &c->usage, e);
    if (result == ERR_OK)
        result = vector_log_add(log, keys, made, e);
    for (size_t i = 0; result == ERR_OK && i < n; i++)
        memcpy(mat_row(rows, to[i]), mat_row(made, i), rows.d * sizeof(float));
    arena_release(&a);
    return result;
}

/* The vectors of some texts, or of their conversations where the model holds those ready made. */
static enum err embed_chunk(struct stage_context *c, struct model *m, struct vector_log *log, bool parts,
                            const struct texts *t, size_t from, struct mat rows, struct error *e)
{
    if (m->ops->lookup)
        return m->ops->lookup(m->ctx, t->recs + from, rows.n, rows, e);
    return embed_texts(c, m, log, parts, t->at + from, rows, e);
}

static enum err embed_facet(struct stage_context *c, struct model *m, struct vector_log *log,
                            const struct facet_def *facet, struct texts *t, struct error *e)
{
    size_t d = m->info.width;
    struct vectors_writer w;
    struct arena a = {0};
    float *at = arena_new(&a, CHUNK * d, sizeof *at);
    enum err result = vectors_begin(&w, c->run, facet->name, t->n, d, t->recs, e);
    for (size_t from = 0; from < t->n && result == ERR_OK; from += CHUNK) {
        struct mat rows = {at, t->n - from < CHUNK ? t->n - from : CHUNK, d};
        result = stage_check_stop(c, e);
        if (result == ERR_OK)
            result = embed_chunk(c, m, log, facet->lead.n > 0, t, from, rows, e);
        if (result == ERR_OK)
            result = vectors_append(&w, rows, e);
        if (result == ERR_OK)
            stage_advance(c, (int64_t)rows.n);
    }
    arena_release(&a);
    return vectors_end(&w, result, e);
}

enum err embed_run(struct stage_context *c, struct error *e)
{
    struct model *m;
    enum err result = stage_model(c, ROLE_EMBED, &m, e);
    if (result == ERR_OK && !m->ops->embed)
        result =
            error_set(e, ERR_CONFIG, "models.embed: " STR_FMT " cannot embed texts", STR_ARG(c->config->model_embed));
    int64_t total = 0, kept = 0, imported;
    if (result == ERR_OK)
        result = records_count(c->run, &imported, &kept, e);
    for (size_t f = 0; f < c->config->facets_count; f++)
        total += c->config->facets[f].cluster ? kept : 0;
    struct vector_log *log = NULL;
    if (result == ERR_OK && !m->ops->lookup)
        result = vector_log_open(c->run, str_of(m->info.identity), m->info.width, &log, e);
    stage_begin(c, total);
    for (size_t f = 0; f < c->config->facets_count && result == ERR_OK; f++) {
        if (!c->config->facets[f].cluster)
            continue;
        struct arena a = {0};
        struct texts t = {.arena = &a};
        result = facet_each(c->run, c->config->facets[f].name, collect, &t, e);
        if (result == ERR_OK)
            result = embed_facet(c, m, log, &c->config->facets[f], &t, e);
        free(t.at);
        free(t.recs);
        arena_release(&a);
    }
    vector_log_close(log);
    c->total = c->done; /* conversations without the facet are not embedded */
    return result;
}
