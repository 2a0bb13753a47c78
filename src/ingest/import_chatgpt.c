/*
 * ChatGPT's data export: conversations.json, an array of {title, create_time, mapping, current_node}. `mapping` is a
 * tree of messages, because every edited or regenerated message starts a branch; the thread the user saw last runs from
 * current_node up to the root.
 */
#include "ingest/importer.h"

#include <stdlib.h>

struct node {
    struct str id;
    yyjson_val *value;
};

static bool detect(yyjson_val *record)
{
    return yyjson_is_obj(yyjson_obj_get(record, "mapping"));
}

static int compare_nodes(const void *a, const void *b)
{
    return str_cmp(((const struct node *)a)->id, ((const struct node *)b)->id);
}

static const struct node *find_node(const struct node *nodes, size_t n, struct str id)
{
    struct node wanted = {.id = id};
    return id.at && n ? bsearch(&wanted, nodes, n, sizeof *nodes, compare_nodes) : NULL;
}

/* The members of `mapping`, sorted, as yyjson's own look-up walks the whole list. */
static enum import_reason index_nodes(yyjson_val *mapping, struct arena *a, struct node **out, size_t *n)
{
    *n = 0;
    *out = arena_new(a, yyjson_obj_size(mapping), sizeof **out);
    yyjson_obj_iter it = yyjson_obj_iter_with(mapping);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (!yyjson_is_obj(value))
            return IMPORT_WRONG_TYPE;
        (*out)[(*n)++] = (struct node){json_str(key), value};
    }
    if (*n)
        qsort(*out, *n, sizeof **out, compare_nodes);
    for (size_t i = 1; i < *n; i++)
        if (compare_nodes(&(*out)[i - 1], &(*out)[i]) == 0)
            return IMPORT_DUPLICATE_KEY;
    return IMPORT_OK;
}

/* Where current_node is missing, the last node listed that has no children is the newest end of a thread. */
static struct str last_leaf(yyjson_val *mapping)
{
    struct str leaf = {0};
    yyjson_obj_iter it = yyjson_obj_iter_with(mapping);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));)
        if (yyjson_arr_size(yyjson_obj_get(yyjson_obj_iter_get_val(key), "children")) == 0)
            leaf = json_str(key);
    return leaf;
}

/* The thread's nodes, last first. A loop, or a parent that is not there, is a broken tree. */
static enum import_reason follow(const struct node *nodes, size_t n, struct str id, const struct node **thread,
                                 size_t *length)
{
    for (*length = 0; id.at; (*length)++) {
        const struct node *node = find_node(nodes, n, id);
        if (!node || *length == n)
            return IMPORT_BROKEN_TREE;
        thread[*length] = node;
        yyjson_val *parent = yyjson_obj_get(node->value, "parent");
        if (parent && !yyjson_is_str(parent) && !yyjson_is_null(parent))
            return IMPORT_WRONG_TYPE;
        id = json_str(parent);
    }
    return IMPORT_OK;
}

/* Content that is no list of parts: code is what the assistant sends to a tool; the rest comes from the program around
 * it. */
static struct str plain_content(yyjson_val *content)
{
    struct str type = json_get_str(content, "content_type");
    if (str_eqz(type, "code"))
        return STR("[tool call]");
    if (str_eqz(type, "thoughts") || str_eqz(type, "reasoning_recap"))
        return STR("[reasoning]");
    struct str text = json_get_str(content, "text");
    if (text.n == 0)
        text = json_get_str(content, "result");
    return text.n || str_eqz(type, "text") || type.n == 0 ? text : STR("[other content]");
}

static struct str role_of(yyjson_val *message, yyjson_val *content, yyjson_val *metadata)
{
    struct str role = import_role(json_get_str(yyjson_obj_get(message, "author"), "role"));
    struct str type = json_get_str(content, "content_type");
    /* Custom instructions are filed as a hidden message of the user, who did not write them here. */
    bool hidden = yyjson_get_bool(yyjson_obj_get(metadata, "is_user_system_message")) ||
                  str_eqz(type, "user_editable_context") || str_eqz(type, "model_editable_context");
    return hidden && role.at ? STR("system") : role;
}

static enum import_reason add_message(yyjson_val *message, struct draft *out)
{
    if (!message || yyjson_is_null(message))
        return IMPORT_OK; /* the root holds none */
    if (!yyjson_is_obj(message))
        return IMPORT_WRONG_TYPE;
    if (import_has_double_keys(message, &out->arena))
        return IMPORT_DUPLICATE_KEY;
    yyjson_val *content = yyjson_obj_get(message, "content"), *metadata = yyjson_obj_get(message, "metadata");
    struct str role = role_of(message, content, metadata), text;
    if (!role.at)
        return IMPORT_UNKNOWN_ROLE;
    yyjson_val *parts = yyjson_obj_get(content, "parts");
    enum import_reason reason = import_content(parts, &out->arena, &text);
    if (reason)
        return reason;
    if (!yyjson_is_arr(parts))
        text = plain_content(content);
    struct str recipient = json_get_str(message, "recipient");
    if (str_eqz(role, "assistant") && recipient.n && !str_eqz(recipient, "all"))
        text = STR("[tool call]"); /* the text is the tool's input, not an answer to the user */
    struct buf files = {0};
    for (size_t i = yyjson_arr_size(yyjson_obj_get(metadata, "attachments")); i > 0; i--)
        import_line(&files, STR("[file]"));
    if (files.n) {
        import_line(&files, text);
        text = str_dup(&out->arena, buf_str(&files));
    }
    buf_release(&files);
    draft_add_turn(out, role, text);
    return IMPORT_OK;
}

static enum import_reason add_thread(yyjson_val *record, yyjson_val *mapping, struct draft *out)
{
    struct node *nodes;
    size_t n, length;
    enum import_reason reason = index_nodes(mapping, &out->arena, &nodes, &n);
    if (reason)
        return reason;
    yyjson_val *current = yyjson_obj_get(record, "current_node");
    if (current && !yyjson_is_str(current) && !yyjson_is_null(current))
        return IMPORT_WRONG_TYPE;
    const struct node **thread = arena_new(&out->arena, n + 1, sizeof(struct node *));
    struct str last = yyjson_is_str(current) ? json_str(current) : last_leaf(mapping);
    if ((reason = follow(nodes, n, last, thread, &length)))
        return reason;
    while (length-- > 0)
        if ((reason = add_message(yyjson_obj_get(thread[length]->value, "message"), out)))
            return reason;
    return import_check_turns(out);
}

static enum import_reason map(yyjson_val *record, struct draft *out)
{
    static const char *const known[] = {"id",      "conversation_id", "create_time", "update_time",
                                        "mapping", "current_node",    NULL};
    yyjson_val *mapping = yyjson_obj_get(record, "mapping");
    if (!mapping || yyjson_is_null(mapping))
        return IMPORT_NO_MESSAGES;
    if (!yyjson_is_obj(mapping))
        return IMPORT_WRONG_TYPE;
    yyjson_val *id = yyjson_obj_get(record, "conversation_id");
    enum import_reason reason = import_name(id ? id : yyjson_obj_get(record, "id"), &out->arena, &out->id);
    if (reason)
        return reason;
    if ((reason = import_time(yyjson_obj_get(record, "create_time"), out)))
        return reason;
    if ((reason = add_thread(record, mapping, out)))
        return reason;
    return import_metadata(record, known, out);
}

const struct importer importer_chatgpt = {
    .name = "chatgpt",
    .help = "ChatGPT's data export: conversations.json",
    .detect = detect,
    .map = map,
};
