#include "screen/screen.h"

#include "ingest/render.h"
#include "stage/ask.h"
#include "stage/prompt.h"
#include "store/records.h"

static const struct str yes_no[] = {STR_INIT("Yes"), STR_INIT("No")};
static const struct field answer_field = {.name = "answer", .kind = FIELD_CHOICE, .values = yes_no, .values_count = 2};
static const struct schema answer_schema = {&answer_field, 1};
static const char dropped_by_screener[] = "screener";

struct screening {
    struct stage_context *c;
    struct record_index index;
    struct str system;
    int64_t dropped, failed;
};

static enum err build(void *arg, size_t i, struct arena *a, struct request *out, struct error *e)
{
    struct screening *s = arg;
    struct conversation conversation;
    enum err result = records_get(s->c->run, s->index.rec[i], a, &conversation, e);
    if (result != ERR_OK)
        return result;
    struct buf transcript = {0};
    render_transcript(&conversation, s->c->config->transcript_tokens, &transcript);
    struct prompt_var vars[] = {{"transcript", buf_str(&transcript)}, {"question", s->c->config->screener}};
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    result = prompt_render(s->c->prompts, "screen.user.txt", vars, 2, a, &ask->user, e);
    buf_release(&transcript);
    ask->answer = &answer_schema;
    out->system = s->system;
    out->asks = ask;
    out->asks_count = 1;
    return result;
}

static enum err take(void *arg, size_t i, const struct asked *answer, struct error *e)
{
    struct screening *s = arg;
    int64_t rec = s->index.rec[i];
    if (!answer->ok) {
        /* Nobody said that it is about the question: it does not go on. */
        enum err result = stage_quarantine(s->c, rec, answer->reason, e);
        if (result != ERR_OK)
            return result;
        s->failed++;
    } else if (answer->values[0][0].number == 0) {
        return ERR_OK;
    } else {
        s->dropped++;
    }
    return records_drop(s->c->run, rec, dropped_by_screener, e);
}

enum err screen_run(struct stage_context *c, struct error *e)
{
    struct arena a = {0};
    struct screening s = {.c = c};
    enum err result = records_undrop(c->run, dropped_by_screener, e);
    if (result == ERR_OK)
        result = records_index(c->run, &a, &s.index, e);
    if (result == ERR_OK && c->config->screener.n)
        result = prompt_render(c->prompts, "screen.system.txt", NULL, 0, &a, &s.system, e);
    stage_begin(c, (int64_t)s.index.n);
    if (result == ERR_OK && c->config->screener.n) {
        struct ask_job job = {
            .role = ROLE_FAST, .count = s.index.n, .temperature = 0.2, .build = build, .take = take, .arg = &s};
        result = ask_each(c, &job, e);
        stage_note(c, "%lld of %zu conversations are not about the question, %lld could not be judged",
                   (long long)s.dropped, s.index.n, (long long)s.failed);
    } else {
        stage_advance(c, (int64_t)s.index.n);
        stage_note(c, "no screener question: all %zu conversations go on", s.index.n);
    }
    arena_release(&a);
    return result == ERR_OK ? stage_check_failures(c, e) : result;
}
