/*
 * script_words.h: what the scripted model makes its answers of: words taken from the prompt itself, so that alike
 * prompts get alike answers, clusters form, and names fit what they name.             Layer: model, used by script.c.
 */
#ifndef CLIO_MODEL_SCRIPT_WORDS_H
#define CLIO_MODEL_SCRIPT_WORDS_H

#include "base/str.h"

enum { MATERIAL_LINES = 64, WORDS_MAX = 16 };

/* The lines of a prompt worth quoting: of the first "- " list, or else of the first user's turn of the conversation. */
struct material {
    struct str lines[MATERIAL_LINES];
    size_t n;
    bool is_list;
    struct str tail; /* what stands behind the list */
};

struct material material_of(struct str prompt);

/*
 * Up to `want` (WORDS_MAX at most) telling words of the lines first..last-1, lower case, none twice. Of a list: those
 * in most lines first. Of a turn: in order of appearance. Words with digits or signs are left out: they may be private.
 */
size_t material_words(const struct material *m, size_t first, size_t last, size_t want, struct arena *a,
                      struct str *out);

/* In how many words two texts agree; for choosing the value that fits best. */
size_t words_shared(struct str a, struct str b);

#endif
