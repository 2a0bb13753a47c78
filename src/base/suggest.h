/*
 * suggest.h: "did you mean ...?" for anything a user types: commands, options, configuration keys, model schemes.
 *
 * Example:  struct suggest s = suggest_for(word);  suggest_offer(&s, "run");  suggest_offer(&s, "demo");
 *           if (suggest_best(&s)) error_hint(e, "did you mean %s?", suggest_best(&s));           Layer: base.
 */
#ifndef CLIO_BASE_SUGGEST_H
#define CLIO_BASE_SUGGEST_H

#include "base/str.h"

struct suggest {
    struct str word;
    const char *best; /* the nearest offer so far; the first of equals */
    size_t distance;
};

struct suggest suggest_for(struct str word);
void suggest_offer(struct suggest *s, const char *candidate); /* borrowed */
const char *suggest_best(const struct suggest *s);            /* NULL: nothing near enough to be a slip of the finger */

/* Insertions, deletions, replacements and swaps of neighbours between two words; longer than 63 bytes: SIZE_MAX. */
size_t suggest_distance(struct str a, struct str b);

#endif
