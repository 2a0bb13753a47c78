/*
 * str.h: text. Borrowed views, and a growing buffer that is told its limit.
 *
 * `struct str` borrows: it never owns and is never freed. A function whose name ends in _dup copies into an arena.
 * Text is UTF-8 unless a function says otherwise; it may hold NUL bytes.                             Layer: base.
 */
#ifndef CLIO_BASE_STR_H
#define CLIO_BASE_STR_H

#include "base/error.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *at; /* may be NULL when n is 0 */
    size_t n;       /* bytes */
};

#define STR_INIT(literal)                                                                                              \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    } /* in a static initialiser */
#define STR(literal) ((struct str)STR_INIT(literal))
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).n, (s).at ? (s).at : ""

struct str str_of(const char *z); /* NULL gives the empty view */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
int str_cmp(struct str a, struct str b); /* bytewise; a prefix sorts first */
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
struct str str_trim(struct str s);                 /* ASCII white space at both ends */
struct str str_cut(struct str *rest, char sep);    /* text before sep; *rest moves behind it */
size_t str_find(struct str s, struct str what);    /* byte offset, or SIZE_MAX */
bool str_to_i64(struct str s, int64_t *out);       /* whole text, decimal, no blanks */
struct str str_dup(struct arena *a, struct str s); /* copy, with a NUL behind it */
char *str_dupz(struct arena *a, struct str s);     /* the same as a C string */
struct str str_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/*
 * A buffer that grows up to `max` bytes (0: no limit but memory). Zeroed is valid. Past the limit, further bytes are
 * dropped and `cut` is set: hostile input ends in a flag, not in memory. Always NUL-terminated when at is not NULL.
 */
struct buf {
    char *at;
    size_t n, cap, max;
    bool cut;
};

void buf_add(struct buf *b, struct str s);
void buf_addz(struct buf *b, const char *z);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_clear(struct buf *b);
void buf_release(struct buf *b);
struct str buf_str(const struct buf *b); /* borrowed until the next change */

#endif
