#include "bench.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"
#include "num/encoder.h"
#include "num/kernels.h"
#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct texts {
    struct str *at;
    size_t n;
    struct arena memory;
};

struct model {
    struct file_map config, tokenizer, weights;
    struct encoder *enc;
};

static void texts_add(struct texts *t, struct str s)
{
    if ((t->n & (t->n + 1)) == 0) /* full at 0, 1, 3, 7, ... */
        t->at = mem_grow(t->at, 2 * t->n + 1, sizeof *t->at);
    t->at[t->n++] = str_dup(&t->memory, s);
}

/* JSON lines: strings, or objects with a "text". */
static enum err texts_read(struct texts *t, const char *path, size_t limit, struct error *e)
{
    struct file_map map = {0};
    enum err err = file_map_open(&map, path, e);
    struct str rest = map.bytes;
    for (size_t line = 1; err == ERR_OK && rest.n > 0 && t->n < limit; line++) {
        yyjson_doc *doc = NULL;
        struct str s = str_trim(str_cut(&rest, '\n'));
        if (s.n == 0)
            continue;
        if (json_parse(s, false, &doc, NULL) != ERR_OK)
            err = error_set(e, ERR_INPUT, "line %zu of %s is not valid JSON", line, path);
        yyjson_val *root = yyjson_doc_get_root(doc);
        struct str text = yyjson_is_obj(root) ? json_get_str(root, "text") : json_str(root);
        if (err == ERR_OK && !text.at)
            err = error_set(e, ERR_INPUT, "line %zu of %s holds no text", line, path);
        if (err == ERR_OK)
            texts_add(t, text);
        yyjson_doc_free(doc);
    }
    file_map_close(&map);
    return err;
}

/* Texts of about so many tokens, the same on every machine. */
static void texts_make(struct texts *t, size_t count, size_t tokens)
{
    static const char *const words[] = {"the",  "user",  "asks",   "for",    "help", "with", "a",      "python",
                                        "code", "error", "letter", "recipe", "plan", "and",  "travel", "data"};
    struct rng r = rng_seed(1, 0);
    struct buf b = {0};
    for (size_t i = 0; i < count; i++) {
        buf_clear(&b);
        for (size_t j = 2; j < tokens; j++)
            buf_printf(&b, "%s ", words[rng_below(&r, sizeof words / sizeof words[0])]);
        texts_add(t, buf_str(&b));
    }
    buf_release(&b);
}

static enum err model_open(struct model *m, const char *name, struct error *e)
{
    struct arena a = {0};
    const char *folder = strcmp(name, "mpnet") == 0 ? "all-mpnet-base-v2" : "all-MiniLM-L6-v2";
    enum err err = file_map_open(&m->config, file_cache_path(&a, "models", folder, "config.json", NULL), e);
    if (err == ERR_OK)
        err = file_map_open(&m->tokenizer, file_cache_path(&a, "models", folder, "tokenizer.json", NULL), e);
    if (err == ERR_OK)
        err = file_map_open(&m->weights, file_cache_path(&a, "models", folder, "model.safetensors", NULL), e);
    if (err != ERR_OK)
        error_hint(e, "tools/deps installs the models");
    struct encoder_files files = {m->config.bytes, m->tokenizer.bytes, m->weights.bytes};
    if (err == ERR_OK)
        err = encoder_new(&files, &m->enc, e);
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

static enum err measure(const struct model *m, const char *name, const struct texts *t, size_t max_tokens,
                        size_t threads, const char *save, struct error *e)
{
    struct par *par = par_new(threads);
    struct mat out = {.n = t->n, .d = encoder_width(m->enc)};
    uint64_t tokens = 0;
    char cpu[100];
    out.at = mem_new(out.n * out.d, sizeof *out.at);
    double start = clock_seconds();
    enum err err = encoder_run(m->enc, t->at, t->n, max_tokens, out, &tokens, par, e);
    double seconds = clock_seconds() - start;
    if (err == ERR_OK && save)
        err = npy_write(save, NPY_F32, out.at, out.n, out.d, e);
    bench_cpu(cpu, sizeof cpu);
    if (err == ERR_OK)
        printf("{\"benchmark\": \"encode\", \"model\": \"%s\", \"seconds\": %.3f, \"texts\": %zu, \"tokens\": %llu, "
               "\"tokens_per_s\": %.0f, \"gflops\": %.1f, \"rss_mb\": %.0f, \"threads\": %zu, \"kernels\": \"%s\", "
               "\"cpu\": \"%s\"}\n",
               name, seconds, t->n, (unsigned long long)tokens, (double)tokens / seconds,
               encoder_flops(m->enc, tokens) / seconds / 1e9, bench_peak_mb(), par_threads(par), kernels_best()->name,
               cpu);
    free(out.at);
    par_free(par);
    return err;
}

enum err bench_encode(int argc, char **argv, struct error *e)
{
    const char *name = bench_option(argc, argv, "--model", "minilm");
    const char *path = bench_option(argc, argv, "--texts", NULL);
    size_t threads = 0, limit = path ? 10000000 : 500, max_tokens = 0, synthetic = 100;
    if (strcmp(name, "minilm") != 0 && strcmp(name, "mpnet") != 0)
        return error_set(e, ERR_USAGE, "--model is minilm or mpnet");
    enum err err = bench_number(argc, argv, "--threads", 1024, &threads, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--limit", 10000000, &limit, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--max-tokens", 100000, &max_tokens, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--synthetic", 100000, &synthetic, e);
    struct texts t = {0};
    struct model m = {0};
    if (err == ERR_OK && path)
        err = texts_read(&t, path, limit, e);
    else if (err == ERR_OK)
        texts_make(&t, limit, synthetic);
    if (err == ERR_OK)
        err = model_open(&m, name, e);
    if (err == ERR_OK)
        err = measure(&m, name, &t, max_tokens, threads, bench_option(argc, argv, "--save", NULL), e);
    model_close(&m);
    arena_release(&t.memory);
    free(t.at);
    return err;
}
