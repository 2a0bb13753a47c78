#include "facets/facets.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "facets/language.h"
#include "facets/languages.h"
#include "facets/plan.h"
#include "ingest/render.h"
#include "stage/ask.h"
#include "stage/lead.h"
#include "stage/prompt.h"
#include "stage/scrub.h"
#include "store/records.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SURE, UNSURE, PLANS };

struct extraction {
    struct stage_context *c;
    struct arena arena;
    struct record_index index;
    struct file_map langid_file;
    struct langid *langid;
    struct facet_plan plans[PLANS]; /* without and with the language question */
    struct str *systems[PLANS];     /* one system text a call */
    unsigned char *plan_of;         /* [index.n] SURE or UNSURE */
    unsigned char *failed;          /* [index.n] already in quarantine */
    int64_t kept_out;               /* metadata values that hold private details */
    size_t calls;                   /* requests a conversation, the same in both plans or one more with language */
};

/* ---- facets that need no model ------------------------------------------------------------------------------------
 */

static int64_t count_turns(const struct conversation *conversation)
{
    int64_t turns = 0;
    for (size_t i = 0; i < conversation->turns_count; i++)
        turns += str_eqz(conversation->turns[i].role, "user") || str_eqz(conversation->turns[i].role, "assistant");
    return turns;
}

static int64_t count_characters(const struct conversation *conversation)
{
    int64_t chars = 0;
    for (size_t i = 0; i < conversation->turns_count; i++)
        chars += (int64_t)text_chars(conversation->turns[i].text);
    return chars;
}

static const struct {
    const char *name;
    int64_t (*count)(const struct conversation *);
} computed[] = {{"turns", count_turns}, {"characters", count_characters}};

/* The number itself: publish puts it into bins (privacy/publish_facets.c). */
static enum err put_computed(struct extraction *x, const struct facet_def *f, const struct conversation *conversation,
                             struct arena *a, struct error *e)
{
    for (size_t i = 0; i < sizeof computed / sizeof *computed; i++)
        if (str_eqz(f->name, computed[i].name)) {
            int64_t v = computed[i].count(conversation);
            return facet_put(x->c->run, conversation->rec, f->name, 0, str_printf(a, "%lld", (long long)v), (double)v,
                             e);
        }
    return error_set(e, ERR_CONFIG,
                     "facet \"" STR_FMT "\": there is no computed facet of this name (turns, characters)",
                     STR_ARG(f->name));
}

static enum err put_metadata(struct extraction *x, const struct facet_def *f, const struct conversation *conversation,
                             struct arena *a, struct error *e)
{
    yyjson_doc *doc = NULL;
    if (conversation->metadata.n == 0 || json_parse(conversation->metadata, false, &doc, NULL) != ERR_OK)
        return ERR_OK;
    yyjson_val *v = yyjson_obj_getn(yyjson_doc_get_root(doc), f->key.at, f->key.n);
    struct buf line = {.max = 200};
    double number = (double)NAN;
    if (yyjson_is_str(v) && scrub_find(json_str(v))) {
        x->kept_out++;
    } else if (yyjson_is_str(v)) {
        text_add_line(&line, json_str(v));
    } else if (yyjson_is_bool(v)) {
        buf_addz(&line, yyjson_get_bool(v) ? "true" : "false");
        number = yyjson_get_bool(v);
    } else if (yyjson_is_num(v)) {
        number = yyjson_get_num(v);
        buf_printf(&line, "%g", number);
    }
    enum err result =
        line.n ? facet_put(x->c->run, conversation->rec, f->name, 0, str_dup(a, buf_str(&line)), number, e) : ERR_OK;
    buf_release(&line);
    yyjson_doc_free(doc);
    return result;
}

static enum err put_language(struct extraction *x, size_t place, const struct facet_def *f,
                             const struct conversation *conversation, struct error *e)
{
    struct language_guess guess;
    language_guess(x->langid, conversation, &guess);
    x->plan_of[place] = guess.sure ? SURE : UNSURE;
    enum err result = ERR_OK;
    for (size_t i = 0; i < (f->several ? guess.count : guess.count > 0) && result == ERR_OK; i++)
        result = facet_put(x->c->run, conversation->rec, f->name, (int)i, guess.names[i], (double)NAN, e);
    return result;
}

static enum err put_plain(struct extraction *x, size_t place, struct arena *a, struct error *e)
{
    struct conversation conversation;
    enum err result = records_get(x->c->run, x->index.rec[place], a, &conversation, e);
    for (size_t i = 0; i < x->c->config->facets_count && result == ERR_OK; i++) {
        const struct facet_def *f = &x->c->config->facets[i];
        if (f->source == FROM_TRANSCRIPT)
            result = put_computed(x, f, &conversation, a, e);
        else if (f->source == FROM_METADATA)
            result = put_metadata(x, f, &conversation, a, e);
        else if (f->source == FROM_LANGID)
            result = put_language(x, place, f, &conversation, e);
    }
    return result;
}

/* One quick pass over all conversations, before any model is asked. */
static enum err plain_facets(struct extraction *x, struct error *e)
{
    enum { GROUP = 2048 };
    struct arena a = {0};
    enum err result = db_begin(x->c->run->db, e);
    for (size_t f = 0; f < x->c->config->facets_count && result == ERR_OK; f++)
        result = facet_clear(x->c->run, x->c->config->facets[f].name, e);
    for (size_t i = 0; i < x->index.n && result == ERR_OK; i++) {
        result = put_plain(x, i, &a, e);
        arena_clear(&a);
        if (result == ERR_OK && i % GROUP == GROUP - 1) {
            result = db_commit(x->c->run->db, e);
            if (result == ERR_OK)
                result = stage_check_stop(x->c, e);
            if (result == ERR_OK)
                result = db_begin(x->c->run->db, e);
        }
    }
    arena_release(&a);
    if (result == ERR_OK)
        return db_commit(x->c->run->db, e);
    db_rollback(x->c->run->db);
    return result;
}

/* ---- facets a model is asked for ----------------------------------------------------------------------------------
 */

static const struct facet_plan *plan_at(const struct extraction *x, size_t i)
{
    return &x->plans[x->plan_of[i / x->calls]];
}

static enum err first_ask(struct extraction *x, const struct conversation *conversation, struct arena *a,
                          struct str *out, struct error *e)
{
    struct buf transcript = {0};
    render_transcript(conversation, x->c->config->transcript_tokens, &transcript);
    struct prompt_var vars[] = {{"transcript", buf_str(&transcript)}};
    enum err result = prompt_render(x->c->prompts, "facets.user.txt", vars, 1, a, out, e);
    buf_release(&transcript);
    return result;
}

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct extraction *x = arg;
    const struct facet_plan *plan = plan_at(x, i);
    size_t call_index = i % x->calls;
    if (call_index >= plan->calls_count)
        return ERR_OK; /* the language is known: its call is not needed */
    const struct facet_call *call = &plan->calls[call_index];
    struct conversation conversation;
    struct ask *asks = arena_zero(a, call->asks_count, sizeof *asks);
    enum err result = records_get(x->c->run, x->index.rec[i / x->calls], a, &conversation, e);
    for (size_t k = 0; k < call->asks_count && result == ERR_OK; k++) {
        asks[k].answer = &call->asks[k].schema;
        result = k == 0 ? first_ask(x, &conversation, a, &asks[k].user, e)
                        : facet_plan_further(x->c->prompts, &call->asks[k], a, &asks[k].user, e);
    }
    out->system = x->systems[x->plan_of[i / x->calls]][call_index];
    out->asks = asks;
    out->asks_count = call->asks_count;
    return result;
}

/* Whether most of a text is written in another alphabet than English is. */
static bool is_foreign(struct str s)
{
    size_t letters = 0, foreign = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.at[i];
        letters += c != ' ';
        foreign += c >= 0xd0; /* lead bytes from Cyrillic on */
    }
    return 4 * foreign > letters;
}

/* Private details with a pattern send the question back; what has none is the prompt's and the auditor's business. */
static bool is_private(const struct facet_ask *ask, size_t f, const struct field_value *v)
{
    const struct facet_def *def = ask->facets[f];
    bool free_text = def->kind == FACET_TEXT || (def->kind == FACET_CATEGORICAL && def->values_count == 0);
    bool found = free_text && scrub_find(v->text);
    for (size_t i = 0; free_text && i < v->items_count && !found; i++)
        found = scrub_find(v->items[i]);
    return found || (def->lead.n && scrub_find(v[-1].text));
}

static bool accept(void *arg, size_t i, const struct asked *answer, const char **reason)
{
    struct extraction *x = arg;
    const struct facet_call *call = &plan_at(x, i)->calls[i % x->calls];
    for (size_t k = 0; k < call->asks_count; k++)
        for (size_t f = 0; f < call->asks[k].count; f++) {
            const struct facet_ask *ask = &call->asks[k];
            const struct field_value *v = &answer->values[k][ask->field[f]];
            struct str lead = ask->facets[f]->lead.n ? v[-1].text : (struct str){0};
            struct str text = v->text;
            if (ask->facets[f]->kind == FACET_TEXT && text.n == 0) {
                *reason = "an answer is empty";
                return false;
            }
            if (is_private(ask, f, v)) {
                *reason = "an answer holds private details";
                return false;
            }
            if (ask->facets[f]->kind == FACET_TEXT && (is_foreign(text) || is_foreign(lead))) {
                *reason = "an answer is not in English";
                return false;
            }
        }
    return true;
}

/* The model's word, held to the table, takes the place of the predictor's guess; without a known name that one stays.
 */
static enum err put_spoken_languages(struct extraction *x, int64_t rec, const struct facet_def *f,
                                     const struct field_value *v, struct error *e)
{
    const struct str *spoken = f->several ? v->items : &v->text;
    size_t count = f->several ? v->items_count : 1;
    int seq = 0;
    enum err result = ERR_OK;
    for (size_t i = 0; i < count && result == ERR_OK; i++) {
        struct str name = language_by_name(spoken[i]);
        if (name.n && seq == 0)
            result = facet_delete(x->c->run, f->name, rec, e);
        if (name.n && result == ERR_OK)
            result = facet_put(x->c->run, rec, f->name, seq++, name, (double)NAN, e);
    }
    return result;
}

static enum err put_value(struct extraction *x, int64_t rec, const struct facet_def *f, const struct field_value *v,
                          struct error *e)
{
    if (f->source == FROM_LANGID)
        return put_spoken_languages(x, rec, f, v, e);
    if (f->kind == FACET_ORDINAL) {
        int64_t number = f->answers_count ? f->min + v->number : v->number;
        char digits[24];
        snprintf(digits, sizeof digits, "%lld", (long long)number);
        return facet_put(x->c->run, rec, f->name, 0, str_of(digits), (double)number, e);
    }
    struct buf line = {0};
    enum err result = ERR_OK;
    if (f->several) {
        for (size_t i = 0; i < v->items_count && result == ERR_OK; i++) {
            buf_clear(&line);
            text_add_line(&line, v->items[i]);
            result = facet_put(x->c->run, rec, f->name, (int)i, buf_str(&line), (double)NAN, e);
        }
    } else {
        if (f->lead.n)
            lead_add(&line, v[-1].text);
        text_add_line(&line, v->text);
        result = facet_put(x->c->run, rec, f->name, 0, buf_str(&line), (double)NAN, e);
    }
    buf_release(&line);
    return result;
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct extraction *x = arg;
    size_t place = i / x->calls;
    int64_t rec = x->index.rec[place];
    if (!answer->ok) {
        if (x->failed[place])
            return ERR_OK; /* with one call a facet, a conversation fails once */
        x->failed[place] = 1;
        return stage_quarantine(x->c, rec, answer->reason, e);
    }
    const struct facet_call *call = &plan_at(x, i)->calls[i % x->calls];
    enum err result = ERR_OK;
    for (size_t k = 0; k < call->asks_count; k++)
        for (size_t f = 0; f < call->asks[k].count && result == ERR_OK; f++)
            result = put_value(x, rec, call->asks[k].facets[f], &answer->values[k][call->asks[k].field[f]], e);
    return result;
}

static enum err render_systems(struct extraction *x, size_t plan_index, struct error *e)
{
    struct facet_plan *plan = &x->plans[plan_index];
    enum err result = ERR_OK;
    x->systems[plan_index] = arena_zero(&x->arena, plan->calls_count, sizeof(struct str));
    for (size_t i = 0; i < plan->calls_count && result == ERR_OK; i++)
        result = facet_plan_system(x->c->prompts, &plan->calls[i], &x->arena, &x->systems[plan_index][i], e);
    return result;
}

static enum err open_langid(struct extraction *x, struct error *e)
{
    bool wanted = false;
    for (size_t i = 0; i < x->c->config->facets_count; i++)
        wanted |= x->c->config->facets[i].source == FROM_LANGID;
    if (!wanted)
        return ERR_OK;
    const char *path = file_cache_path(&x->arena, "models", "lid.176.ftz", NULL);
    enum err result = file_map_open(&x->langid_file, path, e);
    if (result != ERR_OK) {
        error_hint(
            e, "tools/deps fetches the language model; or leave the facet with source \"langid\" out of the config");
        return ERR_MODEL;
    }
    return langid_new(x->langid_file.bytes, &x->langid, e);
}

static enum err prepare(struct extraction *x, struct error *e)
{
    enum err result = records_index(x->c->run, &x->arena, &x->index, e);
    x->plan_of = arena_zero(&x->arena, x->index.n, 1);
    x->failed = arena_zero(&x->arena, x->index.n, 1);
    for (size_t p = 0; p < PLANS && result == ERR_OK; p++) {
        result = facet_plan_new(x->c->config, p == UNSURE, &x->arena, &x->plans[p], e);
        if (result == ERR_OK)
            result = render_systems(x, p, e);
    }
    x->calls = x->plans[UNSURE].calls_count ? x->plans[UNSURE].calls_count : 1;
    return result == ERR_OK ? open_langid(x, e) : result;
}

enum err facets_run(struct stage_context *c, struct error *e)
{
    struct extraction x = {.c = c};
    enum err result = prepare(&x, e);
    stage_begin(c, (int64_t)(x.index.n * x.calls));
    if (result == ERR_OK)
        result = plain_facets(&x, e);
    if (result == ERR_OK && x.plans[UNSURE].calls_count) {
        struct ask_job job = {.role = ROLE_FAST,
                              .count = x.index.n * x.calls,
                              .temperature = 0.2,
                              .build = build,
                              .take = take,
                              .accept = accept,
                              .arg = &x};
        result = ask_each(c, &job, e);
    }
    c->total = (int64_t)x.index.n; /* from here on counted in conversations */
    c->done = c->total;
    stage_note(c, "%zu conversations, %lld without facets", x.index.n, (long long)c->quarantined);
    if (x.kept_out)
        stage_note(c, "%zu conversations, %lld without facets; %lld metadata values with private details left out",
                   x.index.n, (long long)c->quarantined, (long long)x.kept_out);
    langid_free(x.langid);
    file_map_close(&x.langid_file);
    arena_release(&x.arena);
    return result == ERR_OK ? stage_check_failures(c, e) : result;
}
