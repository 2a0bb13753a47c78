#include "model/schema.h"

#include "base/json.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum {
    TEXT_CHARS = 400,      /* when a field says nothing */
    CHAR_TOKENS = 4,       /* a rare character is a token a byte */
    LITERAL_INTS_MAX = 64, /* ranges up to this wide are spelled out in grammars */
};

static size_t text_limit(const struct field *f)
{
    return f->max_chars ? f->max_chars : TEXT_CHARS;
}

/* ---- reading an answer ---- */

/* A fence is the commonest thing models put around JSON; nothing else is forgiven. */
static struct str strip_fence(struct str s)
{
    s = str_trim(s);
    if (!str_has_prefix(s, STR("```")))
        return s;
    size_t line = str_find(s, STR("\n"));
    if (line == SIZE_MAX || s.n < line + 4 || memcmp(s.at + s.n - 3, "```", 3) != 0)
        return s;
    struct str language = str_trim((struct str){s.at + 3, line - 3});
    if (language.n && !str_eqz(language, "json"))
        return s;
    return str_trim((struct str){s.at + line + 1, s.n - line - 4});
}

static enum err refuse(struct error *e, const struct field *f, const char *why)
{
    return error_set(e, ERR_MODEL, "the answer's member \"%s\" %s", f->name, why);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return true;
    return false;
}

/* Providers without prefill rarely repeat a given start, and sometimes in another case: both are fine. */
static struct str strip_start(struct str s, struct str start)
{
    start = str_trim(start);
    if (s.n < start.n)
        return s;
    for (size_t i = 0; i < start.n; i++)
        if (tolower((unsigned char)s.at[i]) != tolower((unsigned char)start.at[i]))
            return s;
    return str_trim((struct str){s.at + start.n, s.n - start.n});
}

static enum err parse_text(const struct field *f, yyjson_val *v, struct arena *a, struct str *out, struct error *e)
{
    struct str s = json_str(v);
    if (!s.at)
        return refuse(e, f, "is not a string");
    s = strip_start(str_trim(s), f->start);
    if (s.n == 0)
        return refuse(e, f, "is empty");
    if (has_control(s))
        return refuse(e, f, "is not on one line");
    if (text_chars(s) > text_limit(f))
        return refuse(e, f, "is too long");
    *out = str_dup(a, s);
    return ERR_OK;
}

static enum err parse_choice(const struct field *f, yyjson_val *v, struct field_value *out, struct error *e)
{
    struct str s = json_str(v);
    for (size_t i = 0; s.at && i < f->values_count; i++)
        if (str_eq(s, f->values[i])) {
            out->text = f->values[i];
            out->number = (int64_t)i;
            return ERR_OK;
        }
    return refuse(e, f, "is none of the allowed values");
}

static enum err parse_int(const struct field *f, yyjson_val *v, struct field_value *out, struct error *e)
{
    if (!yyjson_is_int(v))
        return refuse(e, f, "is not a whole number");
    if (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX)
        return refuse(e, f, "is out of range");
    out->number = yyjson_get_sint(v);
    if (out->number < f->min || out->number > f->max)
        return refuse(e, f, "is out of range");
    return ERR_OK;
}

static enum err parse_list(const struct field *f, yyjson_val *v, struct arena *a, struct field_value *out,
                           struct error *e)
{
    if (!yyjson_is_arr(v))
        return refuse(e, f, "is not a list");
    size_t n = yyjson_arr_size(v);
    if ((int64_t)n < f->min || (int64_t)n > f->max)
        return refuse(e, f, "has too few or too many items");
    out->items = arena_zero(a, n, sizeof *out->items);
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(v, i, count, item)
    {
        enum err result = parse_text(f, item, a, &out->items[i], e);
        if (result != ERR_OK)
            return result;
    }
    out->items_count = n;
    return ERR_OK;
}

static enum err parse_field(const struct field *f, yyjson_val *v, struct arena *a, struct field_value *out,
                            struct error *e)
{
    switch (f->kind) {
    case FIELD_TEXT:
        return parse_text(f, v, a, &out->text, e);
    case FIELD_CHOICE:
        return parse_choice(f, v, out, e);
    case FIELD_INT:
        return parse_int(f, v, out, e);
    case FIELD_LIST:
        return parse_list(f, v, a, out, e);
    }
    return refuse(e, f, "has a kind nobody knows");
}

/* Exactly one member of that name; a doubled one must not win by chance. */
static enum err find_member(const struct field *f, yyjson_val *object, yyjson_val **out, struct error *e)
{
    size_t i, count;
    yyjson_val *key, *value;
    *out = NULL;
    yyjson_obj_foreach(object, i, count, key, value)
    {
        if (!str_eqz(json_str(key), f->name))
            continue;
        if (*out)
            return refuse(e, f, "is there twice");
        *out = value;
    }
    return *out ? ERR_OK : refuse(e, f, "is missing");
}

static enum err parse_object(const struct schema *s, yyjson_val *object, struct arena *a, struct field_value *values,
                             struct error *e)
{
    if (!yyjson_is_obj(object))
        return error_set(e, ERR_MODEL, "the answer is not a JSON object");
    for (size_t i = 0; i < s->fields_count; i++) {
        yyjson_val *v;
        enum err result = find_member(&s->fields[i], object, &v, e);
        if (result == ERR_OK)
            result = parse_field(&s->fields[i], v, a, &values[i], e);
        if (result != ERR_OK)
            return result;
    }
    /* All fields are there once, so any further member is one too many. */
    if (yyjson_obj_size(object) != s->fields_count)
        return error_set(e, ERR_MODEL, "the answer has members nobody asked for");
    return ERR_OK;
}

enum err schema_parse(const struct schema *s, struct str answer, struct arena *a, struct field_value *values,
                      struct error *e)
{
    memset(values, 0, s->fields_count * sizeof *values);
    struct str text = strip_fence(answer);
    if (!text_is_utf8(text))
        return error_set(e, ERR_MODEL, "the answer is not valid UTF-8");
    yyjson_doc *doc;
    struct error inner = {0};
    if (json_parse(text, false, &doc, &inner) != ERR_OK)
        return error_set(e, ERR_MODEL, "the answer is not JSON");
    enum err result = parse_object(s, yyjson_doc_get_root(doc), a, values, e);
    yyjson_doc_free(doc);
    return result;
}

/* ---- the same shape for others ---- */

void schema_add_string(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.at[i]);
    }
    buf_add_char(out, '"');
}

static void add_gbnf_literal(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.at[i]);
    }
    buf_add_char(out, '"');
}

/* A JSON string, or its beginning, as a literal of the grammar. */
static void add_gbnf_string(struct buf *out, struct str s, bool closed)
{
    struct buf json = {0};
    schema_add_string(&json, s);
    add_gbnf_literal(out, (struct str){json.at, json.n - (closed ? 0 : 1)});
    buf_release(&json);
}

static void add_gbnf_text(struct buf *out, const struct field *f)
{
    add_gbnf_string(out, str_trim(f->start), false); /* models write the space with the next word */
    buf_printf(out, " char{1,%zu} \"\\\"\"", text_limit(f));
}

static void add_gbnf_int(struct buf *out, const struct field *f)
{
    if (f->max - f->min >= LITERAL_INTS_MAX) {
        buf_addz(out, f->min < 0 ? "\"-\"? ( \"0\" | [1-9] [0-9]{0,18} )" : "( \"0\" | [1-9] [0-9]{0,18} )");
        return;
    }
    for (int64_t v = f->min; v <= f->max; v++)
        buf_printf(out, "%s\"%" PRId64 "\"", v == f->min ? "( " : " | ", v);
    buf_addz(out, " )");
}

static void add_gbnf_list(struct buf *out, const struct field *f)
{
    buf_addz(out, "\"[\" ");
    if (f->min <= 0)
        buf_addz(out, "( ");
    add_gbnf_text(out, f);
    buf_addz(out, " ( \", \" ");
    add_gbnf_text(out, f);
    buf_printf(out, " ){%" PRId64 ",%" PRId64 "}", f->min > 0 ? f->min - 1 : 0, f->max > 0 ? f->max - 1 : 0);
    buf_addz(out, f->min <= 0 ? " )? \"]\"" : " \"]\"");
}

static void add_gbnf_field(struct buf *out, const struct field *f)
{
    switch (f->kind) {
    case FIELD_TEXT:
        add_gbnf_text(out, f);
        break;
    case FIELD_CHOICE:
        for (size_t i = 0; i < f->values_count; i++) {
            buf_addz(out, i ? " | " : "( ");
            add_gbnf_string(out, f->values[i], true);
        }
        buf_addz(out, " )");
        break;
    case FIELD_INT:
        add_gbnf_int(out, f);
        break;
    case FIELD_LIST:
        add_gbnf_list(out, f);
        break;
    }
}

void schema_gbnf(const struct schema *s, struct buf *out)
{
    buf_addz(out, "root ::= \"{\"");
    for (size_t i = 0; i < s->fields_count; i++) {
        struct buf key = {0};
        buf_addz(&key, i ? ", " : "");
        schema_add_string(&key, str_of(s->fields[i].name));
        buf_addz(&key, ": ");
        buf_add_char(out, ' ');
        add_gbnf_literal(out, buf_str(&key));
        buf_add_char(out, ' ');
        buf_release(&key);
        add_gbnf_field(out, &s->fields[i]);
    }
    buf_addz(out, " \"}\"\nchar ::= [^\"\\\\\\x00-\\x1F\\x7F]\n");
}

static void add_enum(struct buf *out, const struct field *f)
{
    buf_addz(out, "{\"type\":\"string\",\"enum\":[");
    for (size_t i = 0; i < f->values_count; i++) {
        buf_addz(out, i ? "," : "");
        schema_add_string(out, f->values[i]);
    }
    buf_addz(out, "]}");
}

static void add_text_type(struct buf *out, const struct field *f)
{
    /* Lengths go into the description: several servers reject the keyword maxLength in strict mode. */
    buf_printf(out, "{\"type\":\"string\",\"description\":\"one line, at most %zu characters\"}", text_limit(f));
}

void schema_json_schema(const struct schema *s, struct buf *out)
{
    buf_addz(out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < s->fields_count; i++) {
        const struct field *f = &s->fields[i];
        buf_addz(out, i ? "," : "");
        schema_add_string(out, str_of(f->name));
        buf_add_char(out, ':');
        switch (f->kind) {
        case FIELD_TEXT:
            add_text_type(out, f);
            break;
        case FIELD_CHOICE:
            add_enum(out, f);
            break;
        case FIELD_INT:
            buf_printf(out, "{\"type\":\"integer\",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64 "}", f->min, f->max);
            break;
        case FIELD_LIST:
            buf_addz(out, "{\"type\":\"array\",\"items\":");
            add_text_type(out, f);
            buf_printf(out, ",\"minItems\":%" PRId64 ",\"maxItems\":%" PRId64 "}", f->min, f->max);
            break;
        }
    }
    buf_addz(out, "},\"required\":[");
    for (size_t i = 0; i < s->fields_count; i++) {
        buf_addz(out, i ? "," : "");
        schema_add_string(out, str_of(s->fields[i].name));
    }
    buf_addz(out, "],\"additionalProperties\":false}");
}

static void describe_field(const struct field *f, struct buf *out)
{
    struct buf text = {0};
    switch (f->kind) {
    case FIELD_TEXT:
        buf_add(&text, str_trim(f->start));
        buf_addz(&text, text.n ? " ..." : "...");
        schema_add_string(out, buf_str(&text));
        break;
    case FIELD_CHOICE:
        for (size_t i = 0; i < f->values_count; i++) {
            buf_addz(out, i ? " | " : "");
            schema_add_string(out, f->values[i]);
        }
        break;
    case FIELD_INT:
        buf_printf(out, "%" PRId64 "-%" PRId64, f->min, f->max);
        break;
    case FIELD_LIST:
        buf_addz(out, f->max == 1 ? "[\"...\"]" : "[\"...\", \"...\"]");
        break;
    }
    buf_release(&text);
}

void schema_describe(const struct schema *s, struct buf *out)
{
    for (size_t i = 0; i < s->fields_count; i++) {
        buf_addz(out, i ? ", " : "{");
        schema_add_string(out, str_of(s->fields[i].name));
        buf_addz(out, ": ");
        describe_field(&s->fields[i], out);
    }
    buf_addz(out, "}");
}

static void add_sized(struct buf *out, struct str s)
{
    buf_printf(out, "%zu:", s.n);
    buf_add(out, s);
}

void schema_hash_text(const struct schema *s, struct buf *out)
{
    for (size_t i = 0; i < s->fields_count; i++) {
        const struct field *f = &s->fields[i];
        add_sized(out, str_of(f->name));
        buf_printf(out, "%d %zu %" PRId64 " %" PRId64 " %zu ", (int)f->kind, f->max_chars, f->min, f->max,
                   f->values_count);
        add_sized(out, f->start);
        for (size_t v = 0; v < f->values_count; v++)
            add_sized(out, f->values[v]);
        buf_add_char(out, '\n');
    }
}

static size_t field_tokens(const struct field *f)
{
    size_t longest = 0;
    switch (f->kind) {
    case FIELD_TEXT:
        return f->start.n + text_limit(f) * CHAR_TOKENS;
    case FIELD_CHOICE:
        for (size_t i = 0; i < f->values_count; i++)
            longest = f->values[i].n > longest ? f->values[i].n : longest;
        return longest * 2; /* quotes in a value are escaped */
    case FIELD_INT:
        return 20;
    case FIELD_LIST:
        return (size_t)(f->max > 0 ? f->max : 0) * (text_limit(f) * CHAR_TOKENS + f->start.n + 4);
    }
    return 0;
}

size_t schema_max_tokens(const struct schema *s)
{
    size_t sum = 16; /* braces, a fence, the end of the turn */
    for (size_t i = 0; i < s->fields_count; i++)
        sum += strlen(s->fields[i].name) + 8 + field_tokens(&s->fields[i]);
    return sum;
}

/* Short texts fill most of their room, long ones little: a sentence is a sentence. */
static double usual_chars(const struct field *f)
{
    static const double FILLED = 0.7, SENTENCE_CHARS = 100;
    double filled = FILLED * (double)text_limit(f);
    return filled < SENTENCE_CHARS ? filled : SENTENCE_CHARS;
}

struct answer_size schema_answer_size(const struct schema *s)
{
    static const double CHARS_A_TOKEN = 4.5;
    struct answer_size sum = {4, 4}; /* braces */
    for (size_t i = 0; i < s->fields_count; i++) {
        const struct field *f = &s->fields[i];
        double frame = (double)(strlen(f->name) + 6 + f->start.n);
        double texts = f->kind == FIELD_LIST ? (double)f->max : f->kind == FIELD_TEXT ? 1 : 0;
        double rest = texts > 0 ? 0 : 10; /* a number, or a short word */
        sum.usual += frame + texts * usual_chars(f) + rest;
        sum.longest += frame + texts * (double)text_limit(f) + rest;
    }
    return (struct answer_size){sum.usual / CHARS_A_TOKEN, sum.longest / CHARS_A_TOKEN};
}
