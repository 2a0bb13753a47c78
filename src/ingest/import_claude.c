/* Claude's data export: conversations.json, an array of {uuid, name, created_at, account, chat_messages}. */
#include "ingest/importer.h"

static bool detect(yyjson_val *record)
{
    return yyjson_is_arr(yyjson_obj_get(record, "chat_messages"));
}

/* Files and attachments of a message: a marker each, as their text is not the user's. */
static void add_files(yyjson_val *files, struct buf *text)
{
    for (size_t i = yyjson_arr_size(files); i > 0; i--)
        import_line(text, STR("[file]"));
}

static enum import_reason add_message(yyjson_val *message, struct draft *out)
{
    if (!yyjson_is_obj(message))
        return IMPORT_WRONG_TYPE;
    if (import_has_double_keys(message, &out->arena))
        return IMPORT_DUPLICATE_KEY;
    yyjson_val *sender = yyjson_obj_get(message, "sender"), *parts = yyjson_obj_get(message, "content");
    if (!yyjson_is_str(sender))
        return IMPORT_WRONG_TYPE;
    struct str role = import_role(json_str(sender)), content;
    if (!role.at)
        return IMPORT_UNKNOWN_ROLE;
    /* Older exports have only "text"; newer ones have both, with the parts telling more. */
    if (!yyjson_arr_size(parts))
        parts = yyjson_obj_get(message, "text");
    enum import_reason reason = import_content(parts, &out->arena, &content);
    if (reason)
        return reason;
    struct buf text = {0};
    add_files(yyjson_obj_get(message, "attachments"), &text);
    add_files(yyjson_obj_get(message, "files"), &text);
    if (text.n) {
        import_line(&text, content);
        content = str_dup(&out->arena, buf_str(&text));
    }
    buf_release(&text);
    draft_add_turn(out, role, content);
    return IMPORT_OK;
}

static enum import_reason map(yyjson_val *record, struct draft *out)
{
    static const char *const known[] = {"uuid", "account", "created_at", "updated_at", "chat_messages", NULL};
    struct flat_record flat = {.id = yyjson_obj_get(record, "uuid"),
                               .account = yyjson_obj_get(yyjson_obj_get(record, "account"), "uuid"),
                               .created_at = yyjson_obj_get(record, "created_at"),
                               .messages = yyjson_obj_get(record, "chat_messages")};
    enum import_reason reason = import_flat(&flat, add_message, out);
    if (reason)
        return reason;
    return import_metadata(record, known, out);
}

const struct importer importer_claude = {
    .name = "claude",
    .help = "Claude's data export: conversations.json",
    .detect = detect,
    .map = map,
};
