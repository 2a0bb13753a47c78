#include "pipeline/fingerprint.h"

#include "base/file.h"
#include "ingest/ingest.h"
#include "pipeline/imported.h"
#include "stage/prompt.h"

#include <stdio.h>
#include <string.h>

static const char LANGID_FILE[] = "lid.176.ftz";

static const struct {
    unsigned use;
    const char *note;
} models[] = {
    {USES_FAST, "model_files.fast"},
    {USES_STRONG, "model_files.strong"},
    {USES_EMBED, "model_files.embed"},
    {USES_LANGID, "model_files.langid"},
};

enum { MODELS = sizeof models / sizeof *models, SEEN_BYTES = 2 * HASH_HEX + 2 };

static struct str spec_of(const struct stage_context *c, unsigned use)
{
    switch (use) {
    case USES_FAST:
        return c->config->model_fast;
    case USES_STRONG:
        return c->config->model_strong;
    case USES_EMBED:
        return c->config->model_embed;
    default:
        return str_of(LANGID_FILE);
    }
}

/* "hash of the spec, hash of what is behind it", in quotes: the note as it stands. False: a file is missing. */
static bool look(const struct stage_context *c, unsigned use, char seen[SEEN_BYTES])
{
    struct arena a = {0};
    struct hasher h;
    char spec_hex[HASH_HEX], hex[HASH_HEX];
    struct str spec = spec_of(c, use);
    hash_init(&h);
    bool there = use == USES_LANGID ? model_fingerprint_file(file_cache_path(&a, "models", LANGID_FILE, NULL), &h)
                                    : model_fingerprint(spec, &c->model_opts, &h);
    hash_hex(hash_end(&h), hex);
    hash_hex(hash_of(spec), spec_hex);
    snprintf(seen, SEEN_BYTES, "\"%s %s\"", spec_hex, hex);
    arena_release(&a);
    return there;
}

static enum err add_model(struct stage_context *c, size_t i, struct hasher *h, struct error *e)
{
    struct arena a = {0};
    struct str noted = {0};
    char seen[SEEN_BYTES];
    enum err result = ERR_OK;
    if (!look(c, models[i].use, seen))
        result = run_noted(c->run, models[i].note, &a, &noted, e);
    bool same_spec = noted.n == strlen(seen) && memcmp(noted.at, seen, HASH_HEX) == 0; /* quote and 64 digits */
    hash_add(h, same_spec ? noted : str_of(seen));
    arena_release(&a);
    return result;
}

enum err fingerprint_note_models(struct stage_context *c, const struct stage *s, struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < MODELS && result == ERR_OK; i++) {
        char seen[SEEN_BYTES];
        if ((s->models & models[i].use) && look(c, models[i].use, seen))
            result = run_note(c->run, models[i].note, str_of(seen), e);
    }
    return result;
}

static enum err add_inputs(struct stage_context *c, struct hasher *h, struct error *e)
{
    struct hash inputs;
    struct buf settings = {0};
    enum err result = ingest_identify(c, &inputs, e);
    imported_settings(c, &settings);
    hash_add(h, (struct str){(const char *)inputs.at, sizeof inputs.at});
    hash_add(h, buf_str(&settings));
    buf_release(&settings);
    return result;
}

enum err fingerprint_of(struct stage_context *c, const struct stage *s, const struct hash *upstream, struct hash *out,
                        struct error *e)
{
    struct hasher h;
    hash_init(&h);
    hash_add(&h, str_of(CLIO_VERSION));
    hash_add(&h, str_of(s->name));
    hash_add(&h, (struct str){(const char *)upstream->at, sizeof upstream->at});
    config_hash(c->config, s->config_keys, &h);
    enum err result = s->prompts ? prompt_hash(c->prompts, s->prompts, &h, e) : ERR_OK;
    for (size_t i = 0; i < MODELS && result == ERR_OK; i++)
        if (s->models & models[i].use)
            result = add_model(c, i, &h, e);
    if (result == ERR_OK && s == &pipeline[0])
        result = add_inputs(c, &h, e);
    *out = hash_end(&h);
    return result;
}
