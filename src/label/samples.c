#include "label/samples.h"

#include "base/rng.h"
#include "num/dist.h"
#include "store/clusters.h"
#include "store/records.h"

#include <string.h>

static size_t row_of(const struct samples *s, int64_t rec)
{
    size_t low = 0, high = s->vectors.at.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->vectors.recs[middle] < rec)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->vectors.at.n && s->vectors.recs[low] == rec ? low : SIZE_MAX;
}

static enum err keep_text(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    struct samples *s = arg;
    size_t row = row_of(s, rec);
    (void)number;
    (void)e;
    if (seq == 0 && row != SIZE_MAX)
        s->texts[row] = str_dup(&s->arena, text);
    return ERR_OK;
}

static enum err keep_leaf(void *arg, int64_t rec, int64_t leaf, struct error *e)
{
    struct samples *s = arg;
    size_t row = row_of(s, rec);
    (void)e;
    if (row != SIZE_MAX)
        s->leaf[row] = leaf;
    return ERR_OK;
}

enum err samples_open(struct samples *s, struct stage_context *c, size_t facet_index, const struct node *shown,
                      size_t n, struct error *e)
{
    struct str facet = c->config->facets[facet_index].name;
    s->c = c;
    s->shown = shown;
    s->shown_count = n;
    enum err result = vectors_open(c->run, facet, &s->vectors, e);
    if (result != ERR_OK)
        return result;
    s->texts = arena_zero(&s->arena, s->vectors.at.n, sizeof *s->texts);
    s->leaf = arena_new(&s->arena, s->vectors.at.n, sizeof *s->leaf);
    for (size_t i = 0; i < s->vectors.at.n; i++)
        s->leaf[i] = -1;
    s->account = arena_zero(&s->arena, s->vectors.at.n, sizeof *s->account);
    struct record_index index;
    result = records_index(c->run, &s->arena, &index, e);
    for (size_t i = 0; result == ERR_OK && i < index.n; i++) {
        size_t row = row_of(s, index.rec[i]);
        if (row != SIZE_MAX)
            s->account[row] = index.account[i];
    }
    if (result == ERR_OK)
        result = common_words_load(c->run, facet, &s->arena, &s->common, e);
    if (result == ERR_OK)
        result = facet_each(c->run, facet, keep_text, s, e);
    return result == ERR_OK ? members_each(c->run, facet, keep_leaf, s, e) : result;
}

void samples_close(struct samples *s)
{
    vectors_close(&s->vectors);
    arena_release(&s->arena);
    *s = (struct samples){0};
}

struct support samples_support(const struct samples *s, int64_t cluster, struct arena *a)
{
    struct str *texts = arena_new(a, s->vectors.at.n, sizeof *texts);
    int64_t *accounts = arena_new(a, s->vectors.at.n, sizeof *accounts);
    size_t n = 0;
    for (size_t i = 0; i < s->vectors.at.n; i++) {
        if (s->leaf[i] != cluster)
            continue;
        texts[n] = s->texts[i];
        accounts[n++] = s->account[i];
    }
    return (struct support){
        .texts = texts, .accounts = accounts, .n = n, .k = s->c->config->min_accounts, .common = &s->common};
}

struct mat samples_vectors(const struct samples *s, int64_t cluster, struct arena *a)
{
    struct mat out = {.d = s->vectors.at.d};
    for (size_t i = 0; i < s->vectors.at.n; i++)
        out.n += s->leaf[i] == cluster;
    out.at = arena_new(a, out.n * out.d, sizeof(float));
    for (size_t i = 0, k = 0; i < s->vectors.at.n; i++)
        if (s->leaf[i] == cluster)
            memcpy(mat_row(out, k++), mat_row(s->vectors.at, i), out.d * sizeof(float));
    return out;
}

/* Sum of the members' unit rows: points where the centroid points. */
static const float *centre_of(const struct samples *s, int64_t cluster, struct arena *a)
{
    float *sum = arena_zero(a, s->vectors.at.d, sizeof *sum);
    for (size_t i = 0; i < s->vectors.at.n; i++)
        for (size_t j = 0; s->leaf[i] == cluster && j < s->vectors.at.d; j++)
            sum[j] += mat_row(s->vectors.at, i)[j];
    return sum;
}

static bool is_shown(const struct samples *s, int64_t leaf)
{
    for (size_t low = 0, high = s->shown_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (s->shown[middle].id == leaf)
            return true;
        if (s->shown[middle].id < leaf)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

struct near {
    float similarity;
    uint32_t row;
};

/* Keeps the best `max` by insertion: max is 50, and most rows fail the first comparison. */
static size_t keep_nearest(struct near *best, size_t n, size_t max, struct near candidate)
{
    if (n == max && candidate.similarity <= best[n - 1].similarity)
        return n;
    size_t at = n < max ? n++ : n - 1;
    for (; at > 0 && best[at - 1].similarity < candidate.similarity; at--)
        best[at] = best[at - 1];
    best[at] = candidate;
    return n;
}

static const struct str *texts_at(const struct samples *s, const uint32_t *rows, size_t n, struct arena *a)
{
    struct str *out = arena_new(a, n, sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = s->texts[rows[i]];
    return out;
}

void samples_of(const struct samples *s, int64_t cluster, struct arena *a, struct naming_question *out)
{
    const struct config *cfg = s->c->config;
    size_t n = s->vectors.at.n, members = 0, near = 0;
    uint32_t *rows = arena_new(a, n, sizeof *rows);
    for (size_t i = 0; i < n; i++)
        if (s->leaf[i] == cluster)
            rows[members++] = (uint32_t)i;
    const float *sum = centre_of(s, cluster, a);

    struct rng r = rng_seed(cfg->seed, (uint64_t)cluster);
    rng_shuffle(&r, rows, members);
    out->members_count = members < cfg->name_members ? members : (size_t)cfg->name_members;
    out->members = texts_at(s, rows, out->members_count, a);

    /* Contrast beyond a third of what is shown draws a small model into naming the neighbours. */
    size_t max = (out->members_count + 2) / 3;
    max = max < cfg->name_contrast ? max : (size_t)cfg->name_contrast;
    struct near *best = arena_new(a, max + 1, sizeof *best);
    for (size_t i = 0; i < n && max; i++)
        if (s->leaf[i] != cluster && is_shown(s, s->leaf[i]))
            near = keep_nearest(best, near, max,
                                (struct near){dist_dot(sum, mat_row(s->vectors.at, i), s->vectors.at.d), (uint32_t)i});
    uint32_t *near_rows = arena_new(a, near, sizeof *near_rows);
    for (size_t i = 0; i < near; i++)
        near_rows[i] = best[i].row;
    out->contrast = texts_at(s, near_rows, near, a);
    out->contrast_count = near;
}
