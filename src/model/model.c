#include "model/model.h"

#include "base/file.h"
#include "base/suggest.h"
#include "model/provider.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

static const struct model_opts no_opts;

static const struct {
    const char *scheme;
    model_open_fn *open;
    model_fingerprint_fn *fingerprint; /* NULL: the spec says it all */
    const char *form, *summary;
} providers[] = {
    {"local", local_open, local_fingerprint, "local:NAME or local:FILE.gguf", "in this process, through llama.cpp"},
    {"openai", openai_open, NULL, "openai:MODEL@ADDRESS?OPTIONS",
     "a server with OpenAI's chat completions, or embeddings with embed=1; key: CLIO_OPENAI_KEY, OPENAI_API_KEY"},
    {"anthropic", anthropic_open, NULL, "anthropic:MODEL@ADDRESS?OPTIONS",
     "a server with Anthropic's Messages API; key: CLIO_ANTHROPIC_KEY, ANTHROPIC_API_KEY"},
    {"script", script_open, script_fingerprint, "script:RULES.json", "no model: answers by rules, for tests"},
    {"replay", replay_open, replay_fingerprint, "replay:RUN", "the answers another run got"},
    {"encoder", encoder_open, encoder_fingerprint, "encoder:NAME or encoder:FOLDER", "embeddings in this process"},
    {"file", file_open, file_fingerprint, "file:V.npy", "embeddings made elsewhere, rows in input order"},
    {"hash", hash_open, hash_fingerprint, "hash:WIDTH", "embeddings of hashed words, for tests"},
};

enum { PROVIDERS = sizeof providers / sizeof *providers, SMALL_FILE_BYTES = 1 << 20 };

const char *model_kind_help(size_t i, const char **form)
{
    if (i >= PROVIDERS)
        return NULL;
    *form = providers[i].form;
    return providers[i].summary;
}

static enum err unknown(struct str scheme, struct error *e)
{
    struct suggest s = suggest_for(scheme);
    for (size_t i = 0; i < PROVIDERS; i++)
        suggest_offer(&s, providers[i].scheme);
    error_set(e, ERR_CONFIG, "there are no models of kind \"" STR_FMT ":\"", STR_ARG(scheme));
    if (suggest_best(&s))
        return error_hint(e, "did you mean %s:?", suggest_best(&s));
    return error_hint(e, "known kinds are local:, openai:, anthropic:, script:, replay:, encoder:, file: and hash:");
}

enum err model_open(struct str spec, const struct model_opts *opts, struct model *out, struct error *e)
{
    *out = (struct model){0};
    struct str rest = spec, scheme = str_cut(&rest, ':');
    if (scheme.n == spec.n) {
        error_set(e, ERR_CONFIG, "the model \"" STR_FMT "\" does not say its kind", STR_ARG(spec));
        return error_hint(e, "write it as KIND:NAME, for example local:qwen2.5-coder-1.5b");
    }
    for (size_t i = 0; i < PROVIDERS; i++)
        if (str_eqz(scheme, providers[i].scheme))
            return providers[i].open(rest, opts ? opts : &no_opts, out, e);
    return unknown(scheme, e);
}

void model_close(struct model *m)
{
    if (m->ops && m->ops->close)
        m->ops->close(m->ctx);
    *m = (struct model){0};
}

int64_t model_option(struct str spec, const char *name, int64_t otherwise)
{
    struct str options = spec;
    int64_t number;
    str_cut(&options, '?');
    while (options.n) {
        struct str value = str_cut(&options, '&'), key = str_cut(&value, '=');
        if (str_eqz(key, name) && str_to_i64(value, &number))
            return number;
    }
    return otherwise;
}

/* An array as a feed. */
struct list {
    const struct request *requests;
    size_t n, next;
    answer_fn *done;
    void *arg;
};

static enum err list_next(void *arg, size_t *index, const struct request **out, struct error *e)
{
    struct list *l = arg;
    (void)e;
    *index = l->next;
    *out = l->next < l->n ? &l->requests[l->next++] : NULL;
    return ERR_OK;
}

static void list_done(void *arg, size_t index, const struct answer *answer)
{
    const struct list *l = arg;
    l->done(l->arg, index, answer);
}

enum err model_complete(const struct model *m, const struct request *requests, size_t n, answer_fn *done, void *arg,
                        const atomic_bool *stop, struct error *e)
{
    struct list l = {.requests = requests, .n = n, .done = done, .arg = arg};
    const struct feed feed = {.next = list_next, .done = list_done, .arg = &l};
    return m->ops->complete(m->ctx, &feed, stop, e);
}

bool model_fingerprint_file(const char *path, struct hasher *h)
{
    struct stat st;
    struct buf text = {0};
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    hash_add_u64(h, (uint64_t)st.st_size);
    if (st.st_size <= SMALL_FILE_BYTES && file_read(path, SMALL_FILE_BYTES, &text, NULL) == ERR_OK) {
        hash_add(h, buf_str(&text));
    } else {
        hash_add_u64(h, (uint64_t)st.st_mtim.tv_sec);
        hash_add_u64(h, (uint64_t)st.st_mtim.tv_nsec);
    }
    buf_release(&text);
    return true;
}

bool model_fingerprint(struct str spec, const struct model_opts *opts, struct hasher *h)
{
    struct str rest = spec, scheme = str_cut(&rest, ':');
    hash_add(h, spec);
    for (size_t i = 0; i < PROVIDERS; i++)
        if (str_eqz(scheme, providers[i].scheme) && providers[i].fingerprint)
            return providers[i].fingerprint(rest, opts ? opts : &no_opts, h);
    return true;
}

struct hash model_request_key(const char *stage, const struct model_info *info, const struct request *r)
{
    struct hasher h;
    struct buf shape = {0};
    uint64_t temperature;
    static_assert(sizeof temperature == sizeof r->temperature, "a double's bits");
    memcpy(&temperature, &r->temperature, sizeof temperature);
    hash_init(&h);
    hash_add(&h, str_of(stage));
    hash_add(&h, str_of(info->identity));
    hash_add(&h, r->system);
    hash_add_u64(&h, r->asks_count);
    for (size_t i = 0; i < r->asks_count; i++) {
        buf_clear(&shape);
        schema_hash_text(r->asks[i].answer, &shape);
        hash_add(&h, r->asks[i].user);
        hash_add(&h, buf_str(&shape));
    }
    hash_add_u64(&h, temperature);
    hash_add_u64(&h, r->seed);
    buf_release(&shape);
    return hash_end(&h);
}
