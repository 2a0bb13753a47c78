#include "base/file.h"
#include "base/json.h"
#include "cmd/job.h"
#include "model/local_files.h"

#include <inttypes.h>

static const struct option_row options[] = {
    JOB_OPTION_MODELS,
    {"json", 'j', OPTION_FLAG, NULL, "the list as a JSON array"},
    {0},
};

/* What is known of one pinned model without hashing it. */
struct found {
    const struct local_pinned *model;
    const char *path;
    int64_t bytes; /* -1: missing */
};

static struct found look(const struct local_pinned *p, const struct args *args, struct arena *a)
{
    struct model_opts opts = {.model_folder = str_of(args_text(args, "model-dir", ""))};
    const char *path = local_path(str_of(p->name), &opts, a);
    return (struct found){p, path, file_size(path)};
}

static const char *state_of(const struct found *f)
{
    return f->bytes < 0 ? "missing" : (uint64_t)f->bytes == f->model->bytes ? "here" : "wrong size";
}

static void print_row(const struct found *f)
{
    printf("local:%-22s %6.1f MB  %-10s %s\n", f->model->alias, (double)f->model->bytes / 1e6, state_of(f), f->path);
}

static enum err list(const struct args *args, struct arena *a)
{
    if (args_flag(args, "json"))
        printf("[");
    for (size_t i = 0; local_pinned_at(i); i++) {
        struct found f = look(local_pinned_at(i), args, a);
        struct buf path = {0};
        if (!args_flag(args, "json")) {
            print_row(&f);
            continue;
        }
        json_add_string(&path, str_of(f.path));
        printf("%s{\"spec\":\"local:%s\",\"name\":\"%s\",\"bytes\":%" PRIu64 ",\"sha256\":\"%s\",\"state\":\"%s\","
               "\"path\":%s}",
               i ? "," : "", f.model->alias, f.model->name, f.model->bytes, f.model->sha256, state_of(&f), path.at);
        buf_release(&path);
    }
    if (args_flag(args, "json"))
        printf("]\n");
    return ERR_OK;
}

/* The program fetches nothing by itself: what does stands in the source tree, and says what it takes and from where. */
static enum err get(const struct found *f)
{
    if (f->bytes >= 0 && (uint64_t)f->bytes == f->model->bytes)
        print_row(f);
    else
        printf("%s    # in the source tree; brings %s, %.1f MB\n", f->model->command, f->model->name,
               (double)f->model->bytes / 1e6);
    return ERR_OK;
}

static enum err verify(const struct found *f, struct error *e)
{
    char hash[HASH_HEX];
    if (f->bytes < 0) {
        printf("missing  %s\n", f->path);
        return ERR_OK;
    }
    enum err result = hash_file_sha256(f->path, hash, e);
    if (result != ERR_OK)
        return result;
    bool good = str_eqz(str_of(hash), f->model->sha256);
    printf("%s  %s\n", good ? "good   " : "WRONG  ", f->path);
    fflush(stdout);
    if (good)
        return ERR_OK;
    error_set(e, ERR_FAILED, "%s is not the pinned file", f->path);
    return error_hint(e, "delete it and run %s again", f->model->command);
}

/* get and verify: the models named, or all; of several that are wrong the first is told. */
static enum err each(const struct args *args, bool hashes, struct arena *a, struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 1; i < args->rest_count; i++)
        if (!local_pinned_find(str_of(args->rest[i]))) {
            error_set(e, ERR_USAGE, "there is no pinned model \"%.60s\"", args->rest[i]);
            return error_hint(e, "clio models list shows them; a file of your own is used by its path, local:FILE");
        }
    for (size_t i = 0; local_pinned_at(i); i++) {
        const struct local_pinned *p = local_pinned_at(i);
        bool wanted = args->rest_count == 1;
        for (size_t k = 1; k < args->rest_count; k++)
            wanted = wanted || local_pinned_find(str_of(args->rest[k])) == p;
        if (!wanted)
            continue;
        struct found f = look(p, args, a);
        enum err one = hashes ? verify(&f, result == ERR_OK ? e : NULL) : get(&f);
        result = result == ERR_OK ? one : result;
    }
    return result;
}

static enum err run(const struct args *args, struct error *e)
{
    struct str verb = str_of(args->rest_count ? args->rest[0] : "list");
    struct arena a = {0};
    enum err result;
    if (str_eqz(verb, "list") && args->rest_count <= 1) {
        result = list(args, &a);
    } else if (str_eqz(verb, "get") || str_eqz(verb, "verify")) {
        result = each(args, str_eqz(verb, "verify"), &a, e);
    } else {
        error_set(e, ERR_USAGE, "models does not know \"%.60s\"", args->rest[0]);
        result = error_hint(e, "clio models list, clio models get [NAME], clio models verify [NAME]");
    }
    arena_release(&a);
    return result;
}

const struct command command_models = {
    .name = "models",
    .summary = "List the pinned local models, say how to get them, check their hashes",
    .usage = "[list | get [NAME...] | verify [NAME...]] [--model-dir FOLDER] [--json]",
    .examples = "clio models\nclio models get qwen2.5-coder-0.5b\nclio models verify",
    .details = "Any other model in llama.cpp's GGUF format is used by its path, local:FILE.gguf, if its chat format is "
               "one of ChatML, Llama 3, Gemma, Mistral and Phi. verify reads every byte; exit status 1 when a file is "
               "not the pinned one. Next: clio doctor.",
    .options = options,
    .run = run,
};
