#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_of(const char *z)
{
    return z ? (struct str){z, strlen(z)} : (struct str){0};
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.at, b.at, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_has_prefix(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.at, prefix.n}, prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq((struct str){s.at + s.n - suffix.n, suffix.n}, suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.at[0]))
        s.at++, s.n--;
    while (s.n && is_blank(s.at[s.n - 1]))
        s.n--;
    return s;
}

struct str str_cut(struct str *rest, char sep)
{
    const char *hit = rest->n ? memchr(rest->at, sep, rest->n) : NULL;
    struct str head = *rest;
    if (hit) {
        head.n = (size_t)(hit - rest->at);
        rest->at += head.n + 1;
        rest->n -= head.n + 1;
    } else {
        rest->at += rest->n;
        rest->n = 0;
    }
    return head;
}

size_t str_find(struct str s, struct str what)
{
    if (what.n == 0)
        return 0;
    const char *hit = s.n ? memmem(s.at, s.n, what.at, what.n) : NULL;
    return hit ? (size_t)(hit - s.at) : SIZE_MAX;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool negative = s.n && s.at[0] == '-';
    size_t i = negative;
    if (i == s.n)
        return false;
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        int digit = s.at[i] - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digit, &v))
            return false; /* counted downwards, so that INT64_MIN fits */
    }
    if (!negative && v == INT64_MIN)
        return false;
    *out = negative ? v : -v;
    return true;
}

char *str_dupz(struct arena *a, struct str s)
{
    char *p = arena_new(a, s.n + 1, 1);
    if (s.n)
        memcpy(p, s.at, s.n);
    p[s.n] = '\0';
    return p;
}

struct str str_dup(struct arena *a, struct str s)
{
    return (struct str){str_dupz(a, s), s.n};
}

struct str str_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    char *p = arena_new(a, (size_t)n + 1, 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){p, (size_t)n};
}

static void reserve(struct buf *b, size_t more)
{
    size_t want = b->n + more + 1;
    if (want <= b->cap)
        return;
    size_t cap = b->cap ? b->cap * 2 : 256;
    b->cap = cap > want ? cap : want;
    b->at = mem_grow(b->at, b->cap, 1);
}

void buf_add(struct buf *b, struct str s)
{
    if (b->max && s.n > b->max - b->n) {
        s.n = b->max - b->n;
        b->cut = true;
    }
    reserve(b, s.n);
    if (s.n)
        memcpy(b->at + b->n, s.at, s.n);
    b->n += s.n;
    b->at[b->n] = '\0';
}

void buf_addz(struct buf *b, const char *z)
{
    buf_add(b, str_of(z));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, (struct str){&c, 1});
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        char *text = mem_new((size_t)n + 1, 1);
        vsnprintf(text, (size_t)n + 1, fmt, again);
        buf_add(b, (struct str){text, (size_t)n});
        free(text);
    }
    va_end(again);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->cut = false;
    if (b->at)
        b->at[0] = '\0';
}

void buf_release(struct buf *b)
{
    free(b->at);
    *b = (struct buf){.max = b->max};
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->at, b->n};
}
