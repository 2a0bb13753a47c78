/*
 * importer.h: the formats conversations come in, one row a format, and why a record is refused.
 *                                                                                Layer: ingest, uses store and base.
 *
 * To add a format: write import_NAME.c with a detect and a map function (import_claude.c is the shortest example),
 * declare its row below, list it in importers[] of importer.c, put a small invented file into tests/data/import/ and a
 * case into tests/unit/test_importers.c. How records are framed (JSON lines, an array, an array inside an object) is
 * found out for each file by importer_frame and is no business of a format.
 */
#ifndef CLIO_INGEST_IMPORTER_H
#define CLIO_INGEST_IMPORTER_H

#include "base/json.h"
#include "ingest/json_stream.h"
#include "store/records.h"

/* Why a record went to quarantine. The texts stand in one table in importer.c; they never quote the record. */
enum import_reason {
    IMPORT_OK,
    IMPORT_NOT_JSON,
    IMPORT_NOT_UTF8,
    IMPORT_LONE_SURROGATE,
    IMPORT_CONTROL_CHARACTER,
    IMPORT_CUT_OFF,
    IMPORT_BROKEN,
    IMPORT_UNCLOSED,
    IMPORT_TOO_LONG,
    IMPORT_TOO_MANY_VALUES,
    IMPORT_TOO_DEEP,
    IMPORT_NOT_OBJECT,
    IMPORT_DUPLICATE_KEY,
    IMPORT_NO_MESSAGES,
    IMPORT_ONLY_SYSTEM,
    IMPORT_TOO_MANY_TURNS,
    IMPORT_WRONG_TYPE,
    IMPORT_UNKNOWN_ROLE,
    IMPORT_BAD_TIME,
    IMPORT_LONG_ID,
    IMPORT_DUPLICATE_ID,
    IMPORT_BROKEN_TREE,
    IMPORT_REASONS
};

const char *import_reason_text(enum import_reason reason);
/* The reason for what the framer found; IMPORT_OK for JSON_WHOLE. */
enum import_reason import_reason_of(enum json_problem problem);

/*
 * What a record says. Strings are borrowed from the record's document or the arena. Life cycle: zeroed, draft_clear
 * before every record, draft_release.
 */
struct draft {
    struct arena arena;
    struct str id;       /* empty: none given */
    struct str piece_of; /* not empty: a piece of this conversation; pieces that follow each other are joined */
    struct str piece;    /* the piece's own id */
    struct str account;  /* empty: none given */
    bool has_time;
    int64_t created_at;
    struct buf metadata; /* "" or a JSON object */
    struct turn *turns;
    size_t turns_count, turns_cap;
};

void draft_clear(struct draft *d);
void draft_release(struct draft *d);
void draft_add_turn(struct draft *d, struct str role, struct str text); /* blank texts are left out */

struct importer {
    const char *name; /* as in --format NAME */
    const char *help;
    bool (*detect)(yyjson_val *record); /* is this object one of ours? */
    enum import_reason (*map)(yyjson_val *record, struct draft *out);
};

extern const struct importer importer_native, importer_sharegpt, importer_chatgpt, importer_claude;
extern const struct importer *const importers[]; /* NULL behind the last */

const struct importer *ingest_format(struct str name);      /* NULL: there is none of that name */
const struct importer *importer_detect(yyjson_val *record); /* NULL: no format knows this object */

/* How the file is framed, judged by its first bytes; *skip is json_stream_frame's. */
enum json_framing importer_frame(struct str head, bool whole, size_t *skip);

/*
 * Parses a framed record in place. On IMPORT_OK the caller frees *doc with yyjson_doc_free; its root is an object
 * without double keys. Memory: 32 MiB of values at most, whatever the text holds.
 */
enum import_reason importer_parse(const struct json_record *record, yyjson_doc **doc);

/* ---- for import_NAME.c ------------------------------------------------------------------------------------------- */

/* Any object: true when two members have the same name. O(n log n). */
bool import_has_double_keys(yyjson_val *object, struct arena *scratch);

/* A member that may be missing, null, a string or a whole number (written in decimal into the arena). */
enum import_reason import_name(yyjson_val *v, struct arena *a, struct str *out);
/* Missing and null are no time; a text as clock_parse takes it or seconds since 1970; else IMPORT_BAD_TIME. */
enum import_reason import_time(yyjson_val *v, struct draft *out);
/* "human", "gpt", ... to user, assistant, system, tool; at == NULL for an unknown name. */
struct str import_role(struct str name);

/* A text, or a list of typed parts, as one text in which what is not text has become a marker. */
enum import_reason import_content(yyjson_val *v, struct arena *a, struct str *out);
/* Appends one part (an object with a "type") on a line of its own. */
enum import_reason import_part(yyjson_val *part, struct buf *out, struct arena *scratch);
void import_line(struct buf *out, struct str line);

/* All members but the named ones (NULL behind the last) into metadata; a member "metadata" that is an object is
 * unfolded first. */
enum import_reason import_metadata(yyjson_val *record, const char *const *known, struct draft *out);

/* At least one turn of a user or an assistant, and not more turns than a run can hold? */
enum { IMPORT_TURNS_MAX = 1000000 };

enum import_reason import_check_turns(const struct draft *d);

/* A record with a flat list of messages, as most formats have it: checks and takes all of it; add is called for each
 * message in order. */
struct flat_record {
    yyjson_val *id, *account, *created_at, *messages;
};
typedef enum import_reason import_message_fn(yyjson_val *message, struct draft *out);
enum import_reason import_flat(const struct flat_record *r, import_message_fn *add, struct draft *out);

#endif
