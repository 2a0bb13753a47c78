/*
 * replay.c: `replay:RUN`, answers from another run's ledger and nothing else: to repeat a run without its model.
 *
 * An answer's key holds the stage and the identity of the model that gave it; a request knows neither. There are few of
 * both (the ledger and the notes of that run name them), so each pair is tried, the one that fitted last first.
 *
 * The ledger is opened here, read-only, by three queries of its own: a provider may not include the store (it would
 * pull runs and their locks into the model layer), and the store may not know providers. What both must agree on, how
 * the texts of an answer are packed, is base/pack.h; the table's form is the store's (store/schema.c).
 */
#include "base/file.h"
#include "base/json.h"
#include "base/pack.h"
#include "model/provider.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IN_FLIGHT = 256, CONTEXT_TOKENS = 4096 };

struct replay {
    struct arena arena;
    sqlite3 *db;
    sqlite3_stmt *find;
    const char **stages;
    size_t stages_n;
    struct model_info *models;
    size_t models_n;
    size_t stage, model; /* what fitted last */
};

static enum err sql_failed(struct replay *r, struct error *e)
{
    return error_set(e, ERR_IO, "the other run's ledger cannot be read: %s", sqlite3_errmsg(r->db));
}

/* False when the bytes are damaged. *whole false: a dialogue that was not over. */
static bool unpack(struct str packed, const struct request *q, struct arena *a, struct answer *out, bool *whole)
{
    *whole = true;
    for (size_t i = 0; i < q->asks_count; i++) {
        if (i > 0 && packed.n == 0) {
            *whole = false;
            return true;
        }
        struct str text;
        if (!pack_take(&packed, &text))
            return false;
        out->texts[i] = str_dup(a, text);
    }
    return packed.n == 0;
}

static enum err look_up(struct replay *r, struct hash key, const struct request *q, struct arena *a, struct answer *out,
                        bool *found, struct error *e)
{
    sqlite3_reset(r->find);
    sqlite3_bind_blob(r->find, 1, key.at, sizeof key.at, SQLITE_TRANSIENT);
    int code = sqlite3_step(r->find);
    *found = code == SQLITE_ROW;
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? ERR_OK : sql_failed(r, e);
    struct str packed = {sqlite3_column_blob(r->find, 0), (size_t)sqlite3_column_bytes(r->find, 0)};
    int status = sqlite3_column_int(r->find, 1);
    out->usage.calls = 1;
    if (status != ANSWER_OK) {
        out->status = status <= ANSWER_EMPTY ? (enum answer_status)status : ANSWER_FAILED;
        out->reason = "the model did not answer in the other run";
    } else if (!unpack(packed, q, a, out, found)) {
        return error_set(e, ERR_IO, "the other run's ledger holds an answer that cannot be read");
    }
    return ERR_OK;
}

static enum err answer_request(struct replay *r, const struct request *q, struct arena *a, struct answer *out,
                               struct error *e)
{
    bool found = false;
    for (size_t m = 0; m < r->models_n; m++)
        for (size_t s = 0; s < r->stages_n; s++) {
            size_t model = (r->model + m) % r->models_n, stage = (r->stage + s) % r->stages_n;
            enum err result =
                look_up(r, model_request_key(r->stages[stage], &r->models[model], q), q, a, out, &found, e);
            if (result != ERR_OK)
                return result;
            if (found) {
                r->model = model;
                r->stage = stage;
                return ERR_OK;
            }
        }
    out->status = ANSWER_FAILED;
    out->reason = "the other run never asked this";
    return ERR_OK;
}

static enum err replay_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct arena a = {0};
    size_t index;
    const struct request *r;
    enum err result;
    while ((result = feed->next(feed->arg, &index, &r, e)) == ERR_OK && r) {
        struct answer answer = {0};
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            result = error_set(e, ERR_INTERRUPTED, "stopped while answers were replayed");
        else
            result = answer_request(ctx, r, &a, &answer, e);
        if (result != ERR_OK)
            break;
        feed->done(feed->arg, index, &answer);
        arena_clear(&a);
    }
    arena_release(&a);
    return result;
}

static void replay_close(void *ctx)
{
    struct replay *r = ctx;
    sqlite3_finalize(r->find);
    sqlite3_close(r->db);
    arena_release(&r->arena);
    free(r);
}

/* The rows of a query of one text column, as C strings. */
static enum err read_column(struct replay *r, const char *sql, const char ***out, size_t *n, struct error *e)
{
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(r->db, sql, -1, &q, NULL) != SQLITE_OK)
        return sql_failed(r, e);
    size_t cap = 0;
    const char **rows = NULL;
    int code;
    for (*n = 0; (code = sqlite3_step(q)) == SQLITE_ROW;) {
        if (*n == cap) {
            cap = cap ? 2 * cap : 8;
            rows = mem_grow(rows, cap, sizeof *rows);
        }
        rows[(*n)++] = str_dupz(&r->arena, str_of((const char *)sqlite3_column_text(q, 0)));
    }
    *out = arena_new(&r->arena, *n, sizeof **out);
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = rows[i];
    free(rows);
    sqlite3_finalize(q);
    return code == SQLITE_DONE ? ERR_OK : sql_failed(r, e);
}

/*
 * stage_model notes {"name", "identity", "context_tokens", "scripted"} for every role a run used. The strong model
 * comes last, and only what it is asked is cut to its window: a replay has to cut at the same place to ask the same.
 */
static enum err read_models(struct replay *r, struct model_info *info, struct error *e)
{
    const char **notes;
    size_t n;
    enum err result = read_column(r, "SELECT value FROM note WHERE key LIKE 'model.%' ORDER BY key", &notes, &n, e);
    if (result != ERR_OK)
        return result;
    r->models = arena_zero(&r->arena, n, sizeof *r->models);
    for (size_t i = 0; i < n; i++) {
        yyjson_doc *doc;
        if (json_parse(str_of(notes[i]), false, &doc, NULL) != ERR_OK)
            continue;
        yyjson_val *root = yyjson_doc_get_root(doc);
        struct str identity = json_get_str(root, "identity");
        struct model_info *m = &r->models[r->models_n];
        if (identity.n && identity.n < sizeof m->identity) {
            memcpy(m->identity, identity.at, identity.n);
            r->models_n++;
            info->scripted = info->scripted || yyjson_is_true(yyjson_obj_get(root, "scripted"));
            uint64_t window = yyjson_get_uint(yyjson_obj_get(root, "context_tokens"));
            info->context_tokens = window ? window : info->context_tokens;
        }
        yyjson_doc_free(doc);
    }
    return ERR_OK;
}

static enum err load(struct replay *r, const char *path, struct model_info *info, struct error *e)
{
    if (!file_exists(path)) {
        error_set(e, ERR_MODEL, "there is no run to replay: %s is missing", path);
        return error_hint(e, "replay: takes the folder of a run, for example replay:runs/monday");
    }
    if (sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return sql_failed(r, e);
    sqlite3_busy_timeout(r->db, 5000);
    enum err result = read_column(r, "SELECT DISTINCT stage FROM answer ORDER BY stage", &r->stages, &r->stages_n, e);
    if (result == ERR_OK)
        result = read_models(r, info, e);
    if (result == ERR_OK &&
        sqlite3_prepare_v2(r->db, "SELECT texts, status FROM answer WHERE key = ?1", -1, &r->find, NULL) != SQLITE_OK &&
        /* before version 3 */
        sqlite3_prepare_v2(r->db, "SELECT texts, 0 FROM answer WHERE key = ?1", -1, &r->find, NULL) != SQLITE_OK)
        result = sql_failed(r, e);
    if (result == ERR_OK && (r->stages_n == 0 || r->models_n == 0))
        result = error_set(e, ERR_MODEL, "the run to replay holds no answers");
    return result;
}

static const struct model_ops ops = {.scheme = "replay", .complete = replay_complete, .close = replay_close};

static const char *database_path(struct str rest, const struct model_opts *opts, struct arena *a)
{
    bool relative = rest.n && rest.at[0] != '/' && opts->base_folder.n;
    struct str folder = relative ? str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(opts->base_folder), STR_ARG(rest)) : rest;
    return str_printf(a, STR_FMT "/private/run.db", STR_ARG(folder)).at;
}

bool replay_fingerprint(struct str rest, const struct model_opts *opts, struct hasher *h)
{
    struct arena a = {0};
    bool there = model_fingerprint_file(database_path(rest, opts, &a), h);
    arena_release(&a);
    return there;
}

enum err replay_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct replay *r = mem_zero(1, sizeof *r);
    out->info.context_tokens = CONTEXT_TOKENS; /* of runs that did not note it */
    enum err result = load(r, database_path(rest, opts, &r->arena), &out->info, e);
    if (result != ERR_OK) {
        replay_close(r);
        return result;
    }
    struct str base = rest;
    for (struct str s = rest; s.n;) {
        struct str part = str_cut(&s, '/');
        base = part.n ? part : base;
    }
    snprintf(out->info.name, sizeof out->info.name, "replay:" STR_FMT, STR_ARG(base));
    /* The first identity and the count tell runs apart well enough: a wrong answer cannot come, only a missing one. */
    snprintf(out->info.identity, sizeof out->info.identity, "replay %zu %.60s", r->models_n, r->models[0].identity);
    out->info.in_flight = IN_FLIGHT;
    out->ops = &ops;
    out->ctx = r;
    return ERR_OK;
}
