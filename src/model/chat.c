#include "model/chat.h"

#include <stdlib.h>

enum { BYTES_A_TOKEN = 4 };

/* A request on its way, one a slot of the calls. */
struct talk {
    const struct request *request;
    size_t index, ask;
    struct arena arena; /* its answers */
    struct answer answer;
};

struct chat {
    const struct chat_protocol *protocol;
    const struct feed *feed;
    struct talk *talks;
};

void chat_set_status(struct answer *out, enum answer_status status, const char *reason)
{
    out->status = status;
    out->reason = reason;
}

static void build(struct chat *c, struct call *call)
{
    struct talk *t = &c->talks[call->index];
    buf_clear(&call->body);
    c->protocol->build(c->protocol->ctx, t->request, t->ask, &t->answer, &call->body);
    call->tokens = call->body.n / BYTES_A_TOKEN + schema_max_tokens(t->request->asks[t->ask].answer) / BYTES_A_TOKEN;
}

static enum err next(void *arg, struct call *call, bool *given, struct error *e)
{
    struct chat *c = arg;
    struct talk *t = &c->talks[call->index];
    enum err result = c->feed->next(c->feed->arg, &t->index, &t->request, e);
    *given = result == ERR_OK && t->request;
    if (!*given)
        return result;
    t->answer = (struct answer){0};
    for (t->ask = 0; t->ask < t->request->known_count; t->ask++)
        t->answer.texts[t->ask] = str_dup(&t->arena, t->request->known[t->ask]);
    build(c, call);
    return ERR_OK;
}

/* The dialogue's next ask, or its end. */
static enum call_step go_on(struct chat *c, struct call *call)
{
    struct talk *t = &c->talks[call->index];
    if (t->answer.status == ANSWER_OK && ++t->ask < t->request->asks_count) {
        if (c->feed->part)
            c->feed->part(c->feed->arg, t->index, &t->answer, t->ask);
        build(c, call);
        return CALL_ANOTHER;
    }
    c->feed->done(c->feed->arg, t->index, &t->answer);
    arena_clear(&t->arena);
    return CALL_OVER;
}

static enum call_step reply(void *arg, struct call *call, const struct http_reply *r)
{
    struct chat *c = arg;
    struct talk *t = &c->talks[call->index];
    yyjson_doc *doc;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return CALL_AGAIN;
    bool understood = c->protocol->read(c->protocol->ctx, yyjson_doc_get_root(doc), t->ask, &t->arena, &t->answer);
    yyjson_doc_free(doc);
    if (!understood)
        return CALL_AGAIN;
    t->answer.usage.calls++;
    return go_on(c, call);
}

static bool is_too_long(const struct http_reply *r)
{
    return r->status == 413 || call_error_is(r, "code", "context_length_exceeded") ||
           call_error_is(r, "type", "exceed_context_size_error") || call_error_is(r, "type", "request_too_large");
}

static enum call_step trouble(void *arg, struct call *call, enum call_trouble why, const struct http_reply *r)
{
    static const char *const reasons[] = {[CALL_REJECTED] = "the server rejected the request",
                                          [CALL_UNREADABLE] = "the server's reply cannot be read",
                                          [CALL_FAILED] = "the server fails at this request"};
    struct chat *c = arg;
    struct talk *t = &c->talks[call->index];
    if (why == CALL_REJECTED && is_too_long(r)) {
        chat_set_status(&t->answer, ANSWER_TOO_LONG, "the request does not fit the model's context");
    } else if (why == CALL_REJECTED && c->protocol->adapt(c->protocol->ctx, r)) {
        build(c, call);
        return CALL_ANOTHER;
    } else {
        chat_set_status(&t->answer, ANSWER_HOPELESS, reasons[why]);
    }
    t->answer.usage.calls++;
    return go_on(c, call);
}

static enum err rest(void *arg, struct error *e)
{
    const struct chat *c = arg;
    return c->feed->rest ? c->feed->rest(c->feed->arg, e) : ERR_OK;
}

enum err chat_complete(struct calls *calls, const struct chat_protocol *p, const struct feed *feed,
                       const atomic_bool *stop, struct error *e)
{
    struct chat c = {.protocol = p, .feed = feed, .talks = mem_zero(calls_slots(calls), sizeof *c.talks)};
    const struct calls_source source = {
        .path = p->path, .next = next, .reply = reply, .trouble = trouble, .rest = rest, .arg = &c};
    enum err result = calls_run(calls, &source, stop, e);
    for (size_t i = 0; i < calls_slots(calls); i++)
        arena_release(&c.talks[i].arena);
    free(c.talks);
    return result;
}
