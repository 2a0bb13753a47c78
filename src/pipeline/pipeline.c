#include "pipeline/pipeline.h"

#include "base/clock.h"
#include "base/json.h"
#include "cluster/cluster.h"
#include "embed/embed.h"
#include "facets/facets.h"
#include "hierarchy/hierarchy.h"
#include "ingest/ingest.h"
#include "label/label.h"
#include "privacy/audit.h"
#include "privacy/publish.h"
#include "privacy/threshold.h"
#include "project/project.h"
#include "screen/screen.h"
#include "stage/prompt.h"
#include "store/records.h"

#include <string.h>

/* clang-format off */
const struct stage pipeline[] = {
    {"import", "Read the files", "input files", "conversations",
     "filter,sample,sample_by,seed,account_per_conversation", false, ingest_run},
    {"screen", "Keep what the screener question is about", "conversations", "kept conversations",
     "screener,transcript_tokens,models,seed", true, screen_run},
    {"facets", "Ask what each conversation is about", "kept conversations", "facet values",
     "facets,one_call,transcript_tokens,models,seed,max_failed_share", true, facets_run},
    {"embed", "Turn facet texts into vectors", "facet values", "vectors", "facets,models", false, embed_run},
    {"cluster", "Group similar conversations", "vectors", "base clusters",
     "facets,k,seed,min_accounts,min_conversations", false, cluster_run},
    {"threshold", "Count accounts and drop what is too small", "base clusters", "clusters large enough",
     "facets,min_accounts,min_conversations,public_data", false, threshold_run},
    {"label", "Name the clusters", "facet values, vectors, clusters", "names and descriptions",
     "facets,models,name_members,name_contrast,seed", true, label_run},
    {"hierarchy", "Build the tree", "names and descriptions", "tree",
     "facets,models,levels,top,neighbourhood,seed", true, hierarchy_run},
    {"audit", "Rate every name for privacy", "tree", "ratings", "facets,models,audit_min,seed", true, audit_run},
    {"project", "Lay out the map", "vectors", "points", "facets,seed", false, project_run},
    {"publish", "Release what passed", "tree, ratings, points, facet values", "published/",
     "facets,audit_min,min_accounts,min_conversations,min_cell_accounts,public_data,account_per_conversation", false,
     publish_run},
    {0},
};
/* clang-format on */

struct runner {
    struct stage_context *c;
    struct hash upstream; /* fingerprint of the stage before */
};

/* What a stage's results follow from: the stages before it, its share of the configuration, the prompts, the inputs. */
static enum err fingerprint(struct runner *r, const struct stage *s, struct hash *out, struct error *e)
{
    struct hasher h;
    hash_init(&h);
    hash_add(&h, str_of(CLIO_VERSION));
    hash_add(&h, str_of(s->name));
    hash_add(&h, (struct str){(const char *)r->upstream.at, sizeof r->upstream.at});
    config_hash(r->c->config, s->config_keys, &h);
    enum err result = s->calls_model ? prompt_hash_all(r->c->prompts, &h, e) : ERR_OK;
    if (result == ERR_OK && s == &pipeline[0]) {
        struct hash inputs;
        result = ingest_identify(r->c, &inputs, e);
        hash_add(&h, (struct str){(const char *)inputs.at, sizeof inputs.at});
        hash_add_u64(&h, r->c->limit);
    }
    *out = hash_end(&h);
    return result;
}

static void tell(struct stage_context *c, enum event_kind kind)
{
    if (c->progress)
        c->progress(c->progress_arg, &(struct event){.kind = kind,
                                                     .stage = c->stage,
                                                     .done = c->done,
                                                     .total = c->total,
                                                     .quarantined = c->quarantined,
                                                     .calls = (int64_t)c->usage.calls,
                                                     .tokens_in = (int64_t)c->usage.tokens_in,
                                                     .tokens_out = (int64_t)c->usage.tokens_out,
                                                     .rate = -1,
                                                     .eta_s = -1});
}

static enum err finish_stage(struct runner *r, const struct stage *s, struct stage_state *state, struct error *e)
{
    struct stage_context *c = r->c;
    state->done = true;
    state->total = c->total;
    state->quarantined = c->quarantined;
    state->ok = c->total - c->quarantined;
    state->seconds = clock_seconds() - c->started;
    state->note = str_of(c->note);
    return run_stage_put(c->run, s->name, state, e);
}

static enum err run_stage(struct runner *r, const struct stage *s, struct error *e)
{
    struct stage_context *c = r->c;
    struct arena a = {0};
    struct stage_state before, state = {0};
    c->stage = s->name;
    c->done = c->total = c->quarantined = 0;
    c->usage = (struct usage){0};
    c->note[0] = '\0';
    c->started = clock_seconds();

    enum err result = run_stage_get(c->run, s->name, &a, &before, e);
    bool resumable = s == &pipeline[0] && c->inputs_count == 0 && result == ERR_OK && before.done;
    if (resumable)
        state.fingerprint = before.fingerprint; /* no files named: go on with the ones imported earlier */
    else if (result == ERR_OK)
        result = fingerprint(r, s, &state.fingerprint, e);
    if (result == ERR_OK && before.done &&
        memcmp(&before.fingerprint, &state.fingerprint, sizeof state.fingerprint) == 0) {
        c->done = c->total = before.total;
        c->quarantined = before.quarantined;
        tell(c, EVENT_STAGE_KEPT);
    } else if (result == ERR_OK) {
        result = run_stage_put(c->run, s->name, &state, e); /* not done, whatever happens next */
        if (result == ERR_OK && s != &pipeline[0])
            result = quarantine_clear(c->run, s->name, e);
        tell(c, EVENT_STAGE_START);
        double started = clock_seconds();
        if (result == ERR_OK)
            result = s->run(c, e);
        c->started = started;
        if (result == ERR_OK)
            result = finish_stage(r, s, &state, e);
        tell(c, result == ERR_OK ? EVENT_STAGE_DONE : EVENT_STAGE_FAILED);
    }
    r->upstream = state.fingerprint;
    arena_release(&a);
    return result;
}

static enum err note_settings(struct stage_context *c, struct error *e)
{
    struct buf json = {0};
    config_write(c->config, &json);
    enum err result = run_note(c->run, "config", buf_str(&json), e);
    buf_clear(&json);
    json_add_string(&json, str_of(CLIO_VERSION));
    if (result == ERR_OK)
        result = run_note(c->run, "clio", buf_str(&json), e);
    if (result == ERR_OK)
        result = run_note(c->run, "kind", STR("\"insight\""), e);
    buf_release(&json);
    return result;
}

enum err pipeline_run(struct stage_context *c, const char *until, struct error *e)
{
    struct runner r = {.c = c};
    enum err result = note_settings(c, e);
    c->stage = NULL;
    tell(c, EVENT_RUN_START);
    for (const struct stage *s = pipeline; s->name && result == ERR_OK; s++) {
        result = run_stage(&r, s, e);
        if (until && strcmp(until, s->name) == 0)
            break;
    }
    stage_close_models(c);
    c->stage = NULL;
    tell(c, result == ERR_OK ? EVENT_RUN_DONE : result == ERR_INTERRUPTED ? EVENT_RUN_STOPPED : EVENT_RUN_FAILED);
    enum err written = run_write_manifest(c->run, result == ERR_OK ? e : NULL);
    return result != ERR_OK ? result : written;
}
