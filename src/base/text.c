#include "base/text.h"

#include <stdlib.h>
#include <utf8proc.h>

/* One code point at s->at, moved behind it. Invalid bytes give -1 and move one byte on. */
static int32_t next_point(struct str *s)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s->at, (utf8proc_ssize_t)s->n, &c);
    size_t step = n > 0 ? (size_t)n : 1;
    s->at += step;
    s->n -= step;
    return n > 0 ? c : -1;
}

static void add_point(struct buf *b, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    buf_add(b, (struct str){(const char *)bytes, (size_t)n});
}

bool text_is_utf8(struct str s)
{
    while (s.n)
        if (next_point(&s) < 0)
            return false;
    return true;
}

/* Ranges of code points that carry no visible text but can hide or reorder it. */
static const struct {
    int32_t first, last;
} dropped[] = {
    {0x00, 0x08},     {0x0b, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},     {0x115f, 0x1160},
    {0x180b, 0x180f}, {0x200b, 0x200c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164},
    {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff},
};

static bool is_dropped(int32_t c)
{
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (c >= dropped[i].first && c <= dropped[i].last)
            return true;
    return c > 0xffff && (c & 0xfffe) == 0xfffe;
}

void text_add_clean(struct buf *b, struct str s)
{
    while (s.n) {
        int32_t c = next_point(&s);
        if (c < 0)
            c = 0xfffd;
        if (c == '\t' || c == '\n' || !is_dropped(c))
            add_point(b, c);
    }
}

static bool is_space(int32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

void text_add_line(struct buf *b, struct str s)
{
    bool pending = false, started = false;
    while (s.n) {
        int32_t c = next_point(&s);
        if (c < 0)
            c = 0xfffd;
        if (is_space(c)) {
            pending = true;
        } else if (!is_dropped(c)) {
            if (pending && started)
                buf_add_char(b, ' ');
            add_point(b, c);
            started = true;
            pending = false;
        }
    }
}

size_t text_chars(struct str s)
{
    size_t count = 0;
    for (; s.n; count++)
        next_point(&s);
    return count;
}

struct str text_prefix(struct str s, size_t max_chars)
{
    struct str rest = s;
    const char *end = s.at; /* behind the last whole grapheme */
    utf8proc_int32_t state = 0;
    int32_t before = 0;
    size_t taken = 0;
    while (rest.n && taken < max_chars) {
        int32_t c = next_point(&rest);
        taken++;
        before = c < 0 ? 0xfffd : c;
        struct str peek = rest;
        int32_t after = peek.n ? next_point(&peek) : -1;
        if (after < 0 || utf8proc_grapheme_break_stateful(before, after, &state))
            end = rest.at;
    }
    return (struct str){s.at, (size_t)(end - s.at)};
}

static size_t point_columns(int32_t c)
{
    int w = c < 0 ? 1 : utf8proc_charwidth(c);
    return w > 0 ? (size_t)w : 0;
}

size_t text_columns(struct str s)
{
    size_t columns = 0;
    while (s.n)
        columns += point_columns(next_point(&s));
    return columns;
}

struct str text_fit(struct arena *a, struct str s, size_t columns)
{
    if (text_columns(s) <= columns)
        return str_dup(a, s);
    struct str rest = s;
    size_t used = 0, keep = 0;
    while (rest.n) {
        size_t w = point_columns(next_point(&rest));
        if (used + w + 1 > columns)
            break;
        used += w;
        keep = (size_t)(rest.at - s.at);
    }
    return str_printf(a, STR_FMT "%s", STR_ARG(((struct str){s.at, keep})), columns ? "\xe2\x80\xa6" : "");
}

size_t text_tokens(struct str s)
{
    size_t twelfths = 0;
    while (s.n) {
        int32_t c = next_point(&s);
        if (c < 0x80)
            twelfths += 3;
        else if (c >= 0x2e80 && c < 0xe000)
            twelfths += 12;
        else
            twelfths += 8;
    }
    return (twelfths + 11) / 12;
}

struct str text_fold(struct arena *a, struct str s)
{
    struct buf clean = {0};
    text_add_line(&clean, s);
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)clean.at, (utf8proc_ssize_t)clean.n, &out,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    struct str folded = n > 0 ? str_dup(a, (struct str){(const char *)out, (size_t)n}) : str_dup(a, buf_str(&clean));
    free(out);
    buf_release(&clean);
    return folded;
}
