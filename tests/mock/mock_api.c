/* The endpoints: what a request asks for, and how each API says what the mock's models say. */
#include "mock.h"

#include "base/rng.h"
#include "mock_batch.h"
#include "mock_usage.h"

#include <inttypes.h>
#include <string.h>

enum { EMBED_WIDTH = 64 };

/* Tokens as providers count them, about. */
static size_t tokens(struct str s)
{
    return s.n / 4 + 1;
}

/* The text of a message: a string, or parts of type "text". */
static void add_content(yyjson_val *content, struct buf *out)
{
    size_t i, n;
    yyjson_val *part;
    buf_add(out, json_str(content));
    yyjson_arr_foreach(content, i, n, part)
    {
        buf_add(out, json_get_str(part, "text"));
    }
}

/* All that the user said, and how the answer begins if the caller began it. */
static void read_messages(yyjson_val *root, struct buf *user, struct buf *begun)
{
    size_t i, n;
    yyjson_val *message;
    yyjson_arr_foreach(yyjson_obj_get(root, "messages"), i, n, message)
    {
        bool assistant = str_eqz(json_get_str(message, "role"), "assistant");
        if (!assistant)
            add_content(yyjson_obj_get(message, "content"), user);
        else if (i + 1 == n)
            add_content(yyjson_obj_get(message, "content"), begun);
    }
}

/* The answer's text, without what the caller had begun. */
static void make_text(const struct mock_request *r, yyjson_val *root, yyjson_val *schema, enum mock_say say,
                      struct buf *text)
{
    struct buf user = {0}, begun = {0}, whole = {0};
    read_messages(root, &user, &begun);
    if (say != SAY_NOTHING && say != SAY_REFUSAL)
        mock_answer(buf_str(&user), schema, r->hash, say, &whole);
    struct str answer = buf_str(&whole);
    if (begun.n && str_has_prefix(answer, buf_str(&begun)))
        answer = (struct str){answer.at + begun.n, answer.n - begun.n};
    buf_add(text, (struct str){answer.at, say == SAY_HALF ? answer.n / 2 : answer.n});
    buf_release(&user);
    buf_release(&begun);
    buf_release(&whole);
}

static int bad_request(struct buf *body)
{
    buf_addz(body, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"this is no request\"}}");
    return 400;
}

static void add_error(struct buf *body)
{
    buf_addz(body, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the model stumbled\"}}");
}

static int chat_completions(const struct mock_request *r, enum mock_say say, struct buf *body)
{
    yyjson_doc *doc;
    struct buf text = {0};
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return bad_request(body);
    yyjson_val *root = yyjson_doc_get_root(doc), *format = yyjson_obj_get(root, "response_format");
    make_text(r, root, yyjson_obj_get(yyjson_obj_get(format, "json_schema"), "schema"), say, &text);
    struct mock_usage u = mock_usage_openai(r->prefixes, root, buf_str(&text));
    yyjson_doc_free(doc);
    if (say == SAY_ERROR) {
        add_error(body);
    } else {
        buf_printf(body, "{\"id\":\"mock-%016" PRIx64 "\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,",
                   r->hash);
        buf_addz(body, "\"message\":{\"role\":\"assistant\",\"content\":");
        json_add_string(body, buf_str(&text));
        buf_addz(body, say == SAY_REFUSAL ? ",\"refusal\":\"I cannot help with that.\"}" : ",\"refusal\":null}");
        buf_printf(body, ",\"finish_reason\":\"%s\"}],\"usage\":{\"prompt_tokens\":%" PRIu64,
                   say == SAY_HALF ? "length" : "stop", u.in);
        buf_printf(body,
                   ",\"completion_tokens\":%" PRIu64 ",\"prompt_tokens_details\":{\"cached_tokens\":%" PRIu64 "}}}",
                   u.out, u.cached);
    }
    buf_release(&text);
    return 200;
}

static int messages(const struct mock_request *r, enum mock_say say, struct buf *body)
{
    yyjson_doc *doc;
    struct buf text = {0};
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return bad_request(body);
    yyjson_val *root = yyjson_doc_get_root(doc), *config = yyjson_obj_get(root, "output_config");
    make_text(r, root, yyjson_obj_get(yyjson_obj_get(config, "format"), "schema"), say, &text);
    struct mock_usage u = mock_usage_anthropic(r->prefixes, root, buf_str(&text));
    yyjson_doc_free(doc);
    *r->created += u.created;
    if (say == SAY_ERROR) {
        add_error(body);
    } else {
        buf_printf(body, "{\"id\":\"msg_%016" PRIx64 "\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[",
                   r->hash);
        buf_addz(body, text.n ? "{\"type\":\"text\",\"text\":" : "");
        if (text.n)
            json_add_string(body, buf_str(&text));
        buf_addz(body, text.n ? "}]" : "]");
        buf_printf(body, ",\"stop_reason\":\"%s\",\"usage\":{\"input_tokens\":%" PRIu64,
                   say == SAY_HALF      ? "max_tokens"
                   : say == SAY_REFUSAL ? "refusal"
                                        : "end_turn",
                   u.in - u.cached - u.created);
        buf_printf(body,
                   ",\"cache_read_input_tokens\":%" PRIu64 ",\"cache_creation_input_tokens\":%" PRIu64
                   ",\"output_tokens\":%" PRIu64 "}}",
                   u.cached, u.created, u.out);
    }
    buf_release(&text);
    return 200;
}

/* Texts that share words lie near each other: each word adds to a few columns. */
static void add_vector(struct str text, struct buf *b)
{
    int sums[EMBED_WIDTH] = {0};
    while (text.n) {
        struct str word = str_cut(&text, ' ');
        uint64_t h = 14695981039346656037u;
        for (size_t i = 0; i < word.n; i++)
            h = (h ^ (unsigned char)word.at[i]) * 1099511628211u;
        for (size_t k = 0; k < 4; k++, h = rng_mix(h, k))
            sums[h % EMBED_WIDTH] += h & 1024 ? 1 : -1;
    }
    sums[0] |= 1; /* never all zero */
    for (size_t i = 0; i < EMBED_WIDTH; i++)
        buf_printf(b, "%s%d", i ? "," : "", sums[i]);
}

static int embeddings(const struct mock_request *r, enum mock_say say, struct buf *body)
{
    yyjson_doc *doc;
    yyjson_val *text;
    size_t i, n;
    if (json_parse(r->body, false, &doc, NULL) != ERR_OK)
        return bad_request(body);
    yyjson_val *input = yyjson_obj_get(yyjson_doc_get_root(doc), "input");
    if (say == SAY_ERROR) {
        add_error(body);
    } else {
        buf_addz(body, "{\"object\":\"list\",\"data\":[");
        yyjson_arr_foreach(input, i, n, text)
        {
            buf_printf(body, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":[", i ? "," : "", i);
            if (say == SAY_ANSWER)
                add_vector(json_str(text), body);
            buf_addz(body, "]}");
        }
        buf_printf(body, "],\"usage\":{\"prompt_tokens\":%zu}}", tokens(r->body));
    }
    yyjson_doc_free(doc);
    return 200;
}

/* "tiny" is listed; "hidden" answers to its name alone. */
static int models(const struct mock_request *r, enum mock_say say, struct buf *body)
{
    (void)say;
    if (str_eqz(r->path, "/v1/models/hidden"))
        buf_addz(body, "{\"id\":\"hidden\"}");
    else if (str_eqz(r->path, "/v1/models"))
        buf_addz(body, "{\"data\":[{\"id\":\"tiny-20260101\"},{\"id\":\"tiny-embed\"}]}");
    else
        return 404;
    return 200;
}

static const struct mock_route mock_routes[] = {
    {"GET", "/v1/models*", models},
    {"POST", "/v1/chat/completions", chat_completions},
    {"POST", "/v1/embeddings", embeddings},
    {"POST", "/v1/messages", messages},
    {"*", "/v1/messages/batches*", mock_batches_answer},
    {"*", "/v1/batches*", mock_batches_answer},
    {"*", "/v1/files*", mock_batches_answer},
};

const struct mock_route *mock_route_find(struct str method, struct str path)
{
    for (size_t i = 0; i < sizeof mock_routes / sizeof *mock_routes; i++) {
        const struct mock_route *route = &mock_routes[i];
        size_t n = strlen(route->path);
        bool fits = route->path[n - 1] == '*' ? str_has_prefix(path, (struct str){route->path, n - 1})
                                              : str_eqz(path, route->path);
        if (fits && (str_eqz(method, route->method) || str_eqz(STR("*"), route->method)))
            return route;
    }
    return NULL;
}
