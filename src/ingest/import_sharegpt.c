/*
 * ShareGPT: {id, conversations: [{from, value}]}. Long conversations come in pieces, `NAME_0`, `NAME_11`, ..., that
 * follow each other; a piece may begin with the assistant, and some are empty.
 */
#include "ingest/importer.h"

#include <string.h>

static bool detect(yyjson_val *record)
{
    return yyjson_is_arr(yyjson_obj_get(record, "conversations"));
}

static enum import_reason add_message(yyjson_val *message, struct draft *out)
{
    if (!yyjson_is_obj(message))
        return IMPORT_WRONG_TYPE;
    if (import_has_double_keys(message, &out->arena))
        return IMPORT_DUPLICATE_KEY;
    yyjson_val *from = yyjson_obj_get(message, "from"), *value = yyjson_obj_get(message, "value");
    if (!yyjson_is_str(from) || (!yyjson_is_str(value) && !yyjson_is_null(value)))
        return IMPORT_WRONG_TYPE;
    struct str role = import_role(json_str(from));
    if (!role.at)
        return IMPORT_UNKNOWN_ROLE;
    draft_add_turn(out, role, json_str(value));
    return IMPORT_OK;
}

/* "hRPPgZT_11" is a piece of "hRPPgZT"; an id without a number behind its last underscore stands alone. */
static void split_piece(struct draft *out)
{
    const char *mark = out->id.n ? memrchr(out->id.at, '_', out->id.n) : NULL;
    size_t n = mark ? (size_t)(mark - out->id.at) : 0;
    int64_t k;
    if (n == 0 || !str_to_i64((struct str){mark + 1, out->id.n - n - 1}, &k) || k < 0)
        return;
    out->piece = out->id;
    out->piece_of = (struct str){out->id.at, n};
    out->id = out->piece_of;
}

static enum import_reason map(yyjson_val *record, struct draft *out)
{
    static const char *const known[] = {"id", "conversations", NULL};
    yyjson_val *messages = yyjson_obj_get(record, "conversations");
    if (!messages || yyjson_is_null(messages))
        return IMPORT_NO_MESSAGES;
    if (!yyjson_is_arr(messages))
        return IMPORT_WRONG_TYPE;
    enum import_reason reason = import_name(yyjson_obj_get(record, "id"), &out->arena, &out->id);
    if (reason)
        return reason;
    split_piece(out);
    yyjson_arr_iter it = yyjson_arr_iter_with(messages);
    for (yyjson_val *message; (message = yyjson_arr_iter_next(&it));)
        if ((reason = add_message(message, out)))
            return reason;
    /* Whether a piece alone has messages does not matter: its conversation must, and that is judged when it is whole.
     */
    if (!out->piece_of.n && (reason = import_check_turns(out)))
        return reason;
    return import_metadata(record, known, out);
}

const struct importer importer_sharegpt = {
    .name = "sharegpt",
    .help = "ShareGPT: {id, conversations: [{from, value}]}, pieces NAME_0, NAME_1, ... joined",
    .detect = detect,
    .map = map,
};
