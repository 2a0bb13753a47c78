/* texts.h: the texts a benchmark is about, and the folders of the models that read them. */
#ifndef CLIO_BENCH_TEXTS_H
#define CLIO_BENCH_TEXTS_H

#include "base/str.h"

struct bench_texts {
    struct str *at;
    size_t n;
    struct arena memory;
};

/* JSON lines: strings, or objects with a "text". Errors: ERR_IO, ERR_INPUT with the line's number. */
MUST_USE enum err bench_texts_read(struct bench_texts *t, const char *path, size_t limit, struct error *e);
/* Made-up texts of about so many tokens, the same on every machine. */
void bench_texts_make(struct bench_texts *t, size_t count, size_t tokens);
void bench_texts_release(struct bench_texts *t);

/* "minilm" or "mpnet" to the folder in the model cache; NULL for another name. */
const char *bench_model_folder(const char *name);

#endif
