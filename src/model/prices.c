#include "model/prices.h"

#include "base/asset.h"
#include "base/file.h"
#include "base/json.h"

#include <fnmatch.h>
#include <math.h>

enum { FILE_BYTES_MAX = 1 << 20 };
static const double MILLION = 1e6;
static const char ASSET[] = "examples/prices.json";

static const struct price unknown = {.model = "", -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

static const struct {
    const char *key;
    size_t offset;
} members[] = {
    {"input", offsetof(struct price, input)},
    {"cached_input", offsetof(struct price, cached)},
    {"cache_write", offsetof(struct price, to_cache)},
    {"cache_write_hour", offsetof(struct price, to_cache_hour)},
    {"output", offsetof(struct price, output)},
    {"batch_factor", offsetof(struct price, batch)},
    {"read_tokens_a_second", offsetof(struct price, read)},
    {"write_tokens_a_second", offsetof(struct price, write)},
    {"seconds_a_call", offsetof(struct price, call_s)},
    {"seconds_a_batch", offsetof(struct price, batch_s)},
};

enum { MEMBERS = sizeof members / sizeof *members };

struct str prices_default(void)
{
    return asset_find(str_of(ASSET));
}

static enum err set_member(struct price *row, yyjson_val *key, yyjson_val *value, struct error *e)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!str_eqz(json_str(key), members[i].key))
            continue;
        double number = yyjson_get_num(value);
        if (!yyjson_is_num(value) || !isfinite(number) || number < 0)
            return error_set(e, ERR_CONFIG, "%s must be a number of 0 or more; leave out what is not known",
                             members[i].key);
        *(double *)(void *)((char *)row + members[i].offset) = number;
        return ERR_OK;
    }
    if (str_eqz(json_str(key), "model") || str_eqz(json_str(key), "note"))
        return ERR_OK;
    error_set(e, ERR_CONFIG, "there is no \"%.40s\" in a price", yyjson_get_str(key));
    return error_hint(
        e,
        "it has model, input, cached_input, cache_write, cache_write_hour, output, batch_factor, read_tokens_a_second, "
        "write_tokens_a_second, seconds_a_call, seconds_a_batch and note");
}

static enum err read_row(struct prices *p, yyjson_val *v, struct error *e)
{
    struct price *row = &p->rows[p->n];
    struct str model = json_get_str(v, "model");
    size_t i, count;
    yyjson_val *key, *value;
    *row = unknown;
    if (model.n == 0)
        return error_set(e, ERR_CONFIG, "a price needs a \"model\", for example \"openai:gpt-4o-mini@*\"");
    row->model = str_dupz(&p->arena, model);
    yyjson_obj_foreach(v, i, count, key, value)
    {
        enum err result = set_member(row, key, value, e);
        if (result != ERR_OK)
            return result;
    }
    p->n++;
    return ERR_OK;
}

static enum err read_rows(struct prices *p, yyjson_val *root, struct error *e)
{
    yyjson_val *list = yyjson_obj_get(root, "models"), *v;
    size_t i, count;
    struct str date = json_get_str(root, "date"), currency = json_get_str(root, "currency");
    if (!yyjson_is_arr(list) || date.n == 0 || currency.n == 0)
        return error_set(e, ERR_CONFIG, "%s: a price file has \"date\", \"currency\" and a list \"models\"", p->source);
    p->date = str_dupz(&p->arena, date);
    p->currency = str_dupz(&p->arena, currency);
    p->rows = arena_new(&p->arena, yyjson_arr_size(list), sizeof *p->rows);
    yyjson_arr_foreach(list, i, count, v)
    {
        struct error why = {0};
        if (read_row(p, v, &why) == ERR_OK)
            continue;
        error_set(e, ERR_CONFIG, "%s: model %zu: %s", p->source, i + 1, why.text);
        return *why.hint ? error_hint(e, "%s", why.hint) : ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err parse(struct prices *p, struct str text, struct error *e)
{
    struct error why = {0};
    yyjson_doc *doc;
    if (json_parse(text, true, &doc, &why) != ERR_OK)
        return error_set(e, ERR_CONFIG, "%s: %s", p->source, why.text);
    enum err result = read_rows(p, yyjson_doc_get_root(doc), e);
    yyjson_doc_free(doc);
    return result;
}

enum err prices_load(const char *path, struct prices *out, struct error *e)
{
    struct buf file = {0};
    enum err result = ERR_OK;
    bool own = !path || !*path;
    *out = (struct prices){0};
    out->source = own ? "the program's own prices" : str_dupz(&out->arena, str_of(path));
    if (!own && file_read(path, FILE_BYTES_MAX, &file, e) != ERR_OK) {
        error_hint(e, "clio estimate --list-prices > %s writes one to edit", path);
        result = ERR_CONFIG;
        if (e)
            e->code = result;
    }
    if (result == ERR_OK)
        result = parse(out, own ? prices_default() : buf_str(&file), e);
    buf_release(&file);
    if (result != ERR_OK)
        prices_release(out);
    return result;
}

void prices_release(struct prices *p)
{
    arena_release(&p->arena);
    *p = (struct prices){0};
}

static double discount(double price, double factor)
{
    return price <= 0 ? price : factor < 0 ? -1 : price * factor;
}

struct price prices_find(const struct prices *p, struct str spec)
{
    struct arena a = {0};
    const char *z = str_dupz(&a, spec);
    struct price found = unknown;
    for (size_t i = 0; i < p->n; i++)
        if (fnmatch(p->rows[i].model, z, 0) == 0) {
            found = p->rows[i];
            break;
        }
    arena_release(&a);
    if (model_option(spec, "batch", 0)) {
        found.input = discount(found.input, found.batch);
        found.cached = discount(found.cached, found.batch);
        found.to_cache = discount(found.to_cache_hour, found.batch);
        found.output = discount(found.output, found.batch);
    }
    return found;
}

double price_of(const struct price *p, const struct usage *u)
{
    const struct {
        uint64_t tokens;
        double price;
    } parts[] = {
        {u->tokens_in - u->tokens_cached - u->tokens_to_cache, p->input},
        {u->tokens_to_cache, p->to_cache >= 0 ? p->to_cache : p->input},
        {u->tokens_cached, p->cached >= 0 ? p->cached : p->input},
        {u->tokens_out, p->output},
    };
    double sum = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].tokens && parts[i].price < 0)
            return -1;
        sum += parts[i].tokens ? (double)parts[i].tokens * parts[i].price / MILLION : 0;
    }
    return sum;
}
