#include "model/calls.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "model/limiter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED_IN_ROW = 5 /* different calls: then it is the server */, BACKOFF_MOST_MS = 60 * 1000 };

static const double REST_S = 0.1, RETRY_AFTER_MOST_S = 600; /* told to wait longer: the quota is spent */

struct slot {
    struct call call;
    unsigned tries, epoch;
    double due, started; /* when it may be repeated; when it was sent */
};

struct calls {
    struct http *http;
    struct limiter limiter;
    char host[200], key_hint[100];
    int64_t backoff_ms;
    struct rng jitter; /* when to wait, not what to answer */
    struct slot *slots;
    size_t slots_n;
    struct slot **free, **waiting; /* a stack; a heap by due */
    size_t free_n, waiting_n;
    size_t failed_in_row;
    bool dry; /* the source had none, and no call was over since */
    /* Of the run under way. */
    const struct calls_source *source;
    enum err result;
    struct error trouble;
};

/* ---- the heap of calls that wait ---- */

static void swap(struct slot **a, struct slot **b)
{
    struct slot *t = *a;
    *a = *b;
    *b = t;
}

static void heap_put(struct calls *c, struct slot *s)
{
    struct slot **h = c->waiting;
    size_t i = c->waiting_n++;
    h[i] = s;
    for (; i && h[(i - 1) / 2]->due > h[i]->due; i = (i - 1) / 2)
        swap(&h[i], &h[(i - 1) / 2]);
}

static struct slot *heap_take(struct calls *c)
{
    struct slot **h = c->waiting, *first = h[0];
    h[0] = h[--c->waiting_n];
    for (size_t i = 0, child; (child = 2 * i + 1) < c->waiting_n; i = child) {
        child += child + 1 < c->waiting_n && h[child + 1]->due < h[child]->due;
        if (h[i]->due <= h[child]->due)
            break;
        swap(&h[i], &h[child]);
    }
    return first;
}

/* ---- judging ---- */

bool call_error_is(const struct http_reply *r, const char *member, const char *value)
{
    yyjson_doc *doc;
    if (r->outcome != HTTP_ANSWERED || json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return false;
    bool is = str_eqz(json_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "error"), member), value);
    yyjson_doc_free(doc);
    return is;
}

/* Whether the error's words say so: some servers tell a spent limit from a busy moment by them alone. */
static bool error_says(const struct http_reply *r, const char *words)
{
    yyjson_doc *doc;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return false;
    struct str text = json_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "error"), "message");
    bool says = text.at && str_find(text, str_of(words)) != SIZE_MAX;
    yyjson_doc_free(doc);
    return says;
}

static bool is_quota(const struct http_reply *r)
{
    static const char *const codes[] = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active",
                                        "billing_error"};
    static const char *const words[] = {"credit balance", "spend limit", "spending limit", "usage limit"};
    if (r->status == 402 || (r->status == 429 && r->retry_after_s > RETRY_AFTER_MOST_S))
        return true;
    if (r->status != 429 && r->status != 400 && r->status != 403)
        return false;
    bool is = false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        is = is || call_error_is(r, "code", codes[i]) || call_error_is(r, "type", codes[i]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        is = is || error_says(r, words[i]);
    return is;
}

static bool is_refusal(const struct http_reply *r)
{
    return r->outcome == HTTP_ANSWERED && (r->status == 429 || r->status == 503 || r->status == 529);
}

static enum err give_up(struct calls *c, const struct http_reply *r)
{
    static const char *const what[] = {
        [HTTP_ANSWERED] = "is overloaded or failing",
        [HTTP_UNREACHABLE] = "cannot be reached",
        [HTTP_BROKEN] = "ends connections or does not answer in time",
        [HTTP_TOO_LARGE] = "sends answers that are far too large",
        [HTTP_UNTRUSTED] = "cannot be trusted: its certificate does not verify",
    };
    bool unreadable = r->outcome == HTTP_ANSWERED && r->status < 300;
    error_set(&c->trouble, ERR_MODEL, "the server %s %s", c->host,
              unreadable ? "sends replies that cannot be read" : what[r->outcome]);
    error_hint(&c->trouble, "run the same command again when it is back: nothing that was answered is lost");
    return ERR_MODEL;
}

/* Trouble that no other call would escape. */
static enum err judge_server(struct calls *c, const struct call *call, const struct http_reply *r)
{
    if (r->outcome == HTTP_UNTRUSTED)
        return give_up(c, r);
    if (r->outcome != HTTP_ANSWERED)
        return ERR_OK;
    if (is_refusal(r) && r->status != 429 && r->retry_after_s > RETRY_AFTER_MOST_S)
        return give_up(c, r);
    if (is_quota(r)) {
        error_set(&c->trouble, ERR_AUTH, "the quota at %s is used up", c->host);
        return error_hint(&c->trouble, "raise the limit there, or run the same command again when it is renewed");
    }
    if (r->status == 401 || r->status == 403) {
        error_set(&c->trouble, ERR_AUTH, "the server %s refused the key (status %ld)", c->host, r->status);
        return error_hint(&c->trouble, "%s", c->key_hint);
    }
    if ((r->status == 404 && !call->may_be_missing) || (r->status >= 300 && r->status < 400)) {
        error_set(&c->trouble, ERR_MODEL, "the server %s has no such model or address (status %ld)", c->host,
                  r->status);
        return error_hint(&c->trouble, "check the model's name and that the address ends as the server wants it, "
                                       "usually in /v1");
    }
    return ERR_OK;
}

static bool may_pass(const struct http_reply *r)
{
    long s = r->status;
    return r->outcome == HTTP_UNREACHABLE || r->outcome == HTTP_BROKEN ||
           (r->outcome == HTTP_ANSWERED && (s == 408 || s == 409 || s == 429 || s >= 500));
}

/* Whether the server may have done what it was asked to, and only the word of it was lost. */
static bool may_have_acted(const struct http_reply *r)
{
    return r->outcome == HTTP_BROKEN || (r->outcome == HTTP_ANSWERED && r->status >= 500 && !is_refusal(r));
}

/* ---- one call ---- */

static void repeat_later(struct calls *c, struct slot *s, const struct http_reply *r, double now)
{
    double ms = fmin((double)c->backoff_ms * (double)(1u << (s->tries - 1)), BACKOFF_MOST_MS);
    ms *= 0.5 + 0.5 * rng_unit(&c->jitter);
    s->due = now + fmax(ms / 1000, r->retry_after_s);
    heap_put(c, s);
}

static void after(struct calls *c, struct slot *s, enum call_step step, double now)
{
    if (step == CALL_ANOTHER) {
        s->tries = 0;
        s->due = now;
        heap_put(c, s);
        return;
    }
    c->dry = false;
    c->free[c->free_n++] = s;
}

/* One poison record must not end everything, a server that is down must: told apart by how many calls fail in a row. */
static void fail(struct calls *c, struct slot *s, enum call_trouble t, const struct http_reply *r, double now)
{
    c->failed_in_row = t == CALL_REJECTED ? 0 : c->failed_in_row + 1;
    if (r->outcome == HTTP_UNREACHABLE || c->failed_in_row >= FAILED_IN_ROW) {
        c->result = give_up(c, r);
        return;
    }
    after(c, s, c->source->trouble(c->source->arg, &s->call, t, r), now);
}

static void on_reply(void *arg, void *tag, const struct http_reply *r)
{
    struct calls *c = arg;
    struct slot *s = tag;
    double now = clock_seconds();
    bool good = r->outcome == HTTP_ANSWERED && r->status >= 200 && r->status < 300;
    limiter_end(&c->limiter, s->epoch,
                good            ? LIMITER_GOOD
                : is_refusal(r) ? LIMITER_REFUSED
                                : LIMITER_LOST,
                now - s->started, r->retry_after_s, now);
    if (r->pause_s > 0)
        limiter_pause(&c->limiter, r->pause_s, now);
    if (c->result != ERR_OK || (c->result = judge_server(c, &s->call, r)) != ERR_OK)
        return;
    s->tries++;
    enum call_step step = good ? c->source->reply(c->source->arg, &s->call, r) : CALL_AGAIN;
    if (step != CALL_AGAIN) {
        c->failed_in_row = 0;
        after(c, s, step, now);
    } else if (r->outcome == HTTP_TOO_LARGE) {
        fail(c, s, CALL_UNREADABLE, r, now);
    } else if (!good && !may_pass(r)) {
        fail(c, s, CALL_REJECTED, r, now);
    } else if (!s->call.impatient && s->tries <= CALL_REPEATS && !(s->call.once && (good || may_have_acted(r)))) {
        repeat_later(c, s, r, now);
    } else {
        fail(c, s, good ? CALL_UNREADABLE : CALL_FAILED, r, now);
    }
}

/* ---- all of them ---- */

static void send(struct calls *c, struct slot *s, double now)
{
    s->epoch = limiter_start(&c->limiter, s->call.tokens, now);
    s->started = now;
    struct http_request q = s->call.http;
    q.path = q.path ? q.path : c->source->path;
    q.body = buf_str(&s->call.body);
    http_start(c->http, &q, s);
}

/* Sends what is due and what is new, as far as there is room. */
static enum err fill(struct calls *c, struct error *e)
{
    while (http_room(c->http) && limiter_wait(&c->limiter, clock_seconds()) <= 0) {
        double now = clock_seconds();
        struct slot *s = NULL;
        if (c->waiting_n && c->waiting[0]->due <= now) {
            s = heap_take(c);
        } else if (c->free_n && !c->dry) {
            bool given = false;
            s = c->free[c->free_n - 1];
            s->call.http = (struct http_request){0};
            s->call.once = s->call.impatient = s->call.may_be_missing = false;
            enum err result = c->source->next(c->source->arg, &s->call, &given, e);
            if (result != ERR_OK)
                return result;
            c->dry = !given;
            c->free_n -= given;
            s->tries = 0;
            s = given ? s : NULL;
        }
        if (!s)
            break;
        send(c, s, now);
    }
    return ERR_OK;
}

static double idle_seconds(const struct calls *c)
{
    double now = clock_seconds(), wait = REST_S;
    bool something = c->free_n && !c->dry;
    if (c->waiting_n) {
        wait = fmin(wait, fmax(0, c->waiting[0]->due - now));
        something = something || c->waiting[0]->due <= now;
    }
    double allowed = limiter_wait(&c->limiter, now);
    if (something)
        wait = http_room(c->http) ? fmin(REST_S, allowed) : REST_S;
    else if (allowed > wait && isfinite(allowed))
        wait = fmin(REST_S, allowed);
    return wait;
}

static bool is_over(const struct calls *c)
{
    return c->dry && c->free_n == c->slots_n;
}

static enum err turn(struct calls *c, const atomic_bool *stop, struct error *e)
{
    enum err result = c->source->rest ? c->source->rest(c->source->arg, e) : ERR_OK;
    if (result == ERR_OK)
        result = fill(c, e);
    if (result != ERR_OK || is_over(c))
        return result;
    http_turn(c->http, idle_seconds(c), on_reply, c);
    if (stop && atomic_load_explicit(stop, memory_order_relaxed))
        return error_set(e, ERR_INTERRUPTED, "stopped while the server %s was answering", c->host);
    if (c->result != ERR_OK && e)
        *e = c->trouble;
    return c->result;
}

static void reset(struct calls *c)
{
    http_abandon(c->http);
    c->limiter.running = 0;
    c->waiting_n = c->free_n = 0;
    for (size_t i = c->slots_n; i-- > 0;)
        c->free[c->free_n++] = &c->slots[i];
    c->dry = false;
    c->result = ERR_OK;
}

enum err calls_run(struct calls *c, const struct calls_source *s, const atomic_bool *stop, struct error *e)
{
    enum err result;
    reset(c);
    c->source = s;
    do
        result = turn(c, stop, e);
    while (result == ERR_OK && !is_over(c));
    reset(c);
    return result;
}

/* ---- opening ---- */

size_t calls_slots(const struct calls *c)
{
    return c->slots_n;
}

enum err calls_open(const struct calls_opts *opts, struct calls **out, struct error *e)
{
    struct calls *c = mem_zero(1, sizeof *c);
    *out = NULL;
    enum err result = http_open(&opts->http, &c->http, e);
    if (result != ERR_OK) {
        free(c);
        return result;
    }
    snprintf(c->host, sizeof c->host, STR_FMT, STR_ARG(http_host(str_of(opts->http.base_url))));
    snprintf(c->key_hint, sizeof c->key_hint, "%s", opts->key_hint);
    c->backoff_ms = opts->backoff_ms;
    c->jitter = rng_seed((uint64_t)clock_unix_ms(), 1);
    c->slots_n = http_room(c->http);
    c->slots = mem_zero(c->slots_n, sizeof *c->slots);
    c->free = mem_zero(c->slots_n, sizeof *c->free);
    c->waiting = mem_zero(c->slots_n, sizeof *c->waiting);
    for (size_t i = 0; i < c->slots_n; i++)
        c->slots[i].call.index = i;
    limiter_init(&c->limiter, c->slots_n, opts->requests_minute, opts->tokens_minute, clock_seconds());
    *out = c;
    return ERR_OK;
}

void calls_close(struct calls *c)
{
    if (!c)
        return;
    http_close(c->http);
    for (size_t i = 0; i < c->slots_n; i++)
        buf_release(&c->slots[i].call.body);
    free(c->slots);
    free(c->free);
    free(c->waiting);
    free(c);
}
