#include "stage/meter.h"

#include "base/clock.h"
#include "base/text.h"
#include "model/prices.h"

#include <stdlib.h>

/* A request may turn out this much longer than text_tokens thinks. */
static const double CAUTION = 1.3;

struct meter {
    struct stage_context *c;
    enum role role;
    struct model inner;
    struct price price;         /* all unknown when there are no prices */
    const struct feed *feed;    /* of the stage, during complete */
    const struct request *held; /* pulled, but it does not fit yet */
    size_t held_index;
    struct usage *reserved; /* [cap] by index */
    size_t cap, in_flight;
    enum err result;
    struct error trouble; /* met inside a callback */
};

struct usage meter_request(const struct request *r)
{
    struct usage u = {.calls = r->asks_count};
    uint64_t before = text_tokens(r->system);
    for (size_t i = 0; i < r->asks_count; i++) {
        uint64_t most = schema_max_tokens(r->asks[i].answer), so_far = before + text_tokens(r->asks[i].user);
        u.tokens_in += so_far;
        u.tokens_cached += i ? before : 0;
        u.tokens_out += most;
        before = so_far + most;
    }
    return u;
}

struct usage meter_usage_of(const struct spent *s)
{
    return (struct usage){.calls = s->calls,
                          .tokens_in = s->tokens_in,
                          .tokens_cached = s->tokens_cached,
                          .tokens_to_cache = s->tokens_to_cache,
                          .tokens_out = s->tokens_out};
}

/* ---- the limits ---- */

static bool is_limited(const struct budget *b)
{
    return b->max_cost > 0 || b->max_tokens > 0;
}

/* What is sent before it is known what a server still remembers counts as new, and as kept where that costs more. */
static struct usage worst(const struct meter *m, const struct usage *u)
{
    uint64_t in = (uint64_t)((double)u->tokens_in * CAUTION);
    return (struct usage){.calls = u->calls,
                          .tokens_in = in,
                          .tokens_to_cache = m->price.to_cache > m->price.input ? in : 0,
                          .tokens_out = u->tokens_out};
}

static double cost_of(const struct meter *m, const struct usage *u)
{
    double cost = m->c->prices ? price_of(&m->price, u) : -1;
    return cost > 0 ? cost : 0; /* with a limit on money every price is known */
}

static bool fits(const struct meter *m, const struct usage *u)
{
    const struct budget *b = &m->c->budget;
    if (b->max_tokens && b->tokens + b->reserved_tokens + u->tokens_in + u->tokens_out > b->max_tokens)
        return false;
    return b->max_cost <= 0 || b->cost + b->reserved_cost + cost_of(m, u) <= b->max_cost;
}

static void reserve(struct meter *m, size_t index, const struct usage *u)
{
    if (index >= m->cap) {
        m->cap = 2 * index + 64;
        m->reserved = mem_grow(m->reserved, m->cap, sizeof *m->reserved);
    }
    m->reserved[index] = *u;
    m->c->budget.reserved_tokens += u->tokens_in + u->tokens_out;
    m->c->budget.reserved_cost += cost_of(m, u);
}

static void settle(struct meter *m, size_t index)
{
    struct budget *b = &m->c->budget;
    const struct usage *u = &m->reserved[index];
    b->reserved_tokens -= u->tokens_in + u->tokens_out;
    b->reserved_cost -= cost_of(m, u);
    if (m->in_flight == 0)
        b->reserved_cost = 0; /* whatever rounding left */
}

static enum err say_full(const struct meter *m, struct error *e)
{
    const struct stage_context *c = m->c;
    const struct budget *b = &c->budget;
    if (b->max_cost > 0)
        error_set(e, ERR_BUDGET,
                  "the limit of %.4g %s is reached in stage %s: %.4g are spent, and the next question may not fit",
                  b->max_cost, c->prices->currency, c->stage, b->cost);
    else
        error_set(e, ERR_BUDGET,
                  "the limit of %llu tokens is reached in stage %s: %llu are used, and the next question may not fit",
                  (unsigned long long)b->max_tokens, c->stage, (unsigned long long)b->tokens);
    return error_hint(e, "the same command with a higher limit goes on from here; what was answered is kept");
}

/* ---- what was taken ---- */

static uint64_t ms_since(double started)
{
    double ms = 1000 * (clock_seconds() - started);
    return ms > 0 ? (uint64_t)ms : 0;
}

static void count(struct meter *m, const struct usage *u, enum answer_status status, uint64_t ms)
{
    struct stage_context *c = m->c;
    struct spent s = {.calls = u->calls,
                      .tokens_in = u->tokens_in,
                      .tokens_cached = u->tokens_cached,
                      .tokens_to_cache = u->tokens_to_cache,
                      .tokens_out = u->tokens_out,
                      .cut = status == ANSWER_CUT,
                      .refused = status == ANSWER_REFUSED,
                      .too_long = status == ANSWER_TOO_LONG,
                      .failed = status == ANSWER_EMPTY || status == ANSWER_FAILED || status == ANSWER_HOPELESS,
                      .ms = ms};
    c->budget.tokens += u->tokens_in + u->tokens_out;
    c->budget.cost += cost_of(m, u);
    if (m->result == ERR_OK)
        m->result = spent_add(c->run, c->stage, stage_model_spec(c, m->role), &s, &m->trouble);
}

enum err meter_count_again(struct stage_context *c, enum role role, struct error *e)
{
    return spent_add(c->run, c->stage, stage_model_spec(c, role), &(struct spent){.again = 1}, e);
}

/* ---- the feed in between ---- */

static enum err next(void *arg, size_t *index, const struct request **out, struct error *e)
{
    struct meter *m = arg;
    *out = NULL;
    if (m->result != ERR_OK)
        return m->result;
    if (!m->held) {
        enum err result = m->feed->next(m->feed->arg, &m->held_index, &m->held, e);
        if (result != ERR_OK || !m->held)
            return result;
    }
    if (is_limited(&m->c->budget)) {
        struct usage size = meter_request(m->held), u = worst(m, &size);
        if (!fits(m, &u))
            return m->in_flight == 0 ? say_full(m, e) : ERR_OK; /* an answer may turn out shorter */
        reserve(m, m->held_index, &u);
    }
    if (m->c->watch)
        m->c->watch(m->c->watch_arg, m->role, m->held);
    m->in_flight++;
    *index = m->held_index;
    *out = m->held;
    m->held = NULL;
    return ERR_OK;
}

static void done(void *arg, size_t index, const struct answer *answer)
{
    struct meter *m = arg;
    m->in_flight--;
    if (is_limited(&m->c->budget))
        settle(m, index);
    count(m, &answer->usage, answer->status, 0);
    m->feed->done(m->feed->arg, index, answer);
}

static void part(void *arg, size_t index, const struct answer *so_far, size_t asks)
{
    struct meter *m = arg;
    if (m->feed->part)
        m->feed->part(m->feed->arg, index, so_far, asks);
}

static enum err rest(void *arg, struct error *e)
{
    struct meter *m = arg;
    return m->feed->rest ? m->feed->rest(m->feed->arg, e) : ERR_OK;
}

static enum err end(struct meter *m, enum err result, struct error *e)
{
    if (m->result != ERR_OK) {
        if (e)
            *e = m->trouble;
        return m->result;
    }
    return result;
}

static enum err complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct meter *m = ctx;
    const struct feed between = {.next = next, .done = done, .part = part, .rest = rest, .arg = m};
    m->feed = feed;
    m->held = NULL;
    m->in_flight = 0;
    m->result = ERR_OK;
    m->c->budget.reserved_cost = 0;
    m->c->budget.reserved_tokens = 0;
    double started = clock_seconds();
    enum err result = m->inner.ops->complete(m->inner.ctx, &between, stop, e);
    count(m, &(struct usage){0}, ANSWER_OK, ms_since(started)); /* together, since they ran side by side */
    return end(m, result, e);
}

static enum err embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                      struct error *e)
{
    struct meter *m = ctx;
    struct usage u = {0};
    m->result = ERR_OK;
    if (is_limited(&m->c->budget)) {
        for (size_t i = 0; i < n; i++)
            u.tokens_in += text_tokens(texts[i]);
        struct usage most = worst(m, &u);
        if (!fits(m, &most))
            return say_full(m, e);
        u = (struct usage){0};
    }
    double started = clock_seconds();
    enum err result = m->inner.ops->embed(m->inner.ctx, texts, n, out, &u, e);
    count(m, &u, ANSWER_OK, ms_since(started));
    if (usage) {
        usage->calls += u.calls;
        usage->tokens_in += u.tokens_in;
        usage->tokens_cached += u.tokens_cached;
        usage->tokens_to_cache += u.tokens_to_cache;
        usage->tokens_out += u.tokens_out;
    }
    return end(m, result, e);
}

static enum err lookup(void *ctx, const int64_t *recs, size_t n, struct mat out, struct error *e)
{
    struct meter *m = ctx;
    return m->inner.ops->lookup(m->inner.ctx, recs, n, out, e);
}

static void close(void *ctx)
{
    struct meter *m = ctx;
    model_close(&m->inner);
    free(m->reserved);
    free(m);
}

static const struct model_ops complete_ops = {.scheme = "meter", .complete = complete, .close = close};
static const struct model_ops embed_ops = {.scheme = "meter", .embed = embed, .close = close};
static const struct model_ops lookup_ops = {.scheme = "meter", .embed = embed, .lookup = lookup, .close = close};

void meter_wrap(struct stage_context *c, enum role role, struct model *m)
{
    struct meter *meter = mem_zero(1, sizeof *meter);
    *meter = (struct meter){.c = c, .role = role, .inner = *m};
    if (c->prices)
        meter->price = prices_find(c->prices, stage_model_spec(c, role));
    m->ops = m->ops->lookup ? &lookup_ops : m->ops->embed ? &embed_ops : &complete_ops;
    m->ctx = meter;
}

/* ---- the start ---- */

struct sum {
    struct stage_context *c;
    const char *unknown; /* a model whose price is not known */
    struct arena *arena;
};

static void check_price(struct sum *sum, struct str model, const struct usage *u)
{
    struct budget *b = &sum->c->budget;
    struct price price = {0};
    if (sum->c->prices)
        price = prices_find(sum->c->prices, model);
    double cost = sum->c->prices ? price_of(&price, u) : -1;
    if (cost < 0)
        sum->unknown = str_dupz(sum->arena, model);
    else
        b->cost += cost;
}

static void add_spent(void *arg, struct str stage, struct str model, const struct spent *s)
{
    struct sum *sum = arg;
    (void)stage;
    struct usage u = meter_usage_of(s);
    sum->c->budget.tokens += s->tokens_in + s->tokens_out;
    check_price(sum, model, &u);
}

enum err meter_open_budget(struct stage_context *c, struct error *e)
{
    struct arena a = {0};
    struct sum sum = {.c = c, .arena = &a};
    c->budget.cost = 0;
    c->budget.tokens = 0;
    enum err result = is_limited(&c->budget) ? spent_each(c->run, add_spent, &sum, e) : ERR_OK;
    double cost = c->budget.cost;
    for (enum role role = ROLE_FAST; role <= ROLE_EMBED; role++) /* is a token of each kind it deals in priced? */
        check_price(&sum, stage_model_spec(c, role), &(struct usage){.tokens_in = 1, .tokens_out = role != ROLE_EMBED});
    c->budget.cost = cost;
    if (result == ERR_OK && c->budget.max_cost > 0 && sum.unknown) {
        error_set(e, ERR_CONFIG, "a limit on money cannot be held: what %s costs is not known", sum.unknown);
        result = error_hint(
            e, "add it to a price file (clio estimate --list-prices > prices.json; --prices prices.json), or "
               "limit the tokens: --max-tokens");
    }
    arena_release(&a);
    return result;
}
