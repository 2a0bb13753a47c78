/* Facet values as small numbers: categories by frequency, ordinals in order, counted numbers in bins. */
#include "base/text.h"
#include "privacy/publish_parts.h"
#include "stage/scrub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_CHARS_MAX = 80 };
static const uint32_t NO_VALUE = UINT32_MAX;

/* Bins of computed facets: a number belongs to the last bin whose floor it reaches. */
struct bins {
    const char *facet; /* NULL: any other computed facet */
    int64_t floors[8];
    size_t n;
};

static const struct bins bins_table[] = {
    {"turns", {0, 2, 3, 5, 9, 17, 33}, 7},
    {NULL, {0, 250, 1000, 4000, 16000, 64000}, 6},
};

static const struct bins *bins_of(struct str facet)
{
    const struct bins *b = bins_table;
    while (b->facet && !str_eqz(facet, b->facet))
        b++;
    return b;
}

static struct str bin_label(struct arena *a, const struct bins *b, size_t i)
{
    if (i + 1 == b->n)
        return str_printf(a, "%lld or more", (long long)b->floors[i]);
    int64_t last = b->floors[i + 1] - 1, first = b->floors[i] ? b->floors[i] : (last == 1 ? 1 : 0);
    return first == last ? str_printf(a, "%lld", (long long)first)
                         : str_printf(a, "%lld to %lld", (long long)first, (long long)last);
}

/* One value of one conversation, as read. */
struct reading {
    size_t place;
    struct str text;
    double number;
    uint32_t value; /* index into kinds, then final */
};

struct kind {
    struct str text;
    int64_t seen;   /* conversations */
    uint32_t first; /* its index before sorting */
};

struct readings {
    const struct record_index *records;
    struct arena *arena;
    struct reading *at;
    size_t n, cap;
};

static enum err read_row(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    struct readings *rs = arg;
    size_t place = records_find(rs->records, rec);
    (void)seq;
    (void)e;
    if (place == SIZE_MAX)
        return ERR_OK;
    if (rs->n == rs->cap)
        rs->at = mem_grow(rs->at, rs->cap = rs->cap ? rs->cap * 2 : 1024, sizeof *rs->at);
    rs->at[rs->n++] = (struct reading){.place = place, .text = str_dup(rs->arena, text), .number = number};
    return ERR_OK;
}

/* ---- Categories: interned, then the most frequent first ---- */

static uint64_t text_hash(struct str s)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a: only for a table, not for secrets */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
    return h;
}

static int by_frequency(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    if (x->seen != y->seen)
        return x->seen > y->seen ? -1 : 1;
    return str_cmp(x->text, y->text);
}

/* Gives every reading the index of its text in *kinds (on the heap). */
static size_t intern(struct readings *rs, struct kind **kinds)
{
    size_t slots = 64, n = 0;
    uint32_t *table;
    while (slots < rs->n * 2 + 1)
        slots *= 2;
    table = mem_zero(slots, sizeof *table);
    *kinds = mem_new(rs->n + 1, sizeof **kinds);
    for (size_t i = 0; i < rs->n; i++) {
        size_t at = text_hash(rs->at[i].text) & (slots - 1);
        while (table[at] && !str_eq((*kinds)[table[at] - 1].text, rs->at[i].text))
            at = (at + 1) & (slots - 1);
        if (!table[at]) {
            (*kinds)[n] = (struct kind){.text = rs->at[i].text, .first = (uint32_t)n};
            table[at] = (uint32_t)++n;
        }
        rs->at[i].value = table[at] - 1;
        (*kinds)[rs->at[i].value].seen++;
    }
    free(table);
    return n;
}

/*
 * Every text as it will be published, before equal ones are counted together. A text whose cut part holds private
 * details is left out here; the rest of the detectors' work is done once a category.
 */
static void clean_texts(struct readings *rs)
{
    struct buf line = {0};
    size_t kept = 0;
    for (size_t i = 0; i < rs->n; i++) {
        buf_clear(&line);
        text_add_line(&line, rs->at[i].text);
        struct str shown = text_prefix(buf_str(&line), VALUE_CHARS_MAX);
        if (shown.n < line.n && scrub_find(buf_str(&line)))
            continue;
        rs->at[kept] = rs->at[i];
        rs->at[kept++].text = str_dup(rs->arena, shown);
    }
    rs->n = kept;
    buf_release(&line);
}

/* Never the name of a category: what holds private details, and what is empty. */
static size_t drop_unnamable(struct kind *kinds, size_t n, uint32_t *final)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kinds[i].text.n == 0 || scrub_find(kinds[i].text))
            final[kinds[i].first] = NO_VALUE;
        else
            kinds[kept++] = kinds[i];
    }
    return kept;
}

static void renumber(struct readings *rs, const uint32_t *final)
{
    size_t kept = 0;
    for (size_t i = 0; i < rs->n; i++) {
        uint32_t value = final[rs->at[i].value];
        if (value == NO_VALUE)
            continue;
        rs->at[kept] = rs->at[i];
        rs->at[kept++].value = value;
    }
    rs->n = kept;
}

static void name_categories(struct release *r, struct release_facet *f, struct readings *rs)
{
    struct kind *kinds;
    clean_texts(rs);
    size_t n = intern(rs, &kinds);
    uint32_t *final = mem_new(n + 1, sizeof *final);
    n = drop_unnamable(kinds, n, final);
    bool other = n > FACET_VALUES_MAX;
    qsort(kinds, n, sizeof *kinds, by_frequency);
    f->values_count = other ? FACET_VALUES_MAX : n;
    f->values = arena_zero(&r->arena, f->values_count + 1, sizeof *f->values);
    for (size_t i = 0; i < n; i++) {
        size_t slot = i < f->values_count ? i : f->values_count - 1;
        final[kinds[i].first] = (uint32_t)slot;
        if (i == slot)
            f->values[slot] = str_dup(&r->arena, kinds[i].text);
    }
    if (other)
        f->values[f->values_count - 1] = STR("(other)");
    f->labels = f->values;
    renumber(rs, final);
    free(final);
    free(kinds);
}

static void name_ordinals(struct release *r, struct release_facet *f, struct readings *rs)
{
    int64_t min = f->def->min, max = f->def->max < min ? min : f->def->max;
    if (max - min >= FACET_VALUES_MAX)
        max = min + FACET_VALUES_MAX - 1;
    f->values_count = (size_t)(max - min + 1);
    f->values = arena_zero(&r->arena, f->values_count, sizeof *f->values);
    f->labels = arena_zero(&r->arena, f->values_count, sizeof *f->labels);
    for (size_t i = 0; i < f->values_count; i++) {
        f->values[i] = str_printf(&r->arena, "%lld", (long long)min + (long long)i);
        f->labels[i] = i < f->def->labels_count ? f->def->labels[i] : f->values[i];
    }
    for (size_t i = 0; i < rs->n; i++) {
        double v = rs->at[i].number;
        rs->at[i].value = !(v > (double)min) ? 0
                          : v > (double)max  ? (uint32_t)(max - min)
                                             : (uint32_t)(v - (double)min);
    }
}

static void name_bins(struct release *r, struct release_facet *f, struct readings *rs)
{
    const struct bins *b = bins_of(f->def->name);
    f->values_count = b->n;
    f->values = arena_zero(&r->arena, b->n, sizeof *f->values);
    for (size_t i = 0; i < b->n; i++)
        f->values[i] = bin_label(&r->arena, b, i);
    f->labels = f->values;
    for (size_t i = 0; i < rs->n; i++)
        for (rs->at[i].value = 0;
             rs->at[i].value + 1 < b->n && rs->at[i].number >= (double)b->floors[rs->at[i].value + 1];)
            rs->at[i].value++;
}

/* Readings come ordered by record, which is the order of places. A value named twice by one conversation counts once.
 */
static void index_values(struct release *r, struct release_facet *f, const struct readings *rs)
{
    size_t at = 0, n = 0;
    f->start = arena_new(&r->arena, r->records.n + 1, sizeof *f->start);
    f->value = arena_new(&r->arena, rs->n + 1, sizeof *f->value);
    for (size_t place = 0; place < r->records.n; place++) {
        f->start[place] = n;
        for (; at < rs->n && rs->at[at].place <= place; at++) {
            size_t seen = f->start[place];
            while (seen < n && f->value[seen] != rs->at[at].value)
                seen++;
            if (seen == n && rs->at[at].place == place)
                f->value[n++] = (uint16_t)rs->at[at].value;
        }
    }
    f->start[r->records.n] = n;
}

enum err publish__facets(struct release *r, struct error *e)
{
    r->facets = arena_zero(&r->arena, r->config->facets_count + 1, sizeof *r->facets);
    for (size_t i = 0; i < r->config->facets_count; i++) {
        const struct facet_def *def = &r->config->facets[i];
        if (def->kind == FACET_TEXT)
            continue;
        struct arena texts = {0};
        struct readings rs = {.records = &r->records, .arena = &texts};
        struct release_facet *f = &r->facets[r->facets_count++];
        f->def = def;
        enum err result = facet_each(r->run, def->name, read_row, &rs, e);
        if (result == ERR_OK) {
            if (def->kind == FACET_ORDINAL)
                name_ordinals(r, f, &rs);
            else if (def->kind == FACET_COMPUTED)
                name_bins(r, f, &rs);
            else
                name_categories(r, f, &rs);
            index_values(r, f, &rs);
        }
        free(rs.at);
        arena_release(&texts);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}
