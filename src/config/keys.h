/*
 * keys.h: the configuration's keys as one table, shared by the files of this folder.            Layer: config,
 * internal.
 */
#ifndef CLIO_CONFIG_KEYS_H
#define CLIO_CONFIG_KEYS_H

#include "base/json.h"
#include "config/config.h"

enum key_kind { KEY_BOOL, KEY_COUNT, KEY_SHARE, KEY_TEXT, KEY_CHOICE, KEY_FACETS };

struct key_row {
    const char *name; /* "k"; a dot where the file has an object: "models.fast" */
    enum key_kind kind;
    size_t offset;          /* in struct config */
    uint64_t min, max;      /* KEY_COUNT; KEY_CHOICE: max is the number of choices */
    const char *fallback;   /* as one would type it */
    const char *choices[2]; /* KEY_CHOICE, in the order of the enum */
    bool cosmetic;          /* decides no result: not in config_write */
    const char *help;
};

extern const struct key_row config_keys[]; /* name NULL behind the last */

const struct key_row *key_find(struct str name);
void key_set_default(struct config *c, const struct key_row *row);
void key_write(const struct config *c, const struct key_row *row, struct buf *out); /* the value, as JSON */

/* From the file and from the command line. `where` begins the message: "clio.json: seed", "--seed". */
MUST_USE enum err key_set_json(struct config *c, const struct key_row *row, yyjson_val *v, const char *where,
                               struct error *e);
MUST_USE enum err key_set_text(struct config *c, const struct key_row *row, struct str text, const char *where,
                               struct error *e);

/* facets.c: the list of facets. `file` begins messages. */
MUST_USE enum err facets_parse(struct config *c, yyjson_val *list, const char *file, struct error *e);
MUST_USE enum err facets_check(const struct config *c, struct error *e);
void facets_write(const struct config *c, struct buf *out);

/* The same key twice in one object is nearly always a slip; the first such key, or NULL. */
const char *key_doubled(yyjson_val *object);

#endif
