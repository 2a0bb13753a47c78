#include "model/single.h"

struct state {
    struct single *s;
    struct call *call; /* has the body */
    bool given;
};

static void swap_bodies(struct single *s, struct call *call)
{
    struct buf body = s->body;
    s->body = call->body;
    call->body = body;
}

static enum err next(void *arg, struct call *call, bool *given, struct error *e)
{
    struct state *t = arg;
    (void)e;
    *given = !t->given;
    if (t->given)
        return ERR_OK;
    t->given = true;
    t->call = call;
    swap_bodies(t->s, call);
    call->http = t->s->http;
    call->once = t->s->once;
    call->impatient = t->s->impatient;
    call->may_be_missing = t->s->may_be_missing;
    call->tokens = 0;
    return ERR_OK;
}

static void take(struct single *s, enum single_end end, const struct http_reply *r)
{
    s->end = end;
    s->status = r->status;
    buf_clear(&s->reply);
    buf_add(&s->reply, r->body);
}

static enum call_step reply(void *arg, struct call *call, const struct http_reply *r)
{
    struct state *t = arg;
    (void)call;
    take(t->s, SINGLE_ANSWERED, r);
    return CALL_OVER;
}

static enum call_step trouble(void *arg, struct call *call, enum call_trouble why, const struct http_reply *r)
{
    struct state *t = arg;
    (void)call;
    take(t->s, why == CALL_REJECTED ? SINGLE_REJECTED : SINGLE_FAILED, r);
    return CALL_OVER;
}

static enum err rest(void *arg, struct error *e)
{
    struct state *t = arg;
    return t->s->rest ? t->s->rest(t->s->rest_arg, e) : ERR_OK;
}

enum err single_call(struct calls *c, struct single *s, const atomic_bool *stop, struct error *e)
{
    struct state t = {.s = s};
    const struct calls_source source = {
        .path = s->http.path, .next = next, .reply = reply, .trouble = trouble, .rest = rest, .arg = &t};
    s->end = SINGLE_FAILED;
    s->status = 0;
    buf_clear(&s->reply);
    enum err result = calls_run(c, &source, stop, e);
    if (t.call)
        swap_bodies(s, t.call);
    return result;
}

void single_release(struct single *s)
{
    buf_release(&s->body);
    buf_release(&s->reply);
}
