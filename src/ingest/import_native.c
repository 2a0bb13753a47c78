/* One conversation an object: id, account, created_at, messages [{role, content}], metadata. Also OpenAI's chat format.
 */
#include "ingest/importer.h"

static bool detect(yyjson_val *record)
{
    return yyjson_is_arr(yyjson_obj_get(record, "messages"));
}

static enum import_reason add_message(yyjson_val *message, struct draft *out)
{
    if (!yyjson_is_obj(message))
        return IMPORT_WRONG_TYPE;
    if (import_has_double_keys(message, &out->arena))
        return IMPORT_DUPLICATE_KEY;
    yyjson_val *role_value = yyjson_obj_get(message, "role");
    if (!yyjson_is_str(role_value))
        return IMPORT_WRONG_TYPE;
    struct str role = import_role(json_str(role_value)), text;
    if (!role.at)
        return IMPORT_UNKNOWN_ROLE;
    enum import_reason reason = import_content(yyjson_obj_get(message, "content"), &out->arena, &text);
    if (reason)
        return reason;
    if (yyjson_arr_size(yyjson_obj_get(message, "tool_calls")) ||
        yyjson_is_obj(yyjson_obj_get(message, "function_call")))
        text = str_printf(&out->arena, STR_FMT "%s[tool call]", STR_ARG(text), text.n ? "\n" : "");
    draft_add_turn(out, role, text);
    return IMPORT_OK;
}

static enum import_reason map(yyjson_val *record, struct draft *out)
{
    static const char *const known[] = {"id", "account", "created_at", "messages", NULL};
    struct flat_record flat = {.id = yyjson_obj_get(record, "id"),
                               .account = yyjson_obj_get(record, "account"),
                               .created_at = yyjson_obj_get(record, "created_at"),
                               .messages = yyjson_obj_get(record, "messages")};
    enum import_reason reason = import_flat(&flat, add_message, out);
    if (reason)
        return reason;
    return import_metadata(record, known, out);
}

const struct importer importer_native = {
    .name = "native",
    .help = "JSON lines of {id, account, created_at, messages: [{role, content}], metadata}",
    .detect = detect,
    .map = map,
};
