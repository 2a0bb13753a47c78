/*
 * json.h: what all users of yyjson need on top of it: limits, views instead of C strings, and escaping into a buffer.
 *                                                                                                    Layer: base.
 */
#ifndef CLIO_BASE_JSON_H
#define CLIO_BASE_JSON_H

#include "base/str.h"

#include <yyjson.h>

/*
 * Parses one document. Comments and trailing commas are accepted when `relaxed` (our own config files), never for data.
 * Errors: ERR_INPUT with a byte offset, never the text. The document owns its values; yyjson_doc_free ends them.
 */
MUST_USE enum err json_parse(struct str text, bool relaxed, yyjson_doc **out, struct error *e);

struct str json_str(yyjson_val *v);                           /* a string's view; at == NULL when v is no string */
struct str json_get_str(yyjson_val *object, const char *key); /* the same for a member */

/* Appends the JSON string with its quotes. The text must be UTF-8; invalid bytes become U+FFFD. Safe inside HTML script
 * data. */
void json_add_string(struct buf *b, struct str s);

#endif
