#include "model/talk.h"

enum { BYTES_A_TOKEN = 4 };

enum err talk_begin(struct talk *t, const struct feed *feed, struct error *e)
{
    enum err result = feed->next(feed->arg, &t->index, &t->request, e);
    t->answer = (struct answer){0};
    if (result != ERR_OK)
        t->request = NULL;
    for (t->ask = 0; t->request && t->ask < t->request->known_count; t->ask++)
        t->answer.texts[t->ask] = str_dup(&t->arena, t->request->known[t->ask]);
    return result;
}

uint64_t talk_build(const struct talk *t, const struct chat_protocol *p, struct buf *body)
{
    size_t before = body->n;
    p->build(p->ctx, t->request, t->ask, &t->answer, body);
    return (body->n - before + schema_max_tokens(t->request->asks[t->ask].answer)) / BYTES_A_TOKEN;
}

/* To the dialogue's next ask, or its end. */
static enum call_step go_on(struct talk *t, const struct feed *feed)
{
    if (t->answer.status != ANSWER_OK || ++t->ask == t->request->asks_count)
        return CALL_OVER;
    if (feed->part)
        feed->part(feed->arg, t->index, &t->answer, t->ask);
    return CALL_ANOTHER;
}

enum call_step talk_read(struct talk *t, const struct chat_protocol *p, const struct feed *feed, yyjson_val *root)
{
    if (!p->read(p->ctx, root, t->ask, &t->arena, &t->answer))
        return CALL_AGAIN;
    t->answer.usage.calls++;
    return go_on(t, feed);
}

static bool is_too_long(const struct http_reply *r)
{
    return r->status == 413 || call_error_is(r, "code", "context_length_exceeded") ||
           call_error_is(r, "type", "exceed_context_size_error") || call_error_is(r, "type", "request_too_large");
}

enum call_step talk_trouble(struct talk *t, const struct chat_protocol *p, enum call_trouble why,
                            const struct http_reply *r)
{
    static const char *const reasons[] = {[CALL_REJECTED] = "the server rejected the request",
                                          [CALL_UNREADABLE] = "the server's reply cannot be read",
                                          [CALL_FAILED] = "the server fails at this request"};
    if (why == CALL_REJECTED && is_too_long(r))
        chat_set_status(&t->answer, ANSWER_TOO_LONG, "the request does not fit the model's context");
    else if (why == CALL_REJECTED && p->adapt(p->ctx, r))
        return CALL_ANOTHER;
    else
        chat_set_status(&t->answer, ANSWER_HOPELESS, reasons[why]);
    t->answer.usage.calls++;
    return CALL_OVER;
}

void talk_end(struct talk *t, const struct feed *feed)
{
    t->request = NULL;
    feed->done(feed->arg, t->index, &t->answer);
    arena_clear(&t->arena);
}

void talk_release(struct talk *t)
{
    arena_release(&t->arena);
}
