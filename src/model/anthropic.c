/*
 * anthropic.c: `anthropic:MODEL@BASE_URL`, the Messages API; options: endpoint.h.
 *
 * The system text is marked for the prompt cache, since all requests of a stage share it, and so is a conversation that
 * is asked about more than once. format=auto (default) begins the answer for the model ("prefill": its "{"), and only
 * describes the shape where the model does not allow that; format=schema uses structured outputs, format=plain words
 * alone. Keys: CLIO_ANTHROPIC_KEY, ANTHROPIC_API_KEY.
 */
#include "base/json.h"
#include "model/batch.h"
#include "model/chat.h"
#include "model/endpoint.h"
#include "model/provider.h"

#include <stdlib.h>

enum format { FORMAT_AUTO, FORMAT_PREFILL, FORMAT_SCHEMA, FORMAT_PLAIN };

static const char prefill[] = "{";

struct anthropic {
    struct endpoint endpoint;
    struct calls *calls;
    struct chat_protocol protocol;
    struct batch *batch;             /* NULL: calls one by one */
    bool no_prefill, no_temperature; /* declined once */
    bool prefill_works;
};

static bool prefills(const struct anthropic *p)
{
    return p->endpoint.format <= FORMAT_PREFILL && !p->no_prefill;
}

/* What a batch shares is read again within the hour it takes, not within five minutes. */
static void add_text(const struct anthropic *p, struct buf *b, struct str text, bool cached)
{
    static const char *const marks[] = {",\"cache_control\":{\"type\":\"ephemeral\"}}",
                                        ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}"};
    buf_addz(b, "{\"type\":\"text\",\"text\":");
    json_add_string(b, text);
    buf_addz(b, cached ? marks[p->endpoint.batch] : "}");
}

static void add_turns(const struct anthropic *p, const struct request *r, size_t i, const struct answer *so_far,
                      struct buf *b)
{
    struct buf user = {0};
    for (size_t k = 0; k <= i; k++) {
        buf_clear(&user);
        buf_add(&user, r->asks[k].user);
        if (p->endpoint.format != FORMAT_SCHEMA) {
            buf_addz(&user, "\n\nAnswer with this JSON and nothing else: ");
            schema_describe(r->asks[k].answer, &user);
        }
        buf_printf(b, "%s{\"role\":\"user\",\"content\":[", k ? "," : "");
        add_text(p, b, buf_str(&user), k == 0 && r->asks_count > 1);
        buf_addz(b, "]}");
        if (k < i) {
            buf_addz(b, ",{\"role\":\"assistant\",\"content\":");
            json_add_string(b, so_far->texts[k]);
            buf_addz(b, "}");
        }
    }
    if (prefills(p))
        buf_printf(b, ",{\"role\":\"assistant\",\"content\":\"%s\"}", prefill);
    buf_release(&user);
}

static void build(void *ctx, const struct request *r, size_t i, const struct answer *so_far, struct buf *b)
{
    const struct anthropic *p = ctx;
    size_t most = schema_max_tokens(r->asks[i].answer);
    buf_addz(b, "{\"model\":");
    json_add_string(b, str_of(p->endpoint.model));
    buf_printf(b, ",\"max_tokens\":%zu", most < CHAT_ANSWER_TOKENS ? most : (size_t)CHAT_ANSWER_TOKENS);
    if (!p->no_temperature)
        buf_printf(b, ",\"temperature\":%.4g", r->temperature > 1 ? 1 : r->temperature > 0 ? r->temperature : 0);
    if (r->system.n) {
        buf_addz(b, ",\"system\":[");
        add_text(p, b, r->system, true);
        buf_addz(b, "]");
    }
    buf_addz(b, ",\"messages\":[");
    add_turns(p, r, i, so_far, b);
    buf_addz(b, "]");
    if (p->endpoint.format == FORMAT_SCHEMA) {
        buf_addz(b, ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":");
        schema_json_schema(r->asks[i].answer, b);
        buf_addz(b, "}}");
    }
    buf_addz(b, "}");
}

/* tokens_in counts everything read, as elsewhere: this API gives what the cache had, and what it took in, apart. */
static void add_usage(struct usage *u, yyjson_val *root)
{
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    uint64_t cached = yyjson_get_uint(yyjson_obj_get(usage, "cache_read_input_tokens"));
    uint64_t to_cache = yyjson_get_uint(yyjson_obj_get(usage, "cache_creation_input_tokens"));
    u->tokens_in += yyjson_get_uint(yyjson_obj_get(usage, "input_tokens")) + cached + to_cache;
    u->tokens_cached += cached;
    u->tokens_to_cache += to_cache;
    u->tokens_out += yyjson_get_uint(yyjson_obj_get(usage, "output_tokens"));
}

static bool read_message(void *ctx, yyjson_val *root, size_t i, struct arena *a, struct answer *out)
{
    struct anthropic *p = ctx;
    yyjson_val *content = yyjson_obj_get(root, "content"), *part;
    struct str stop = json_get_str(root, "stop_reason");
    struct buf text = {0};
    size_t k, count;
    if (!yyjson_is_arr(content) || stop.at == NULL)
        return false;
    yyjson_arr_foreach(content, k, count, part)
    {
        if (str_eqz(json_get_str(part, "type"), "text"))
            buf_add(&text, json_get_str(part, "text"));
    }
    p->prefill_works = p->prefill_works || prefills(p);
    add_usage(&out->usage, root);
    if (str_eqz(stop, "refusal"))
        chat_set_status(out, ANSWER_REFUSED, "the model declined");
    else if (str_eqz(stop, "max_tokens") || str_eqz(stop, "model_context_window_exceeded"))
        chat_set_status(out, ANSWER_CUT, "the answer was cut at the token limit");
    else if (str_trim(buf_str(&text)).n == 0)
        chat_set_status(out, ANSWER_EMPTY, "the answer is empty");
    else /* a server that repeats the beginning it was given is forgiven */
        out->texts[i] = str_printf(a, "%s" STR_FMT,
                                   prefills(p) && !str_has_prefix(str_trim(buf_str(&text)), STR("{")) ? prefill : "",
                                   STR_ARG(buf_str(&text)));
    buf_release(&text);
    return true;
}

static bool adapt(void *ctx, const struct http_reply *r)
{
    struct anthropic *p = ctx;
    if (r->status != 400)
        return false;
    if (str_find(r->body, STR("temperature")) != SIZE_MAX && !p->no_temperature) {
        p->no_temperature = true;
        return true;
    }
    if (p->endpoint.format != FORMAT_AUTO || p->no_prefill || p->prefill_works)
        return false;
    p->no_prefill = true;
    return true;
}

static enum err anthropic_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct anthropic *p = ctx;
    return p->batch ? batch_complete(p->batch, feed, stop, e) : chat_complete(p->calls, &p->protocol, feed, stop, e);
}

static enum err anthropic_probe(void *ctx, struct probe *out, struct error *e)
{
    const struct anthropic *p = ctx;
    return endpoint_probe(&p->endpoint, p->calls, out, e);
}

static void anthropic_close(void *ctx)
{
    struct anthropic *p = ctx;
    batch_free(p->batch);
    calls_close(p->calls);
    endpoint_release(&p->endpoint);
    free(p);
}

static const char *const formats[] = {
    [FORMAT_AUTO] = "auto", [FORMAT_PREFILL] = "prefill", [FORMAT_SCHEMA] = "schema", [FORMAT_PLAIN] = "plain", NULL};
static const char *const keys[] = {"CLIO_ANTHROPIC_KEY", "ANTHROPIC_API_KEY", NULL};
static const char *const headers[] = {"anthropic-version: 2023-06-01", NULL};
static const struct endpoint_kind kind = {.scheme = "anthropic",
                                          .example = "claude-haiku-4-5@https://HOST/v1",
                                          .formats = formats,
                                          .keys = keys,
                                          .key_header = "x-api-key: ",
                                          .headers = headers};

static const struct model_ops ops = {
    .scheme = "anthropic", .complete = anthropic_complete, .probe = anthropic_probe, .close = anthropic_close};

enum err anthropic_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct anthropic *p = mem_zero(1, sizeof *p);
    enum err result = endpoint_open(&kind, rest, opts, CHAT_BODY_MAX, &p->endpoint, &p->calls, &out->info, e);
    if (result == ERR_OK && p->endpoint.embed)
        result = error_set(e, ERR_CONFIG, "anthropic: has no embedding models");
    if (result != ERR_OK) {
        anthropic_close(p);
        return result;
    }
    p->protocol =
        (struct chat_protocol){.path = "messages", .build = build, .read = read_message, .adapt = adapt, .ctx = p};
    if (p->endpoint.batch)
        p->batch = batch_new(p->calls, &p->protocol, &batch_anthropic, &p->endpoint, &out->info, opts->batches);
    out->ops = &ops;
    out->ctx = p;
    return ERR_OK;
}
