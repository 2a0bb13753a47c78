#include "ingest/importer.h"

#include "base/clock.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A parsed value takes 16 bytes however short its text is: two million of them are the most memory a record gets. */
enum { VALUES_MAX = 2000000, SMALL_OBJECT = 16, LINES_LOOKED_AT = 64 };

const struct importer *const importers[] = {&importer_native, &importer_sharegpt, &importer_chatgpt, &importer_claude,
                                            NULL};

static const char *const reason_texts[IMPORT_REASONS] = {
    [IMPORT_OK] = "imported",
    [IMPORT_NOT_JSON] = "not valid JSON",
    [IMPORT_NOT_UTF8] = "not valid UTF-8",
    [IMPORT_LONE_SURROGATE] = "lone surrogate in a string",
    [IMPORT_CONTROL_CHARACTER] = "control character in a string",
    [IMPORT_CUT_OFF] = "cut off: the file ends inside the record",
    [IMPORT_BROKEN] = "brackets or quotes do not match",
    [IMPORT_UNCLOSED] = "the file ends before its array is closed",
    [IMPORT_TOO_LONG] = "record too long",
    [IMPORT_TOO_MANY_VALUES] = "too many values in one record",
    [IMPORT_TOO_DEEP] = "nested too deeply",
    [IMPORT_NOT_OBJECT] = "not a JSON object",
    [IMPORT_DUPLICATE_KEY] = "duplicate key",
    [IMPORT_NO_MESSAGES] = "no messages",
    [IMPORT_ONLY_SYSTEM] = "no message of a user or an assistant",
    [IMPORT_TOO_MANY_TURNS] = "too many messages",
    [IMPORT_WRONG_TYPE] = "a field has the wrong type",
    [IMPORT_UNKNOWN_ROLE] = "unknown role",
    [IMPORT_BAD_TIME] = "time unreadable or out of range (1970 to 2200)",
    [IMPORT_LONG_ID] = "id too long",
    [IMPORT_DUPLICATE_ID] = "duplicate id",
    [IMPORT_BROKEN_TREE] = "messages do not form a thread",
};

const char *import_reason_text(enum import_reason reason)
{
    return reason_texts[reason];
}

enum import_reason import_reason_of(enum json_problem problem)
{
    static const enum import_reason reasons[] = {
        [JSON_WHOLE] = IMPORT_OK,      [JSON_TOO_LONG] = IMPORT_TOO_LONG, [JSON_TOO_DEEP] = IMPORT_TOO_DEEP,
        [JSON_BROKEN] = IMPORT_BROKEN, [JSON_CUT_OFF] = IMPORT_CUT_OFF,   [JSON_UNCLOSED] = IMPORT_UNCLOSED,
    };
    return reasons[problem];
}

const struct importer *ingest_format(struct str name)
{
    for (size_t i = 0; importers[i]; i++)
        if (str_eqz(name, importers[i]->name))
            return importers[i];
    return NULL;
}

const struct importer *importer_detect(yyjson_val *record)
{
    for (size_t i = 0; importers[i]; i++)
        if (importers[i]->detect(record))
            return importers[i];
    return NULL;
}

/* ---- drafts ----------------------------------------------------------------------------------------------------- */

void draft_clear(struct draft *d)
{
    struct draft kept = {.arena = d->arena, .metadata = d->metadata, .turns = d->turns, .turns_cap = d->turns_cap};
    *d = kept;
    arena_clear(&d->arena);
    buf_clear(&d->metadata);
}

void draft_release(struct draft *d)
{
    arena_release(&d->arena);
    buf_release(&d->metadata);
    free(d->turns);
    *d = (struct draft){0};
}

void draft_add_turn(struct draft *d, struct str role, struct str text)
{
    if (str_trim(text).n == 0)
        return;
    if (d->turns_count == d->turns_cap) {
        d->turns_cap = d->turns_cap ? 2 * d->turns_cap : 32;
        d->turns = mem_grow(d->turns, d->turns_cap, sizeof *d->turns);
    }
    d->turns[d->turns_count++] = (struct turn){role, text};
}

/* ---- framing ---------------------------------------------------------------------------------------------------- */

static bool is_object_line(struct str line)
{
    line = str_trim(line);
    if (line.n < 2 || line.at[0] != '{' || line.at[line.n - 1] != '}')
        return false;
    struct error e = {0};
    yyjson_doc *doc;
    if (json_parse(line, false, &doc, &e))
        return false;
    yyjson_doc_free(doc);
    return true;
}

/* Does one of the next lines hold a record of its own? Pretty-printed JSON indents what is inside, so column 0 counts.
 */
static bool any_record_line(struct str rest)
{
    for (int i = 0; i < LINES_LOOKED_AT && rest.n; i++) {
        struct str line = str_cut(&rest, '\n');
        if (line.n && line.at[0] == '{' && is_object_line(line))
            return true;
    }
    return false;
}

static struct str skip_blank(struct str s)
{
    while (s.n && (s.at[0] == ' ' || s.at[0] == '\t' || s.at[0] == '\r' || s.at[0] == '\n'))
        s.at++, s.n--;
    return s;
}

/* "conversations": [ {  in the outermost object, where the element is no message: offset of the bracket, 0 for none. */
static size_t find_wrapped_array(struct str head)
{
    static const char *const names[] = {"\"conversations\"", "\"data\"", "\"items\"", "\"records\""};
    static const char *const messages[] = {"\"from\"", "\"role\"", "\"content\"", "\"value\""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t at = str_find(head, str_of(names[i]));
        if (at == SIZE_MAX)
            continue;
        size_t n = at + strlen(names[i]);
        struct str rest = skip_blank((struct str){head.at + n, head.n - n});
        if (!rest.n || rest.at[0] != ':')
            continue;
        rest = skip_blank((struct str){rest.at + 1, rest.n - 1});
        if (!rest.n || rest.at[0] != '[')
            continue;
        struct str element = skip_blank((struct str){rest.at + 1, rest.n - 1});
        if (!element.n || element.at[0] != '{' || memchr(head.at + 1, '{', (size_t)(element.at - head.at) - 1))
            continue;
        struct str key = skip_blank((struct str){element.at + 1, element.n - 1});
        bool message = false;
        for (size_t j = 0; j < sizeof messages / sizeof *messages; j++)
            message = message || str_has_prefix(key, str_of(messages[j]));
        if (!message)
            return (size_t)(rest.at - head.at);
    }
    return 0;
}

enum json_framing importer_frame(struct str head, bool whole, size_t *skip)
{
    *skip = 0;
    struct str rest = skip_blank(head);
    struct str first = str_trim(str_cut(&rest, '\n'));
    bool first_ends = rest.n || whole;
    char last = first.n ? first.at[first.n - 1] : ' ';
    if (first.n && first.at[0] == '[') {
        /* Elements start on the bracket's own line or each on a line that ends in a comma, but for the last. */
        struct str inside = skip_blank((struct str){first.at + 1, first.n - 1});
        bool array = inside.n == 0 || last == ',' || !any_record_line(rest);
        return array ? JSON_VALUES : JSON_LINES;
    }
    if (!first.n || first.at[0] != '{' || (first.n > 1 && any_record_line(rest)))
        return JSON_LINES;
    struct str start = skip_blank(head);
    size_t at = find_wrapped_array(start);
    if (at) {
        *skip = at + (size_t)(start.at - head.at);
        return JSON_VALUES;
    }
    bool pretty = first_ends && (last == '{' || last == '[' || last == ',');
    return pretty ? JSON_VALUES : JSON_LINES;
}

/* ---- parsing ---------------------------------------------------------------------------------------------------- */

/* At least as many as there are: every value but the first follows a comma, a colon or an opening bracket. */
static size_t count_values(const char *p, size_t n)
{
    bool in_string = false;
    size_t count = 1;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else {
            in_string = c == '"';
            count += c == ',' || c == ':' || c == '[' || c == '{';
        }
    }
    return count;
}

/* yyjson's codes are coarse for strings, so its message is looked at; an unknown one is still "not valid JSON". */
static enum import_reason reason_of_parser(const yyjson_read_err *err, const struct json_record *record)
{
    bool at_end = err->code == YYJSON_READ_ERROR_UNEXPECTED_END || err->pos >= record->n;
    if (at_end && record->unterminated)
        return IMPORT_CUT_OFF;
    if (err->code != YYJSON_READ_ERROR_INVALID_STRING)
        return IMPORT_NOT_JSON;
    if (strstr(err->msg, "surrogate"))
        return IMPORT_LONE_SURROGATE;
    if (strstr(err->msg, "control"))
        return IMPORT_CONTROL_CHARACTER;
    return strcasestr(err->msg, "utf-8") ? IMPORT_NOT_UTF8 : IMPORT_NOT_JSON;
}

enum import_reason importer_parse(const struct json_record *record, yyjson_doc **doc)
{
    *doc = NULL;
    if (record->problem)
        return import_reason_of(record->problem);
    if (record->n > 2 * VALUES_MAX && count_values(record->text, record->n) > VALUES_MAX)
        return IMPORT_TOO_MANY_VALUES;
    yyjson_read_err err;
    yyjson_doc *parsed = yyjson_read_opts(record->text, record->n, YYJSON_READ_INSITU, NULL, &err);
    if (!parsed)
        return reason_of_parser(&err, record);
    struct arena scratch = {0};
    yyjson_val *root = yyjson_doc_get_root(parsed);
    enum import_reason reason = !yyjson_is_obj(root)                     ? IMPORT_NOT_OBJECT
                                : import_has_double_keys(root, &scratch) ? IMPORT_DUPLICATE_KEY
                                                                         : IMPORT_OK;
    arena_release(&scratch);
    if (reason)
        yyjson_doc_free(parsed);
    else
        *doc = parsed;
    return reason;
}

static int compare_keys(const void *a, const void *b)
{
    return str_cmp(json_str(*(yyjson_val *const *)a), json_str(*(yyjson_val *const *)b));
}

bool import_has_double_keys(yyjson_val *object, struct arena *scratch)
{
    size_t n = yyjson_obj_size(object), used = 0;
    yyjson_val *few[SMALL_OBJECT], *key;
    yyjson_val **keys = n <= SMALL_OBJECT ? few : arena_new(scratch, n, sizeof *keys);
    bool twice = false;
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    while ((key = yyjson_obj_iter_next(&it)))
        keys[used++] = key;
    if (n > SMALL_OBJECT) {
        qsort(keys, n, sizeof *keys, compare_keys);
        for (size_t i = 1; i < n && !twice; i++)
            twice = compare_keys(&keys[i - 1], &keys[i]) == 0;
        return twice;
    }
    for (size_t i = 1; i < n && !twice; i++)
        for (size_t j = 0; j < i && !twice; j++)
            twice = str_eq(json_str(keys[i]), json_str(keys[j]));
    return twice;
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

enum import_reason import_name(yyjson_val *v, struct arena *a, struct str *out)
{
    *out = (struct str){0};
    if (!v || yyjson_is_null(v))
        return IMPORT_OK;
    if (yyjson_is_uint(v))
        *out = str_printf(a, "%llu", (unsigned long long)yyjson_get_uint(v));
    else if (yyjson_is_sint(v))
        *out = str_printf(a, "%lld", (long long)yyjson_get_sint(v));
    else if (yyjson_is_str(v))
        *out = json_str(v);
    else
        return IMPORT_WRONG_TYPE;
    return IMPORT_OK;
}

enum import_reason import_time(yyjson_val *v, struct draft *out)
{
    if (!v || yyjson_is_null(v))
        return IMPORT_OK;
    if (yyjson_is_num(v)) {
        char text[64];
        double seconds = yyjson_get_num(v);
        if (!isfinite(seconds) || fabs(seconds) > 1e15)
            return IMPORT_BAD_TIME;
        int n = snprintf(text, sizeof text, "%.0f", floor(seconds));
        out->has_time = clock_parse((struct str){text, (size_t)n}, &out->created_at);
    } else if (yyjson_is_str(v)) {
        out->has_time = clock_parse(json_str(v), &out->created_at);
    } else {
        return IMPORT_WRONG_TYPE;
    }
    return out->has_time ? IMPORT_OK : IMPORT_BAD_TIME;
}

struct str import_role(struct str name)
{
    static const struct {
        const char *from, *to;
    } roles[] = {
        {"user", "user"},
        {"assistant", "assistant"},
        {"human", "user"},
        {"gpt", "assistant"},
        {"system", "system"},
        {"tool", "tool"},
        {"function", "tool"},
        {"developer", "system"},
        {"chatgpt", "assistant"},
        {"bing", "assistant"},
        {"bard", "assistant"},
        {"model", "assistant"},
        {"bot", "assistant"},
        {"ai", "assistant"},
        {"claude", "assistant"},
        {"observation", "tool"},
        {"function_call", "assistant"},
    };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (str_eqz(name, roles[i].from))
            return str_of(roles[i].to);
    return (struct str){0};
}

void import_line(struct buf *out, struct str line)
{
    if (out->n && out->at[out->n - 1] != '\n')
        buf_add_char(out, '\n');
    buf_add(out, line);
}

/* What is not text, by the part's type; the first row that fits a prefix counts. */
static const struct {
    const char *type, *marker;
} markers[] = {
    {"image", "[image]"},
    {"input_image", "[image]"},
    {"audio", "[audio]"},
    {"input_audio", "[audio]"},
    {"real_time_user_audio", "[audio]"},
    {"video", "[video]"},
    {"tool_use", "[tool call]"},
    {"tool_call", "[tool call]"},
    {"function_call", "[tool call]"},
    {"server_tool_use", "[tool call]"},
    {"tool_result", "[tool result]"},
    {"function_call_output", "[tool result]"},
    {"file", "[file]"},
    {"input_file", "[file]"},
    {"document", "[file]"},
    {"thinking", "[reasoning]"},
    {"redacted_thinking", "[reasoning]"},
    {"reasoning", "[reasoning]"},
    {"refusal", "[refusal]"},
};

enum import_reason import_part(yyjson_val *part, struct buf *out, struct arena *scratch)
{
    if (yyjson_is_str(part)) {
        import_line(out, json_str(part));
        return IMPORT_OK;
    }
    if (!yyjson_is_obj(part))
        return IMPORT_WRONG_TYPE;
    if (import_has_double_keys(part, scratch))
        return IMPORT_DUPLICATE_KEY;
    yyjson_val *named = yyjson_obj_get(part, "type");
    struct str type = json_str(named ? named : yyjson_obj_get(part, "content_type"));
    yyjson_val *text = yyjson_obj_get(part, "text");
    bool is_text = str_eqz(type, "text") || str_eqz(type, "input_text") || str_eqz(type, "output_text") ||
                   str_eqz(type, "audio_transcription");
    if (is_text && (!text || yyjson_is_null(text)))
        return IMPORT_OK;
    if (is_text) {
        import_line(out, json_str(text));
        return yyjson_is_str(text) ? IMPORT_OK : IMPORT_WRONG_TYPE;
    }
    for (size_t i = 0; i < sizeof markers / sizeof *markers; i++) {
        if (str_has_prefix(type, str_of(markers[i].type))) {
            import_line(out, str_of(markers[i].marker));
            return IMPORT_OK;
        }
    }
    import_line(out, STR("[other content]"));
    return IMPORT_OK;
}

enum import_reason import_content(yyjson_val *v, struct arena *a, struct str *out)
{
    *out = json_str(v);
    if (!v || yyjson_is_null(v) || yyjson_is_str(v))
        return IMPORT_OK;
    if (!yyjson_is_arr(v))
        return IMPORT_WRONG_TYPE;
    struct buf text = {0};
    enum import_reason reason = IMPORT_OK;
    yyjson_arr_iter it = yyjson_arr_iter_with(v);
    for (yyjson_val *part; !reason && (part = yyjson_arr_iter_next(&it));)
        reason = import_part(part, &text, a);
    *out = str_dup(a, buf_str(&text));
    buf_release(&text);
    return reason;
}

/* ---- metadata --------------------------------------------------------------------------------------------------- */

static void add_member(struct draft *out, yyjson_val *key, yyjson_val *value)
{
    struct buf *b = &out->metadata;
    size_t n = 0;
    char *json = yyjson_val_write(value, 0, &n);
    if (!json)
        return; /* a number no JSON can hold: the parser lets none through */
    buf_add_char(b, b->n ? ',' : '{');
    json_add_string(b, json_str(key));
    buf_add_char(b, ':');
    buf_add(b, (struct str){json, n});
    free(json);
}

static bool is_known(struct str key, const char *const *known)
{
    for (; *known; known++)
        if (str_eqz(key, *known))
            return true;
    return false;
}

enum import_reason import_metadata(yyjson_val *record, const char *const *known, struct draft *out)
{
    yyjson_val *key, *inner = yyjson_obj_get(record, "metadata");
    if (inner && !yyjson_is_obj(inner) && !yyjson_is_null(inner))
        return IMPORT_WRONG_TYPE;
    if (import_has_double_keys(inner, &out->arena))
        return IMPORT_DUPLICATE_KEY;
    yyjson_obj_iter it = yyjson_obj_iter_with(inner);
    while ((key = yyjson_obj_iter_next(&it)))
        add_member(out, key, yyjson_obj_iter_get_val(key));
    it = yyjson_obj_iter_with(record);
    while ((key = yyjson_obj_iter_next(&it))) {
        struct str name = json_str(key);
        bool shadowed = inner && yyjson_obj_getn(inner, name.at, name.n); /* what metadata says itself counts */
        if (!shadowed && !is_known(name, known) && !str_eqz(name, "metadata"))
            add_member(out, key, yyjson_obj_iter_get_val(key));
    }
    if (out->metadata.n)
        buf_add_char(&out->metadata, '}');
    return IMPORT_OK;
}

enum import_reason import_check_turns(const struct draft *d)
{
    if (d->turns_count > IMPORT_TURNS_MAX)
        return IMPORT_TOO_MANY_TURNS;
    for (size_t i = 0; i < d->turns_count; i++)
        if (str_eqz(d->turns[i].role, "user") || str_eqz(d->turns[i].role, "assistant"))
            return IMPORT_OK;
    return d->turns_count ? IMPORT_ONLY_SYSTEM : IMPORT_NO_MESSAGES;
}

enum import_reason import_flat(const struct flat_record *r, import_message_fn *add, struct draft *out)
{
    if (!r->messages || yyjson_is_null(r->messages))
        return IMPORT_NO_MESSAGES;
    if (!yyjson_is_arr(r->messages))
        return IMPORT_WRONG_TYPE;
    enum import_reason reason;
    if ((reason = import_name(r->id, &out->arena, &out->id)))
        return reason;
    if ((reason = import_name(r->account, &out->arena, &out->account)))
        return reason;
    if ((reason = import_time(r->created_at, out)))
        return reason;
    yyjson_arr_iter it = yyjson_arr_iter_with(r->messages);
    for (yyjson_val *message; (message = yyjson_arr_iter_next(&it));)
        if ((reason = add(message, out)))
            return reason;
    return import_check_turns(out);
}
