#include "stage/samples.h"

#include "base/rng.h"
#include "num/dist.h"
#include "store/records.h"

#include <string.h>

enum {
    JUDGED = 400,           /* members a name is judged by: enough to tell, and the cost of a name stays bounded */
    JUDGED_PER_ACCOUNT = 4, /* and never so few that the wanted number of accounts would be hard to find in them */
    JUDGED_CONTRAST = 50,   /* the nearest others it is told apart from */
    NEAR_CLUSTERS = 8,      /* where contrast is looked for ... */
    NEAR_ROWS = 400,        /* ... and how many rows of each */
};

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

/* The place of a cluster among those shown, or SIZE_MAX. */
static size_t place_of(const struct samples *s, int64_t cluster)
{
    size_t low = 0, high = s->shown_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->shown[middle].id < cluster)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->shown_count && s->shown[low].id == cluster ? low : SIZE_MAX;
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

static enum err load_accounts(struct samples *s, struct error *e)
{
    struct record_index index;
    enum err result = records_index(s->c->run, &s->arena, &index, e);
    s->account = arena_zero(&s->arena, s->vectors.at.n, sizeof *s->account);
    for (size_t i = 0; result == ERR_OK && i < index.n; i++) {
        size_t row = row_of(s, index.rec[i]);
        if (row != SIZE_MAX)
            s->account[row] = index.account[i];
    }
    return result;
}

struct places {
    struct samples *s;
    uint32_t *of; /* [vectors.at.n] which shown cluster, or UINT32_MAX */
};

static enum err keep_place(void *arg, int64_t rec, int64_t leaf, struct error *e)
{
    struct places *p = arg;
    size_t row = row_of(p->s, rec), place = place_of(p->s, leaf);
    (void)e;
    if (row != SIZE_MAX && place != SIZE_MAX)
        p->of[row] = (uint32_t)place;
    return ERR_OK;
}

/* A counting sort of the rows by their cluster, and the centroids on the way. */
static enum err load_members(struct samples *s, struct str facet, struct error *e)
{
    size_t n = s->vectors.at.n, d = s->vectors.at.d, k = s->shown_count;
    struct arena scratch = {0};
    struct places p = {.s = s, .of = arena_new(&scratch, n, sizeof *p.of)};
    memset(p.of, 0xff, n * sizeof *p.of);
    enum err result = members_each(s->c->run, facet, keep_place, &p, e);
    s->start = arena_zero(&s->arena, k + 1, sizeof *s->start);
    s->rows = arena_new(&s->arena, n, sizeof *s->rows);
    s->centres = (struct mat){arena_zero(&s->arena, k * d, sizeof(float)), k, d};
    for (size_t i = 0; i < n; i++)
        if (p.of[i] != UINT32_MAX)
            s->start[p.of[i] + 1]++;
    for (size_t j = 0; j < k; j++)
        s->start[j + 1] += s->start[j];
    size_t *next = arena_new(&scratch, k, sizeof *next);
    memcpy(next, s->start, k * sizeof *next);
    for (size_t i = 0; i < n; i++) {
        if (p.of[i] == UINT32_MAX)
            continue;
        s->rows[next[p.of[i]]++] = (uint32_t)i;
        float *sum = mat_row(s->centres, p.of[i]);
        for (size_t j = 0; j < d; j++)
            sum[j] += mat_row(s->vectors.at, i)[j];
    }
    dist_normalise(s->centres);
    arena_release(&scratch);
    return result;
}

enum err samples_open(struct samples *s, struct stage_context *c, size_t facet_index, const struct node *shown,
                      size_t n, struct error *e)
{
    struct str facet = c->config->facets[facet_index].name;
    s->c = c;
    s->facet = facet_index;
    s->shown = shown;
    s->shown_count = n;
    enum err result = vectors_open(c->run, facet, &s->vectors, e);
    if (result != ERR_OK)
        return result;
    s->texts = arena_zero(&s->arena, s->vectors.at.n, sizeof *s->texts);
    result = load_accounts(s, e);
    if (result == ERR_OK)
        result = common_words_load(c->run, facet, &s->arena, &s->common, e);
    if (result == ERR_OK)
        result = facet_each(c->run, facet, keep_text, s, e);
    return result == ERR_OK ? load_members(s, facet, e) : result;
}

void samples_close(struct samples *s)
{
    vectors_close(&s->vectors);
    arena_release(&s->arena);
    *s = (struct samples){0};
}

static struct row_set rows_of(const struct samples *s, size_t place)
{
    return (struct row_set){s->rows + s->start[place], s->start[place + 1] - s->start[place]};
}

struct row_set samples_members(const struct samples *s, struct group g, size_t max, struct arena *a)
{
    struct row_set out = {0};
    for (size_t i = 0; i < g.n; i++) {
        size_t place = place_of(s, g.clusters[i]);
        out.n += place == SIZE_MAX ? 0 : rows_of(s, place).n;
    }
    out.at = arena_new(a, out.n, sizeof *out.at);
    for (size_t i = 0, k = 0; i < g.n; i++) {
        size_t place = place_of(s, g.clusters[i]);
        struct row_set rows = place == SIZE_MAX ? (struct row_set){0} : rows_of(s, place);
        if (rows.n)
            memcpy(out.at + k, rows.at, rows.n * sizeof *out.at);
        k += rows.n;
    }
    struct rng r = rng_seed(s->c->config->seed, g.n ? (uint64_t)g.clusters[0] : 0);
    rng_sample(&r, out.at, out.n, max);
    out.n = out.n < max ? out.n : max;
    return out;
}

struct near {
    float similarity;
    uint32_t which;
};

/* Keeps the best `max` by insertion: max is small, and most candidates fail the first comparison. */
static size_t keep_nearest(struct near *best, size_t n, size_t max, struct near candidate)
{
    if (max == 0 || (n == max && candidate.similarity <= best[n - 1].similarity))
        return n;
    size_t at = n < max ? n++ : n - 1;
    for (; at > 0 && best[at - 1].similarity < candidate.similarity; at--)
        best[at] = best[at - 1];
    best[at] = candidate;
    return n;
}

static bool in_group(const struct samples *s, size_t place, struct group g)
{
    for (size_t i = 0; i < g.n; i++)
        if (g.clusters[i] == s->shown[place].id)
            return true;
    return false;
}

/* Where the group's members point on the whole. */
static float *centre_of(const struct samples *s, struct group g, struct arena *a)
{
    size_t d = s->vectors.at.d;
    float *sum = arena_zero(a, d, sizeof *sum);
    for (size_t i = 0; i < g.n; i++) {
        size_t place = place_of(s, g.clusters[i]);
        if (place == SIZE_MAX)
            continue;
        float weight = (float)rows_of(s, place).n;
        for (size_t j = 0; j < d; j++)
            sum[j] += weight * mat_row(s->centres, place)[j];
    }
    return sum;
}

struct row_set samples_contrast(const struct samples *s, struct group g, size_t max, struct arena *a)
{
    const float *centre = centre_of(s, g, a);
    struct near clusters[NEAR_CLUSTERS], *best = arena_new(a, max + 1, sizeof *best);
    size_t near = 0, n = 0, d = s->vectors.at.d;
    for (size_t j = 0; j < s->shown_count; j++)
        if (!in_group(s, j, g))
            near = keep_nearest(clusters, near, NEAR_CLUSTERS,
                                (struct near){dist_dot(centre, mat_row(s->centres, j), d), (uint32_t)j});
    for (size_t k = 0; k < near; k++) {
        struct row_set rows = rows_of(s, clusters[k].which);
        for (size_t i = 0; i < rows.n && i < NEAR_ROWS; i++)
            n = keep_nearest(best, n, max,
                             (struct near){dist_dot(centre, mat_row(s->vectors.at, rows.at[i]), d), rows.at[i]});
    }
    struct row_set out = {arena_new(a, n, sizeof *out.at), n};
    for (size_t i = 0; i < n; i++)
        out.at[i] = best[i].which;
    return out;
}

static struct str *texts_at(const struct samples *s, struct row_set rows, struct arena *a)
{
    struct str *out = arena_new(a, rows.n, sizeof *out);
    for (size_t i = 0; i < rows.n; i++)
        out[i] = s->texts[rows.at[i]];
    return out;
}

static struct mat vectors_at(const struct samples *s, struct row_set rows, struct arena *a)
{
    struct mat out = {arena_new(a, rows.n * s->vectors.at.d, sizeof(float)), rows.n, s->vectors.at.d};
    for (size_t i = 0; i < rows.n; i++)
        memcpy(mat_row(out, i), mat_row(s->vectors.at, rows.at[i]), out.d * sizeof(float));
    return out;
}

void samples_ask(const struct samples *s, struct group g, struct arena *a, struct naming_question *out)
{
    const struct config *cfg = s->c->config;
    struct row_set members = samples_members(s, g, (size_t)cfg->name_members, a);
    /* Contrast beyond a third of what is shown draws a small model into naming the neighbours. */
    size_t max = (members.n + 2) / 3;
    max = max < cfg->name_contrast ? max : (size_t)cfg->name_contrast;
    struct row_set contrast = samples_contrast(s, g, max, a);
    out->members = texts_at(s, members, a);
    out->members_count = members.n;
    out->contrast = texts_at(s, contrast, a);
    out->contrast_count = contrast.n;
}

void samples_judge(const struct samples *s, struct group g, struct arena *a, struct naming_judge *out)
{
    size_t enough = JUDGED_PER_ACCOUNT * (size_t)s->c->config->min_accounts;
    struct row_set members = samples_members(s, g, enough > JUDGED ? enough : JUDGED, a);
    size_t max = 2 * members.n < JUDGED_CONTRAST ? 2 * members.n : JUDGED_CONTRAST;
    int64_t *accounts = arena_new(a, members.n, sizeof *accounts);
    for (size_t i = 0; i < members.n; i++)
        accounts[i] = s->account[members.at[i]];
    out->start = s->c->config->facets[s->facet].name_start;
    out->have_leads = s->c->config->facets[s->facet].lead.n > 0;
    out->members = vectors_at(s, members, a);
    out->contrast = vectors_at(s, samples_contrast(s, g, max, a), a);
    out->support = (struct support){.texts = texts_at(s, members, a),
                                    .accounts = accounts,
                                    .n = members.n,
                                    .k = s->c->config->min_accounts,
                                    .common = &s->common};
}
