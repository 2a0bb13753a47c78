#include "bench.h"

#include "base/clock.h"
#include "base/file.h"
#include "num/codes.h"
#include "num/encoder.h"
#include "num/kernels.h"
#include "npy.h"
#include "texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model {
    struct file_map config, tokenizer, weights;
    struct encoder *enc;
};

struct wanted {
    const char *model;
    enum encoder_arithmetic arithmetic;
    size_t max_tokens, check; /* check: how many texts the oracle encodes as well */
    const char *save;
    struct par *par;
};

struct quality {
    double mean, worst; /* cosines with the oracle's vectors */
};

static enum err model_open(struct model *m, const char *name, enum encoder_arithmetic arithmetic, struct error *e)
{
    struct arena a = {0};
    const char *folder = bench_model_folder(name);
    enum err err = file_map_open(&m->config, file_cache_path(&a, "models", folder, "config.json", NULL), e);
    if (err == ERR_OK)
        err = file_map_open(&m->tokenizer, file_cache_path(&a, "models", folder, "tokenizer.json", NULL), e);
    if (err == ERR_OK)
        err = file_map_open(&m->weights, file_cache_path(&a, "models", folder, "model.safetensors", NULL), e);
    if (err != ERR_OK)
        error_hint(e, "tools/deps installs the models");
    struct encoder_files files = {m->config.bytes, m->tokenizer.bytes, m->weights.bytes};
    if (err == ERR_OK)
        err = encoder_new(&files, arithmetic, &m->enc, e);
    arena_release(&a);
    return err;
}

static void model_close(struct model *m)
{
    encoder_free(m->enc);
    file_map_close(&m->weights);
    file_map_close(&m->tokenizer);
    file_map_close(&m->config);
}

/* Compares the first rows of out with the oracle's, spread evenly over the texts. */
static enum err compare(const struct wanted *w, const struct bench_texts *t, struct mat out, struct quality *q,
                        struct error *e)
{
    struct model oracle = {0};
    size_t n = w->check < t->n ? w->check : t->n, d = out.d;
    struct str *some = mem_new(n + 1, sizeof *some);
    float *right = mem_new(n * d + 1, sizeof *right);
    *q = (struct quality){0, 1};
    for (size_t i = 0; i < n; i++)
        some[i] = t->at[i * t->n / n];
    enum err err = model_open(&oracle, w->model, ENCODER_FLOATS, e);
    if (err == ERR_OK)
        err = encoder_run(oracle.enc, some, n, w->max_tokens, (struct mat){right, n, d}, NULL, w->par, e);
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        double cosine = 0;
        for (size_t j = 0; j < d; j++)
            cosine += (double)right[i * d + j] * (double)mat_row(out, i * t->n / n)[j];
        q->mean += cosine / (double)n;
        q->worst = cosine < q->worst ? cosine : q->worst;
    }
    model_close(&oracle);
    free(right);
    free(some);
    return err;
}

static void print(const struct wanted *w, const struct model *m, size_t texts, uint64_t tokens, double seconds,
                  double rss_mb, const struct quality *q)
{
    char cpu[100], quality[100] = "null";
    bool bytes = w->arithmetic == ENCODER_BYTES;
    double operations = encoder_flops(m->enc, tokens) / seconds, peak = bytes ? bench_peak_operations(w->par) : 0;
    bench_cpu(cpu, sizeof cpu);
    if (w->check > 0)
        snprintf(quality, sizeof quality, "{\"cosine_mean\": %.6f, \"cosine_worst\": %.6f, \"texts\": %zu}", q->mean,
                 q->worst, w->check < texts ? w->check : texts);
    printf("{\"benchmark\": \"encode\", \"model\": \"%s\", \"arithmetic\": \"%s\", \"seconds\": %.3f, \"texts\": %zu, "
           "\"tokens\": %llu, \"tokens_per_s\": %.0f, \"gops\": %.1f, ",
           w->model, bytes ? "bytes" : "floats", seconds, texts, (unsigned long long)tokens, (double)tokens / seconds,
           operations / 1e9);
    if (bytes)
        printf("\"peak_gops\": %.0f, \"flops_share\": %.3f, ", peak / 1e9, operations / peak);
    else
        printf("\"flops_share\": null, ");
    printf("\"quality\": %s, \"rss_mb\": %.0f, \"threads\": %zu, \"kernels\": \"%s\", \"cpu\": \"%s\"}\n", quality,
           rss_mb, par_threads(w->par), bytes ? codes_best()->name : kernels_best()->name, cpu);
}

static enum err measure(const struct wanted *w, const struct model *m, const struct bench_texts *t, struct error *e)
{
    enum { WARM = 32 };
    struct mat out = {.n = t->n, .d = encoder_width(m->enc)};
    struct quality q = {0};
    uint64_t tokens = 0;
    out.at = mem_zero(out.n * out.d + 1, sizeof *out.at);
    struct mat first = mat_rows(out, 0, WARM);
    enum err err = encoder_run(m->enc, t->at, first.n, w->max_tokens, first, NULL, w->par, e);
    double start = clock_seconds(), seconds = 0;
    if (err == ERR_OK)
        err = encoder_run(m->enc, t->at, t->n, w->max_tokens, out, &tokens, w->par, e);
    seconds = clock_seconds() - start;
    double rss_mb = bench_peak_mb();
    if (err == ERR_OK && w->save)
        err = npy_write(w->save, NPY_F32, out.at, out.n, out.d, e);
    if (err == ERR_OK && w->check > 0)
        err = compare(w, t, out, &q, e);
    if (err == ERR_OK)
        print(w, m, t->n, tokens, seconds, rss_mb, &q);
    free(out.at);
    return err;
}

static enum err read_wanted(struct wanted *w, int argc, char **argv, struct error *e)
{
    const char *arithmetic = bench_option(argc, argv, "--arithmetic", "bytes");
    w->model = bench_option(argc, argv, "--model", "minilm");
    w->save = bench_option(argc, argv, "--save", NULL);
    w->arithmetic = strcmp(arithmetic, "bytes") == 0 ? ENCODER_BYTES : ENCODER_FLOATS;
    if (!bench_model_folder(w->model))
        return error_set(e, ERR_USAGE, "--model is minilm or mpnet");
    if (strcmp(arithmetic, "bytes") != 0 && strcmp(arithmetic, "floats") != 0)
        return error_set(e, ERR_USAGE, "--arithmetic is bytes or floats");
    enum err err = bench_number(argc, argv, "--max-tokens", 100000, &w->max_tokens, e);
    return err == ERR_OK ? bench_number(argc, argv, "--check", 10000000, &w->check, e) : err;
}

enum err bench_encode(int argc, char **argv, struct error *e)
{
    const char *path = bench_option(argc, argv, "--texts", NULL);
    size_t threads = 0, limit = path ? 10000000 : 500, synthetic = 100;
    struct wanted w = {0};
    enum err err = read_wanted(&w, argc, argv, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--threads", 1024, &threads, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--limit", 10000000, &limit, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--synthetic", 100000, &synthetic, e);
    struct bench_texts t = {0};
    struct model m = {0};
    w.par = par_new(threads);
    if (err == ERR_OK && path)
        err = bench_texts_read(&t, path, limit, e);
    else if (err == ERR_OK)
        bench_texts_make(&t, limit, synthetic);
    if (err == ERR_OK)
        err = model_open(&m, w.model, w.arithmetic, e);
    if (err == ERR_OK)
        err = measure(&w, &m, &t, e);
    model_close(&m);
    par_free(w.par);
    bench_texts_release(&t);
    return err;
}
