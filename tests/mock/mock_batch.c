#include "mock_batch.h"

#include "base/clock.h"
#include "base/hash.h"
#include "mock_seen.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CANCEL_S = 0.05; /* until a batch that is cancelled has ended */

enum protocol { MESSAGES, FILES };
enum fate {
    FATE_ANSWERED,
    FATE_MISSING,
    FATE_DUPLICATE,
    FATE_EXPIRED,
    FATE_ERRORED,
    FATE_GARBAGE,
    FATE_CANCELLED,
    FATE_REFUSED,
    FATE_ALL_EXPIRED,
    FATE_TOO_LARGE,
    FATE_UNPAID,
};

static const struct {
    const char *name;
    enum fate fate;
} fates[] = {{"missing", FATE_MISSING}, {"duplicate", FATE_DUPLICATE},     {"expired", FATE_EXPIRED},
             {"errored", FATE_ERRORED}, {"garbage", FATE_GARBAGE},         {"cancelled", FATE_CANCELLED},
             {"refused", FATE_REFUSED}, {"all-expired", FATE_ALL_EXPIRED}, {"too-large", FATE_TOO_LARGE},
             {"unpaid", FATE_UNPAID}};

/* A file, or a batch with its results. */
struct thing {
    bool is_batch, deleted, cancelled, refused, expired;
    int rejected; /* with this status, before it is a batch; 0: not */
    enum protocol protocol;
    double ready_at;
    int64_t created;
    char token[40], name[80]; /* a file's name */
    size_t input;             /* OpenAI: its file */
    size_t items;
    struct buf text, errors; /* a file's content; a batch's results */
};

struct mock_batches {
    double batch_s;
    struct thing *things; /* thing i is "batch_i" or "file-i" and so on */
    size_t n;
    struct mock_memory words, items;
    uint64_t batches, answered, again;
};

struct mock_batches *mock_batches_new(double batch_ms)
{
    struct mock_batches *b = mem_zero(1, sizeof *b);
    b->batch_s = batch_ms / 1000;
    return b;
}

void mock_batches_free(struct mock_batches *b)
{
    for (size_t i = 0; b && i < b->n; i++) {
        buf_release(&b->things[i].text);
        buf_release(&b->things[i].errors);
    }
    if (b) {
        free(b->things);
        free(b->words.at);
        free(b->items.at);
    }
    free(b);
}

void mock_batches_count(const struct mock_batches *b, struct mock_counts *counts)
{
    counts->batches = b->batches;
    counts->batch_items = b->answered;
    counts->batch_again = b->again;
    counts->batches_left = 0;
    for (size_t i = 0; i < b->n; i++)
        counts->batches_left += !b->things[i].deleted && b->things[i].text.n + b->things[i].errors.n > 0;
}

static bool has_ended(const struct thing *t)
{
    return clock_seconds() >= t->ready_at;
}

static struct thing *add(struct mock_batches *b)
{
    b->things = mem_grow(b->things, b->n + 1, sizeof *b->things);
    b->things[b->n] = (struct thing){.created = clock_unix_ms() / 1000};
    return &b->things[b->n++];
}

static int error(struct buf *body, int status, const char *type)
{
    buf_printf(body, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"no\"}}", type);
    return status;
}

/* ---- items ---- */

static enum fate fate_of(struct mock_batches *b, struct str request)
{
    size_t at = str_find(request, STR("inbatch:"));
    if (at == SIZE_MAX)
        return FATE_ANSWERED;
    struct str rest = {request.at + at + 8, request.n - at - 8}, name = str_cut(&rest, ':'),
               times = str_cut(&rest, ':');
    int64_t most = 0;
    if (!str_to_i64(times, &most))
        return FATE_ANSWERED;
    size_t id = 0;
    while (id < rest.n && id < 12 && rest.at[id] > ' ' && rest.at[id] != '"' && rest.at[id] != '\\')
        id++;
    struct str word = {request.at + at, (size_t)(rest.at + id - (request.at + at))};
    struct mock_seen *seen = mock_remember(&b->words, hash_u64(hash_of(word)));
    if (most && seen->times >= (uint64_t)most)
        return FATE_ANSWERED;
    seen->times++;
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        if (str_eqz(name, fates[i].name))
            return fates[i].fate;
    return FATE_ANSWERED;
}

static void add_line(struct thing *t, struct str item, enum fate fate, struct str answer)
{
    static const char *const results[] = {
        [FATE_EXPIRED] = "{\"type\":\"expired\"}",
        [FATE_CANCELLED] = "{\"type\":\"canceled\"}",
        [FATE_ERRORED] = "{\"type\":\"errored\",\"error\":{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                         "\"message\":\"no\"}}}",
    };
    static const char *const errors[] = {
        [FATE_EXPIRED] = "\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"no\"}",
        [FATE_CANCELLED] = "\"response\":null,\"error\":{\"code\":\"batch_cancelled\",\"message\":\"no\"}",
        [FATE_ERRORED] = "\"response\":{\"status_code\":500,\"body\":{\"error\":{\"type\":\"server_error\"}}},"
                         "\"error\":null",
    };
    bool good = fate == FATE_ANSWERED || fate == FATE_DUPLICATE || fate == FATE_GARBAGE;
    struct buf *out = good || t->protocol == MESSAGES ? &t->text : &t->errors;
    if (fate == FATE_GARBAGE)
        answer = STR("{\"what\":[1,2,3]}");
    buf_printf(out, "{\"custom_id\":\"" STR_FMT "\",", STR_ARG(item));
    if (t->protocol == MESSAGES && good)
        buf_printf(out, "\"result\":{\"type\":\"succeeded\",\"message\":" STR_FMT "}}\n", STR_ARG(answer));
    else if (t->protocol == MESSAGES)
        buf_printf(out, "\"result\":%s}\n", results[fate]);
    else if (good)
        buf_printf(out, "\"response\":{\"status_code\":200,\"body\":" STR_FMT "},\"error\":null}\n", STR_ARG(answer));
    else
        buf_printf(out, "%s}\n", errors[fate]);
}

/* The JSON value behind `before`, byte for byte: answers depend on the bytes, whichever way they came. */
static struct str raw_value(struct str text, const char *before)
{
    size_t at = str_find(text, str_of(before)), depth = 0, n = 0;
    bool quoted = false;
    if (at == SIZE_MAX)
        return (struct str){0};
    struct str rest = {text.at + at + strlen(before), text.n - at - strlen(before)};
    for (; n < rest.n; n++) {
        char c = rest.at[n];
        if (quoted && c == '\\')
            n++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && c == '{')
            depth++;
        else if (!quoted && c == '}' && --depth == 0)
            break;
    }
    return (struct str){rest.at, n < rest.n ? n + 1 : rest.n};
}

/* text: begins with the item or before it. */
static void answer_item(const struct mock_request *r, struct thing *t, struct str item, struct str text)
{
    struct mock_batches *b = r->batches;
    struct mock_request sub = {.method = STR("POST"),
                               .batches = b,
                               .prefixes = r->prefixes,
                               .created = r->created,
                               .path = t->protocol == MESSAGES ? STR("/v1/messages") : STR("/v1/chat/completions"),
                               .body = raw_value(text, t->protocol == MESSAGES ? ",\"params\":" : ",\"body\":")};
    enum fate fate = fate_of(b, sub.body);
    struct buf answer = {0};
    sub.hash = hash_u64(hash_of(sub.body));
    mock_route_find(sub.method, sub.path)->answer(&sub, SAY_ANSWER, &answer);
    if (fate == FATE_ANSWERED || fate == FATE_DUPLICATE) {
        b->answered++;
        b->again += mock_remember(&b->items, hash_u64(hash_of(item)))->times++ > 0;
    }
    t->refused = t->refused || fate == FATE_REFUSED;
    t->expired = t->expired || fate == FATE_ALL_EXPIRED;
    t->rejected = fate == FATE_TOO_LARGE ? 413 : fate == FATE_UNPAID ? 402 : t->rejected;
    if (fate != FATE_MISSING && fate < FATE_REFUSED)
        add_line(t, item, fate, buf_str(&answer));
    if (fate == FATE_DUPLICATE)
        add_line(t, item, fate, buf_str(&answer));
    t->items++;
    buf_release(&answer);
}

static void finish_batch(struct mock_batches *b, struct thing *t)
{
    t->is_batch = true;
    t->ready_at = clock_seconds() + b->batch_s;
    b->batches++;
    if (t->refused || t->expired) {
        buf_clear(&t->text);
        buf_clear(&t->errors);
    }
}

/* ---- Message Batches ---- */

static void show_message_batch(const struct mock_batches *b, size_t i, struct buf *body)
{
    const struct thing *t = &b->things[i];
    char created[24];
    bool ended = has_ended(t);
    clock_format(t->created, created);
    buf_printf(body,
               "{\"id\":\"msgbatch_%zu\",\"type\":\"message_batch\",\"processing_status\":\"%s\",\"created_at\":\"%s\","
               "\"request_counts\":{\"processing\":%zu,\"succeeded\":%zu,\"errored\":0,\"canceled\":0,\"expired\":0}}",
               i,
               ended          ? "ended"
               : t->cancelled ? "canceling"
                              : "in_progress",
               created, ended ? 0 : t->items, ended ? t->items : 0);
}

static int take_message_batch(const struct mock_request *r, struct buf *body)
{
    struct mock_batches *b = r->batches;
    yyjson_doc *doc;
    yyjson_val *item;
    size_t i, n;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return error(body, 400, "invalid_request_error");
    struct thing *t = add(b);
    t->protocol = MESSAGES;
    struct str rest = r->body;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "requests"), i, n, item)
    {
        struct str id = json_get_str(item, "custom_id");
        size_t at = str_find(rest, id);
        rest = at == SIZE_MAX ? rest : (struct str){rest.at + at, rest.n - at};
        answer_item(r, t, id, rest);
    }
    yyjson_doc_free(doc);
    if (t->refused) {
        t->deleted = true;
        return error(body, 413, "request_too_large");
    }
    finish_batch(b, t);
    show_message_batch(b, b->n - 1, body);
    return 200;
}

/* ---- files and batches ---- */

static void copy_name(struct str form, char out[80])
{
    struct str before = STR("filename=\"");
    size_t at = str_find(form, before);
    struct str rest = at == SIZE_MAX ? STR("") : (struct str){form.at + at + before.n, form.n - at - before.n};
    struct str name = str_cut(&rest, '"');
    memcpy(out, name.at, name.n < 80 ? name.n : 0);
}

static void show_file(const struct mock_batches *b, size_t i, struct buf *body)
{
    const struct thing *t = &b->things[i];
    buf_printf(
        body,
        "{\"id\":\"file-%zu\",\"object\":\"file\",\"purpose\":\"batch\",\"filename\":\"%s\",\"created_at\":%" PRId64
        "}",
        i, t->name, t->created);
}

static int take_file(const struct mock_request *r, struct buf *body)
{
    struct mock_batches *b = r->batches;
    struct str form = r->body;
    size_t at = str_find(form, STR("application/jsonl\r\n\r\n"));
    struct thing *t = add(b);
    t->protocol = FILES;
    if (at != SIZE_MAX)
        buf_add(&t->text, (struct str){form.at + at + 21, form.n - at - 21});
    copy_name(form, t->name);
    show_file(b, b->n - 1, body);
    return 200;
}

static void show_batch(const struct mock_batches *b, size_t i, struct buf *body)
{
    const struct thing *t = &b->things[i];
    bool ended = has_ended(t);
    const char *status = t->refused     ? "failed"
                         : !ended       ? (t->cancelled ? "cancelling" : "in_progress")
                         : t->cancelled ? "cancelled"
                         : t->expired   ? "expired"
                                        : "completed";
    buf_printf(body,
               "{\"id\":\"batch_%zu\",\"object\":\"batch\",\"status\":\"%s\",\"created_at\":%" PRId64
               ",\"input_file_id\":\"file-%zu\",\"metadata\":{\"clio\":\"%s\"},"
               "\"request_counts\":{\"total\":%zu,\"completed\":%zu,\"failed\":0}",
               i, status, t->created, t->input, t->token, t->items, ended ? t->items : 0);
    if (t->refused)
        buf_addz(body, ",\"errors\":{\"data\":[{\"code\":\"token_limit_exceeded\",\"message\":\"no\"}]}");
    if (ended && t->text.n)
        buf_printf(body, ",\"output_file_id\":\"file-%zu-out\"", i);
    if (ended && t->errors.n)
        buf_printf(body, ",\"error_file_id\":\"file-%zu-err\"", i);
    buf_addz(body, "}");
}

static int take_order(const struct mock_request *r, struct buf *body)
{
    struct mock_batches *b = r->batches;
    yyjson_doc *doc, *line;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return error(body, 400, "invalid_request_error");
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct str file = json_get_str(root, "input_file_id"),
               token = json_get_str(yyjson_obj_get(root, "metadata"), "clio");
    struct thing *t = add(b);
    t->protocol = FILES;
    t->input = file.n > 5 ? strtoul(file.at + 5, NULL, 10) : 0;
    memcpy(t->token, token.at, token.n < sizeof t->token ? token.n : 0);
    struct str rest = buf_str(&b->things[t->input].text);
    while (rest.n) {
        struct str text = str_cut(&rest, '\n');
        if (json_parse(text, false, &line, NULL) != ERR_OK)
            continue;
        answer_item(r, t, json_get_str(yyjson_doc_get_root(line), "custom_id"), text);
        yyjson_doc_free(line);
    }
    yyjson_doc_free(doc);
    if (t->rejected) {
        t->deleted = true;
        return error(body, t->rejected, "invalid_request_error");
    }
    finish_batch(b, t);
    show_batch(b, b->n - 1, body);
    return 200;
}

/* ---- what both have ---- */

typedef void show_fn(const struct mock_batches *b, size_t i, struct buf *body);

struct folder {
    const char *path;
    enum protocol protocol;
    bool of_batches;
    int (*take)(const struct mock_request *, struct buf *);
    show_fn *show;
};

/* A page of at most PAGE, newest first, behind the id that the query's last member names. */
static int list(const struct mock_batches *b, const struct folder *f, struct str query, struct buf *body)
{
    enum { PAGE = 2 };
    size_t behind = str_find(query, STR("after")), shown = 0, i = b->n;
    if (behind != SIZE_MAX) {
        while (behind < query.n && (query.at[behind] < '0' || query.at[behind] > '9'))
            behind++;
        i = strtoul(query.at + behind, NULL, 10);
    }
    buf_addz(body, "{\"data\":[");
    while (i-- > 0 && shown <= PAGE) {
        const struct thing *t = &b->things[i];
        if (t->is_batch != f->of_batches || t->deleted || t->protocol != f->protocol || shown++ == PAGE)
            continue;
        buf_addz(body, shown > 1 ? "," : "");
        f->show(b, i, body);
    }
    buf_printf(body, "],\"has_more\":%s}", shown > PAGE ? "true" : "false");
    return 200;
}

static bool has_suffix(struct str s, const char *end)
{
    size_t n = strlen(end);
    return s.n >= n && memcmp(s.at + s.n - n, end, n) == 0;
}

/* "/v1/files/file-3-out/content": the number, and what is wanted of it. */
static int about_one(struct mock_batches *b, const struct mock_request *r, struct str rest, const struct folder *f,
                     struct buf *body)
{
    size_t digit = 0;
    while (digit < rest.n && (rest.at[digit] < '0' || rest.at[digit] > '9'))
        digit++;
    size_t i = digit < rest.n ? strtoul(rest.at + digit, NULL, 10) : SIZE_MAX;
    struct thing *t = i < b->n ? &b->things[i] : NULL;
    if (!t || t->deleted)
        return error(body, 404, "not_found_error");
    if (str_eqz(r->method, "DELETE") && t->is_batch && !has_ended(t)) {
        return error(body, 400, "invalid_request_error");
    } else if (str_eqz(r->method, "DELETE")) {
        t->deleted = true;
        buf_addz(body, "{\"deleted\":true}");
    } else if (has_suffix(rest, "/results") || has_suffix(rest, "-out/content")) {
        buf_add(body, buf_str(&t->text));
    } else if (has_suffix(rest, "-err/content")) {
        buf_add(body, buf_str(&t->errors));
    } else {
        if (has_suffix(rest, "/cancel") && !t->cancelled) {
            t->cancelled = true;
            t->ready_at = fmin(t->ready_at, clock_seconds() + CANCEL_S);
        }
        f->show(b, i, body);
    }
    return 200;
}

int mock_batches_answer(const struct mock_request *r, enum mock_say say, struct buf *body)
{
    static const struct folder folders[] = {
        {"/v1/messages/batches", MESSAGES, true, take_message_batch, show_message_batch},
        {"/v1/batches", FILES, true, take_order, show_batch},
        {"/v1/files", FILES, false, take_file, show_file}};
    struct str rest = r->path, path = str_cut(&rest, '?');
    (void)say;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t n = strlen(folders[i].path);
        if (!str_has_prefix(path, str_of(folders[i].path)))
            continue;
        if (path.n > n + 1)
            return about_one(r->batches, r, (struct str){path.at + n + 1, path.n - n - 1}, &folders[i], body);
        return str_eqz(r->method, "POST") ? folders[i].take(r, body) : list(r->batches, &folders[i], rest, body);
    }
    return error(body, 404, "not_found_error");
}
