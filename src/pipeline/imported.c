#include "pipeline/imported.h"

#include "base/json.h"
#include "pipeline/pipeline.h"

static const char NOTE[] = "imported_with";

void imported_settings(const struct stage_context *c, struct buf *out)
{
    const struct config *cfg = c->config;
    buf_addz(out, "{\"filter\":");
    json_add_string(out, cfg->filter);
    buf_printf(out, ",\"sample\":%llu,\"sample_by\":\"%s\"", (unsigned long long)cfg->sample,
               cfg->sample_by == SAMPLE_COMPLETIONS ? "completions" : "conversations");
    if (cfg->sample) /* else nothing is drawn */
        buf_printf(out, ",\"seed\":%llu", (unsigned long long)cfg->seed);
    buf_printf(out, ",\"account_per_conversation\":%s,\"limit\":%llu}",
               cfg->account_per_conversation ? "true" : "false", (unsigned long long)c->limit);
}

enum err imported_note(struct stage_context *c, struct error *e)
{
    struct buf json = {0};
    imported_settings(c, &json);
    enum err result = run_note(c->run, NOTE, buf_str(&json), e);
    buf_release(&json);
    return result;
}

enum err imported_same(struct stage_context *c, bool *same, struct error *e)
{
    struct arena a = {0};
    struct str noted;
    struct buf json = {0};
    imported_settings(c, &json);
    enum err result = run_noted(c->run, NOTE, &a, &noted, e);
    *same = result == ERR_OK && str_eq(noted, buf_str(&json));
    buf_release(&json);
    arena_release(&a);
    return result;
}

static enum err name_again(const struct stage_context *c, struct error *e)
{
    return error_hint(e, "clio run FILE... --run %s", c->run->path);
}

static enum err compare(const struct stage_context *c, yyjson_val *was, yyjson_val *is, struct error *e)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(is, i, count, key, value)
    {
        const char *name = yyjson_get_str(key);
        bool not_given = c->limit == 0 && str_eqz(json_str(key), "limit");
        if (not_given || yyjson_equals(yyjson_obj_get(was, name), value))
            continue;
        error_set(e, ERR_USAGE, "%s is not what the files were read with: name the files again to change it", name);
        return name_again(c, e);
    }
    return ERR_OK;
}

static enum err check_settings(struct stage_context *c, struct str noted, struct error *e)
{
    struct buf json = {0};
    yyjson_doc *was = NULL, *is = NULL;
    imported_settings(c, &json);
    enum err result = json_parse(noted, false, &was, e);
    if (result == ERR_OK)
        result = json_parse(buf_str(&json), false, &is, e);
    if (result == ERR_OK)
        result = compare(c, yyjson_doc_get_root(was), yyjson_doc_get_root(is), e);
    yyjson_doc_free(was);
    yyjson_doc_free(is);
    buf_release(&json);
    return result;
}

enum err imported_check(struct stage_context *c, struct error *e)
{
    struct arena a = {0};
    struct stage_state import;
    struct str noted = {0};
    if (c->inputs_count)
        return ERR_OK;
    enum err result = run_stage_get(c->run, pipeline[0].name, &a, &import, e);
    if (result == ERR_OK)
        result = run_noted(c->run, NOTE, &a, &noted, e);
    if (result == ERR_OK && (!import.done || noted.n == 0)) {
        error_set(e, ERR_USAGE, "the files of the run %s were not read to their end: name the files again",
                  c->run->path);
        result = name_again(c, e);
    }
    if (result == ERR_OK)
        result = check_settings(c, noted, e);
    arena_release(&a);
    return result;
}
