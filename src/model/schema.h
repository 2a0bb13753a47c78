/*
 * schema.h: the shape an answer must have. An answer is always one flat JSON object with these members, in this order.
 *
 * One description serves all: the local engine fills it in (literal parts are appended, never sampled), a grammar is
 * generated from it for servers and as the engine's oracle, and the one strict parser accepts nothing else.
 *                                                                                       Layer: model, uses base only.
 */
#ifndef CLIO_MODEL_SCHEMA_H
#define CLIO_MODEL_SCHEMA_H

#include "base/str.h"

enum field_kind {
    FIELD_TEXT,   /* free text on one line */
    FIELD_CHOICE, /* one of values[] */
    FIELD_INT,    /* a whole number min..max */
    FIELD_LIST,   /* min..max free texts */
};

struct field {
    const char *name; /* the member's name */
    enum field_kind kind;
    struct str start; /* FIELD_TEXT: the text begins like this (given to the model, removed from the value) */
    size_t
        max_chars; /* FIELD_TEXT and each FIELD_LIST item: longer is cut by the engine, refused by the parser; 0: 400 */
    const struct str *values; /* FIELD_CHOICE */
    size_t values_count;
    int64_t min, max; /* FIELD_INT: range; FIELD_LIST: how many items */
};

struct schema {
    const struct field *fields;
    size_t fields_count;
};

struct field_value {
    struct str text;   /* FIELD_TEXT without its start, trimmed; FIELD_CHOICE */
    int64_t number;    /* FIELD_INT; FIELD_CHOICE: which of values[] */
    struct str *items; /* FIELD_LIST */
    size_t items_count;
};

/*
 * Reads an answer. Surrounding white space and a ```json fence are forgiven; everything else must be as the schema
 * says: each member exactly once and no other (in any order), types, ranges, lengths, valid UTF-8, texts not empty and
 * on one line. values[fields_count] is written in full. Errors: ERR_MODEL with the reason and the member's name, never
 * the text.
 */
MUST_USE enum err schema_parse(const struct schema *s, struct str answer, struct arena *a, struct field_value *values,
                               struct error *e);

void schema_gbnf(const struct schema *s,
                 struct buf *out); /* GBNF for llama.cpp servers and samplers, root rule "root" */
void schema_json_schema(const struct schema *s, struct buf *out); /* JSON Schema for servers with structured outputs */
void schema_describe(const struct schema *s,
                     struct buf *out); /* a JSON skeleton shown in prompts: {"name": "...", ...} */
void schema_hash_text(const struct schema *s, struct buf *out); /* canonical bytes: part of an answer's key */
void schema_add_string(struct buf *out,
                       struct str s); /* a JSON string, escaped no more than JSON needs: models read it */
/* About how many tokens an answer in English has: as a rule (measured with the default models), and when every text is
 * as long as it may be. For estimates. */
struct answer_size {
    double usual, longest;
} schema_answer_size(const struct schema *s);
size_t schema_max_tokens(const struct schema *s); /* enough for the longest valid answer */

#endif
