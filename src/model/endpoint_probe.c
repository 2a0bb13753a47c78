#include "model/endpoint.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/suggest.h"
#include "model/single.h"

#include <stdio.h>
#include <string.h>

/* GET path, once; what came is in s. */
static enum err get(struct calls *calls, struct single *s, const char *path, double *seconds, struct error *e)
{
    double start = clock_seconds();
    s->http = (struct http_request){.method = HTTP_GET, .path = path};
    s->impatient = s->may_be_missing = true;
    enum err result = single_call(calls, s, NULL, e);
    *seconds = clock_seconds() - start;
    return result;
}

/* "claude-haiku-4-5" is short for a listed "claude-haiku-4-5-20251001". */
static bool names(struct str listed, struct str model)
{
    return str_has_prefix(listed, model) && (listed.n == model.n || listed.at[model.n] == '-');
}

static void read_list(const struct endpoint *p, struct str json, struct probe *out)
{
    yyjson_doc *doc;
    yyjson_val *item;
    size_t i, n;
    if (json_parse(json, false, &doc, NULL) != ERR_OK)
        return;
    yyjson_val *data = yyjson_obj_get(yyjson_doc_get_root(doc), "data");
    struct suggest near = suggest_for(str_of(p->model));
    if (yyjson_is_arr(data))
        out->model = PROBE_NOT_LISTED;
    yyjson_arr_foreach(data, i, n, item)
    {
        struct str id = json_get_str(item, "id");
        if (names(id, str_of(p->model)))
            out->model = PROBE_LISTED;
        if (yyjson_is_str(yyjson_obj_get(item, "id")))
            suggest_offer(&near, yyjson_get_str(yyjson_obj_get(item, "id")));
    }
    if (out->model == PROBE_NOT_LISTED && suggest_best(&near))
        snprintf(out->like_it, sizeof out->like_it, "%s", suggest_best(&near));
    yyjson_doc_free(doc);
}

/* A model may be there without being listed: a server that knows it says so when asked for it alone. */
static enum err ask_for_it(const struct endpoint *p, struct calls *calls, struct single *s, struct probe *out,
                           struct error *e)
{
    char path[400];
    double seconds;
    snprintf(path, sizeof path, "models/%s", p->model);
    if (out->model != PROBE_NOT_LISTED || strpbrk(p->model, "?#% "))
        return ERR_OK;
    enum err result = get(calls, s, path, &seconds, e);
    if (result == ERR_OK && s->end == SINGLE_ANSWERED)
        out->model = PROBE_LISTED;
    return result;
}

enum err endpoint_probe(const struct endpoint *p, struct calls *calls, struct probe *out, struct error *e)
{
    struct single s = {0};
    struct str host = str_of(p->host);
    *out = (struct probe){.model = PROBE_UNSAID};
    out->elsewhere = !str_eqz(host, "localhost") && !str_eqz(host, "[::1]") && !str_has_prefix(host, STR("127."));
    snprintf(out->key_from, sizeof out->key_from, "%s", p->key_from ? p->key_from : "");
    enum err result = get(calls, &s, "models", &out->first_s, e);
    if (result == ERR_OK)
        result = get(calls, &s, "models", &out->next_s, e);
    if (result == ERR_OK && s.end == SINGLE_FAILED)
        result = error_set(e, ERR_MODEL, "the server %s fails (status %ld)", p->host, s.status);
    if (result == ERR_OK && s.end == SINGLE_ANSWERED)
        read_list(p, buf_str(&s.reply), out);
    if (result == ERR_OK)
        result = ask_for_it(p, calls, &s, out, e);
    single_release(&s);
    return result;
}
