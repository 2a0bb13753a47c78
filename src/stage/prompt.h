/*
 * prompt.h: prompts are text files in prompts/, embedded in the binary, replaceable by --prompts FOLDER.
 * A template knows {{name}} (the value, as it is) and {{#name}}...{{/name}} (kept when the value is not empty). An
 * unknown name, an unclosed section or a stray brace pair is an error: a typo never reaches a model.        Layer:
 * stage.
 */
#ifndef CLIO_STAGE_PROMPT_H
#define CLIO_STAGE_PROMPT_H

#include "base/hash.h"

struct prompt_var {
    const char *name;
    struct str value;
};

/*
 * Renders prompts/FILE into the arena. folder: where replacements are looked for first, or NULL. Lines starting with
 * "##" are comments and left out.
 */
MUST_USE enum err prompt_render(const char *folder, const char *file, const struct prompt_var *vars, size_t n,
                                struct arena *a, struct str *out, struct error *e);

/*
 * Adds what a stage says to models to its fingerprint, comments left out: the prompts whose names start with one of the
 * prefixes, "name.,parent.". So an edited prompt makes the stage run again that asks with it.
 */
MUST_USE enum err prompt_hash(const char *folder, const char *prefixes, struct hasher *h, struct error *e);

/* The same on a text at hand; `name` is for messages. Fuzzed. */
MUST_USE enum err prompt_expand(const char *name, struct str text, const struct prompt_var *vars, size_t n,
                                struct buf *out, struct error *e);

#endif
