#include "model/model.h"

#include "base/suggest.h"
#include "model/provider.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *scheme;
    model_open_fn *open;
} providers[] = {
    {"local", local_open},   {"openai", openai_open},   {"script", script_open},
    {"replay", replay_open}, {"encoder", encoder_open}, {"hash", hash_open},
};

enum { PROVIDERS = sizeof providers / sizeof *providers };

static enum err unknown(struct str scheme, struct error *e)
{
    struct suggest s = suggest_for(scheme);
    for (size_t i = 0; i < PROVIDERS; i++)
        suggest_offer(&s, providers[i].scheme);
    error_set(e, ERR_CONFIG, "there are no models of kind \"" STR_FMT ":\"", STR_ARG(scheme));
    if (suggest_best(&s))
        return error_hint(e, "did you mean %s:?", suggest_best(&s));
    return error_hint(e, "known kinds are local:, openai:, script:, replay:, encoder: and hash:");
}

enum err model_open(struct str spec, const struct model_opts *opts, struct model *out, struct error *e)
{
    static const struct model_opts none;
    *out = (struct model){0};
    struct str rest = spec, scheme = str_cut(&rest, ':');
    if (scheme.n == spec.n) {
        error_set(e, ERR_CONFIG, "the model \"" STR_FMT "\" does not say its kind", STR_ARG(spec));
        return error_hint(e, "write it as KIND:NAME, for example local:qwen2.5-coder-1.5b");
    }
    for (size_t i = 0; i < PROVIDERS; i++)
        if (str_eqz(scheme, providers[i].scheme))
            return providers[i].open(rest, opts ? opts : &none, out, e);
    return unknown(scheme, e);
}

void model_close(struct model *m)
{
    if (m->ops && m->ops->close)
        m->ops->close(m->ctx);
    *m = (struct model){0};
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
