#include "model/chat.h"

#include "model/talk.h"

#include <stdlib.h>

struct chat {
    const struct chat_protocol *protocol;
    const struct feed *feed;
    struct talk *talks; /* one a slot of the calls */
};

void chat_set_status(struct answer *out, enum answer_status status, const char *reason)
{
    out->status = status;
    out->reason = reason;
}

static void build(const struct chat *c, struct call *call)
{
    buf_clear(&call->body);
    call->tokens = talk_build(&c->talks[call->index], c->protocol, &call->body);
}

static enum err next(void *arg, struct call *call, bool *given, struct error *e)
{
    const struct chat *c = arg;
    struct talk *t = &c->talks[call->index];
    enum err result = talk_begin(t, c->feed, e);
    *given = t->request != NULL;
    if (*given)
        build(c, call);
    return result;
}

static enum call_step follow(const struct chat *c, struct call *call, enum call_step step)
{
    if (step == CALL_ANOTHER)
        build(c, call);
    if (step == CALL_OVER)
        talk_end(&c->talks[call->index], c->feed);
    return step;
}

static enum call_step reply(void *arg, struct call *call, const struct http_reply *r)
{
    const struct chat *c = arg;
    yyjson_doc *doc;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return CALL_AGAIN;
    enum call_step step = talk_read(&c->talks[call->index], c->protocol, c->feed, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return follow(c, call, step);
}

static enum call_step trouble(void *arg, struct call *call, enum call_trouble why, const struct http_reply *r)
{
    const struct chat *c = arg;
    return follow(c, call, talk_trouble(&c->talks[call->index], c->protocol, why, r));
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
        talk_release(&c.talks[i]);
    free(c.talks);
    return result;
}
