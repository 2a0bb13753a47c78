#include "ingest/ingest.h"

#include "base/file.h"
#include "ingest/filter.h"
#include "ingest/sample.h"
#include "ingest/seen.h"
#include "ingest/source.h"

#include <string.h>

/* Bytes looked at to tell how a file is framed; text that pieces may join to; how often a stop is looked for. */
enum { PEEK = 1 << 20, JOINED_MAX = 16 << 20, ID_MAX = 1000, STOP_EVERY = 64 };

/* A conversation whose pieces are still coming in. Its strings live in its own draft's arena. */
struct joined {
    bool open;
    struct draft draft;
    int64_t rec, line;
    size_t bytes;
    bool last_held_turns; /* the last piece was not empty */
};

struct ingest {
    struct stage_context *c;
    const struct importer *format; /* of the last record that showed one; NULL before */
    struct str source;
    struct draft draft;
    struct joined joined;
    struct filter filter;
    struct sample sample;
    struct seen seen;
    struct arena names; /* of sources, for the whole run */
    int64_t rec;        /* the next record's number */
    int64_t taken;      /* whole, new, and through the filter */
    int64_t filtered, unanswered;
    uint64_t bytes_total, bytes_before; /* of the inputs; of those already read */
};

static bool is_full(const struct ingest *g)
{
    return g->c->limit && g->taken >= (int64_t)g->c->limit;
}

static enum err set_aside(struct ingest *g, int64_t line, enum import_reason reason, struct str id, struct error *e)
{
    struct quarantine_row row = {.stage = STR("import"),
                                 .source = g->source,
                                 .reason = str_of(import_reason_text(reason)),
                                 .id = id.n <= ID_MAX ? id : (struct str){0},
                                 .line = line,
                                 .rec = -1};
    g->c->quarantined++;
    stage_advance(g->c, 1);
    return quarantine_put(g->c->run, &row, e);
}

/* ---- a whole conversation --------------------------------------------------------------------------------------- */

static enum err put(struct ingest *g, const struct draft *d, struct conversation *conversation, struct error *e)
{
    const struct config *cfg = g->c->config;
    struct run *r = g->c->run;
    if (cfg->sample) {
        bool kept = sample_offer(&g->sample, conversation->rec, conversation->id, d->turns, d->turns_count);
        for (size_t i = 0; i < g->sample.evicted_count; i++) {
            enum err err = records_delete(r, g->sample.evicted[i], e);
            if (err)
                return err;
        }
        if (!kept)
            return ERR_OK;
    }
    struct arena scratch = {0};
    struct str account = d->account;
    if (cfg->account_per_conversation)
        account = str_printf(&scratch, "conversation " STR_FMT, STR_ARG(conversation->id));
    enum err err = records_account(r, account, &conversation->account, e);
    arena_release(&scratch);
    return err ? err : records_put(r, conversation, e);
}

static enum err take(struct ingest *g, const struct draft *d, int64_t rec, int64_t line, struct error *e)
{
    struct arena scratch = {0};
    struct conversation conversation = {
        .rec = rec,
        .id = d->id.n ? d->id : str_printf(&scratch, STR_FMT ":%lld", STR_ARG(g->source), (long long)line),
        .has_time = d->has_time,
        .created_at = d->created_at,
        .metadata = d->metadata.n ? buf_str(&d->metadata) : STR("{}"),
        .turns = d->turns,
        .turns_count = d->turns_count,
        .source = g->source,
        .line = line,
    };
    bool by_completion = g->c->config->sample_by == SAMPLE_COMPLETIONS;
    enum err result = ERR_OK;
    if (by_completion)
        conversation.turns_count = sample_last_completion(d->turns, d->turns_count);
    if (conversation.id.n > ID_MAX) {
        result = set_aside(g, line, IMPORT_LONG_ID, conversation.id, e);
    } else if (!seen_add(&g->seen, conversation.id)) {
        result = set_aside(g, line, IMPORT_DUPLICATE_ID, conversation.id, e);
    } else if (!filter_passes(&g->filter, d->turns, d->turns_count)) {
        g->filtered++;
    } else if (conversation.turns_count == 0) {
        g->unanswered++;
    } else {
        g->taken++;
        stage_advance(g->c, 1);
        result = put(g, d, &conversation, e);
    }
    arena_release(&scratch);
    return result;
}

/* ---- pieces ----------------------------------------------------------------------------------------------------- */

static enum err flush_joined(struct ingest *g, struct error *e)
{
    struct joined *j = &g->joined;
    if (!j->open)
        return ERR_OK;
    j->open = false;
    enum import_reason reason = import_check_turns(&j->draft);
    if (is_full(g))
        return ERR_OK;
    return reason ? set_aside(g, j->line, reason, j->draft.id, e) : take(g, &j->draft, j->rec, j->line, e);
}

static void begin_joined(struct ingest *g, const struct draft *d, int64_t line)
{
    struct joined *j = &g->joined;
    draft_clear(&j->draft);
    struct arena *a = &j->draft.arena;
    j->draft.id = str_dup(a, d->id);
    j->draft.piece_of = str_dup(a, d->piece_of);
    j->draft.account = str_dup(a, d->account);
    j->draft.has_time = d->has_time;
    j->draft.created_at = d->created_at;
    buf_add(&j->draft.metadata, buf_str(&d->metadata));
    j->open = true;
    j->rec = g->rec;
    j->line = line;
    j->bytes = 0;
    j->last_held_turns = false;
}

static enum err join(struct ingest *g, const struct draft *d, int64_t line, struct error *e)
{
    struct joined *j = &g->joined;
    if (!j->open || !str_eq(j->draft.piece_of, d->piece_of)) {
        enum err err = flush_joined(g, e);
        if (err || is_full(g))
            return err;
        begin_joined(g, d, line);
    } else if (str_eq(j->draft.piece, d->piece) && j->last_held_turns && d->turns_count) {
        return set_aside(g, line, IMPORT_DUPLICATE_ID, d->piece, e);
    }
    size_t bytes = 0;
    for (size_t i = 0; i < d->turns_count; i++)
        bytes += d->turns[i].text.n;
    if (j->bytes + bytes > JOINED_MAX)
        return set_aside(g, line, IMPORT_TOO_LONG, d->piece, e);
    j->bytes += bytes;
    j->draft.piece = str_dup(&j->draft.arena, d->piece);
    j->last_held_turns = d->turns_count > 0;
    for (size_t i = 0; i < d->turns_count; i++) /* roles are constants */
        draft_add_turn(&j->draft, d->turns[i].role, str_dup(&j->draft.arena, d->turns[i].text));
    return ERR_OK;
}

/* ---- records and files ------------------------------------------------------------------------------------------ */

static enum err take_record(struct ingest *g, const struct json_record *record, struct error *e)
{
    yyjson_doc *doc;
    enum err result;
    enum import_reason reason = importer_parse(record, &doc);
    draft_clear(&g->draft);
    if (!reason) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        /* Told by each record for itself, so that a stray one does not decide how the rest of its file is read. */
        const struct importer *format = importer_detect(root);
        g->format = format ? format : g->format;
        reason = (g->format ? g->format : &importer_native)->map(root, &g->draft);
    }
    if (reason) {
        result = set_aside(g, record->number, reason, g->draft.id, e);
    } else if (g->draft.piece_of.n) {
        result = join(g, &g->draft, record->number, e);
    } else {
        result = flush_joined(g, e);
        if (result == ERR_OK && !is_full(g))
            result = take(g, &g->draft, g->rec, record->number, e);
    }
    g->rec++;
    yyjson_doc_free(doc);
    return result;
}

/* How many there will be is not known before the end: as many a byte as so far. */
static void estimate(struct ingest *g, const struct json_stream *s)
{
    double read = (double)(g->bytes_before + json_stream_offset(s)), done = (double)g->c->done;
    double total = read > 0 ? done * (double)g->bytes_total / read : 0;
    if (g->c->limit && total > (double)g->c->limit)
        total = (double)g->c->limit;
    g->c->total = total > done ? (int64_t)total + 1 : g->c->done + 1;
}

static enum err read_records(struct ingest *g, struct json_stream *s, struct error *e)
{
    struct str head;
    bool whole, more = true;
    size_t skip;
    enum err result = json_stream_peek(s, PEEK, &head, &whole, e);
    if (result)
        return result;
    enum json_framing framing = importer_frame(head, whole, &skip);
    json_stream_frame(s, framing, skip);
    for (uint64_t i = 1; result == ERR_OK && !is_full(g); i++) {
        struct json_record record;
        result = json_stream_next(s, &record, &more, e);
        if (result || !more)
            break;
        result = take_record(g, &record, e);
        if (result == ERR_OK && i % STOP_EVERY == 0) {
            estimate(g, s);
            result = stage_check_stop(g->c, e);
        }
    }
    return result ? result : flush_joined(g, e);
}

static enum err read_file(struct ingest *g, size_t i, struct error *e)
{
    const char *path = g->c->inputs[i].path;
    struct json_limits limits = {.record_max = INGEST_RECORD_MAX};
    struct json_stream s;
    enum err result = json_stream_open(&s, path, &limits, e);
    if (result)
        return result;
    g->format = NULL;
    g->source = source_name(g->c->inputs, i, &g->names);
    result = read_records(g, &s, e);
    g->bytes_before += json_stream_offset(&s);
    json_stream_close(&s);
    return result;
}

/* ---- the stage -------------------------------------------------------------------------------------------------- */

/* By completion, a conversation is stored with all its turns until it is known which of its completions stay drawn. */
static enum err cut_to_sample(struct ingest *g, struct error *e)
{
    struct arena a = {0}, turns = {0};
    struct sample_kept *kept;
    size_t n;
    enum err result = ERR_OK;
    struct run *r = g->c->run;
    sample_result(&g->sample, &a, &kept, &n);
    for (size_t i = 0; i < n && result == ERR_OK; i++) {
        struct conversation conversation;
        arena_clear(&turns);
        if (kept[i].turns == SIZE_MAX)
            continue;
        result = records_get(r, kept[i].rec, &turns, &conversation, e);
        if (result || conversation.turns_count <= kept[i].turns)
            continue;
        conversation.turns_count = kept[i].turns;
        result = records_delete(r, kept[i].rec, e);
        if (result == ERR_OK)
            result = records_put(r, &conversation, e);
    }
    arena_release(&turns);
    arena_release(&a);
    return result;
}

static enum err finish(struct ingest *g, struct error *e)
{
    struct stage_context *c = g->c;
    int64_t kept = 0, stored = 0;
    enum err result = cut_to_sample(g, e);
    if (result == ERR_OK)
        result = db_flush(c->run->db, e);
    if (result == ERR_OK)
        result = records_count(c->run, &stored, &kept, e);
    if (result)
        return result;
    c->done = c->total = stored + c->quarantined;
    c->offered = g->taken;
    stage_note(c,
               "%lld conversations; %lld quarantined, %lld outside the filter, %lld without an answer, %lld not drawn",
               (long long)stored, (long long)c->quarantined, (long long)g->filtered, (long long)g->unanswered,
               (long long)(g->taken - stored));
    if (stored)
        return ERR_OK;
    error_set(e, ERR_INPUT, "no conversation was imported: %lld records quarantined, %lld outside the filter",
              (long long)c->quarantined, (long long)g->filtered);
    return error_hint(e, "clio quarantine lists every record with its reason");
}

static enum err run_inputs(struct ingest *g, struct error *e)
{
    struct stage_context *c = g->c;
    enum err result = filter_open(&g->filter, c->config->filter, e);
    if (result == ERR_OK)
        result = records_reset(c->run, e);
    for (size_t i = 0; i < c->inputs_count; i++) {
        int64_t bytes = file_size(c->inputs[i].path);
        g->bytes_total += bytes > 0 ? (uint64_t)bytes : 0;
    }
    stage_begin(c, 0);
    for (size_t i = 0; i < c->inputs_count && result == ERR_OK && !is_full(g); i++)
        result = read_file(g, i, e);
    return result ? result : finish(g, e);
}

enum err ingest_run(struct stage_context *c, struct error *e)
{
    struct ingest g = {.c = c};
    sample_init(&g.sample, c->config->sample_by, c->config->sample, c->config->seed);
    enum err result = run_inputs(&g, e);
    draft_release(&g.draft);
    draft_release(&g.joined.draft);
    filter_close(&g.filter);
    sample_release(&g.sample);
    seen_release(&g.seen);
    arena_release(&g.names);
    return result;
}
