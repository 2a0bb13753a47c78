#include "model/batch.h"

#include "base/clock.h"
#include "model/batch_link.h"
#include "model/talk.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SENDS = 6,                         /* of one batch, when the server does not say whether it has it */
    NO_NEWS_MOST = 20,                 /* questions in a row without an answer: then the server is gone */
    OWN_BYTES_MAX = 100 * 1000 * 1000, /* below every provider's limit: a batch is built in memory */
    FORGOTTEN_S = 29 * 24 * 3600,      /* results are kept no longer */
    CANCEL_LOOKS = 15,                 /* until a cancelled batch has come to its end, which takes minutes at most */
};

/* Between two looks at a batch, in units of the back-off (half a second): from 10 seconds to 5 minutes. */
static const double LOOK_FIRST = 20, LOOK_GROWTH = 1.5, LOOK_MOST = 600;
static const double NAP_S = 0.2, NEWS_S = 30;
/* What was sent just before a kill or a broken connection may still be arriving: so long, in the same units. */
static const double ARRIVES = 20;

enum slot_state { SLOT_FREE, SLOT_FRESH /* to be sent */, SLOT_SENT };
enum loss { LOST_MISSING, LOST_EXPIRED, LOST_FAILED, LOST_CANCELLED };

static const char *const loss_reasons[] = {
    [LOST_MISSING] = "the answer is missing from the results of its batches",
    [LOST_EXPIRED] = "its batches expired before it was answered",
    [LOST_FAILED] = "the server fails at this request",
    [LOST_CANCELLED] = "its batch was cancelled at the server",
};

struct slot {
    struct talk talk;
    enum slot_state state;
    enum loss loss; /* of its last batch, where that had no answer */
    unsigned losses;
    struct hash item;  /* what its open ask depends on */
    size_t out;        /* which of the batches, when sent */
    struct slot *link; /* the next one of the same bucket */
};

/* A batch on its way. */
struct out {
    struct batch_entry entry;
    size_t waiting;   /* slots */
    size_t ours;      /* results that something waited for */
    size_t unclaimed; /* answers that nothing waits for: answered before, or not asked again yet */
    double due, delay;
    uint64_t done; /* as the server says */
    unsigned no_news;
    bool found; /* it was looked for: perhaps it is somebody else's */
    bool over;
};

struct batch {
    struct batch_link link;
    const struct chat_protocol *protocol;
    const struct batch_book *book;
    struct model_info info;
    size_t most_requests, most_bytes;
    double unit_s;  /* of back-off */
    bool tried_out; /* the first question was asked directly */
    bool one_at_a_time;
    /* Of the run under way. */
    const struct feed *feed;
    struct slot *slots, **free, **fresh; /* a stack; a ring that begins at fresh_at; each [slots_n] */
    size_t slots_n, free_n, fresh_n, fresh_at;
    struct slot **buckets; /* by item */
    size_t buckets_n;      /* a power of two */
    struct out *outs;
    size_t outs_n, outs_cap;
    struct buf body;
    double told; /* when those who look on were told last */
    bool cancelled;
};

/* ---- slots ---- */

static struct slot **find_slot(struct batch *b, struct hash item)
{
    struct slot **at = &b->buckets[hash_u64(item) & (b->buckets_n - 1)];
    while (*at && memcmp(&(*at)->item, &item, sizeof item) != 0)
        at = &(*at)->link;
    return at;
}

static void hang_up(struct batch *b, struct slot *s)
{
    struct slot **at = &b->buckets[hash_u64(s->item) & (b->buckets_n - 1)];
    s->link = *at;
    *at = s;
}

static void take_down(struct batch *b, struct slot *s)
{
    struct slot **at = &b->buckets[hash_u64(s->item) & (b->buckets_n - 1)];
    while (*at != s)
        at = &(*at)->link;
    *at = s->link;
}

static void leave_batch(struct batch *b, struct slot *s)
{
    if (s->state == SLOT_SENT)
        b->outs[s->out].waiting--;
}

static void make_fresh(struct batch *b, struct slot *s)
{
    leave_batch(b, s);
    s->state = SLOT_FRESH;
    b->fresh[(b->fresh_at + b->fresh_n++) % b->slots_n] = s;
}

static struct slot *fresh(const struct batch *b, size_t i)
{
    return b->fresh[(b->fresh_at + i) % b->slots_n];
}

static struct slot *take_fresh(struct batch *b)
{
    struct slot *s = fresh(b, 0);
    b->fresh_at = (b->fresh_at + 1) % b->slots_n;
    b->fresh_n--;
    return s;
}

static void finish(struct batch *b, struct slot *s)
{
    leave_batch(b, s);
    take_down(b, s);
    s->state = SLOT_FREE;
    talk_end(&s->talk, b->feed);
    b->free[b->free_n++] = s;
}

/* Everything the answer to the open ask depends on, and not how a server wants it written. */
static struct hash item_of(const struct batch *b, const struct talk *t)
{
    struct hasher h;
    struct hash request = model_request_key("batch", &b->info, t->request);
    hash_init(&h);
    hash_add(&h, (struct str){(const char *)request.at, sizeof request.at});
    hash_add_u64(&h, t->ask);
    for (size_t i = 0; i < t->ask; i++)
        hash_add(&h, t->answer.texts[i]);
    return hash_end(&h);
}

/* Into the batch that has it already, or among those to be sent. */
static enum err place(struct batch *b, struct slot *s, struct error *e)
{
    char token[BATCH_TOKEN];
    s->item = item_of(b, &s->talk);
    enum err result = b->book->find(b->book->arg, s->item, token, e);
    s->state = SLOT_FREE;
    hang_up(b, s);
    for (size_t i = 0; result == ERR_OK && *token && i < b->outs_n; i++) {
        if (b->outs[i].over || strcmp(b->outs[i].entry.token, token) != 0)
            continue;
        s->state = SLOT_SENT;
        s->out = i;
        b->outs[i].waiting++;
        return ERR_OK;
    }
    make_fresh(b, s);
    return result;
}

static enum err pull(struct batch *b, struct error *e)
{
    while (b->free_n) {
        struct slot *s = b->free[b->free_n - 1];
        enum err result = talk_begin(&s->talk, b->feed, e);
        if (result != ERR_OK || !s->talk.request)
            return result;
        b->free_n--;
        s->losses = 0;
        result = place(b, s, e);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

/* ---- the first question, asked directly ---- */

struct trial {
    struct batch *b;
    struct slot *s;
    bool given;
};

static enum err trial_next(void *arg, size_t *index, const struct request **out, struct error *e)
{
    struct trial *t = arg;
    (void)e;
    *index = 0;
    *out = t->given ? NULL : t->s->talk.request;
    t->given = true;
    return ERR_OK;
}

static void trial_done(void *arg, size_t index, const struct answer *answer)
{
    const struct trial *t = arg;
    (void)index;
    t->s->talk.answer = *answer; /* its texts are borrowed for this call, as finish needs them */
    finish(t->b, t->s);
}

static enum err rest(void *arg, struct error *e)
{
    const struct batch *b = arg;
    return b->feed->rest ? b->feed->rest(b->feed->arg, e) : ERR_OK;
}

static void trial_part(void *arg, size_t index, const struct answer *so_far, size_t asks)
{
    const struct trial *t = arg;
    (void)index;
    if (t->b->feed->part)
        t->b->feed->part(t->b->feed->arg, t->s->talk.index, so_far, asks);
}

static enum err trial_rest(void *arg, struct error *e)
{
    return rest(((const struct trial *)arg)->b, e);
}

static enum err try_out(struct batch *b, struct error *e)
{
    if (b->tried_out || b->fresh_n == 0)
        return ERR_OK;
    struct trial t = {.b = b, .s = fresh(b, 0)};
    const struct feed feed = {
        .next = trial_next, .done = trial_done, .part = trial_part, .rest = trial_rest, .arg = &t};
    if (t.s->talk.ask > 0)
        return ERR_OK; /* the model has answered before */
    take_fresh(b);
    enum err result = chat_complete(b->link.calls, b->protocol, &feed, b->link.stop, e);
    b->tried_out = result == ERR_OK;
    return result;
}

/* ---- sending ---- */

static struct out *add_out(struct batch *b, const struct batch_entry *entry)
{
    if (b->outs_n == b->outs_cap) {
        b->outs_cap = 2 * b->outs_cap + 8;
        b->outs = mem_grow(b->outs, b->outs_cap, sizeof *b->outs);
    }
    struct out *o = &b->outs[b->outs_n++];
    *o = (struct out){.entry = *entry, .delay = LOOK_FIRST * b->unit_s};
    o->due = clock_seconds() + o->delay;
    return o;
}

/* Fills the body with as many of the fresh ones as one batch may hold. */
static size_t fill(struct batch *b, const char *token, struct hash *items)
{
    struct buf request = {0};
    char hex[HASH_HEX];
    size_t n = 0;
    buf_clear(&b->body);
    b->link.api->begin(&b->body, token);
    for (; n < b->fresh_n && n < b->most_requests; n++) {
        const struct slot *s = fresh(b, n);
        buf_clear(&request);
        talk_build(&s->talk, b->protocol, &request);
        if (n && b->body.n + request.n + 2 * HASH_HEX > b->most_bytes)
            break;
        hash_hex(s->item, hex);
        b->link.api->add(&b->body, hex, buf_str(&request), n == 0);
        items[n] = s->item;
    }
    b->link.api->end(&b->body);
    buf_release(&request);
    return n;
}

/* Whether nothing else is on its way. */
static bool alone(const struct batch *b, size_t out)
{
    bool others = false;
    for (size_t i = 0; i < b->outs_n; i++)
        others = others || (i != out && !b->outs[i].over && b->outs[i].waiting);
    return !others;
}

/* To those who look on: what is awaited. */
static void tell(struct batch *b)
{
    struct batch_news n = {0};
    double due = HUGE_VAL;
    b->told = clock_seconds();
    for (size_t i = 0; i < b->outs_n; i++) {
        const struct out *o = &b->outs[i];
        if (o->over || o->waiting == 0)
            continue;
        n.batches++;
        n.requests += o->entry.requests;
        n.done += o->done;
        due = fmin(due, o->due);
    }
    n.next_look_s = n.batches ? fmax(0, due - b->told) : 0;
    if (b->book->waiting)
        b->book->waiting(b->book->arg, &n);
}

static enum err nap(struct batch *b, double until, struct error *e)
{
    for (double left; (left = until - clock_seconds()) > 0;) {
        left = fmin(left, NAP_S);
        nanosleep(&(struct timespec){.tv_nsec = (long)(left * 1e9)}, NULL);
        enum err result = rest(b, e);
        if (result != ERR_OK)
            return result;
        if (clock_seconds() - b->told >= NEWS_S)
            tell(b);
        if (b->link.stop && atomic_load_explicit(b->link.stop, memory_order_relaxed)) {
            error_set(e, ERR_INTERRUPTED, "stopped while batches are at the server; they go on there");
            return error_hint(e, "the same command collects them");
        }
    }
    return ERR_OK;
}

static bool is_known(void *arg, const char *id)
{
    const struct batch *b = arg;
    bool known = false;
    for (size_t i = 0; i < b->outs_n; i++)
        known = known || strcmp(b->outs[i].entry.id, id) == 0;
    return known;
}

/* At the server, a batch of which it is not known whether it arrived. */
static enum err seek(struct batch *b, struct batch_entry *entry, bool *found, struct error *e)
{
    enum err result = link_find(&b->link, entry, is_known, b, entry->id, found, e);
    if (result == ERR_OK && !*found)
        result = nap(b, clock_seconds() + ARRIVES * b->unit_s, e);
    if (result == ERR_OK && !*found)
        result = link_find(&b->link, entry, is_known, b, entry->id, found, e);
    return result;
}

/* Nothing of it stays at the server, and then we forget it too. state NULL: it has none that is known, or ours. */
static enum err forget(struct batch *b, const struct batch_entry *entry, const struct batch_state *state,
                       struct error *e)
{
    enum err result = link_tidy(&b->link, entry, state, e);
    return result == ERR_OK ? b->book->strike(b->book->arg, entry, e) : result;
}

/* Until it is known that the server has it, or that it wants none of it. */
static enum err send(struct batch *b, struct batch_entry *entry, enum link_end *end, bool *found, struct error *e)
{
    *end = LINK_UNSURE;
    *found = false;
    for (unsigned i = 0; i < SENDS && *end == LINK_UNSURE; i++) {
        enum err result = i ? seek(b, entry, found, e) : ERR_OK;
        if (result != ERR_OK)
            return result;
        if (*found)
            *end = LINK_DONE;
        else if ((result = link_send(&b->link, &b->body, entry->token, entry->id, end, e)) != ERR_OK)
            return result;
    }
    return ERR_OK;
}

static struct batch_entry new_entry(const struct batch *b)
{
    struct batch_entry entry = {.sent_at = clock_unix_ms() / 1000};
    unsigned char secret[HASH_BYTES];
    char hex[HASH_HEX];
    struct hash h;
    secret_fill(secret, sizeof secret);
    memcpy(h.at, secret, sizeof secret);
    hash_hex(h, hex);
    memcpy(entry.token, hex, BATCH_TOKEN - 1);
    memcpy(entry.model, b->info.identity, sizeof entry.model);
    return entry;
}

static enum err say_rejected(struct error *e)
{
    error_set(e, ERR_MODEL, "the server takes no batch, not even of one request");
    return error_hint(e, "leave batch=1 out of the model's options, or look there whether this account may send them");
}

/* A batch that is too much for the server is halved; what cannot be halved is nothing for a batch API. */
static enum err send_one(struct batch *b, struct error *e)
{
    struct hash *items = mem_new(b->fresh_n, sizeof *items);
    enum link_end end = LINK_UNSURE;
    bool found = false;
    struct batch_entry entry = new_entry(b);
    size_t n = entry.requests = fill(b, entry.token, items);
    enum err result = b->book->enter(b->book->arg, &entry, items, e);
    free(items);
    if (result == ERR_OK)
        result = send(b, &entry, &end, &found, e);
    if (result != ERR_OK)
        return result;
    if (end == LINK_UNSURE)
        return error_set(e, ERR_MODEL, "the server does not say whether it has a batch");
    if (end == LINK_REJECTED) {
        result = forget(b, &entry, NULL, e);
        b->most_requests = n / 2;
        return result == ERR_OK && n == 1 ? say_rejected(e) : result;
    }
    result = b->book->arrived(b->book->arg, &entry, e);
    struct out *o = add_out(b, &entry);
    o->waiting = n;
    o->found = found;
    for (size_t i = 0; i < n; i++) {
        struct slot *s = take_fresh(b);
        s->state = SLOT_SENT;
        s->out = (size_t)(o - b->outs);
    }
    return result;
}

static enum err send_all(struct batch *b, struct error *e)
{
    enum err result = try_out(b, e);
    while (result == ERR_OK && b->fresh_n && !(b->one_at_a_time && !alone(b, SIZE_MAX)))
        result = send_one(b, e);
    buf_release(&b->body);
    return result;
}

/* ---- results ---- */

/* The dialogue's next ask is another item. The feed was told what was answered so far. */
static void next_ask(struct batch *b, struct slot *s)
{
    take_down(b, s);
    s->item = item_of(b, &s->talk);
    s->losses = 0;
    hang_up(b, s);
}

/* As if a call of its own had been answered so. */
static enum call_step read_error(struct batch *b, struct slot *s, const struct batch_result *r)
{
    size_t n = 0;
    char *text = r->body ? yyjson_val_write(r->body, 0, &n) : NULL;
    struct http_reply reply = {.outcome = HTTP_ANSWERED, .status = r->status, .body = {text, text ? n : 0}};
    enum call_step step = talk_trouble(&s->talk, b->protocol, CALL_REJECTED, &reply);
    free(text);
    return step;
}

static bool may_pass(long status)
{
    return status == 408 || status == 409 || status == 429 || status >= 500;
}

static bool parse_item(struct str hex, struct hash *out)
{
    if (hex.n != HASH_HEX - 1)
        return false;
    for (size_t i = 0; i < HASH_BYTES; i++) {
        unsigned value = 0;
        for (size_t k = 0; k < 2; k++) {
            const char *digits = "0123456789abcdef", *at = strchr(digits, hex.at[2 * i + k]);
            if (!hex.at[2 * i + k] || !at)
                return false;
            value = value * 16 + (unsigned)(at - digits);
        }
        out->at[i] = (unsigned char)value;
    }
    return true;
}

struct collecting {
    struct batch *b;
    size_t out;
};

/* The first result of an item counts; a second one finds nothing that waits. */
static void on_result(void *arg, const struct batch_result *r)
{
    const struct collecting *g = arg;
    struct batch *b = g->b;
    struct hash item;
    struct slot *s = parse_item(r->item, &item) ? *find_slot(b, item) : NULL;
    if (!s || s->state != SLOT_SENT || s->out != g->out) {
        b->outs[g->out].unclaimed += r->outcome == BATCH_ANSWER;
        return;
    }
    size_t ask = s->talk.ask;
    enum call_step step = CALL_AGAIN;
    b->outs[g->out].ours++;
    s->loss = r->outcome == BATCH_ITEM_EXPIRED     ? LOST_EXPIRED
              : r->outcome == BATCH_ITEM_CANCELLED ? LOST_CANCELLED
                                                   : LOST_FAILED;
    if (r->outcome == BATCH_ANSWER)
        step = talk_read(&s->talk, b->protocol, b->feed, r->body);
    else if (r->outcome == BATCH_ERROR && !may_pass(r->status))
        step = read_error(b, s, r);
    if (s->talk.ask > ask && step == CALL_ANOTHER)
        next_ask(b, s);
    if (step == CALL_OVER)
        finish(b, s);
    else if (step == CALL_ANOTHER)
        make_fresh(b, s);
}

/* What a batch that is over left unanswered: into another one, or failed. */
static void take_losses(struct batch *b, size_t out)
{
    for (size_t i = 0; i < b->slots_n && b->outs[out].waiting; i++) {
        struct slot *s = &b->slots[i];
        if (s->state != SLOT_SENT || s->out != out)
            continue;
        if (++s->losses < BATCH_TRIES) {
            make_fresh(b, s);
            continue;
        }
        chat_set_status(&s->talk.answer, ANSWER_HOPELESS, loss_reasons[s->loss]);
        finish(b, s);
    }
}

static void set_loss(struct batch *b, size_t out, enum loss loss)
{
    for (size_t i = 0; i < b->slots_n; i++)
        if (b->slots[i].state == SLOT_SENT && b->slots[i].out == out)
            b->slots[i].loss = loss;
}

/* Everything is durable before the server may forget it, and forgotten there before we do. */
static enum err close_out(struct batch *b, size_t out, const struct batch_state *state, struct error *e)
{
    enum err result = b->book->flush(b->book->arg, e);
    if (result == ERR_OK)
        result = forget(b, &b->outs[out].entry, state, e);
    b->outs[out].over = true;
    return result;
}

static enum err collect(struct batch *b, size_t out, const struct batch_state *state, enum link_end *end,
                        struct error *e)
{
    struct collecting g = {.b = b, .out = out};
    enum err result = ERR_OK;
    *end = LINK_DONE;
    b->outs[out].unclaimed = 0;
    set_loss(b, out, state->expired ? LOST_EXPIRED : LOST_MISSING);
    for (size_t i = 0; i < BATCH_RESULTS && result == ERR_OK && *end == LINK_DONE; i++)
        if (*state->results[i])
            result = link_results(&b->link, state->results[i], on_result, &g, end, e);
    if (result != ERR_OK || *end == LINK_UNSURE)
        return result;
    bool not_ours = b->outs[out].found && b->outs[out].ours == 0 && b->outs[out].waiting > 0;
    take_losses(b, out);
    b->cancelled = b->cancelled || state->phase == BATCH_CANCELLED;
    if (b->outs[out].unclaimed && !not_ours)
        return ERR_OK; /* close_rest does it, when nothing more can be asked */
    return close_out(b, out, not_ours ? NULL : state, e);
}

/* A batch the server would not begin, for a limit on what is queued as a rule: later, and if it was alone, smaller. */
static enum err take_refused(struct batch *b, size_t out, const struct batch_state *state, struct error *e)
{
    size_t n = b->outs[out].entry.requests;
    bool was_alone = alone(b, out);
    b->one_at_a_time = true;
    if (n <= 1 && was_alone) {
        error_set(e, ERR_MODEL, "the server refused a batch (%s)", *state->code ? state->code : "without a reason");
        return error_hint(e, "look there what it says about batch %s", b->outs[out].entry.id);
    }
    if (was_alone)
        b->most_requests = n / 2;
    for (size_t i = 0; i < b->slots_n; i++)
        if (b->slots[i].state == SLOT_SENT && b->slots[i].out == out)
            make_fresh(b, &b->slots[i]);
    return close_out(b, out, state, e);
}

static enum err no_news(struct batch *b, size_t out, struct error *e)
{
    struct out *o = &b->outs[out];
    if (++o->no_news < NO_NEWS_MOST)
        return ERR_OK;
    error_set(e, ERR_MODEL, "the server does not answer questions about its batches any more");
    return error_hint(e, "run the same command again when it is back: it collects them");
}

static enum err look(struct batch *b, size_t out, struct error *e)
{
    struct out *o = &b->outs[out];
    struct batch_state state = {0};
    enum link_end end;
    o->delay = fmin(o->delay * LOOK_GROWTH, LOOK_MOST * b->unit_s);
    o->due = clock_seconds() + o->delay;
    enum err result = link_state(&b->link, o->entry.id, &state, &end, e);
    if (result == ERR_OK && end == LINK_DONE)
        o->done = state.done;
    if (result == ERR_MODEL) /* out of reach for a moment, in an hour of waiting */
        return no_news(b, out, e);
    if (result != ERR_OK)
        return result;
    if (end == LINK_REJECTED) { /* gone there */
        set_loss(b, out, LOST_MISSING);
        take_losses(b, out);
        return close_out(b, out, NULL, e);
    }
    if (end == LINK_DONE && state.phase == BATCH_REFUSED)
        return take_refused(b, out, &state, e);
    if (end == LINK_DONE && state.phase != BATCH_RUNNING)
        result = collect(b, out, &state, &end, e);
    if (result == ERR_MODEL || end == LINK_UNSURE)
        return no_news(b, out, e);
    b->outs[out].no_news = 0;
    return result;
}

/* ---- waiting ---- */

/* The batch that is due first, of those something waits for. */
static size_t next_due(const struct batch *b)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < b->outs_n; i++)
        if (!b->outs[i].over && b->outs[i].waiting && (first == SIZE_MAX || b->outs[i].due < b->outs[first].due))
            first = i;
    return first;
}

/* A batch that runs cannot be deleted: cancelled first, and waited for. It stays in the book if that takes too long. */
static enum err cancel(struct batch *b, size_t out, struct batch_state *state, enum link_end *end, struct error *e)
{
    enum err result = link_cancel(&b->link, b->outs[out].entry.id, e);
    for (int i = 0; result == ERR_OK && *end == LINK_DONE && state->phase == BATCH_RUNNING && i < CANCEL_LOOKS; i++) {
        result = link_state(&b->link, b->outs[out].entry.id, state, end, e);
        if (result == ERR_OK && *end == LINK_DONE && state->phase == BATCH_RUNNING)
            result = nap(b, clock_seconds() + LOOK_FIRST * b->unit_s, e);
    }
    return result;
}

/* At the end of the feed: batches that nothing asks for any more, since a prompt changed, or that were had in part. */
static enum err close_rest(struct batch *b, struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < b->outs_n && result == ERR_OK; i++) {
        struct batch_state state = {0};
        enum link_end end;
        if (b->outs[i].over)
            continue;
        result = link_state(&b->link, b->outs[i].entry.id, &state, &end, e);
        if (result == ERR_MODEL)
            return ERR_OK; /* the next run does it */
        if (result == ERR_OK && end == LINK_DONE && state.phase == BATCH_RUNNING)
            result = cancel(b, i, &state, &end, e);
        if (result == ERR_OK && !(end == LINK_DONE && state.phase == BATCH_RUNNING))
            result = close_out(b, i, end == LINK_DONE ? &state : NULL, e);
    }
    return result;
}

static enum err work(struct batch *b, struct error *e)
{
    for (;;) {
        enum err result = pull(b, e);
        if (result == ERR_OK)
            result = send_all(b, e);
        if (result != ERR_OK)
            return result;
        size_t out = next_due(b);
        if (out == SIZE_MAX && b->free_n == b->slots_n) {
            size_t before = b->free_n;
            result = pull(b, e); /* an answer may have led to more */
            if (result != ERR_OK || b->free_n == before)
                return result == ERR_OK ? close_rest(b, e) : result;
            continue;
        }
        if (out == SIZE_MAX)
            continue;
        tell(b);
        result = nap(b, b->outs[out].due, e);
        if (result == ERR_OK)
            result = look(b, out, e);
        if (result != ERR_OK)
            return result;
        if (b->cancelled) {
            error_set(e, ERR_MODEL, "a batch was cancelled at the server; what it had answered is kept");
            return error_hint(e, "the same command sends the rest again");
        }
    }
}

/* ---- beginning and end ---- */

static void load_entry(void *arg, const struct batch_entry *entry)
{
    struct batch *b = arg;
    struct out *o = add_out(b, entry);
    o->due = clock_seconds(); /* it had its time */
}

/* Batches of earlier processes: one whose id was lost is looked for, too old ones are forgotten. */
static enum err load_outs(struct batch *b, struct error *e)
{
    enum err result = b->book->each(b->book->arg, b->info.identity, load_entry, b, e);
    for (size_t i = 0; i < b->outs_n && result == ERR_OK; i++) {
        struct out *o = &b->outs[i];
        bool found = *o->entry.id != '\0', old = clock_unix_ms() / 1000 - o->entry.sent_at > FORGOTTEN_S;
        if (!found && !old) {
            result = seek(b, &o->entry, &found, e);
            o->found = found;
            if (result == ERR_OK && found)
                result = b->book->arrived(b->book->arg, &o->entry, e);
        }
        if (result == ERR_OK && (!found || old)) {
            o->over = true;
            result = forget(b, &o->entry, NULL, e);
        }
    }
    return result;
}

static void start(struct batch *b)
{
    b->slots_n = b->info.in_flight;
    b->slots = mem_zero(b->slots_n, sizeof *b->slots);
    b->free = mem_new(b->slots_n, sizeof *b->free);
    b->fresh = mem_new(b->slots_n, sizeof *b->fresh);
    for (b->buckets_n = 16; b->buckets_n < b->slots_n;)
        b->buckets_n *= 2;
    b->buckets = mem_zero(b->buckets_n, sizeof *b->buckets);
    for (size_t i = b->slots_n; i-- > 0;)
        b->free[b->free_n++] = &b->slots[i];
}

static void end(struct batch *b)
{
    for (size_t i = 0; i < b->slots_n; i++)
        talk_release(&b->slots[i].talk);
    free(b->slots);
    free(b->free);
    free(b->fresh);
    free(b->buckets);
    free(b->outs);
    buf_release(&b->body);
    b->slots = NULL;
    b->free = b->fresh = b->buckets = NULL;
    b->outs = NULL;
    b->slots_n = b->free_n = b->fresh_n = b->fresh_at = b->outs_n = b->outs_cap = 0;
}

enum err batch_complete(struct batch *b, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    if (!b->book)
        return error_set(e, ERR_CONFIG, "batches need a run that remembers them");
    b->feed = feed;
    b->link.stop = stop;
    b->cancelled = false;
    start(b);
    enum err result = load_outs(b, e);
    if (result == ERR_OK)
        result = work(b, e);
    end(b);
    tell(b);
    return result;
}

struct batch *batch_new(struct calls *calls, const struct chat_protocol *p, const struct batch_api *api,
                        const struct endpoint *endpoint, const struct model_info *info, const struct batch_book *book)
{
    struct batch *b = mem_zero(1, sizeof *b);
    size_t bytes = api->bytes_max < OWN_BYTES_MAX ? api->bytes_max : (size_t)OWN_BYTES_MAX;
    b->link = (struct batch_link){.calls = calls, .api = api, .rest = rest, .rest_arg = b};
    b->protocol = p;
    b->book = book;
    b->info = *info;
    b->unit_s = (double)endpoint->backoff_ms / 1000;
    b->most_requests = endpoint->batch_requests ? (size_t)endpoint->batch_requests : api->requests_max;
    b->most_bytes = endpoint->batch_mb ? (size_t)endpoint->batch_mb * 1000 * 1000 : bytes;
    return b;
}

void batch_free(struct batch *b)
{
    free(b);
}
