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
#include "pipeline/estimate.h"
#include "pipeline/fingerprint.h"
#include "pipeline/imported.h"
#include "project/project.h"
#include "screen/screen.h"
#include "store/records.h"

#include <string.h>

/* clang-format off */
const struct stage pipeline[] = {
    {"import", "Read the files", "input files", "conversations",
     "filter,sample,sample_by,account_per_conversation", ingest_run, 0, NULL},
    {"screen", "Keep what the screener question is about", "conversations", "kept conversations",
     "screener,transcript_tokens,seed,max_failed_share", screen_run, USES_FAST, "screen."},
    {"facets", "Ask what each conversation is about", "kept conversations", "facet values",
     "facets,one_call,transcript_tokens,seed,max_failed_share", facets_run, USES_FAST | USES_LANGID, "facets."},
    {"embed", "Turn facet texts into vectors", "facet values", "vectors", "facets", embed_run, USES_EMBED, NULL},
    {"cluster", "Group similar conversations", "vectors", "base clusters",
     "facets,k,seed,min_accounts,min_conversations", cluster_run, 0, NULL},
    {"threshold", "Count accounts and drop what is too small", "base clusters", "clusters large enough",
     "facets,min_accounts,min_conversations,public_data", threshold_run, 0, NULL},
    {"label", "Name the clusters", "facet values, vectors, clusters", "names and descriptions",
     "facets,name_members,name_contrast,seed", label_run, USES_STRONG | USES_EMBED, "name."},
    {"hierarchy", "Build the tree", "names and descriptions", "tree", "facets,levels,top,neighbourhood,seed",
     hierarchy_run, USES_STRONG | USES_EMBED, "name.,parent.,propose.,merge.,assign."},
    {"audit", "Rate every name for privacy", "tree", "ratings", "facets,audit_min,seed", audit_run, USES_STRONG,
     "audit."},
    {"project", "Lay out the map", "vectors", "points", "facets,map_points,seed", project_run, 0, NULL},
    {"publish", "Release what passed", "tree, ratings, points, facet values", "published/",
     "facets,audit_min,min_accounts,min_conversations,min_cell_accounts,public_data,account_per_conversation",
     publish_run, 0, NULL},
    {0},
};
/* clang-format on */

void pipeline_titles(struct buf *out)
{
    for (const struct stage *s = pipeline; s->name; s++)
        buf_printf(out, "%s{\"name\":\"%s\",\"title\":\"%s\"}", s == pipeline ? "[" : ",", s->name, s->title);
    buf_add_char(out, ']');
}

struct runner {
    struct stage_context *c;
    struct hash upstream; /* fingerprint of the stage before */
};

/* What follows changes the run all at once, or not at all. The manifest waits: write it behind. */
static enum err end_change(struct stage_context *c, enum err result, struct error *e)
{
    if (result == ERR_OK)
        result = db_commit(c->run->db, e);
    if (result != ERR_OK)
        db_rollback(c->run->db);
    return result;
}

/* What the stages behind s hold follows from what s held. */
static enum err undo_behind(struct stage_context *c, const struct stage *s, struct error *e)
{
    struct arena a = {0};
    enum err result = ERR_OK;
    for (s++; s->name && result == ERR_OK; s++) {
        struct stage_state before;
        static const struct stage_state not_done;
        result = run_stage_get(c->run, s->name, &a, &before, e);
        if (result == ERR_OK && before.done)
            result = run_stage_put(c->run, s->name, &not_done, e);
        if (result == ERR_OK)
            result = quarantine_clear(c->run, s->name, e);
    }
    arena_release(&a);
    return result;
}

/* Not done, whatever happens next. Import clears what it set aside itself, once it can read again. */
static enum err undo(struct stage_context *c, const struct stage *s, const struct stage_state *state, struct error *e)
{
    enum err result = run_stage_put(c->run, s->name, state, e);
    if (result == ERR_OK && s != &pipeline[0])
        result = quarantine_clear(c->run, s->name, e);
    return result == ERR_OK ? undo_behind(c, s, e) : result;
}

static bool is_same(const struct stage_state *before, const struct hash *fingerprint)
{
    return memcmp(&before->fingerprint, fingerprint, sizeof *fingerprint) == 0;
}

/* Is the stage to run? If so it is not done from here on. *state gets its fingerprint. */
static enum err begin_stage(struct runner *r, const struct stage *s, const struct stage_state *before,
                            struct stage_state *state, struct error *e)
{
    struct stage_context *c = r->c;
    if (s == &pipeline[0] && c->inputs_count == 0) { /* go on with the files read earlier: imported_check said yes */
        *state = *before;
        return ERR_OK;
    }
    enum err result = db_begin(c->run->db, e);
    if (result != ERR_OK)
        return result;
    result = fingerprint_of(c, s, &r->upstream, &state->fingerprint, e);
    bool runs = result == ERR_OK && !(before->done && is_same(before, &state->fingerprint));
    if (runs)
        result = fingerprint_note_models(c, s, e);
    if (runs && result == ERR_OK)
        result = undo(c, s, state, e);
    result = end_change(c, result, e);
    if (runs && result == ERR_OK)
        result = run_write_manifest(c->run, e);
    state->done = !runs;
    return result;
}

static enum err finish_stage(struct stage_context *c, const struct stage *s, struct stage_state *state, struct error *e)
{
    state->done = true;
    state->total = c->total;
    state->quarantined = c->quarantined;
    state->ok = c->total - c->quarantined;
    state->seconds = clock_seconds() - c->started;
    state->note = str_of(c->note);
    enum err result = db_begin(c->run->db, e);
    if (result != ERR_OK)
        return result;
    if (s == &pipeline[0])
        result = imported_note(c, e);
    if (result == ERR_OK)
        result = run_stage_put(c->run, s->name, state, e);
    result = end_change(c, result, e);
    return result == ERR_OK ? run_write_manifest(c->run, e) : result;
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
    if (result == ERR_OK)
        result = begin_stage(r, s, &before, &state, e);
    if (result == ERR_OK && state.done) {
        c->done = c->total = before.total;
        c->quarantined = before.quarantined;
        stage_report(c, EVENT_STAGE_KEPT);
    } else if (result == ERR_OK) {
        stage_report(c, EVENT_STAGE_START);
        double started = clock_seconds();
        result = s->run(c, e);
        c->started = started;
        if (result == ERR_OK)
            result = finish_stage(c, s, &state, e);
        stage_report(c, result == ERR_OK ? EVENT_STAGE_DONE : EVENT_STAGE_FAILED);
    }
    r->upstream = state.fingerprint;
    arena_release(&a);
    return result;
}

static enum err note_text(struct stage_context *c, const char *key, struct str text, struct error *e)
{
    struct buf json = {0};
    json_add_string(&json, text);
    enum err result = run_note(c->run, key, buf_str(&json), e);
    buf_release(&json);
    return result;
}

/* What going on needs, so that no option has to be repeated: the configuration, and the folders it is read with. */
static enum err put_settings(struct stage_context *c, struct error *e)
{
    struct buf json = {0};
    config_write(c->config, &json);
    enum err result = run_note(c->run, "config", buf_str(&json), e);
    buf_release(&json);
    if (result == ERR_OK)
        result = note_text(c, "config_folder", c->model_opts.base_folder, e);
    if (result == ERR_OK)
        result = note_text(c, "prompts", str_of(c->prompts ? c->prompts : ""), e);
    if (result == ERR_OK)
        result = note_text(c, "clio", str_of(CLIO_VERSION), e);
    return result == ERR_OK ? note_text(c, "kind", STR("insight"), e) : result;
}

/* The manifest never says something about the reading of the files that is not so: import is not done from then on. */
static enum err note_settings(struct stage_context *c, struct error *e)
{
    static const struct stage_state not_done;
    bool same;
    enum err result = db_begin(c->run->db, e);
    if (result != ERR_OK)
        return result;
    result = put_settings(c, e);
    if (result == ERR_OK && c->inputs_count) {
        result = imported_same(c, &same, e);
        if (result == ERR_OK && !same)
            result = undo(c, &pipeline[0], &not_done, e);
    }
    result = end_change(c, result, e);
    return result == ERR_OK ? run_write_manifest(c->run, e) : result;
}

enum err pipeline_run(struct stage_context *c, const char *until, struct error *e)
{
    struct runner r = {.c = c};
    enum err result = imported_check(c, e);
    if (result == ERR_USAGE)
        return result; /* before anything is noted or told */
    if (result == ERR_OK)
        result = note_settings(c, e);
    c->stage = NULL;
    stage_report(c, EVENT_RUN_START);
    for (const struct stage *s = pipeline; s->name && result == ERR_OK; s++) {
        result = run_stage(&r, s, e);
        if (until && strcmp(until, s->name) == 0)
            break;
        if (s == &pipeline[0] && result == ERR_OK && c->prices) {
            enum err noted = estimate_note(c, &r.upstream, NULL); /* the report can do without */
            (void)noted;
        }
    }
    stage_close_models(c);
    c->stage = NULL;
    stage_report(c, result == ERR_OK                                    ? EVENT_RUN_DONE
                    : result == ERR_INTERRUPTED || result == ERR_BUDGET ? EVENT_RUN_STOPPED
                                                                        : EVENT_RUN_FAILED);
    enum err written = run_write_manifest(c->run, result == ERR_OK ? e : NULL);
    return result != ERR_OK ? result : written;
}

/* Input files are not read for a plan, so import's own fingerprint is the one it has. */
static enum err plan_import(struct stage_context *c, const struct stage_state *before, enum plan *plan, struct error *e)
{
    bool same = true;
    enum err result = c->inputs_count ? imported_same(c, &same, e) : ERR_OK;
    *plan = !before->done || !same ? PLAN_RUN : c->inputs_count ? PLAN_KEPT_IF_SAME : PLAN_KEPT;
    return result;
}

enum err pipeline_plan(struct stage_context *c, enum plan plan[PIPELINE_STAGES], struct error *e)
{
    struct arena a = {0};
    struct hash fingerprint = {0};
    for (size_t i = 0; i < PIPELINE_STAGES; i++)
        plan[i] = PLAN_RUN;
    enum err result = c->run ? imported_check(c, e) : ERR_OK;
    for (size_t i = 0; c->run && result == ERR_OK && i < PIPELINE_STAGES; i++) {
        struct stage_state before;
        struct hash upstream = fingerprint;
        result = run_stage_get(c->run, pipeline[i].name, &a, &before, e);
        if (result == ERR_OK && i == 0) {
            result = plan_import(c, &before, &plan[0], e);
            fingerprint = before.fingerprint;
        } else if (result == ERR_OK) {
            result = fingerprint_of(c, &pipeline[i], &upstream, &fingerprint, e);
            bool same = result == ERR_OK && is_same(&before, &fingerprint);
            plan[i] = !same ? PLAN_RUN : before.done ? PLAN_KEPT : PLAN_BEGUN;
        }
        if (plan[i] == PLAN_RUN || plan[i] == PLAN_BEGUN)
            break; /* what a stage did follows from all stages before it */
    }
    arena_release(&a);
    return result;
}
