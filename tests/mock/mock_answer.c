/* What the mock's models say: words of the prompt in the shape asked for, chosen by the request's hash and nothing
 * else. */
#include "mock.h"

#include "base/rng.h"
#include "model/script_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct maker {
    struct arena arena;
    struct rng rng;
    struct str words[WORDS_MAX];
    size_t words_n;
    enum mock_say say;
    struct buf *out;
};

static void add_text(struct maker *m)
{
    static const char *const foreign[] = {"ayuda con la traducción de un texto", "помощь с домашним заданием"};
    struct buf text = {0};
    if (m->say == SAY_FOREIGN) {
        buf_addz(&text, foreign[rng_below(&m->rng, 2)]);
    } else {
        size_t most = m->words_n < 3 ? m->words_n : 3;
        buf_addz(&text, "help with");
        for (size_t i = 0; i < most; i++)
            buf_printf(&text, " " STR_FMT, STR_ARG(m->words[i]));
        buf_addz(&text, most ? "" : " something");
    }
    json_add_string(m->out, buf_str(&text));
    buf_release(&text);
}

static void add_number(struct maker *m, int64_t min, int64_t max)
{
    buf_printf(m->out, "%" PRId64, min + (int64_t)rng_below(&m->rng, (uint64_t)(max - min) + 1));
}

/* ---- a JSON Schema of the flat kind that model/schema.h writes ---- */

static void add_value(struct maker *m, yyjson_val *type)
{
    yyjson_val *choices = yyjson_obj_get(type, "enum");
    struct str kind = json_get_str(type, "type");
    if (choices) {
        size_t pick = (size_t)rng_below(&m->rng, yyjson_arr_size(choices));
        json_add_string(m->out, json_str(yyjson_arr_get(choices, pick)));
    } else if (str_eqz(kind, "integer")) {
        add_number(m, yyjson_get_sint(yyjson_obj_get(type, "minimum")),
                   yyjson_get_sint(yyjson_obj_get(type, "maximum")));
    } else if (str_eqz(kind, "array")) {
        uint64_t least = yyjson_get_uint(yyjson_obj_get(type, "minItems"));
        buf_addz(m->out, "[");
        for (uint64_t i = 0; i < (least ? least : 1); i++) {
            buf_addz(m->out, i ? "," : "");
            add_text(m);
        }
        buf_addz(m->out, "]");
    } else {
        add_text(m);
    }
}

static void by_schema(struct maker *m, yyjson_val *schema)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *name, *type;
    size_t i, n;
    yyjson_obj_foreach(properties, i, n, name, type)
    {
        buf_addz(m->out, i ? ", " : "{");
        json_add_string(m->out, json_str(name));
        buf_addz(m->out, ": ");
        add_value(m, type);
    }
    buf_addz(m->out, "}");
}

/* ---- the description in words: {"a": "...", "b": "yes" | "no", "c": 1-5, "d": ["...", "..."]} ---- */

/* The string at *at with its quotes; *at moves behind it. */
static struct str take_quoted(struct str *at)
{
    size_t n = 1;
    while (n < at->n && at->at[n] != '"')
        n += at->at[n] == '\\' ? 2 : 1;
    n = n < at->n ? n + 1 : at->n;
    struct str s = {at->at, n};
    *at = (struct str){at->at + n, at->n - n};
    return s;
}

static void skip(struct str *at, size_t n)
{
    n = n < at->n ? n : at->n;
    *at = (struct str){at->at + n, at->n - n};
}

static void add_described(struct maker *m, struct str *at)
{
    struct str choices[64];
    size_t n = 0;
    if (str_has_prefix(*at, STR("["))) {
        buf_addz(m->out, "[");
        add_text(m);
        buf_addz(m->out, "]");
        skip(at, str_find(*at, STR("]")) + 1);
        return;
    }
    if (!str_has_prefix(*at, STR("\""))) {
        char *end;
        long min = strtol(at->at, &end, 10), max = *end == '-' ? strtol(end + 1, &end, 10) : min;
        add_number(m, min, max > min ? max : min);
        skip(at, (size_t)(end - at->at));
        return;
    }
    do {
        skip(at, n ? 3 : 0);
        choices[n++] = take_quoted(at);
    } while (n < 64 && str_has_prefix(*at, STR(" | ")));
    if (n == 1)
        add_text(m);
    else
        buf_add(m->out, choices[rng_below(&m->rng, n)]);
}

static void by_description(struct maker *m, struct str prompt)
{
    struct str mark = STR("Answer with this JSON and nothing else: {"), at = prompt;
    for (size_t k; (k = str_find(at, mark)) != SIZE_MAX;) /* of the last ask */
        skip(&at, k + mark.n);
    buf_addz(m->out, "{");
    while (str_has_prefix(at, STR("\""))) {
        buf_add(m->out, take_quoted(&at));
        buf_addz(m->out, ": ");
        skip(&at, 2);
        add_described(m, &at);
        bool more = str_has_prefix(at, STR(", "));
        buf_addz(m->out, more ? ", " : "");
        skip(&at, 2);
        if (!more)
            break;
    }
    buf_addz(m->out, "}");
}

void mock_answer(struct str prompt, yyjson_val *schema, uint64_t seed, enum mock_say say, struct buf *out)
{
    struct maker m = {.rng = rng_seed(seed, 1), .say = say, .out = out};
    if (say == SAY_OTHER_SHAPE) {
        buf_addz(out, "{\"thoughts\": [1, 2, {\"deep\": null}], \"score\": \"high\"}");
        return;
    }
    struct material material = material_of(prompt);
    if (say != SAY_FOREIGN)
        m.words_n = material_words(&material, 0, material.n, 3, &m.arena, m.words);
    if (schema)
        by_schema(&m, schema);
    else
        by_description(&m, prompt);
    arena_release(&m.arena);
}
