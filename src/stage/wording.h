/*
 * wording.h: the outward form of names: length, capitals, what a cut leaves behind. What they say is naming.h's.
 * Results lie in the arena, or are parts of what was given. Cost: linear.                              Layer: stage.
 */
#ifndef CLIO_STAGE_WORDING_H
#define CLIO_STAGE_WORDING_H

#include "base/mem.h"
#include "base/str.h"
#include "stage/support.h"

enum { NAME_WORDS_MAX = 10, NAME_CHARS_MAX = 72 };

size_t wording_count(struct str s); /* words, which blanks part */

/* On one line of at most so many characters; a word that would be cut goes. */
struct str wording_line(struct str s, size_t max_chars, struct arena *a);

/* With a capital in front; text that does not begin with a small ASCII letter stays as it is. */
struct str wording_capitalised(struct str s, struct arena *a);

/* "Cooking, Chemistry Help" as a sentence would have it: common words are small, names of things keep their capitals.
 */
struct str wording_sentence_case(struct str s, const struct common_words *common, struct arena *a);

/* Without the articles, conjunctions and prepositions at its end, which a cut left behind. */
struct str wording_without_dangling(struct str s);

/* A proposal as a name: one line, a capital, no "please", no full stop, at most NAME_WORDS_MAX words (paper G.6). */
struct str wording_name(struct str proposed, const struct common_words *common, struct arena *a);

#endif
