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

/* "local:/home/someone/models/x.gguf" -> "local:x.gguf": the bundle names models, never places on this computer. */
static struct str model_label(struct arena *a, struct str name)
{
    struct str rest = name, kind = str_cut(&rest, ':');
    if (rest.n == 0 && kind.n == name.n)
        rest = kind, kind = (struct str){0};
    for (struct str tail = rest; tail.n;) {
        str_cut(&tail, '/');
        if (tail.n)
            rest = tail;
    }
    while (rest.n && rest.at[rest.n - 1] == '/')
        rest.n--;
    return kind.n ? str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(kind), STR_ARG(rest)) : rest;
}

/* Answers from rules, or word-hash embeddings: made for tests, and to be marked on every page. */
static bool is_scripted(const struct config *c)
{
    return str_has_prefix(c->model_fast, STR("script:")) || str_has_prefix(c->model_strong, STR("script:")) ||
           str_has_prefix(c->model_embed, STR("hash:"));
}

static enum err put_totals(const struct release *r, struct db *d, struct buf *b, struct error *e)
{
    buf_printf(b, "{\"imported\":%lld,\"kept\":%zu,\"accounts\":%zu,\"dated\":", (long long)r->imported, r->records.n,
               r->accounts_count);
    size_t dated = 0;
    for (size_t i = 0; i < r->records.n; i++)
        dated += r->week[i] != WEEK_ALL;
    buf_printf(b, "%zu,\"weeks\":%zu,\"cells_withheld\":%lld}", dated, r->weeks_count, (long long)r->cells_withheld);
    return put(d, "totals", b, e);
}

static enum err put_trees(const struct release *r, struct db *d, struct buf *b, struct error *e)
{
    buf_add_char(b, '{');
    for (size_t i = 0; i < r->trees_count; i++) {
        const struct release_tree *t = &r->trees[i];
        buf_addz(b, i ? "," : "");
        json_add_string(b, t->def->name);
        buf_printf(b,
                   ":{\"placed\":%lld,\"shown\":%zu,\"leaves\":%lld,\"leaves_shown\":%lld,\"parents\":%lld,"
                   "\"parents_shown\":%lld,\"withheld\":{\"too_small\":{\"clusters\":%lld,\"conversations\":%lld},"
                   "\"audit\":{\"clusters\":%lld,\"conversations\":%lld}},\"map_sampled\":%s,\"map_points\":%lld}",
                   (long long)t->placed, t->shown, (long long)t->leaves, (long long)t->leaves_shown,
                   (long long)t->parents, (long long)t->parents_shown, (long long)t->too_small.clusters,
                   (long long)t->too_small.conversations, (long long)t->audit.clusters,
                   (long long)t->audit.conversations, t->sampled ? "true" : "false", (long long)t->points);
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

static enum err put_models(struct release *r, struct db *d, struct buf *b, struct error *e)
{
    const struct str names[] = {r->config->model_fast, r->config->model_strong, r->config->model_embed};
    const char *keys[] = {"{\"fast\":", ",\"strong\":", ",\"embed\":"};
    for (size_t i = 0; i < 3; i++) {
        buf_addz(b, keys[i]);
        json_add_string(b, model_label(&r->arena, names[i]));
    }
    buf_addz(b, "}");
    enum err result = put(d, "models", b, e);
    if (result != ERR_OK)
        return result;

    struct str auditor = model_label(&r->arena, r->config->model_strong);
    buf_addz(b, "{\"model\":");
    json_add_string(b, auditor);
    buf_addz(b, ",\"validated\":false,\"label\":");
    json_add_string(b, str_printf(&r->arena, "audited by " STR_FMT ", not validated", STR_ARG(auditor)));
    buf_addz(b, "}");
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
    buf_addz(&b, "1");
    enum err result = put(d, "format", &b, e);
    if (result == ERR_OK) {
        json_add_string(&b, str_of(CLIO_VERSION));
        result = put(d, "program_version", &b, e);
    }
    if (result == ERR_OK) {
        buf_addz(&b, is_scripted(r->config) ? "true" : "false");
        result = put(d, "scripted", &b, e);
    }
    if (result == ERR_OK)
        result = put_totals(r, d, &b, e);
    if (result == ERR_OK)
        result = put_trees(r, d, &b, e);
    if (result == ERR_OK)
        result = put_privacy(r, d, &b, e);
    if (result == ERR_OK)
        result = put_models(r, d, &b, e);
    if (result == ERR_OK)
        result = put_sampling(r, d, &b, e);
    if (result == ERR_OK)
        result = put_limits(d, &b, e);
    buf_release(&b);
    return result;
}
