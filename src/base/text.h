/*
 * text.h: what text from outside must go through: UTF-8 repair, dangerous characters, lengths, terminals. Layer: base.
 */
#ifndef CLIO_BASE_TEXT_H
#define CLIO_BASE_TEXT_H

#include "base/str.h"

bool text_is_utf8(struct str s);

/*
 * Appends s with everything invisible or dangerous taken out: invalid UTF-8 becomes U+FFFD; control characters (but
 * newline and tab), bidirectional overrides, zero-width characters, tag characters and noncharacters are dropped.
 */
void text_add_clean(struct buf *b, struct str s);

/* As text_add_clean, on one line: every run of white space becomes one space, none at the ends. */
void text_add_line(struct buf *b, struct str s);

/* The longest prefix of at most max code points that does not cut a character; graphemes are kept whole. */
struct str text_prefix(struct str s, size_t max_chars);
size_t text_chars(struct str s); /* code points; invalid bytes count as one each */

/* Columns a terminal gives the text; text_fit cuts it to that many columns with an ellipsis. Both expect clean text. */
size_t text_columns(struct str s);
struct str text_fit(struct arena *a, struct str s, size_t columns);

/*
 * About how many tokens a model will read: 4 bytes a token for ASCII, 1.5 characters for other alphabets, 1 for CJK,
 * calibrated on Qwen 2.5 and ShareGPT. Never used where an exact count is needed.
 */
size_t text_tokens(struct str s);

/* Lower case by Unicode's folding, compatibility forms unified (NFKC), accents kept. For comparing names. */
struct str text_fold(struct arena *a, struct str s);

#endif
