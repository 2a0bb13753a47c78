#include "stage/batches.h"

#include "store/batches.h"

#include <string.h>

static enum err enter(void *arg, const struct batch_entry *b, const struct hash *items, struct error *e)
{
    const struct stage_context *c = arg;
    return batches_put(c->run,
                       &(struct batch_row){.stage = str_of(c->stage),
                                           .model = str_of(b->model),
                                           .token = str_of(b->token),
                                           .id = STR(""),
                                           .sent_at = b->sent_at,
                                           .requests = (int64_t)b->requests},
                       items, e);
}

static enum err arrived(void *arg, const struct batch_entry *b, struct error *e)
{
    const struct stage_context *c = arg;
    return batches_set_id(c->run, b->token, b->id, e);
}

static enum err strike(void *arg, const struct batch_entry *b, struct error *e)
{
    const struct stage_context *c = arg;
    return batches_delete(c->run, b->token, e);
}

struct passing {
    batch_entry_fn *fn;
    void *arg;
};

static void copy(struct str s, char *out, size_t size)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n)
        memcpy(out, s.at, n);
    out[n] = '\0';
}

static void pass(void *arg, const struct batch_row *row)
{
    const struct passing *p = arg;
    struct batch_entry b = {.sent_at = row->sent_at, .requests = (size_t)row->requests};
    copy(row->model, b.model, sizeof b.model);
    copy(row->token, b.token, sizeof b.token);
    copy(row->id, b.id, sizeof b.id);
    p->fn(p->arg, &b);
}

static enum err each(void *arg, const char *model, batch_entry_fn *fn, void *fn_arg, struct error *e)
{
    const struct stage_context *c = arg;
    return batches_each(c->run, c->stage, model, pass, &(struct passing){fn, fn_arg}, e);
}

static enum err find(void *arg, struct hash item, char token[BATCH_TOKEN], struct error *e)
{
    const struct stage_context *c = arg;
    struct arena a = {0};
    struct str found;
    enum err result = batches_find(c->run, item, &a, &found, e);
    copy(found, token, BATCH_TOKEN);
    arena_release(&a);
    return result;
}

static enum err flush(void *arg, struct error *e)
{
    const struct stage_context *c = arg;
    return db_flush(c->run->db, e);
}

static void waiting(void *arg, const struct batch_news *n)
{
    struct stage_context *c = arg;
    c->awaited = *n;
    stage_report(c, EVENT_PROGRESS);
}

struct batch_book stage_batches(struct stage_context *c)
{
    return (struct batch_book){.enter = enter,
                               .arrived = arrived,
                               .strike = strike,
                               .each = each,
                               .find = find,
                               .flush = flush,
                               .waiting = waiting,
                               .arg = c};
}
