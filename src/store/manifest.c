#include "store/manifest.h"

#include "base/file.h"
#include "base/json.h"
#include "store/run.h"

#include <stdlib.h>

enum { FORMAT_VERSION = 1 };

enum err manifest_check_value(const char *key, struct str json_value, struct error *e)
{
    yyjson_doc *doc;
    if (json_parse(json_value, false, &doc, NULL) != ERR_OK)
        return error_set(e, ERR_FAILED, "the manifest's value for %s is not valid JSON", key);
    yyjson_doc_free(doc);
    return ERR_OK;
}

static yyjson_mut_val *text(yyjson_mut_doc *doc, struct str s)
{
    return yyjson_mut_strncpy(doc, s.at ? s.at : "", s.n);
}

static enum err add_notes(struct run *r, yyjson_mut_doc *doc, yyjson_mut_val *object, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(r->db, e, &q, "SELECT key, value FROM note ORDER BY key", "");
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row) {
        yyjson_doc *value;
        result = json_parse(db_text(q, 1), false, &value, e);
        if (result != ERR_OK) {
            db_done(q);
            break;
        }
        yyjson_mut_obj_add(object, text(doc, db_text(q, 0)), yyjson_val_mut_copy(doc, yyjson_doc_get_root(value)));
        yyjson_doc_free(value);
    }
    return result;
}

static yyjson_mut_val *stage_value(yyjson_mut_doc *doc, sqlite3_stmt *q)
{
    struct str bytes = db_text(q, 2);
    struct hash fingerprint = {0};
    char hex[HASH_HEX];
    for (size_t i = 0; i < bytes.n && i < sizeof fingerprint.at; i++)
        fingerprint.at[i] = (unsigned char)bytes.at[i];
    hash_hex(fingerprint, hex);
    yyjson_mut_val *stage = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_bool(doc, stage, "done", db_int(q, 1) != 0);
    yyjson_mut_obj_add_strcpy(doc, stage, "fingerprint", hex);
    yyjson_mut_obj_add_sint(doc, stage, "total", db_int(q, 3));
    yyjson_mut_obj_add_sint(doc, stage, "ok", db_int(q, 4));
    yyjson_mut_obj_add_sint(doc, stage, "quarantined", db_int(q, 5));
    yyjson_mut_obj_add_val(doc, stage, "note", text(doc, db_text(q, 6)));
    return stage;
}

/* Seconds are left out: the same run gives the same manifest. */
static enum err add_stages(struct run *r, yyjson_mut_doc *doc, yyjson_mut_val *object, struct error *e)
{
    sqlite3_stmt *q;
    bool row = false;
    enum err result = db_query(
        r->db, e, &q, "SELECT name, done, fingerprint, total, ok, quarantined, note FROM stage ORDER BY position", "");
    while (result == ERR_OK && (result = db_step(q, &row, e)) == ERR_OK && row)
        yyjson_mut_obj_add(object, text(doc, db_text(q, 0)), stage_value(doc, q));
    return result;
}

enum err run_write_manifest(struct run *r, struct error *e)
{
    if (r->scratch)
        return ERR_OK;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc), *notes = yyjson_mut_obj(doc), *stages = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "format", "clio-run");
    yyjson_mut_obj_add_int(doc, root, "format_version", FORMAT_VERSION);
    yyjson_mut_obj_add_val(doc, root, "run", notes);
    yyjson_mut_obj_add_val(doc, root, "stages", stages);
    enum err result = add_notes(r, doc, notes, e);
    if (result == ERR_OK)
        result = add_stages(r, doc, stages, e);
    if (result == ERR_OK) {
        size_t n = 0;
        char *json =
            yyjson_mut_write_opts(doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END, NULL, &n, NULL);
        result = json ? file_write_atomic(run_path(r, "manifest.json"), (struct str){json, n}, e)
                      : error_set(e, ERR_FAILED, "the manifest could not be written as JSON");
        free(json);
    }
    yyjson_mut_doc_free(doc);
    return result;
}
