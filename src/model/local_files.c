#include "model/local_files.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FINGERPRINT_BYTES = 1 << 20 };

static const struct local_pinned pinned[] = {
    {"qwen2.5-coder-1.5b-instruct-q4_k_m", "qwen2.5-coder-1.5b", 1117320768,
     "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046", "tools/deps --for demo"},
    {"qwen2.5-coder-0.5b-instruct-q4_k_m", "qwen2.5-coder-0.5b", 491400064,
     "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", "tools/deps --for check"},
};

const struct local_pinned *local_pinned_at(size_t i)
{
    return i < sizeof pinned / sizeof *pinned ? &pinned[i] : NULL;
}

const struct local_pinned *local_pinned_find(struct str name)
{
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++)
        if (str_eqz(name, pinned[i].name) || str_eqz(name, pinned[i].alias))
            return &pinned[i];
    return NULL;
}

static const char *in_folder(struct str folder, struct str name, const char *ending, struct arena *a)
{
    return str_printf(a, STR_FMT "/" STR_FMT "%s", STR_ARG(folder), STR_ARG(name), ending).at;
}

const char *local_path(struct str name, const struct model_opts *opts, struct arena *a)
{
    static const char *const endings[] = {"", ".gguf"};
    const struct local_pinned *p = local_pinned_find(name);
    struct str folder = opts ? opts->model_folder : (struct str){0};
    if (p)
        name = str_of(p->name);
    bool absolute = name.n && name.at[0] == '/';
    for (size_t i = 0; folder.n && !absolute && i < sizeof endings / sizeof *endings; i++) {
        const char *path = in_folder(folder, name, endings[i], a);
        if (file_exists(path))
            return path;
    }
    if (p)
        return file_cache_path(a, "models", str_printf(a, "%s.gguf", p->name).at, NULL);
    if (!opts || opts->base_folder.n == 0 || absolute)
        return str_dupz(a, name);
    return in_folder(opts->base_folder, name, "", a);
}

static enum err missing(const char *path, const struct local_pinned *p, struct error *e)
{
    error_set(e, ERR_MODEL, "the model %s is missing", path);
    if (p)
        return error_hint(e, "run %s: it brings the pinned models", p->command);
    return error_hint(e, "give local: a path to a .gguf file, or one of: %s, %s", pinned[0].alias, pinned[1].alias);
}

enum err local_check_file(const char *path, const struct local_pinned *p, struct error *e)
{
    int64_t bytes = file_size(path);
    if (bytes < 0)
        return missing(path, p, e);
    if (p && (uint64_t)bytes != p->bytes) {
        error_set(e, ERR_MODEL, "the model %s has %" PRId64 " bytes instead of %" PRIu64, path, bytes, p->bytes);
        return error_hint(e, "delete it and run %s again", p->command);
    }
    struct file_map m = {0};
    enum err result = file_map_open(&m, path, e);
    if (result == ERR_OK && !str_has_prefix(m.bytes, STR("GGUF"))) {
        error_set(e, ERR_MODEL, "%s is not a GGUF file", path);
        result = error_hint(e, "local: runs models in llama.cpp's GGUF format");
    }
    file_map_close(&m);
    return result;
}

enum err local_file_hash(const char *path, const struct local_pinned *p, char out[HASH_HEX], struct error *e)
{
    struct file_map m = {0};
    if (p) {
        snprintf(out, HASH_HEX, "%s", p->sha256);
        return ERR_OK;
    }
    enum err result = file_map_open(&m, path, e);
    if (result != ERR_OK)
        return result;
    struct str all = m.bytes;
    size_t part = all.n < FINGERPRINT_BYTES ? all.n : FINGERPRINT_BYTES;
    struct hasher h;
    hash_init(&h);
    hash_add_u64(&h, all.n);
    hash_add(&h, (struct str){all.at, part});
    hash_add(&h, (struct str){all.at + all.n - part, part});
    hash_hex(hash_end(&h), out);
    file_map_close(&m);
    return ERR_OK;
}
