#include "bench.h"

#include "base/clock.h"
#include "base/file.h"
#include "num/wordpiece.h"
#include "npy.h"
#include "texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work {
    const struct wordpiece *words;
    const struct bench_texts *texts;
    uint32_t **ids; /* [n] */
    size_t *counts, max_tokens;
};

enum { PIECE = 64 };

static void tokenise_piece(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    struct work *w = arg;
    uint32_t *room = mem_new(w->max_tokens, sizeof *room);
    for (size_t i = piece * PIECE; i < w->texts->n && i < (piece + 1) * PIECE; i++) {
        w->counts[i] = wordpiece_encode(w->words, w->texts->at[i], room, w->max_tokens);
        w->ids[i] = mem_new(w->counts[i], sizeof *room);
        memcpy(w->ids[i], room, w->counts[i] * sizeof *room);
    }
    free(room);
}

static enum err save_ids(const struct work *w, const char *path, size_t total, struct error *e)
{
    uint32_t *all = mem_new(total + 1, sizeof *all);
    for (size_t i = 0, at = 0; i < w->texts->n; at += w->counts[i++])
        memcpy(all + at, w->ids[i], w->counts[i] * sizeof *all);
    enum err err = npy_write(path, NPY_I32, all, total, 1, e);
    free(all);
    return err;
}

static enum err measure(struct work *w, size_t threads, const char *model, const char *save, struct error *e)
{
    struct par *par = par_new(threads);
    size_t n = w->texts->n, bytes = 0, total = 0;
    char cpu[100];
    enum err err = ERR_OK;
    w->ids = mem_zero(n + 1, sizeof *w->ids);
    w->counts = mem_zero(n + 1, sizeof *w->counts);
    double start = clock_seconds();
    par_for(par, (n + PIECE - 1) / PIECE, tokenise_piece, w);
    double seconds = clock_seconds() - start;
    for (size_t i = 0; i < n; i++) {
        bytes += w->texts->at[i].n;
        total += w->counts[i];
    }
    if (save)
        err = save_ids(w, save, total, e);
    bench_cpu(cpu, sizeof cpu);
    if (err == ERR_OK)
        printf("{\"benchmark\": \"tokenise\", \"model\": \"%s\", \"seconds\": %.3f, \"texts\": %zu, \"tokens\": %zu, "
               "\"mb\": %.1f, \"mb_per_s\": %.1f, \"rss_mb\": %.0f, \"threads\": %zu, \"cpu\": \"%s\"}\n",
               model, seconds, n, total, (double)bytes / 1e6, (double)bytes / 1e6 / seconds, bench_peak_mb(),
               par_threads(par), cpu);
    for (size_t i = 0; i < n; i++)
        free(w->ids[i]);
    free(w->ids);
    free(w->counts);
    par_free(par);
    return err;
}

enum err bench_tokenise(int argc, char **argv, struct error *e)
{
    const char *model = bench_option(argc, argv, "--model", "minilm");
    const char *path = bench_option(argc, argv, "--texts", NULL);
    struct arena a = {0};
    struct file_map map = {0};
    struct wordpiece *words = NULL;
    struct bench_texts texts = {0};
    struct work w = {.texts = &texts, .max_tokens = 1 << 20};
    size_t threads = 0;
    if (!path || !bench_model_folder(model))
        return error_set(e, ERR_USAGE, "tokenise takes --texts FILE and --model minilm or mpnet");
    const char *file = file_cache_path(&a, "models", bench_model_folder(model), "tokenizer.json", NULL);
    enum err err = bench_number(argc, argv, "--threads", 1024, &threads, e);
    if (err == ERR_OK)
        err = bench_number(argc, argv, "--max-tokens", 1 << 24, &w.max_tokens, e);
    w.max_tokens = w.max_tokens < 2 ? 2 : w.max_tokens;
    if (err == ERR_OK)
        err = bench_texts_read(&texts, path, SIZE_MAX, e);
    if (err == ERR_OK)
        err = file_map_open(&map, file, e);
    if (err == ERR_OK)
        err = wordpiece_new(map.bytes, &words, e);
    w.words = words;
    if (err == ERR_OK)
        err = measure(&w, threads, model, bench_option(argc, argv, "--save", NULL), e);
    wordpiece_free(words);
    file_map_close(&map);
    bench_texts_release(&texts);
    arena_release(&a);
    return err;
}
