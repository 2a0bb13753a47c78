/*
 * embed_encoder.c: `encoder:all-mpnet-base-v2` or a folder of one's own: the three files of a sentence encoder, mapped,
 * and num/encoder.h on top. Equal texts are computed once. A "#fp32" behind either takes the plain arithmetic.
 */
#include "base/file.h"
#include "model/provider.h"
#include "num/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG, TOKENIZER, WEIGHTS, FILES };

static const char *const file_names[FILES] = {"config.json", "tokenizer.json", "model.safetensors"};

/* Weights whose bytes are pinned by tools/deps; others are known by the hash of their folder's files. */
static const struct {
    const char *name;
    uint64_t bytes;
    const char *sha256;
} pinned[] = {
    {"all-mpnet-base-v2", 437971872, "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"},
    {"all-MiniLM-L6-v2", 90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
};

struct encoder_model {
    struct file_map files[FILES];
    struct encoder *encoder;
    struct par *par;
    size_t width;
};

/* ---- what the spec says ---- */

static const struct str fp32_suffix = {"#fp32", 5};

static enum encoder_arithmetic arithmetic_of(struct str rest)
{
    return str_has_suffix(rest, fp32_suffix) ? ENCODER_FLOATS : ENCODER_BYTES;
}

static struct str name_of(struct str rest)
{
    return (struct str){rest.at, rest.n - (arithmetic_of(rest) == ENCODER_FLOATS ? fp32_suffix.n : 0)};
}

/* Part of a vector's identity: to be changed whenever the bytes' arithmetic gives other vectors than before. */
static const char *arithmetic_name(struct str rest)
{
    return arithmetic_of(rest) == ENCODER_FLOATS ? "" : ":int8.2";
}

/* ---- equal texts once ---- */

struct place {
    struct str text;
    uint32_t at; /* in texts[] */
};

static int by_text(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int c = str_cmp(x->text, y->text);
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

/* unique[] gets the different texts in order of appearance; number[i] says which of them text i is. */
static size_t find_unique(const struct str *texts, size_t n, struct str *unique, uint32_t *number)
{
    struct place *places = mem_new(n + 1, sizeof *places);
    uint32_t *first = mem_new(n + 1, sizeof *first);
    for (size_t i = 0; i < n; i++)
        places[i] = (struct place){texts[i], (uint32_t)i};
    qsort(places, n, sizeof *places, by_text);
    for (size_t i = 0; i < n; i++)
        first[places[i].at] = i && str_eq(places[i].text, places[i - 1].text) ? first[places[i - 1].at] : places[i].at;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (first[i] == i) {
            number[i] = (uint32_t)count;
            unique[count++] = texts[i];
        } else {
            number[i] = number[first[i]];
        }
    }
    free(places);
    free(first);
    return count;
}

static enum err encoder_embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                              struct error *e)
{
    struct encoder_model *m = ctx;
    if (out.n < n || out.d != m->width)
        return error_set(e, ERR_RANGE, "the encoder gives %zu numbers a text, not %zu", m->width, out.d);
    struct str *unique = mem_new(n + 1, sizeof *unique);
    uint32_t *number = mem_new(n + 1, sizeof *number);
    uint64_t tokens = 0;
    size_t count = find_unique(texts, n, unique, number);
    /* Vectors of unique texts go to the front of out, then everyone gets a copy, from the back: number[i] <= i. */
    enum err result = encoder_run(m->encoder, unique, count, 0, mat_rows(out, 0, count), &tokens, m->par, e);
    for (size_t i = n; result == ERR_OK && i-- > 0;)
        if (number[i] != i)
            memcpy(mat_row(out, i), mat_row(out, number[i]), out.d * sizeof(float));
    if (usage) {
        usage->calls++;
        usage->tokens_in += tokens;
    }
    free(unique);
    free(number);
    return result;
}

static void encoder_close(void *ctx)
{
    struct encoder_model *m = ctx;
    encoder_free(m->encoder);
    for (size_t i = 0; i < FILES; i++)
        file_map_close(&m->files[i]);
    free(m);
}

static bool is_name(struct str rest)
{
    return str_find(rest, STR("/")) == SIZE_MAX && !str_has_prefix(rest, STR("."));
}

static const char *folder_of(struct str spec, const struct model_opts *opts, struct arena *a)
{
    struct str rest = name_of(spec);
    if (is_name(rest))
        return file_cache_path(a, "models", str_dupz(a, rest), NULL);
    if (rest.at[0] == '/' || opts->base_folder.n == 0)
        return str_dupz(a, rest);
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(opts->base_folder), STR_ARG(rest)).at;
}

bool encoder_fingerprint(struct str rest, const struct model_opts *opts, struct hasher *h)
{
    struct arena a = {0};
    const char *folder = folder_of(rest, opts, &a);
    bool there = true;
    hash_add(h, str_of(arithmetic_name(rest)));
    for (size_t i = 0; i < FILES && there; i++)
        there = model_fingerprint_file(str_printf(&a, "%s/%s", folder, file_names[i]).at, h);
    arena_release(&a);
    return there;
}

static enum err open_files(struct encoder_model *m, struct str rest, const struct model_opts *opts, struct error *e)
{
    struct arena a = {0};
    const char *folder = folder_of(rest, opts, &a);
    enum err result = ERR_OK;
    for (size_t i = 0; i < FILES && result == ERR_OK; i++) {
        const char *path = str_printf(&a, "%s/%s", folder, file_names[i]).at;
        result = file_exists(path) ? file_map_open(&m->files[i], path, e) : ERR_MODEL;
        if (result == ERR_MODEL) {
            error_set(e, ERR_MODEL, "the embedding model's file %s is missing", path);
            error_hint(e, "run tools/deps: it brings all-mpnet-base-v2 and all-MiniLM-L6-v2");
        }
    }
    arena_release(&a);
    return result;
}

static void identify(const struct encoder_model *m, struct str rest, struct model_info *info)
{
    const char *arithmetic = arithmetic_name(rest);
    struct str weights = m->files[WEIGHTS].bytes;
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++)
        if (str_eqz(name_of(rest), pinned[i].name) && weights.n == pinned[i].bytes) {
            snprintf(info->identity, sizeof info->identity, "%s%s", pinned[i].sha256, arithmetic);
            return;
        }
    struct hasher h;
    char hex[HASH_HEX];
    hash_init(&h);
    for (size_t i = 0; i < FILES; i++)
        hash_add(&h, m->files[i].bytes);
    hash_hex(hash_end(&h), hex);
    snprintf(info->identity, sizeof info->identity, "%s%s", hex, arithmetic);
}

static const struct model_ops ops = {.scheme = "encoder", .embed = encoder_embed, .close = encoder_close};

enum err encoder_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    if (name_of(rest).n == 0)
        return error_set(e, ERR_CONFIG, "encoder: takes a name or a folder, for example encoder:all-mpnet-base-v2");
    struct encoder_model *m = mem_zero(1, sizeof *m);
    enum err result = open_files(m, rest, opts, e);
    if (result == ERR_OK) {
        struct encoder_files files = {m->files[CONFIG].bytes, m->files[TOKENIZER].bytes, m->files[WEIGHTS].bytes};
        result = encoder_new(&files, arithmetic_of(rest), &m->encoder, e);
    }
    if (result != ERR_OK) {
        encoder_close(m);
        return result;
    }
    m->par = opts->par;
    m->width = encoder_width(m->encoder);
    struct str base = rest;
    for (struct str s = rest; s.n;) {
        struct str part = str_cut(&s, '/');
        base = part.n ? part : base;
    }
    snprintf(out->info.name, sizeof out->info.name, "encoder:" STR_FMT, STR_ARG(base));
    identify(m, rest, &out->info);
    out->info.width = m->width;
    out->info.in_flight = 256;
    out->ops = &ops;
    out->ctx = m;
    return ERR_OK;
}
