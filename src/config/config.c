#include "config/config.h"

#include "base/asset.h"
#include "base/suggest.h"
#include "config/keys.h"

#include <assert.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

static enum err unknown_key(struct str key, const char *file, struct error *e)
{
    struct suggest near = suggest_for(key);
    for (const struct key_row *row = config_keys; row->name; row++)
        suggest_offer(&near, row->name);
    suggest_offer(&near, "models");
    error_set(e, ERR_CONFIG, "%s: there is no key \"" STR_FMT "\"", file, (int)(key.n < 60 ? key.n : 60), key.at);
    if (suggest_best(&near))
        error_hint(e, "did you mean \"%s\"? clio help config lists all keys", suggest_best(&near));
    else
        error_hint(e, "clio help config lists all keys");
    return ERR_CONFIG;
}

static enum err apply_key(struct config *c, struct str name, yyjson_val *v, const char *file, struct error *e)
{
    char where[200];
    const struct key_row *row = key_find(name);
    if (!row)
        return unknown_key(name, file, e);
    if (row->kind == KEY_FACETS)
        return facets_parse(c, v, file, e);
    snprintf(where, sizeof where, "%s: %s", file, row->name);
    return key_set_json(c, row, v, where, e);
}

static enum err apply_models(struct config *c, yyjson_val *models, const char *file, struct error *e)
{
    size_t i, max;
    yyjson_val *key, *v;
    if (!yyjson_is_obj(models))
        return error_set(e, ERR_CONFIG, "%s: models must be an object with fast, strong and embed", file);
    yyjson_obj_foreach(models, i, max, key, v)
    {
        struct str name = str_printf(&c->arena, "models.%s", yyjson_get_str(key));
        enum err result = apply_key(c, name, v, file, e);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

static enum err apply_document(struct config *c, yyjson_val *root, const char *file, struct error *e)
{
    size_t i, max;
    yyjson_val *key, *v;
    if (!yyjson_is_obj(root))
        return error_set(e, ERR_CONFIG, "%s: must hold one JSON object", file);
    yyjson_obj_foreach(root, i, max, key, v)
    {
        bool models = yyjson_equals_str(key, "models");
        enum err result = models ? apply_models(c, v, file, e) : apply_key(c, json_str(key), v, file, e);
        if (result != ERR_OK)
            return result;
    }
    const char *doubled = key_doubled(root);
    return doubled ? error_set(e, ERR_CONFIG, "%s: key \"%s\" is there twice", file, doubled) : ERR_OK;
}

/* Not json_parse: people edit this file, so its mistakes are told by line and column. */
static enum err apply_text(struct config *c, struct str json, const char *file, struct error *e)
{
    yyjson_read_err trouble;
    yyjson_read_flag flags = YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.at, json.n, flags, NULL, &trouble);
    if (!doc) {
        size_t line = 0, column = 0, chars = 0;
        yyjson_locate_pos(json.at, json.n, trouble.pos, &line, &column, &chars);
        error_set(e, ERR_CONFIG, "%s:%zu:%zu: not valid JSON: %s", file, line, column, trouble.msg);
        error_hint(e, "comments and trailing commas are fine; clio init writes a file to start from");
        return ERR_CONFIG;
    }
    enum err result = apply_document(c, yyjson_doc_get_root(doc), file, e);
    yyjson_doc_free(doc);
    return result;
}

enum err config_parse(struct str json, const char *name, struct config *out, struct error *e)
{
    *out = (struct config){0};
    for (const struct key_row *row = config_keys; row->name; row++)
        key_set_default(out, row);
    enum err result = apply_text(out, asset_find(STR("examples/clio.json")), "examples/clio.json", e);
    if (result == ERR_OK && json.n)
        result = apply_text(out, json, name, e);
    if (result != ERR_OK)
        config_release(out);
    return result;
}

enum err config_set(struct config *c, const char *key, struct str value, const char *label, struct error *e)
{
    const struct key_row *row = key_find(str_of(key));
    if (!row || row->kind == KEY_FACETS)
        return unknown_key(str_of(key), label, e);
    return key_set_text(c, row, value, label, e);
}

/* A threshold of 0 is one nobody chose. Lower than the usual one needs the word that the data is public. */
static enum err check_threshold(const struct config *c, uint64_t *value, const char *key, uint64_t usual,
                                uint64_t when_public, struct error *e)
{
    if (*value == 0)
        *value = c->public_data ? when_public : usual;
    if (*value >= usual || c->public_data)
        return ERR_OK;
    error_set(e, ERR_CONFIG, "configuration: %s is %llu; below %llu is only for data that is public", key,
              (unsigned long long)*value, (unsigned long long)usual);
    error_hint(e, "if everybody may see this data, say so: --public, or \"public_data\": true");
    return ERR_CONFIG;
}

static enum err check_privacy(struct config *c, struct error *e)
{
    enum err result =
        check_threshold(c, &c->min_accounts, "min_accounts", CONFIG_MIN_ACCOUNTS, CONFIG_PUBLIC_THRESHOLD, e);
    if (result == ERR_OK)
        result = check_threshold(c, &c->min_conversations, "min_conversations", CONFIG_MIN_CONVERSATIONS,
                                 CONFIG_PUBLIC_THRESHOLD, e);
    if (result == ERR_OK)
        result = check_threshold(c, &c->min_cell_accounts, "min_cell_accounts", CONFIG_MIN_CELL_ACCOUNTS, 1, e);
    if (result == ERR_OK)
        result = check_threshold(c, &c->audit_min, "audit_min", CONFIG_AUDIT_MIN, CONFIG_AUDIT_MIN, e);
    return result;
}

static enum err check_filter(const struct config *c, struct error *e)
{
    regex_t compiled;
    char why[100];
    struct arena scratch = {0};
    if (c->filter.n == 0)
        return ERR_OK;
    int failed = regcomp(&compiled, str_dupz(&scratch, c->filter), REG_EXTENDED | REG_NOSUB);
    arena_release(&scratch);
    if (failed) {
        regerror(failed, &compiled, why, sizeof why);
        return error_set(e, ERR_CONFIG, "configuration: filter is not a POSIX extended regular expression: %s", why);
    }
    regfree(&compiled);
    return ERR_OK;
}

enum err config_check(struct config *c, struct error *e)
{
    enum err result = facets_check(c, e);
    if (result == ERR_OK)
        result = check_privacy(c, e);
    if (result == ERR_OK)
        result = check_filter(c, e);
    if (result == ERR_OK && c->levels == 1 && c->top)
        return error_set(e, ERR_CONFIG, "configuration: top needs levels of 2 or more, or 0");
    if (result == ERR_OK && (c->model_fast.n == 0 || c->model_strong.n == 0 || c->model_embed.n == 0))
        return error_set(e, ERR_CONFIG, "configuration: models.fast, models.strong and models.embed must not be empty");
    return result;
}

void config_release(struct config *c)
{
    arena_release(&c->arena);
    *c = (struct config){0};
}

/* The rows that share a prefix before a dot stand together in the table, so one object holds them. */
void config_write(const struct config *c, struct buf *out)
{
    const char *comma = "";
    bool inside = false;
    buf_add_char(out, '{');
    for (const struct key_row *row = config_keys; row->name; row++) {
        if (row->cosmetic)
            continue;
        const char *dot = strchr(row->name, '.');
        if (inside && !dot)
            buf_add_char(out, '}');
        buf_addz(out, comma);
        if (dot && !inside)
            buf_printf(out, "\"%.*s\":{", (int)(dot - row->name), row->name);
        inside = dot != NULL;
        buf_printf(out, "\"%s\":", dot ? dot + 1 : row->name);
        key_write(c, row, out);
        comma = ",";
    }
    buf_add_char(out, '}');
}

static bool is_under(const char *row, struct str key)
{
    return strncmp(row, key.at, key.n) == 0 && (row[key.n] == '\0' || row[key.n] == '.');
}

void config_hash(const struct config *c, const char *keys, struct hasher *h)
{
    struct str rest = str_of(keys);
    struct buf value = {0};
    while (rest.n) {
        struct str key = str_cut(&rest, ',');
        size_t found = 0;
        for (const struct key_row *row = config_keys; row->name; row++) {
            if (!is_under(row->name, key))
                continue;
            buf_clear(&value);
            key_write(c, row, &value);
            hash_add(h, str_of(row->name));
            hash_add(h, buf_str(&value));
            found++;
        }
        assert(found && "a stage names a configuration key that does not exist");
        (void)found;
    }
    buf_release(&value);
}

const struct facet_def *config_facet(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->facets_count; i++)
        if (str_eq(c->facets[i].name, name))
            return &c->facets[i];
    return NULL;
}
