#include "num/langid.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian and read as it is");

enum {
    MAGIC = 793712314,
    VERSION = 12,
    LOSS_HIERARCHICAL = 1,
    MODEL_SUPERVISED = 3,
    CODES = 256,       /* centroids of a quantiser */
    DIM_MAX = 1024,    /* bounds what a hostile file can ask for */
    LABELS_MAX = 4096, /* ... and how deep the tree can be */
    NGRAM_MAX = 64
};

#define END_OF_LINE STR("</s>")
#define LABEL       STR("__label__")

/* Splits a row into parts of `step` floats (the last may be shorter); each part is one of 256 centroids. */
struct quantiser {
    size_t dim, parts, step, last;
    float *centroids; /* part p starts at p * CODES * step */
};

struct word {
    struct str text; /* NULL: a free place */
    uint32_t id;
};

struct ngram {
    int32_t bucket; /* -1: a free place */
    int32_t row;
};

struct node {
    int32_t left, right; /* -1 for a leaf, whose number is its label */
};

struct langid {
    struct arena memory;
    size_t dim, ngram_min, ngram_max, buckets;
    size_t words, labels, rows;
    struct word *word_table; /* open addressing, word_mask + 1 places */
    size_t word_mask;
    bool pruned;
    struct ngram *ngram_table; /* of a pruned file: which buckets are left, and their rows */
    size_t ngram_mask;
    const unsigned char *codes;      /* [rows][parts] */
    const unsigned char *norm_codes; /* [rows], NULL when norms are not kept apart */
    struct quantiser vectors, norms;
    float *output;     /* [labels - 1][dim]: the tree's inner nodes */
    struct node *tree; /* [2 labels - 1], the root last */
    char (*names)[8];  /* [labels] */
};

/* A cursor that never leaves the file: past the end it gives zeros and remembers. */
struct cursor {
    struct str rest;
    bool bad;
};

static const char *take(struct cursor *c, size_t n)
{
    if (n > c->rest.n) {
        c->bad = true;
        c->rest.n = 0;
        return NULL;
    }
    const char *at = c->rest.at;
    c->rest.at += n;
    c->rest.n -= n;
    return at;
}

static int32_t take_i32(struct cursor *c)
{
    int32_t v = 0;
    const char *at = take(c, sizeof v);
    if (at)
        memcpy(&v, at, sizeof v);
    return v;
}

static int64_t take_i64(struct cursor *c)
{
    int64_t v = 0;
    const char *at = take(c, sizeof v);
    if (at)
        memcpy(&v, at, sizeof v);
    return v;
}

static bool take_bool(struct cursor *c)
{
    const char *at = take(c, 1);
    return at && *at != 0;
}

/* Copied, since floats in the file may be unaligned; NULL past the end. */
static float *take_floats(struct cursor *c, struct arena *memory, size_t n)
{
    const char *at = take(c, n * sizeof(float));
    float *out = at ? arena_new(memory, n, sizeof *out) : NULL;
    if (out)
        memcpy(out, at, n * sizeof *out);
    return out;
}

/* FNV-1a, but over signed bytes as fastText has it. */
static uint32_t hash_add(uint32_t h, char c)
{
    uint32_t byte = (unsigned char)c;
    return (h ^ (byte < 0x80 ? byte : byte | 0xffffff00u)) * 16777619u;
}

#define HASH_START 2166136261u

static uint32_t hash_of(struct str s)
{
    uint32_t h = HASH_START;
    for (size_t i = 0; i < s.n; i++)
        h = hash_add(h, s.at[i]);
    return h;
}

static struct word *word_place(const struct langid *l, struct str text)
{
    for (size_t i = hash_of(text) & l->word_mask;; i = (i + 1) & l->word_mask)
        if (!l->word_table[i].text.at || str_eq(l->word_table[i].text, text))
            return &l->word_table[i];
}

static struct ngram *ngram_place(const struct langid *l, int32_t bucket)
{
    uint32_t h = (uint32_t)bucket * 2654435761u;
    for (size_t i = (h >> 8) & l->ngram_mask;; i = (i + 1) & l->ngram_mask)
        if (l->ngram_table[i].bucket < 0 || l->ngram_table[i].bucket == bucket)
            return &l->ngram_table[i];
}

static size_t table_size(size_t count)
{
    size_t places = 16;
    while (places < 2 * count + 2)
        places *= 2;
    return places;
}

static enum err read_args(struct langid *l, struct cursor *c, struct error *e)
{
    if (take_i32(c) != MAGIC || take_i32(c) != VERSION)
        return error_set(e, ERR_MODEL, "the language model is not a fastText file of version %d", VERSION);
    int32_t a[12];
    for (size_t i = 0; i < 12; i++)
        a[i] = take_i32(c);
    take_i64(c); /* the sampling threshold: training only */
    int32_t dim = a[0], word_ngrams = a[5], loss = a[6], model = a[7], buckets = a[8], min = a[9], max = a[10];
    if (c->bad || dim < 1 || dim > DIM_MAX || buckets < 1 || min < 1 || max < min || max > NGRAM_MAX)
        return error_set(e, ERR_MODEL, "the language model's settings are out of range or cut off");
    if (word_ngrams != 1 || loss != LOSS_HIERARCHICAL || model != MODEL_SUPERVISED)
        return error_set(e, ERR_MODEL,
                         "the language model is not a classifier with hierarchical softmax over single words");
    l->dim = (size_t)dim;
    l->buckets = (size_t)buckets;
    l->ngram_min = (size_t)min;
    l->ngram_max = (size_t)max;
    return ERR_OK;
}

/* Words first, then labels, as fastText sorts them. counts [labels] is for the tree. */
static enum err read_entries(struct langid *l, struct cursor *c, int64_t *counts, struct error *e)
{
    for (size_t i = 0; i < l->words + l->labels; i++) {
        const char *end = c->rest.n ? memchr(c->rest.at, 0, c->rest.n) : NULL;
        struct str text = {c->rest.at, end ? (size_t)(end - c->rest.at) : 0};
        take(c, end ? text.n + 1 : SIZE_MAX);
        int64_t count = take_i64(c);
        const char *type = take(c, 1);
        if (!type || (*type != 0) != (i >= l->words) || count < 0)
            return error_set(e, ERR_MODEL, "entry %zu of the language model's dictionary is damaged", i);
        if (i < l->words) {
            *word_place(l, text) = (struct word){text, (uint32_t)i};
            continue;
        }
        size_t label = i - l->words, skip = LABEL.n;
        if (!str_has_prefix(text, LABEL) || text.n - skip >= sizeof l->names[0])
            return error_set(e, ERR_MODEL, "label %zu of the language model is no language code", label);
        memcpy(l->names[label], text.at + skip, text.n - skip);
        counts[label] = count;
    }
    return ERR_OK;
}

static enum err read_pruned(struct langid *l, struct cursor *c, int64_t count, struct error *e)
{
    l->pruned = count >= 0;
    if (!l->pruned)
        return ERR_OK;
    size_t places = table_size((size_t)count);
    l->ngram_table = arena_new(&l->memory, places, sizeof *l->ngram_table);
    l->ngram_mask = places - 1;
    for (size_t i = 0; i < places; i++)
        l->ngram_table[i].bucket = -1;
    for (int64_t i = 0; i < count; i++) {
        int32_t bucket = take_i32(c), row = take_i32(c);
        if (c->bad || bucket < 0 || row < 0)
            return error_set(e, ERR_MODEL, "the language model's table of n-grams is damaged");
        *ngram_place(l, bucket) = (struct ngram){bucket, row};
    }
    return ERR_OK;
}

static enum err build_tree(struct langid *l, const int64_t *counts, struct error *e);

static enum err read_dictionary(struct langid *l, struct cursor *c, struct error *e)
{
    int64_t entries = take_i32(c), words = take_i32(c), labels = take_i32(c);
    take_i64(c);
    int64_t pruned = take_i64(c);
    /* An entry takes at least 10 bytes, a kept n-gram 8: the counts cannot ask for more memory than the file justifies.
     */
    if (c->bad || words < 0 || labels < 2 || labels > LABELS_MAX || entries != words + labels ||
        (uint64_t)entries > c->rest.n / 10 || pruned > (int64_t)(c->rest.n / 8))
        return error_set(e, ERR_MODEL, "the language model's dictionary is damaged");
    l->words = (size_t)words;
    l->labels = (size_t)labels;
    l->names = arena_zero(&l->memory, l->labels, sizeof *l->names);
    size_t places = table_size(l->words);
    l->word_table = arena_zero(&l->memory, places, sizeof *l->word_table);
    l->word_mask = places - 1;
    int64_t *counts = arena_zero(&l->memory, l->labels, sizeof *counts);
    enum err err = read_entries(l, c, counts, e);
    if (err == ERR_OK)
        err = read_pruned(l, c, pruned, e);
    if (err == ERR_OK)
        err = build_tree(l, counts, e);
    return err;
}

static bool read_quantiser(struct langid *l, struct cursor *c, size_t dim, struct quantiser *q)
{
    int64_t d = take_i32(c), parts = take_i32(c), step = take_i32(c), last = take_i32(c);
    if (c->bad || d != (int64_t)dim || parts < 1 || step < 1 || step > d || last < 1 || last > step ||
        (parts - 1) * step + last != d)
        return false;
    *q = (struct quantiser){dim, (size_t)parts, (size_t)step, (size_t)last, NULL};
    q->centroids = take_floats(c, &l->memory, dim * CODES);
    return q->centroids != NULL;
}

/* Every row that a word or an n-gram can ask for must be there. */
static bool rows_suffice(const struct langid *l)
{
    if (!l->pruned)
        return l->words + l->buckets <= l->rows;
    if (l->words > l->rows)
        return false;
    for (size_t i = 0; i <= l->ngram_mask; i++)
        if (l->ngram_table[i].bucket >= 0 && (size_t)l->ngram_table[i].row >= l->rows - l->words)
            return false;
    return true;
}

static enum err read_matrices(struct langid *l, struct cursor *c, struct error *e)
{
    if (!take_bool(c))
        return error_set(e, ERR_MODEL, "the language model is not quantised (a .ftz file is wanted)");
    bool norms = take_bool(c);
    int64_t rows = take_i64(c), dim = take_i64(c);
    int32_t size = take_i32(c);
    if (c->bad || rows < 1 || dim != (int64_t)l->dim || size < 1)
        return error_set(e, ERR_MODEL, "the language model's input matrix is damaged");
    l->rows = (size_t)rows;
    l->codes = (const unsigned char *)take(c, (size_t)size);
    bool ok = l->codes && read_quantiser(l, c, l->dim, &l->vectors) && rows <= size &&
              l->rows * l->vectors.parts == (size_t)size;
    if (ok && norms) {
        l->norm_codes = (const unsigned char *)take(c, l->rows);
        ok = l->norm_codes && read_quantiser(l, c, 1, &l->norms);
    }
    if (!ok || !rows_suffice(l))
        return error_set(e, ERR_MODEL, "the language model's input matrix is damaged");
    bool quantised = take_bool(c);
    rows = take_i64(c);
    dim = take_i64(c);
    if (c->bad || quantised || rows != (int64_t)l->labels || dim != (int64_t)l->dim)
        return error_set(e, ERR_MODEL, "the language model's output matrix is damaged or quantised");
    l->output = take_floats(c, &l->memory, l->labels * l->dim);
    return l->output ? ERR_OK : error_set(e, ERR_MODEL, "the language model is cut off");
}

/*
 * The Huffman tree of the labels' counts, built as fastText does (labels come sorted by falling count): two queues,
 * leaves from the rarest up and inner nodes in order of making, the rarer front first, leaves losing ties.
 */
static enum err build_tree(struct langid *l, const int64_t *counts, struct error *e)
{
    const int64_t unmade = 1000000000000000;
    size_t n = l->labels, nodes = 2 * n - 1, inner = n;
    int64_t *weight = arena_new(&l->memory, nodes, sizeof *weight), total = 0;
    int64_t leaf = (int64_t)n - 1;
    l->tree = arena_new(&l->memory, nodes, sizeof *l->tree);
    for (size_t i = 0; i < nodes; i++) {
        l->tree[i] = (struct node){-1, -1};
        weight[i] = i < n ? counts[i] : unmade;
        if (i < n && (counts[i] >= unmade || (total += counts[i]) >= unmade))
            return error_set(e, ERR_MODEL, "the language model's counts are out of range");
    }
    for (size_t i = n; i < nodes; i++) {
        int32_t pick[2];
        for (size_t j = 0; j < 2; j++) {
            if (leaf >= 0 && weight[leaf] < weight[inner])
                pick[j] = (int32_t)leaf--;
            else
                pick[j] = (int32_t)inner++;
        }
        l->tree[i] = (struct node){pick[0], pick[1]};
        weight[i] = weight[pick[0]] + weight[pick[1]];
    }
    return ERR_OK;
}

enum err langid_new(struct str model, struct langid **out, struct error *e)
{
    struct langid *l = mem_zero(1, sizeof *l);
    struct cursor c = {.rest = model};
    enum err err = read_args(l, &c, e);
    if (err == ERR_OK)
        err = read_dictionary(l, &c, e);
    if (err == ERR_OK)
        err = read_matrices(l, &c, e);
    *out = err == ERR_OK ? l : NULL;
    if (err != ERR_OK) {
        error_hint(e, "run tools/deps: it installs lid.176.ftz");
        langid_free(l);
    }
    return err;
}

void langid_free(struct langid *l)
{
    if (!l)
        return;
    arena_release(&l->memory);
    free(l);
}

/* The sum of the rows that a text stands for. */
struct hidden {
    float sum[DIM_MAX];
    size_t rows;
};

static void add_row(const struct langid *l, size_t row, struct hidden *h)
{
    const struct quantiser *q = &l->vectors;
    const unsigned char *code = l->codes + row * q->parts;
    float norm = l->norm_codes ? l->norms.centroids[l->norm_codes[row]] : 1.0f;
    for (size_t p = 0; p < q->parts; p++) {
        size_t width = p + 1 == q->parts ? q->last : q->step;
        const float *centroid = q->centroids + p * CODES * q->step + code[p] * width;
        for (size_t i = 0; i < width; i++)
            h->sum[p * q->step + i] += norm * centroid[i];
    }
    h->rows++;
}

static void add_ngram(const struct langid *l, uint32_t hash, struct hidden *h)
{
    size_t bucket = hash % l->buckets;
    if (!l->pruned) {
        add_row(l, l->words + bucket, h);
        return;
    }
    const struct ngram *n = ngram_place(l, (int32_t)bucket);
    if (n->bucket >= 0)
        add_row(l, l->words + (size_t)n->row, h);
}

/* The character of "<word>" at i, without making the copy. */
static char framed(struct str word, size_t i)
{
    return i == 0 ? '<' : i <= word.n ? word.at[i - 1] : '>';
}

static bool continues(struct str word, size_t i)
{
    return ((unsigned char)framed(word, i) & 0xc0) == 0x80;
}

/* All n-grams of characters in "<word>"; the frame alone is none. */
static void add_ngrams(const struct langid *l, struct str word, struct hidden *h)
{
    size_t length = word.n + 2;
    for (size_t i = 0; i < length; i++) {
        if (continues(word, i))
            continue;
        uint32_t hash = HASH_START;
        for (size_t j = i, n = 1; j < length && n <= l->ngram_max; n++) {
            do
                hash = hash_add(hash, framed(word, j++));
            while (j < length && continues(word, j));
            if (n >= l->ngram_min && !(n == 1 && (i == 0 || j == length)))
                add_ngram(l, hash, h);
        }
    }
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static void add_word(const struct langid *l, struct str word, struct hidden *h)
{
    const struct word *known = word_place(l, word);
    if (known->text.at)
        add_row(l, known->id, h);
    else if (str_has_prefix(word, LABEL))
        return;
    if (!str_eq(word, END_OF_LINE))
        add_ngrams(l, word, h);
}

/* As fastText reads a line, with newlines as blanks and the end of the line as a last word. */
static void add_text(const struct langid *l, struct str text, struct hidden *h)
{
    size_t i = 0;
    while (i < text.n) {
        while (i < text.n && is_blank(text.at[i]))
            i++;
        size_t start = i;
        while (i < text.n && !is_blank(text.at[i]))
            i++;
        struct str word = {text.at + start, i - start};
        if (word.n == 0 || str_eq(word, END_OF_LINE))
            break;
        add_word(l, word, h);
    }
    if (h->rows > 0)
        add_word(l, END_OF_LINE, h);
}

struct best {
    struct langid_guess *at;
    size_t n, max;
};

static void keep(struct best *best, const char *name, float p)
{
    size_t i = best->n < best->max ? best->n++ : best->max;
    for (; i > 0 && best->at[i - 1].p < p; i--)
        if (i < best->max)
            best->at[i] = best->at[i - 1];
    if (i < best->max) {
        memcpy(best->at[i].code, name, sizeof best->at[i].code);
        best->at[i].p = p;
    }
}

static float log_of(float p)
{
    return (float)log((double)p + 1e-5);
}

/* The probability of a label is the product along its path; improbable branches are left as fastText leaves them. */
static void descend(const struct langid *l, const float *hidden, int32_t at, float score, struct best *best)
{
    if (score < log_of(0.0f))
        return;
    if (at < (int32_t)l->labels) {
        float p = expf(score);
        keep(best, l->names[at], p < 1.0f ? p : 1.0f);
        return;
    }
    const float *w = l->output + ((size_t)at - l->labels) * l->dim;
    float f = 0.0f;
    for (size_t i = 0; i < l->dim; i++)
        f += w[i] * hidden[i];
    f = 1.0f / (1.0f + expf(-f));
    descend(l, hidden, l->tree[at].left, score + log_of(1.0f - f), best);
    descend(l, hidden, l->tree[at].right, score + log_of(f), best);
}

size_t langid_guess(const struct langid *l, struct str text, struct langid_guess *out, size_t max)
{
    struct hidden h = {.rows = 0};
    struct best best = {out, 0, max};
    add_text(l, text, &h);
    if (h.rows == 0 || max == 0)
        return 0;
    for (size_t i = 0; i < l->dim; i++)
        h.sum[i] *= 1.0f / (float)h.rows;
    descend(l, h.sum, 2 * (int32_t)l->labels - 2, 0.0f, &best);
    return best.n;
}
