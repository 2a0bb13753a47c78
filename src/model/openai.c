/*
 * openai.c: `openai:MODEL@BASE_URL`, chat completions and embeddings of any compatible server; options: endpoint.h.
 *
 * format=auto (default) asks with a JSON Schema and leaves out what the server declines: the schema (the shape is then
 * described in words), seed, temperature, top_p; max_tokens becomes max_completion_tokens. format=grammar sends GBNF
 * (llama.cpp's server), format=plain words alone. Keys: CLIO_OPENAI_KEY, OPENAI_API_KEY.
 */
#include "base/json.h"
#include "model/batch.h"
#include "model/chat.h"
#include "model/endpoint.h"
#include "model/provider.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EMBED_BATCH = 64, WIDTH_MAX = 16384, EMBED_BODY_MAX = 64 << 20 };

enum format { FORMAT_AUTO, FORMAT_SCHEMA, FORMAT_GRAMMAR, FORMAT_PLAIN };

/* Members of a request that some servers decline. */
enum { NO_MAX_TOKENS, NO_TEMPERATURE, NO_TOP_P, NO_SEED, NO_FORMAT, NO_COUNT };
static const char *const declinable[NO_COUNT] = {
    [NO_MAX_TOKENS] = "max_tokens",  [NO_TEMPERATURE] = "temperature", [NO_TOP_P] = "top_p", [NO_SEED] = "seed",
    [NO_FORMAT] = "response_format",
};

struct openai {
    struct endpoint endpoint;
    struct calls *calls;
    struct chat_protocol protocol;
    struct batch *batch; /* NULL: calls one by one */
    bool declined[NO_COUNT];
    bool format_works; /* the server took a JSON Schema or a grammar once */
    size_t width;
    const atomic_bool *stop; /* of embeddings */
};

/* ---- chat completions ---- */

static bool in_words(const struct openai *o)
{
    return o->endpoint.format == FORMAT_PLAIN || o->declined[NO_FORMAT];
}

static void add_message(struct buf *b, const char *role, struct str text, bool first)
{
    buf_printf(b, "%s{\"role\":\"%s\",\"content\":", first ? "" : ",", role);
    json_add_string(b, text);
    buf_addz(b, "}");
}

/* The dialogue up to ask i, with the answers given so far: what all requests share comes first. */
static void add_messages(const struct openai *o, const struct request *r, size_t i, const struct answer *so_far,
                         struct buf *b)
{
    struct buf user = {0};
    if (r->system.n)
        add_message(b, "system", r->system, true);
    for (size_t k = 0; k <= i; k++) {
        buf_clear(&user);
        buf_add(&user, r->asks[k].user);
        if (in_words(o)) {
            buf_addz(&user, "\n\nAnswer with this JSON and nothing else: ");
            schema_describe(r->asks[k].answer, &user);
        }
        add_message(b, "user", buf_str(&user), k == 0 && r->system.n == 0);
        if (k < i)
            add_message(b, "assistant", so_far->texts[k], false);
    }
    buf_release(&user);
}

static void add_format(const struct openai *o, const struct schema *s, struct buf *b)
{
    if (in_words(o))
        return;
    if (o->endpoint.format == FORMAT_GRAMMAR) {
        struct buf gbnf = {0};
        schema_gbnf(s, &gbnf);
        buf_addz(b, ",\"grammar\":");
        json_add_string(b, buf_str(&gbnf));
        buf_release(&gbnf);
        return;
    }
    buf_addz(b, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"strict\":true,"
                "\"schema\":");
    schema_json_schema(s, b);
    buf_addz(b, "}}");
}

static void build(void *ctx, const struct request *r, size_t i, const struct answer *so_far, struct buf *b)
{
    const struct openai *o = ctx;
    size_t most = schema_max_tokens(r->asks[i].answer);
    buf_addz(b, "{\"model\":");
    json_add_string(b, str_of(o->endpoint.model));
    buf_addz(b, ",\"messages\":[");
    add_messages(o, r, i, so_far, b);
    buf_printf(b, "],\"stream\":false,\"%s\":%zu", o->declined[NO_MAX_TOKENS] ? "max_completion_tokens" : "max_tokens",
               most < CHAT_ANSWER_TOKENS ? most : (size_t)CHAT_ANSWER_TOKENS);
    if (!o->declined[NO_TEMPERATURE])
        buf_printf(b, ",\"temperature\":%.4g", r->temperature > 0 ? r->temperature : 0);
    if (!o->declined[NO_TOP_P])
        buf_addz(b, ",\"top_p\":0.9");
    if (!o->declined[NO_SEED])
        buf_printf(b, ",\"seed\":%" PRIu64, r->seed & INT32_MAX);
    add_format(o, r->asks[i].answer, b);
    buf_addz(b, "}");
}

static void add_usage(struct usage *u, yyjson_val *root)
{
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    u->tokens_in += yyjson_get_uint(yyjson_obj_get(usage, "prompt_tokens"));
    u->tokens_out += yyjson_get_uint(yyjson_obj_get(usage, "completion_tokens"));
    u->tokens_cached +=
        yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(usage, "prompt_tokens_details"), "cached_tokens"));
}

static bool read_completion(void *ctx, yyjson_val *root, size_t i, struct arena *a, struct answer *out)
{
    struct openai *o = ctx;
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(root, "choices"));
    yyjson_val *message = yyjson_obj_get(choice, "message");
    if (!yyjson_is_obj(message))
        return false;
    struct str finish = json_get_str(choice, "finish_reason"), content = json_get_str(message, "content");
    o->format_works = o->format_works || !in_words(o);
    add_usage(&out->usage, root);
    if (json_get_str(message, "refusal").n || str_eqz(finish, "content_filter"))
        chat_set_status(out, ANSWER_REFUSED, "the model declined");
    else if (str_eqz(finish, "length"))
        chat_set_status(out, ANSWER_CUT, "the answer was cut at the token limit");
    else if (str_trim(content).n == 0)
        chat_set_status(out, ANSWER_EMPTY, "the answer is empty");
    else
        out->texts[i] = str_dup(a, content);
    return true;
}

/* The member the server names is left out from now on; one that names none does not know JSON Schema. */
static bool adapt(void *ctx, const struct http_reply *r)
{
    struct openai *o = ctx;
    if (r->status != 400 && r->status != 422)
        return false;
    for (size_t i = 0; i < NO_FORMAT; i++)
        if (call_error_is(r, "param", declinable[i])) {
            bool first = !o->declined[i];
            o->declined[i] = true;
            return first;
        }
    if (in_words(o) || o->format_works || o->endpoint.format != FORMAT_AUTO)
        return false;
    o->declined[NO_FORMAT] = true;
    return true;
}

static enum err openai_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct openai *o = ctx;
    return o->batch ? batch_complete(o->batch, feed, stop, e) : chat_complete(o->calls, &o->protocol, feed, stop, e);
}

/* ---- embeddings ---- */

/* Texts in batches of EMBED_BATCH, side by side. */
struct embedding {
    const struct openai *o;
    const struct str *texts;
    size_t n, next;
    struct mat out;
    struct usage *usage;
    size_t *from; /* [slot] the first text of its batch */
    enum err result;
    struct error trouble;
    size_t width; /* told by the first reply when out.at is NULL */
};

static enum err bad_vectors(struct embedding *m)
{
    m->result = error_set(&m->trouble, ERR_MODEL,
                          "the server %s sent vectors that are missing, of the wrong width, or not numbers",
                          m->o->endpoint.host);
    return m->result;
}

static enum err read_vector(struct embedding *m, yyjson_val *numbers, float *row)
{
    size_t i, count, width = m->o->width;
    yyjson_val *v;
    double sum = 0;
    if (yyjson_arr_size(numbers) != width)
        return bad_vectors(m);
    yyjson_arr_foreach(numbers, i, count, v)
    {
        row[i] = (float)yyjson_get_num(v);
        sum += (double)row[i] * (double)row[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return bad_vectors(m);
    for (i = 0; i < width; i++)
        row[i] = (float)((double)row[i] / sqrt(sum));
    return ERR_OK;
}

static size_t batch_size(const struct embedding *m, size_t from)
{
    return m->n - from < EMBED_BATCH ? m->n - from : EMBED_BATCH;
}

static enum err read_vectors(struct embedding *m, yyjson_val *data, size_t from)
{
    size_t i, count, n = batch_size(m, from);
    bool seen[EMBED_BATCH] = {0};
    yyjson_val *item;
    if (yyjson_arr_size(data) != n)
        return bad_vectors(m);
    yyjson_arr_foreach(data, i, count, item)
    {
        yyjson_val *index = yyjson_obj_get(item, "index");
        size_t at = yyjson_is_uint(index) ? (size_t)yyjson_get_uint(index) : i;
        if (at >= n || seen[at])
            return bad_vectors(m);
        seen[at] = true;
        enum err result = read_vector(m, yyjson_obj_get(item, "embedding"), mat_row(m->out, from + at));
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

static enum err next_batch(void *arg, struct call *call, bool *given, struct error *e)
{
    struct embedding *m = arg;
    *given = m->result == ERR_OK && m->next < m->n;
    if (m->result != ERR_OK && e)
        *e = m->trouble;
    if (!*given)
        return m->result;
    size_t n = batch_size(m, m->next);
    m->from[call->index] = m->next;
    buf_clear(&call->body);
    buf_addz(&call->body, "{\"model\":");
    json_add_string(&call->body, str_of(m->o->endpoint.model));
    buf_addz(&call->body, ",\"encoding_format\":\"float\",\"input\":[");
    for (size_t i = 0; i < n; i++) {
        struct str text = m->texts[m->next + i];
        buf_addz(&call->body, i ? "," : "");
        json_add_string(&call->body, text.n ? text : STR(" "));
    }
    buf_addz(&call->body, "]}");
    call->tokens = call->body.n / 4;
    m->next += n;
    return ERR_OK;
}

static enum call_step embed_reply(void *arg, struct call *call, const struct http_reply *r)
{
    struct embedding *m = arg;
    yyjson_doc *doc;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return CALL_AGAIN;
    yyjson_val *root = yyjson_doc_get_root(doc), *data = yyjson_obj_get(root, "data");
    bool understood = yyjson_arr_size(data) > 0;
    if (understood && m->usage) {
        m->usage->calls++;
        add_usage(m->usage, root);
    }
    if (understood && m->o->width == 0)
        m->width = yyjson_arr_size(yyjson_obj_get(yyjson_arr_get_first(data), "embedding"));
    else if (understood && m->result == ERR_OK)
        m->result = read_vectors(m, data, m->from[call->index]);
    yyjson_doc_free(doc);
    return understood ? CALL_OVER : CALL_AGAIN;
}

/* Every text needs its vector. */
static enum call_step embed_trouble(void *arg, struct call *call, enum call_trouble why, const struct http_reply *r)
{
    struct embedding *m = arg;
    (void)call;
    m->result = why == CALL_REJECTED
                    ? error_set(&m->trouble, ERR_MODEL, "the server %s rejected texts to embed (status %ld)",
                                m->o->endpoint.host, r->status)
                    : error_set(&m->trouble, ERR_MODEL, "the server %s fails at texts to embed", m->o->endpoint.host);
    return CALL_OVER;
}

static enum err embed_all(struct embedding *m, struct error *e)
{
    const struct calls_source source = {
        .path = "embeddings", .next = next_batch, .reply = embed_reply, .trouble = embed_trouble, .arg = m};
    m->from = mem_zero(calls_slots(m->o->calls), sizeof *m->from);
    enum err result = calls_run(m->o->calls, &source, m->o->stop, e);
    free(m->from);
    if (result == ERR_OK && m->result != ERR_OK && e)
        *e = m->trouble;
    return result == ERR_OK ? m->result : result;
}

static enum err openai_embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                             struct error *e)
{
    struct embedding m = {.o = ctx, .texts = texts, .n = n, .out = out, .usage = usage};
    return embed_all(&m, e);
}

static enum err ask_width(struct openai *o, struct error *e)
{
    struct str text = STR("width");
    struct embedding m = {.o = o, .texts = &text, .n = 1};
    enum err result = embed_all(&m, e);
    if (result == ERR_OK && (m.width == 0 || m.width > WIDTH_MAX)) {
        result = bad_vectors(&m);
        if (e)
            *e = m.trouble;
    }
    o->width = m.width;
    return result;
}

/* ---- opening ---- */

static enum err openai_probe(void *ctx, struct probe *out, struct error *e)
{
    const struct openai *o = ctx;
    return endpoint_probe(&o->endpoint, o->calls, out, e);
}

static void openai_close(void *ctx)
{
    struct openai *o = ctx;
    batch_free(o->batch);
    calls_close(o->calls);
    endpoint_release(&o->endpoint);
    free(o);
}

static const char *const formats[] = {
    [FORMAT_AUTO] = "auto", [FORMAT_SCHEMA] = "schema", [FORMAT_GRAMMAR] = "grammar", [FORMAT_PLAIN] = "plain", NULL};
static const char *const keys[] = {"CLIO_OPENAI_KEY", "OPENAI_API_KEY", NULL};
static const struct endpoint_kind kind = {.scheme = "openai",
                                          .example = "qwen2.5@http://127.0.0.1:8080/v1",
                                          .formats = formats,
                                          .keys = keys,
                                          .key_header = "Authorization: Bearer "};

static const struct model_ops complete_ops = {
    .scheme = "openai", .complete = openai_complete, .probe = openai_probe, .close = openai_close};
static const struct model_ops embed_ops = {
    .scheme = "openai", .embed = openai_embed, .probe = openai_probe, .close = openai_close};

enum err openai_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct openai *o = mem_zero(1, sizeof *o);
    o->stop = opts ? opts->stop : NULL;
    bool embeds = str_find(rest, STR("embed=1")) != SIZE_MAX;
    enum err result = endpoint_open(&kind, rest, opts, embeds ? (size_t)EMBED_BODY_MAX : (size_t)CHAT_BODY_MAX,
                                    &o->endpoint, &o->calls, &out->info, e);
    if (result == ERR_OK && o->endpoint.embed)
        result = ask_width(o, e);
    if (result != ERR_OK) {
        openai_close(o);
        return result;
    }
    o->protocol = (struct chat_protocol){
        .path = "chat/completions", .build = build, .read = read_completion, .adapt = adapt, .ctx = o};
    if (o->endpoint.batch)
        o->batch = batch_new(o->calls, &o->protocol, &batch_openai, &o->endpoint, &out->info, opts->batches);
    if (o->endpoint.embed)
        out->info.in_flight *= EMBED_BATCH;
    out->info.width = o->width;
    out->ops = o->endpoint.embed ? &embed_ops : &complete_ops;
    out->ctx = o;
    return ERR_OK;
}
