#include "mock_usage.h"

#include "base/hash.h"
#include "base/text.h"

#include <stdlib.h>

enum { CACHE_MIN = 1024, CACHE_STEP = 128, BYTES_A_TOKEN = 4, MARKS_MAX = 8 };

/* The prompt as one text, and where a cache_control mark stands. */
struct prompt {
    struct buf text;
    size_t marks[MARKS_MAX], marks_n;
    uint64_t tokens;
};

static void add_text(struct prompt *p, struct str text)
{
    buf_add(&p->text, text);
    p->tokens += text_tokens(text);
}

/* A string, or blocks of text. */
static void add_content(struct prompt *p, yyjson_val *content)
{
    size_t i, n;
    yyjson_val *block;
    add_text(p, json_str(content));
    yyjson_arr_foreach(content, i, n, block)
    {
        add_text(p, json_get_str(block, "text"));
        if (yyjson_obj_get(block, "cache_control") && p->marks_n < MARKS_MAX)
            p->marks[p->marks_n++] = p->text.n;
    }
}

static void add_json(struct prompt *p, yyjson_val *value)
{
    size_t n;
    char *text = value ? yyjson_val_write(value, 0, &n) : NULL;
    if (text)
        add_text(p, (struct str){text, n});
    free(text);
}

static void read_prompt(struct prompt *p, yyjson_val *request)
{
    size_t i, n;
    yyjson_val *message;
    add_content(p, yyjson_obj_get(request, "system"));
    yyjson_arr_foreach(yyjson_obj_get(request, "messages"), i, n, message)
    {
        add_text(p, json_get_str(message, "role"));
        add_content(p, yyjson_obj_get(message, "content"));
    }
}

/* Whether the first n bytes were read before; from now on they were. */
static bool seen(struct mock_memory *memory, const struct prompt *p, size_t n)
{
    return mock_remember(memory, hash_u64(hash_of((struct str){p->text.at, n})))->times++ > 0;
}

static uint64_t share(const struct prompt *p, size_t bytes)
{
    return p->text.n ? p->tokens * bytes / p->text.n : 0;
}

struct mock_usage mock_usage_openai(struct mock_memory *memory, yyjson_val *request, struct str answer)
{
    struct prompt p = {0};
    struct mock_usage u = {.out = text_tokens(answer)};
    add_json(&p, yyjson_obj_get(request, "response_format")); /* the schema comes before all messages */
    read_prompt(&p, request);
    for (size_t n = CACHE_MIN * BYTES_A_TOKEN; memory && n <= p.text.n; n += CACHE_STEP * BYTES_A_TOKEN)
        if (seen(memory, &p, n))
            u.cached = share(&p, n);
    u.in = p.tokens;
    buf_release(&p.text);
    return u;
}

struct mock_usage mock_usage_anthropic(struct mock_memory *memory, yyjson_val *request, struct str answer)
{
    struct prompt p = {0};
    struct mock_usage u = {.out = text_tokens(answer)};
    read_prompt(&p, request);
    add_json(&p, yyjson_obj_get(yyjson_obj_get(request, "output_config"), "format"));
    for (size_t i = 0; memory && i < p.marks_n; i++) {
        uint64_t tokens = share(&p, p.marks[i]);
        if (tokens < CACHE_MIN)
            continue;
        if (seen(memory, &p, p.marks[i]))
            u.cached = tokens;
        else
            u.created = tokens - u.cached;
    }
    u.in = p.tokens;
    buf_release(&p.text);
    return u;
}
