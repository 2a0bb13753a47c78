#include "base/json.h"

#include "base/text.h"

enum err json_parse(struct str text, bool relaxed, yyjson_doc **out, struct error *e)
{
    yyjson_read_err err;
    yyjson_read_flag flags = relaxed ? YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS : 0;
    /* Without YYJSON_READ_INSITU the text is only read; the cast is yyjson's, not ours. */
    *out = yyjson_read_opts((char *)(uintptr_t)(text.at ? text.at : ""), text.n, flags, NULL, &err);
    if (!*out)
        return error_set(e, ERR_INPUT, "not valid JSON at byte %zu: %s", err.pos, err.msg);
    return ERR_OK;
}

struct str json_str(yyjson_val *v)
{
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : (struct str){0};
}

struct str json_get_str(yyjson_val *object, const char *key)
{
    return json_str(yyjson_obj_get(object, key));
}

void json_add_string(struct buf *b, struct str s)
{
    static const char *const names[32] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    struct buf repaired = {0};
    if (!text_is_utf8(s)) {
        text_add_clean(&repaired, s);
        s = buf_str(&repaired);
    }
    buf_add_char(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7f)
            continue;
        buf_add(b, (struct str){s.at + from, i - from});
        from = i + 1;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < 0x20 && names[c])
            buf_addz(b, names[c]);
        else
            buf_printf(b, "\\u%04x", c);
    }
    if (from < s.n)
        buf_add(b, (struct str){s.at + from, s.n - from});
    buf_add_char(b, '"');
    buf_release(&repaired);
}
