/* What a reader has to know about the whole run: totals, thresholds, what was held back, and what cannot be seen. */
#include "base/json.h"
#include "base/text.h"
#include "privacy/publish_parts.h"

#include <stdlib.h>

static enum err put(struct db *d, const char *key, struct buf *json, struct error *e)
{
    enum err result = db_run(d, e, "INSERT INTO meta(key, value) VALUES(?1,?2)", "zs", key, buf_str(json));
    buf_clear(json);
    return result;
}

/*
 * The bundle names models, never places: "local:/home/someone/models/x.gguf" -> "local:x.gguf",
 * "openai:qwen2.5@http://127.0.0.1:8080/v1" -> "openai:qwen2.5".
 */
static struct str model_label(struct arena *a, struct str name)
{
    struct str rest = name, kind = str_cut(&rest, ':');
    if (rest.n == 0 && kind.n == name.n)
        rest = kind, kind = (struct str){0};
    if (str_eqz(kind, "openai"))
        rest = str_cut(&rest, '@');
    rest = str_cut(&(struct str){rest.at, rest.n}, '?');
    while (rest.n && rest.at[rest.n - 1] == '/')
        rest.n--;
    for (struct str tail = rest; tail.n; rest = tail.n ? tail : rest)
        str_cut(&tail, '/');
    return kind.n ? str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(kind), STR_ARG(rest)) : rest;
}

/* A role's model: what the run noted when it opened it (stage_model), else what the config asks for. */
struct used_model {
    struct str label;
    bool scripted; /* answers from rules, or word-hash embeddings: made for tests, and to be marked on every page */
};

enum { FAST, STRONG, EMBED, ROLES };

static enum err used_models(struct release *r, struct used_model out[ROLES], struct error *e)
{
    static const char *const notes[ROLES] = {"model.fast", "model.strong", "model.embed"};
    const struct str specs[ROLES] = {r->config->model_fast, r->config->model_strong, r->config->model_embed};
    for (size_t i = 0; i < ROLES; i++) {
        struct str json, name = specs[i];
        yyjson_doc *doc = NULL;
        enum err result = run_noted(r->run, notes[i], &r->arena, &json, e);
        if (result != ERR_OK)
            return result;
        bool scripted = str_has_prefix(name, STR("script:")) || str_has_prefix(name, STR("hash:"));
        if (json.n && json_parse(json, false, &doc, NULL) == ERR_OK) {
            yyjson_val *root = yyjson_doc_get_root(doc);
            struct str noted = json_get_str(root, "name");
            name = noted.n ? str_dup(&r->arena, noted) : name;
            scripted = yyjson_is_true(yyjson_obj_get(root, "scripted")); /* also of a replay of a scripted run */
            yyjson_doc_free(doc);
        }
        out[i] = (struct used_model){model_label(&r->arena, name), scripted};
    }
    return ERR_OK;
}

static enum err put_totals(const struct release *r, struct db *d, struct buf *b, struct error *e)
{
    const struct totals *t = &r->totals;
    buf_printf(b,
               "{\"imported\":%lld,\"kept\":%lld,\"accounts\":%lld,\"dated\":%lld,\"rounded\":%s,"
               "\"accounts_rounded\":%s,\"weeks\":%zu,\"cells_withheld\":%lld}",
               (long long)t->imported, (long long)t->kept, (long long)t->accounts, (long long)t->dated,
               t->rounded ? "true" : "false", t->accounts_rounded ? "true" : "false", r->weeks_count,
               (long long)r->cells_withheld);
    return put(d, "totals", b, e);
}

/* null: the number would tell the size of something small. */
static void add_number(struct buf *b, const char *name, int64_t v, bool known)
{
    if (known)
        buf_printf(b, "\"%s\":%lld", name, (long long)v);
    else
        buf_printf(b, "\"%s\":null", name);
}

static void add_withheld(struct buf *b, const char *name, const struct withheld *w, bool known)
{
    buf_printf(b, "\"%s\":{\"clusters\":%lld,", name, (long long)w->clusters);
    add_number(b, "conversations", w->conversations, known);
    buf_add_char(b, '}');
}

static enum err put_trees(const struct release *r, struct db *d, struct buf *b, struct error *e)
{
    buf_add_char(b, '{');
    for (size_t i = 0; i < r->trees_count; i++) {
        const struct release_tree *t = &r->trees[i];
        buf_addz(b, i ? "," : "");
        json_add_string(b, t->def->name);
        buf_addz(b, ":{");
        add_number(b, "placed", t->placed, t->is_split);
        buf_printf(b,
                   ",\"shown\":%zu,\"leaves\":%lld,\"leaves_shown\":%lld,\"parents\":%lld,\"parents_shown\":%lld,"
                   "\"withheld\":{",
                   t->shown, (long long)t->leaves, (long long)t->leaves_shown, (long long)t->parents,
                   (long long)t->parents_shown);
        add_withheld(b, "too_small", &t->too_small, t->is_split);
        buf_add_char(b, ',');
        add_withheld(b, "audit", &t->audit, t->is_split);
        buf_printf(b, "},\"map_sampled\":%s,\"map_points\":%lld}", t->sampled ? "true" : "false", (long long)t->points);
    }
    buf_add_char(b, '}');
    return put(d, "trees", b, e);
}

static enum err put_privacy(const struct release *r, struct db *d, struct buf *b, struct error *e)
{
    const struct config *c = r->config;
    buf_printf(b,
               "{\"public\":%s,\"account_per_conversation\":%s,\"min_accounts\":%llu,\"min_conversations\":%llu,"
               "\"min_cell_accounts\":%llu,\"audit_min\":%llu}",
               c->public_data ? "true" : "false", c->account_per_conversation ? "true" : "false",
               (unsigned long long)c->min_accounts, (unsigned long long)c->min_conversations,
               (unsigned long long)c->min_cell_accounts, (unsigned long long)c->audit_min);
    return put(d, "privacy", b, e);
}

static enum err put_models(const struct used_model models[ROLES], struct db *d, struct buf *b, struct error *e)
{
    static const char *const keys[ROLES] = {"{\"fast\":", ",\"strong\":", ",\"embed\":"};
    bool scripted = false;
    for (size_t i = 0; i < ROLES; i++)
        scripted |= models[i].scripted;
    buf_addz(b, scripted ? "true" : "false");
    enum err result = put(d, "scripted", b, e);
    if (result != ERR_OK)
        return result;
    for (size_t i = 0; i < ROLES; i++) {
        buf_addz(b, keys[i]);
        json_add_string(b, models[i].label);
    }
    buf_addz(b, "}");
    return put(d, "models", b, e);
}

static enum err put_audit(struct str auditor, struct db *d, struct buf *b, struct error *e)
{
    struct buf label = {0};
    buf_printf(&label, "audited by " STR_FMT ", not validated", STR_ARG(auditor));
    buf_addz(b, "{\"model\":");
    json_add_string(b, auditor);
    buf_addz(b, ",\"validated\":false,\"label\":");
    json_add_string(b, buf_str(&label));
    buf_addz(b, "}");
    buf_release(&label);
    return put(d, "audit", b, e);
}

static enum err put_sampling(const struct release *r, struct db *d, struct buf *b, struct error *e)
{
    const struct config *c = r->config;
    buf_printf(b, "{\"by\":\"%s\",\"sample\":%llu,\"seed\":%llu,\"screened\":%s,\"filtered\":%s}",
               c->sample_by == SAMPLE_COMPLETIONS ? "completions" : "conversations", (unsigned long long)c->sample,
               (unsigned long long)c->seed, c->screener.n ? "true" : "false", c->filter.n ? "true" : "false");
    return put(d, "sampling", b, e);
}

/* METHOD.md section 12 and PRIVACY.md, in words for whoever reads the page. */
static const char *const limits[] = {
    "Rare uses do not appear. A group below the thresholds is left out on purpose, so an absence here proves nothing.",
    "Each conversation is described by one or two sentences. When it was about several things, some of them are lost.",
    "Groups are made by similarity of wording and meaning. One use may be split over several clusters, and two uses "
    "may share one.",
    "Names and descriptions are written by a model that saw a sample of the members. They can be too general, and they "
    "can be wrong.",
    "Why somebody asked cannot be read from what they asked. A description of a request is not a finding about intent.",
    "Distances on the map are approximate: far apart does not mean unrelated, and empty space does not mean anything.",
    "The privacy rating judges whether a text points to somebody. It does not say that the subject is harmless or not "
    "sensitive.",
    "Everything here is a lead to follow up, not a verdict, and no action should rest on it alone.",
};

static enum err put_limits(struct db *d, struct buf *b, struct error *e)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        buf_add_char(b, i ? ',' : '[');
        json_add_string(b, str_of(limits[i]));
    }
    buf_add_char(b, ']');
    return put(d, "limits", b, e);
}

enum err publish__meta(struct release *r, struct db *d, struct error *e)
{
    struct buf b = {0};
    struct used_model models[ROLES];
    enum err result = used_models(r, models, e);
    if (result != ERR_OK)
        return result;
    buf_addz(&b, "1");
    result = put(d, "format", &b, e);
    if (result == ERR_OK) {
        json_add_string(&b, str_of(CLIO_VERSION));
        result = put(d, "program_version", &b, e);
    }
    if (result == ERR_OK)
        result = put_totals(r, d, &b, e);
    if (result == ERR_OK)
        result = put_trees(r, d, &b, e);
    if (result == ERR_OK)
        result = put_privacy(r, d, &b, e);
    if (result == ERR_OK)
        result = put_models(models, d, &b, e);
    if (result == ERR_OK)
        result = put_audit(models[STRONG].label, d, &b, e);
    if (result == ERR_OK)
        result = put_sampling(r, d, &b, e);
    if (result == ERR_OK)
        result = put_limits(d, &b, e);
    buf_release(&b);
    return result;
}
