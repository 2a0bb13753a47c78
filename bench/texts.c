#include "texts.h"

#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

static void texts_add(struct bench_texts *t, struct str s)
{
    if ((t->n & (t->n + 1)) == 0) /* full at 0, 1, 3, 7, ... */
        t->at = mem_grow(t->at, 2 * t->n + 1, sizeof *t->at);
    t->at[t->n++] = str_dup(&t->memory, s);
}

enum err bench_texts_read(struct bench_texts *t, const char *path, size_t limit, struct error *e)
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

void bench_texts_make(struct bench_texts *t, size_t count, size_t tokens)
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

void bench_texts_release(struct bench_texts *t)
{
    arena_release(&t->memory);
    free(t->at);
    *t = (struct bench_texts){0};
}

const char *bench_model_folder(const char *name)
{
    if (strcmp(name, "minilm") == 0)
        return "all-MiniLM-L6-v2";
    return strcmp(name, "mpnet") == 0 ? "all-mpnet-base-v2" : NULL;
}
