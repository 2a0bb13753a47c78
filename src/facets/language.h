/*
 * language.h: the main human languages of a conversation, by fastText's lid.176 on what the user wrote. Layer: facets.
 */
#ifndef CLIO_FACETS_LANGUAGE_H
#define CLIO_FACETS_LANGUAGE_H

#include "num/langid.h"
#include "store/records.h"

enum { LANGUAGES_MAX = 3 };

struct language_guess {
    struct str names[LANGUAGES_MAX]; /* most used first, from the table in languages.h; at least one unless nothing was
                                        written */
    size_t count;
    bool sure; /* the predictor was confident about most of the text */
};

/* Code blocks and links are left out of what is looked at. names point to constants. */
void language_guess(const struct langid *model, const struct conversation *c, struct language_guess *out);

#endif
