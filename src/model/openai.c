/*
 * openai.c: `openai:MODEL@BASE_URL`, chat completions and embeddings of any compatible server, one exchange at a time.
 *
 * Options follow the address as a query of our own, which is never sent:
 *     ?format=auto|schema|plain  how the shape is asked for; auto (default): JSON Schema, and plain once the server
 * declines &context=8192              the model's window, in tokens (default 4096) &embed=1                   an
 * embedding model; its width is asked from the server when it is opened &timeout=600               seconds for one
 * exchange &backoff=500               milliseconds before the first repetition The key comes from CLIO_OPENAI_KEY or
 * OPENAI_API_KEY and from nowhere else.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "model/http.h"
#include "model/provider.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TRIES = 7,         /* the first, and six repetitions */
    FAILED_IN_ROW = 5, /* different requests, one after the other: then it is the server */
    CONTEXT_TOKENS = 4096,
    ANSWER_TOKENS_MAX = 4096,
    BACKOFF_MS = 500,
    WAIT_MS_MAX = 60 * 1000,
    EMBED_BATCH = 64,
    WIDTH_MAX = 16384,
};

enum format { FORMAT_AUTO, FORMAT_SCHEMA, FORMAT_PLAIN };

struct openai {
    struct http *http;
    char *model, *host;
    enum format format;
    bool schema_works; /* the server took a JSON Schema once */
    int64_t context, timeout_s, backoff_ms, embed;
    size_t width;
    struct rng jitter;
    struct hash failed;   /* the last request that no repetition helped */
    size_t failed_in_row; /* different ones, since the last answer */
    enum http_outcome outcome;
    struct http_reply reply;
};

/* ---- an exchange, repeated where that can help ---- */

enum verdict {
    VERDICT_OK,
    VERDICT_AGAIN,    /* may work later */
    VERDICT_REJECTED, /* this request never will; the reply says why */
    VERDICT_FAILED,   /* this request does not, however often it is repeated; others may */
    VERDICT_GIVE_UP,  /* no request will; the error is set */
};

static enum err give_up(struct openai *o, struct error *e, enum http_outcome outcome)
{
    static const char *const what[] = {
        [HTTP_ANSWERED] = "is overloaded or failing",
        [HTTP_UNREACHABLE] = "cannot be reached",
        [HTTP_BROKEN] = "ends connections or does not answer in time",
        [HTTP_TOO_LARGE] = "sends answers that are far too large",
        [HTTP_UNTRUSTED] = "cannot be trusted: its certificate does not verify",
    };
    error_set(e, ERR_MODEL, "the server %s %s", o->host, what[outcome]);
    return error_hint(e, "run the same command again when it is back: nothing that was answered is lost");
}

/* The error member's code or type; a constant's comparison is all it is used for. */
static bool error_is(const struct openai *o, const char *code)
{
    yyjson_doc *doc;
    if (json_parse(buf_str(&o->reply.body), false, &doc, NULL) != ERR_OK)
        return false;
    yyjson_val *error = yyjson_obj_get(yyjson_doc_get_root(doc), "error");
    bool is = str_eqz(json_get_str(error, "code"), code) || str_eqz(json_get_str(error, "type"), code);
    yyjson_doc_free(doc);
    return is;
}

static enum verdict judge_status(struct openai *o, struct error *e)
{
    long status = o->reply.status;
    if (status >= 200 && status < 300)
        return VERDICT_OK;
    if (status == 401 || status == 403) {
        error_set(e, ERR_AUTH, "the server %s refused the key (status %ld)", o->host, status);
        error_hint(e, "set CLIO_OPENAI_KEY or OPENAI_API_KEY in the environment");
        return VERDICT_GIVE_UP;
    }
    if (status == 404 || (status >= 300 && status < 400)) {
        error_set(e, ERR_MODEL, "the server %s has no such model or address (status %ld)", o->host, status);
        error_hint(e, "check the model's name and that the address ends as the server wants it, usually in /v1");
        return VERDICT_GIVE_UP;
    }
    if (status == 429 && error_is(o, "insufficient_quota")) {
        error_set(e, ERR_AUTH, "the quota at %s is used up", o->host);
        return VERDICT_GIVE_UP;
    }
    return status == 408 || status == 409 || status == 429 || status >= 500 ? VERDICT_AGAIN : VERDICT_REJECTED;
}

static enum verdict judge(struct openai *o, enum http_outcome outcome, struct error *e)
{
    switch (outcome) {
    case HTTP_ANSWERED:
        return judge_status(o, e);
    case HTTP_STOPPED:
        error_set(e, ERR_INTERRUPTED, "stopped while a server was answering");
        return VERDICT_GIVE_UP;
    case HTTP_UNTRUSTED:
        give_up(o, e, outcome);
        return VERDICT_GIVE_UP;
    case HTTP_TOO_LARGE:
        return VERDICT_REJECTED;
    case HTTP_UNREACHABLE:
    case HTTP_BROKEN:
        return VERDICT_AGAIN;
    }
    return VERDICT_AGAIN;
}

static bool is_stopped(const atomic_bool *stop)
{
    return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

/* Doubled with every try, half of it by chance, never shorter than the server asked for. */
static void wait_before(struct openai *o, size_t try, const atomic_bool *stop)
{
    double ms = (double)o->backoff_ms * (double)(1u << (try - 1));
    ms = ms * (0.5 + 0.5 * rng_unit(&o->jitter));
    if (o->reply.retry_after_s >= 0 && ms < 1000 * o->reply.retry_after_s)
        ms = 1000 * o->reply.retry_after_s;
    ms = ms > WAIT_MS_MAX ? WAIT_MS_MAX : ms;
    for (double until = clock_seconds() + ms / 1000; clock_seconds() < until && !is_stopped(stop);) {
        double left = until - clock_seconds();
        left = left > 0.05 ? 0.05 : left > 0 ? left : 0;
        nanosleep(&(struct timespec){.tv_nsec = (long)(left * 1e9)}, NULL);
    }
}

/* What one request can bring about, a model that crashes over it or never ends; no connection or "slow down" can't be.
 */
static bool may_be_the_request(const struct openai *o)
{
    return o->outcome == HTTP_BROKEN || (o->outcome == HTTP_ANSWERED && o->reply.status != 429);
}

/*
 * VERDICT_OK, VERDICT_REJECTED, VERDICT_FAILED, or VERDICT_GIVE_UP with the error set. tries: how often at most.
 * understood: is a reply of status 200 usable?
 */
static enum verdict exchange(struct openai *o, const char *path, struct str json, size_t tries,
                             bool (*understood)(struct str), const atomic_bool *stop, struct error *e)
{
    enum http_outcome outcome = HTTP_BROKEN;
    for (size_t try = 0; try < tries; try++) {
        if (try)
            wait_before(o, try, stop);
        outcome = http_post(o->http, path, json, &o->reply, stop);
        if (is_stopped(stop))
            outcome = HTTP_STOPPED;
        enum verdict v = judge(o, outcome, e);
        if (v == VERDICT_OK && !understood(buf_str(&o->reply.body)))
            v = VERDICT_AGAIN;
        if (v != VERDICT_AGAIN)
            return v;
    }
    if (outcome == HTTP_ANSWERED && o->reply.status < 300)
        return VERDICT_REJECTED; /* a reply nobody understands */
    o->outcome = outcome;
    if (may_be_the_request(o))
        return VERDICT_FAILED;
    give_up(o, e, outcome);
    return VERDICT_GIVE_UP;
}

/* ---- chat completions ---- */

static bool is_completion(struct str body)
{
    yyjson_doc *doc;
    if (json_parse(body, false, &doc, NULL) != ERR_OK)
        return false;
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), "choices"));
    bool ok = yyjson_is_obj(yyjson_obj_get(choice, "message"));
    yyjson_doc_free(doc);
    return ok;
}

static void add_message(struct buf *b, const char *role, struct str text, bool first)
{
    buf_printf(b, "%s{\"role\":\"%s\",\"content\":", first ? "" : ",", role);
    json_add_string(b, text);
    buf_addz(b, "}");
}

static bool wants_schema(const struct openai *o)
{
    return o->format != FORMAT_PLAIN;
}

/* The dialogue up to ask i, with the answers given so far. */
static void add_messages(const struct openai *o, const struct request *r, size_t i, const struct answer *so_far,
                         struct buf *b)
{
    if (r->system.n)
        add_message(b, "system", r->system, true);
    for (size_t k = 0; k <= i; k++) {
        struct buf user = {0};
        buf_add(&user, r->asks[k].user);
        if (!wants_schema(o)) {
            buf_addz(&user, "\n\nAnswer with this JSON and nothing else: ");
            schema_describe(r->asks[k].answer, &user);
        }
        add_message(b, "user", buf_str(&user), k == 0 && r->system.n == 0);
        buf_release(&user);
        if (k < i)
            add_message(b, "assistant", so_far->texts[k], false);
    }
}

static void build_body(const struct openai *o, const struct request *r, size_t i, const struct answer *so_far,
                       struct buf *b)
{
    size_t most = schema_max_tokens(r->asks[i].answer);
    buf_clear(b);
    buf_addz(b, "{\"model\":");
    json_add_string(b, str_of(o->model));
    buf_addz(b, ",\"messages\":[");
    add_messages(o, r, i, so_far, b);
    buf_printf(b, "],\"temperature\":%.4g,\"top_p\":0.9,\"seed\":%" PRIu64 ",\"max_tokens\":%zu,\"stream\":false",
               r->temperature > 0 ? r->temperature : 0, r->seed & INT32_MAX,
               most < ANSWER_TOKENS_MAX ? most : (size_t)ANSWER_TOKENS_MAX);
    if (wants_schema(o)) {
        buf_addz(b,
                 ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"strict\":true,"
                 "\"schema\":");
        schema_json_schema(r->asks[i].answer, b);
        buf_addz(b, "}}");
    }
    buf_addz(b, "}");
}

static void set_status(struct answer *out, enum answer_status status, const char *reason)
{
    out->status = status;
    out->reason = reason;
}

static void add_usage(struct usage *u, yyjson_val *root)
{
    yyjson_val *usage = yyjson_obj_get(root, "usage");
    u->calls++;
    u->tokens_in += yyjson_get_uint(yyjson_obj_get(usage, "prompt_tokens"));
    u->tokens_out += yyjson_get_uint(yyjson_obj_get(usage, "completion_tokens"));
    u->tokens_cached +=
        yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(usage, "prompt_tokens_details"), "cached_tokens"));
}

static void read_completion(struct openai *o, size_t i, struct arena *a, struct answer *out)
{
    yyjson_doc *doc;
    if (json_parse(buf_str(&o->reply.body), false, &doc, NULL) != ERR_OK) {
        set_status(out, ANSWER_FAILED, "the server's reply cannot be read");
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(root, "choices"));
    yyjson_val *message = yyjson_obj_get(choice, "message");
    struct str finish = json_get_str(choice, "finish_reason"), content = json_get_str(message, "content");
    add_usage(&out->usage, root);
    if (json_get_str(message, "refusal").n || str_eqz(finish, "content_filter"))
        set_status(out, ANSWER_REFUSED, "the model declined");
    else if (str_eqz(finish, "length"))
        set_status(out, ANSWER_CUT, "the answer was cut at the token limit");
    else if (str_trim(content).n == 0)
        set_status(out, ANSWER_FAILED, "the answer is empty");
    else
        out->texts[i] = str_dup(a, content);
    yyjson_doc_free(doc);
}

static void read_rejection(const struct openai *o, struct answer *out)
{
    out->usage.calls++;
    if (o->reply.status == 413 || error_is(o, "context_length_exceeded") || error_is(o, "exceed_context_size_error"))
        set_status(out, ANSWER_TOO_LONG, "the request does not fit the model's context");
    else if (o->reply.status >= 200 && o->reply.status < 300)
        set_status(out, ANSWER_FAILED, "the server's reply cannot be read");
    else
        set_status(out, ANSWER_FAILED, "the server rejected the request");
}

/* Some servers know no JSON Schema and say so with 400 (or 422): from then on the shape is described in words. */
static bool should_go_plain(const struct openai *o)
{
    bool declined = o->reply.status == 400 || o->reply.status == 422;
    return declined && o->format == FORMAT_AUTO && !o->schema_works && !error_is(o, "context_length_exceeded") &&
           !error_is(o, "exceed_context_size_error");
}

static bool same_request(const struct openai *o, struct hash request)
{
    return memcmp(o->failed.at, request.at, sizeof request.at) == 0;
}

/* One poison record must not end the stage, a server that is down must: told apart by how many requests fail in a row.
 */
static enum verdict count_failure(struct openai *o, struct hash request, enum verdict v, struct error *e)
{
    if (v != VERDICT_FAILED) {
        o->failed_in_row = v == VERDICT_GIVE_UP ? o->failed_in_row : 0;
        return v;
    }
    o->failed_in_row += o->failed_in_row == 0 || !same_request(o, request);
    o->failed = request;
    if (o->failed_in_row < FAILED_IN_ROW)
        return v;
    give_up(o, e, o->outcome);
    return VERDICT_GIVE_UP;
}

static enum verdict send_chat(struct openai *o, const struct request *r, struct str json, const atomic_bool *stop,
                              struct error *e)
{
    struct hash request = hash_of(r->asks[0].user); /* whatever the seed: asked again it is the same one */
    bool again = o->failed_in_row && same_request(o, request);
    enum verdict v = exchange(o, "chat/completions", json, again ? 1 : TRIES, is_completion, stop, e);
    return count_failure(o, request, v, e);
}

static enum err ask_one(struct openai *o, const struct request *r, size_t i, struct arena *a, struct answer *out,
                        const atomic_bool *stop, struct error *e)
{
    struct buf body = {0};
    build_body(o, r, i, out, &body);
    enum verdict v = send_chat(o, r, buf_str(&body), stop, e);
    if (v == VERDICT_REJECTED && should_go_plain(o)) {
        o->format = FORMAT_PLAIN;
        build_body(o, r, i, out, &body);
        v = send_chat(o, r, buf_str(&body), stop, e);
    }
    buf_release(&body);
    if (v == VERDICT_GIVE_UP)
        return e ? e->code : ERR_MODEL;
    if (v == VERDICT_FAILED) {
        out->usage.calls++;
        set_status(out, ANSWER_FAILED, "the server fails at this request");
        return ERR_OK;
    }
    if (v == VERDICT_REJECTED) {
        read_rejection(o, out);
        return ERR_OK;
    }
    o->schema_works = o->schema_works || wants_schema(o);
    read_completion(o, i, a, out);
    return ERR_OK;
}

static enum err openai_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct openai *o = ctx;
    struct arena a = {0};
    struct error own = {0};
    size_t index;
    const struct request *r;
    enum err result;
    e = e ? e : &own;
    while ((result = feed->next(feed->arg, &index, &r, e)) == ERR_OK && r) {
        struct answer answer = {0};
        for (size_t i = 0; i < r->asks_count && result == ERR_OK && answer.status == ANSWER_OK; i++)
            result = ask_one(o, r, i, &a, &answer, stop, e);
        if (result != ERR_OK)
            break;
        feed->done(feed->arg, index, &answer);
        arena_clear(&a);
    }
    arena_release(&a);
    return result;
}

/* ---- embeddings ---- */

static bool is_embeddings(struct str body)
{
    yyjson_doc *doc;
    if (json_parse(body, false, &doc, NULL) != ERR_OK)
        return false;
    bool ok = yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "data")) > 0;
    yyjson_doc_free(doc);
    return ok;
}

static enum err bad_vectors(const struct openai *o, struct error *e)
{
    return error_set(e, ERR_MODEL, "the server %s sent vectors that are missing, of the wrong width, or not numbers",
                     o->host);
}

static enum err read_vector(const struct openai *o, yyjson_val *numbers, float *row, struct error *e)
{
    size_t i, count;
    yyjson_val *v;
    double sum = 0;
    if (yyjson_arr_size(numbers) != o->width)
        return bad_vectors(o, e);
    yyjson_arr_foreach(numbers, i, count, v)
    {
        row[i] = (float)yyjson_get_num(v);
        sum += (double)row[i] * (double)row[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return bad_vectors(o, e);
    for (i = 0; i < o->width; i++)
        row[i] = (float)((double)row[i] / sqrt(sum));
    return ERR_OK;
}

static enum err read_vectors(const struct openai *o, yyjson_val *root, struct mat out, struct error *e)
{
    yyjson_val *data = yyjson_obj_get(root, "data"), *item;
    if (yyjson_arr_size(data) != out.n)
        return bad_vectors(o, e);
    unsigned char *seen = mem_zero(out.n, 1);
    enum err result = ERR_OK;
    size_t i, count;
    yyjson_arr_foreach(data, i, count, item)
    {
        yyjson_val *index = yyjson_obj_get(item, "index");
        size_t at = yyjson_is_uint(index) ? (size_t)yyjson_get_uint(index) : i;
        if (at >= out.n || seen[at])
            result = bad_vectors(o, e);
        else
            result = read_vector(o, yyjson_obj_get(item, "embedding"), mat_row(out, at), e);
        if (result != ERR_OK)
            break;
        seen[at] = 1;
    }
    free(seen);
    return result;
}

static enum err post_texts(struct openai *o, const struct str *texts, size_t n, struct error *e)
{
    struct buf body = {0};
    buf_addz(&body, "{\"model\":");
    json_add_string(&body, str_of(o->model));
    buf_addz(&body, ",\"encoding_format\":\"float\",\"input\":[");
    for (size_t i = 0; i < n; i++) {
        buf_addz(&body, i ? "," : "");
        json_add_string(&body, texts[i].n ? texts[i] : STR(" "));
    }
    buf_addz(&body, "]}");
    enum verdict v = exchange(o, "embeddings", buf_str(&body), TRIES, is_embeddings, NULL, e);
    buf_release(&body);
    if (v == VERDICT_FAILED) /* every text needs its vector */
        return give_up(o, e, o->outcome);
    if (v == VERDICT_REJECTED)
        return error_set(e, ERR_MODEL, "the server %s rejected texts to embed (status %ld)", o->host, o->reply.status);
    return v == VERDICT_OK ? ERR_OK : e->code;
}

static enum err openai_embed(void *ctx, const struct str *texts, size_t n, struct mat out, struct usage *usage,
                             struct error *e)
{
    struct openai *o = ctx;
    struct error own = {0};
    enum err result = ERR_OK;
    e = e ? e : &own;
    if (out.n < n || out.d != o->width)
        return error_set(e, ERR_RANGE, "the embedding model gives %zu numbers a text, not %zu", o->width, out.d);
    for (size_t from = 0; from < n && result == ERR_OK; from += EMBED_BATCH) {
        size_t count = n - from < EMBED_BATCH ? n - from : EMBED_BATCH;
        yyjson_doc *doc;
        result = post_texts(o, texts + from, count, e);
        if (result != ERR_OK || (result = json_parse(buf_str(&o->reply.body), false, &doc, e)) != ERR_OK)
            break;
        yyjson_val *root = yyjson_doc_get_root(doc);
        result = read_vectors(o, root, mat_rows(out, from, count), e);
        if (usage)
            add_usage(usage, root);
        yyjson_doc_free(doc);
    }
    return result;
}

static enum err ask_width(struct openai *o, struct error *e)
{
    struct str text = STR("width");
    enum err result = post_texts(o, &text, 1, e);
    if (result != ERR_OK)
        return result;
    yyjson_doc *doc;
    result = json_parse(buf_str(&o->reply.body), false, &doc, e);
    if (result != ERR_OK)
        return result;
    yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), "data"));
    o->width = yyjson_arr_size(yyjson_obj_get(first, "embedding"));
    yyjson_doc_free(doc);
    return o->width && o->width <= WIDTH_MAX ? ERR_OK : bad_vectors(o, e);
}

/* ---- opening ---- */

static void openai_close(void *ctx)
{
    struct openai *o = ctx;
    http_close(o->http);
    buf_release(&o->reply.body);
    free(o->model);
    free(o->host);
    free(o);
}

static enum err set_option(struct openai *o, struct str name, struct str value, struct error *e)
{
    static const char *const formats[] = {[FORMAT_AUTO] = "auto", [FORMAT_SCHEMA] = "schema", [FORMAT_PLAIN] = "plain"};
    const struct {
        const char *name;
        int64_t *at, min, max;
    } numbers[] = {
        {"context", &o->context, 512, 1 << 24},
        {"timeout", &o->timeout_s, 1, 86400},
        {"backoff", &o->backoff_ms, 1, WAIT_MS_MAX},
        {"embed", &o->embed, 0, 1},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (str_eqz(name, numbers[i].name)) {
            if (str_to_i64(value, numbers[i].at) && *numbers[i].at >= numbers[i].min &&
                *numbers[i].at <= numbers[i].max)
                return ERR_OK;
            return error_set(e, ERR_CONFIG, "openai: %s is a number from %" PRId64 " to %" PRId64, numbers[i].name,
                             numbers[i].min, numbers[i].max);
        }
    for (size_t i = 0; str_eqz(name, "format") && i < sizeof formats / sizeof *formats; i++)
        if (str_eqz(value, formats[i])) {
            o->format = (enum format)i;
            return ERR_OK;
        }
    error_set(e, ERR_CONFIG, "openai: does not know the option " STR_FMT, STR_ARG(name));
    return error_hint(e, "options are format=auto|schema|plain, context, timeout, backoff and embed");
}

static char *copy(struct str s)
{
    char *z = mem_zero(s.n + 1, 1);
    memcpy(z, s.at, s.n);
    return z;
}

static const char *find_key(void)
{
    static const char *const names[] = {"CLIO_OPENAI_KEY", "OPENAI_API_KEY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *key = getenv(names[i]);
        if (key && *key)
            return key;
    }
    return NULL;
}

static enum err set_up(struct openai *o, struct str rest, struct model_info *info, struct error *e)
{
    struct str options = rest, spec = str_cut(&options, '?'), url = spec, model = str_cut(&url, '@');
    if (model.n == 0 || url.n == 0) {
        error_set(e, ERR_CONFIG, "openai: takes MODEL@ADDRESS");
        return error_hint(e, "for example openai:qwen2.5@http://127.0.0.1:8080/v1");
    }
    while (options.n) {
        struct str value = str_cut(&options, '&'), name = str_cut(&value, '=');
        enum err result = set_option(o, name, value, e);
        if (result != ERR_OK)
            return result;
    }
    o->model = copy(model);
    o->host = copy(http_host(url));
    char *address = copy(url);
    struct http_opts opts = {.base_url = address, .key = find_key(), .timeout_ms = (long)o->timeout_s * 1000};
    enum err result = http_open(&opts, &o->http, e);
    char hex[HASH_HEX];
    hash_hex(hash_of(spec), hex);
    snprintf(info->name, sizeof info->name, "openai:%s@%s", o->model, o->host);
    snprintf(info->identity, sizeof info->identity, "openai %.16s %.48s", hex, o->model);
    free(address);
    return result == ERR_OK && o->embed ? ask_width(o, e) : result;
}

static const struct model_ops complete_ops = {.scheme = "openai", .complete = openai_complete, .close = openai_close};
static const struct model_ops embed_ops = {.scheme = "openai", .embed = openai_embed, .close = openai_close};

enum err openai_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct error own = {0};
    struct openai *o = mem_zero(1, sizeof *o);
    (void)opts;
    e = e ? e : &own;
    o->context = CONTEXT_TOKENS;
    o->backoff_ms = BACKOFF_MS;
    o->jitter = rng_seed((uint64_t)clock_unix_ms(), 1); /* when to wait, not what to answer */
    enum err result = set_up(o, rest, &out->info, e);
    if (result != ERR_OK) {
        openai_close(o);
        return result;
    }
    out->info.context_tokens = (uint64_t)o->context;
    out->info.in_flight = o->embed ? EMBED_BATCH : 1;
    out->info.width = o->width;
    out->ops = o->embed ? &embed_ops : &complete_ops;
    out->ctx = o;
    return ERR_OK;
}
