/*
 * embed_file.c: `file:V.npy`, vectors made elsewhere: a float32 array with one row for each record of the input, in its
 * order (record numbers count records that were not taken, too). Names of clusters have no row there; they are embedded
 * by hashed words, or by the model named behind a plus: `file:V.npy+encoder:all-MiniLM-L6-v2`, which has to be the one
 * that made the rows.
 */
#include "base/npy.h"
#include "model/provider.h"
#include "num/dist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MIN = 8, WIDTH_MAX = 4096 };

struct file_model {
    struct npy_map rows;
    struct model names; /* embeds texts */
};

/* Leaves the path in *rest; the rest behind the plus is empty where there is none. */
static struct str cut_names(struct str *rest)
{
    static const struct str end = STR_INIT(".npy+");
    size_t at = str_find(*rest, end);
    if (at == SIZE_MAX)
        return (struct str){0};
    struct str names = {rest->at + at + end.n, rest->n - at - end.n};
    rest->n = at + end.n - 1;
    return names;
}

static const char *path_of(struct str file, const struct model_opts *opts, struct arena *a)
{
    if (file.at[0] == '/' || opts->base_folder.n == 0)
        return str_dupz(a, file);
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(opts->base_folder), STR_ARG(file)).at;
}

static enum err file_lookup(void *ctx, const int64_t *recs, size_t n, struct mat out, struct error *e)
{
    const struct file_model *m = ctx;
    size_t d = m->rows.d;
    for (size_t i = 0; i < n; i++) {
        if (recs[i] < 0 || (uint64_t)recs[i] >= m->rows.n) {
            error_set(e, ERR_INPUT, "the file of vectors has %zu rows, but record %lld of the input needs one",
                      m->rows.n, (long long)recs[i]);
            return error_hint(e, "it wants a row for each record of the input files, in their order"), ERR_INPUT;
        }
        memcpy(mat_row(out, i), (const float *)m->rows.at + (size_t)recs[i] * d, d * sizeof(float));
        struct mat row = mat_rows(out, i, 1);
        if (!dist_finite(row))
            return error_set(e, ERR_NUMERIC,
                             "row %lld of the file of vectors holds NaN, infinity or a value beyond 1e15",
                             (long long)recs[i]);
        dist_normalise(row);
        if (!(dist_dot(row.at, row.at, d) > 0.5f))
            return error_set(e, ERR_NUMERIC, "row %lld of the file of vectors is all zeros: it has no direction",
                             (long long)recs[i]);
    }
    return ERR_OK;
}

static enum err file_embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                           struct error *e)
{
    const struct file_model *m = ctx;
    return m->names.ops->embed(m->names.ctx, texts, n, out, usage, e);
}

static void file_close(void *ctx)
{
    struct file_model *m = ctx;
    npy_map_close(&m->rows);
    model_close(&m->names);
    free(m);
}

bool file_fingerprint(struct str rest, const struct model_opts *opts, struct hasher *h)
{
    struct arena a = {0};
    struct str names = cut_names(&rest);
    bool there = rest.n && model_fingerprint_file(path_of(rest, opts, &a), h);
    there = (!names.n || model_fingerprint(names, opts, h)) && there;
    arena_release(&a);
    return there;
}

static enum err open_rows(struct file_model *m, struct str file, const struct model_opts *opts, struct error *e)
{
    struct arena a = {0};
    const char *path = path_of(file, opts, &a);
    enum err result = file_exists(path) ? npy_map_open(&m->rows, path, e)
                                        : error_set(e, ERR_MODEL, "the file of vectors %s is missing", path);
    if (result == ERR_OK && m->rows.kind != NPY_F32)
        result = error_set(e, ERR_INPUT, "%s holds whole numbers, not float32 rows", path);
    if (result == ERR_OK && (m->rows.d < WIDTH_MIN || m->rows.d > WIDTH_MAX))
        result = error_set(e, ERR_INPUT, "%s has %zu columns: between %d and %d are taken", path, m->rows.d, WIDTH_MIN,
                           WIDTH_MAX);
    arena_release(&a);
    return result;
}

static enum err open_names(struct file_model *m, struct str names, const struct model_opts *opts, struct error *e)
{
    char hashed[32];
    snprintf(hashed, sizeof hashed, "hash:%zu", m->rows.d);
    enum err result = model_open(names.n ? names : str_of(hashed), opts, &m->names, e);
    if (result == ERR_OK && (!m->names.ops->embed || m->names.ops->lookup))
        result = error_set(e, ERR_CONFIG, "models.embed: \"" STR_FMT "\" cannot embed names", STR_ARG(names));
    if (result == ERR_OK && m->names.info.width != m->rows.d)
        result =
            error_set(e, ERR_CONFIG, "models.embed: \"" STR_FMT "\" makes %zu numbers a text, the file has %zu a row",
                      STR_ARG(names), m->names.info.width, m->rows.d);
    return result;
}

/* Size and shape, and what the names' model is; the pipeline's fingerprint sees a changed file. */
static void describe(const struct file_model *m, struct str file, bool hashed, struct model_info *info)
{
    for (struct str s = file; s.n;) {
        struct str part = str_cut(&s, '/');
        file = part.n ? part : file;
    }
    snprintf(info->name, sizeof info->name, "file:" STR_FMT, STR_ARG(file));
    snprintf(info->identity, sizeof info->identity, "%zu x %zu, %.40s", m->rows.n, m->rows.d, m->names.info.identity);
    info->width = m->rows.d;
    info->in_flight = m->names.info.in_flight;
    info->apart = hashed;
}

static const struct model_ops ops = {.scheme = "file", .embed = file_embed, .lookup = file_lookup, .close = file_close};

enum err file_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct str names = cut_names(&rest);
    if (rest.n == 0)
        return error_set(e, ERR_CONFIG, "file: takes a .npy file of float32 rows, for example file:vectors.npy");
    struct file_model *m = mem_zero(1, sizeof *m);
    enum err result = open_rows(m, rest, opts, e);
    if (result == ERR_OK)
        result = open_names(m, names, opts, e);
    if (result != ERR_OK) {
        file_close(m);
        return result;
    }
    describe(m, rest, names.n == 0, &out->info);
    out->ops = &ops;
    out->ctx = m;
    return ERR_OK;
}
