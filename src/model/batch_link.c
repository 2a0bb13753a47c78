#include "model/batch_link.h"

#include "model/chat.h"

#include <stdio.h>
#include <string.h>

enum { LISTED = 100 /* a page */, PAGES_MOST = 100, CLOCKS_APART_S = 600 };

static struct single make_single(const struct batch_link *l, enum http_method method, const char *path)
{
    return (struct single){.http = {.method = method, .path = path},
                           .may_be_missing = method != HTTP_POST && method != HTTP_POST_FORM,
                           .rest = l->rest,
                           .rest_arg = l->rest_arg};
}

/* *doc is there with LINK_DONE only. */
static enum err call_json(const struct batch_link *l, struct single *s, yyjson_doc **doc, enum link_end *end,
                          struct error *e)
{
    *doc = NULL;
    enum err result = single_call(l->calls, s, l->stop, e);
    *end = s->end == SINGLE_REJECTED ? LINK_REJECTED : LINK_UNSURE;
    if (result == ERR_OK && s->end == SINGLE_ANSWERED && json_parse(buf_str(&s->reply), false, doc, NULL) == ERR_OK)
        *end = LINK_DONE;
    return result;
}

/* A reply that is an object with an id. */
static enum err call_for_id(const struct batch_link *l, struct single *s, char id[BATCH_ID], enum link_end *end,
                            struct error *e)
{
    yyjson_doc *doc;
    enum err result = call_json(l, s, &doc, end, e);
    if (doc)
        batch_copy_id(json_get_str(yyjson_doc_get_root(doc), "id"), id, BATCH_ID);
    if (doc && !*id)
        *end = LINK_UNSURE;
    yyjson_doc_free(doc);
    return result;
}

enum err link_send(const struct batch_link *l, struct buf *body, const char *token, char id[BATCH_ID],
                   enum link_end *end, struct error *e)
{
    char file[BATCH_ID] = "";
    struct single s = make_single(l, HTTP_POST, l->api->path);
    enum err result = ERR_OK;
    *end = LINK_DONE;
    id[0] = '\0';
    if (l->api->upload) { /* a file that nobody orders costs nothing, so this may be repeated */
        struct single up = make_single(l, HTTP_POST_FORM, l->api->upload);
        up.body = *body;
        result = call_for_id(l, &up, file, end, e);
        *body = up.body;
        buf_release(&up.reply);
        l->api->order(&s.body, token, file);
    } else {
        s.body = *body;
    }
    s.once = true;
    if (result == ERR_OK && *end == LINK_DONE)
        result = call_for_id(l, &s, id, end, e);
    if (l->api->upload)
        buf_release(&s.body);
    else
        *body = s.body;
    buf_release(&s.reply);
    return result;
}

enum err link_state(const struct batch_link *l, const char *id, struct batch_state *out, enum link_end *end,
                    struct error *e)
{
    char path[2 * BATCH_PATH];
    yyjson_doc *doc;
    snprintf(path, sizeof path, "%s/%s", l->api->path, id);
    struct single s = make_single(l, HTTP_GET, path);
    enum err result = call_json(l, &s, &doc, end, e);
    if (doc && !l->api->read_state(yyjson_doc_get_root(doc), out))
        *end = LINK_UNSURE;
    yyjson_doc_free(doc);
    single_release(&s);
    return result;
}

/* ---- lists ---- */

typedef bool listed_fn(void *arg, yyjson_val *item); /* false: that was enough */

struct list {
    const char *what; /* "files?purpose=batch" */
    listed_fn *fn;
    void *arg;
    char last[BATCH_ID]; /* on the page before */
    bool over;
};

static enum err next_page(const struct batch_link *l, struct list *t, enum link_end *end, struct error *e)
{
    char path[2 * BATCH_PATH], after[2 * BATCH_ID] = "";
    yyjson_doc *doc;
    yyjson_val *item;
    size_t i, n;
    if (*t->last)
        snprintf(after, sizeof after, "&%s=%s", l->api->after, t->last);
    snprintf(path, sizeof path, "%s%climit=%d%s", t->what, strchr(t->what, '?') ? '&' : '?', LISTED, after);
    struct single s = make_single(l, HTTP_GET, path);
    enum err result = call_json(l, &s, &doc, end, e);
    yyjson_val *root = yyjson_doc_get_root(doc);
    t->last[0] = '\0';
    yyjson_arr_foreach(yyjson_obj_get(root, "data"), i, n, item)
    {
        t->over = t->over || !t->fn(t->arg, item);
        batch_copy_id(json_get_str(item, "id"), t->last, sizeof t->last);
    }
    t->over = t->over || !*t->last || !yyjson_get_bool(yyjson_obj_get(root, "has_more"));
    yyjson_doc_free(doc);
    single_release(&s);
    return result;
}

/* Newest first. LINK_DONE: all of it was seen, or enough. */
static enum err each_listed(const struct batch_link *l, const char *what, listed_fn *fn, void *arg, enum link_end *end,
                            struct error *e)
{
    struct list t = {.what = what, .fn = fn, .arg = arg};
    enum err result = ERR_OK;
    *end = LINK_DONE;
    for (size_t page = 0; result == ERR_OK && *end == LINK_DONE && !t.over && page < PAGES_MOST; page++)
        result = next_page(l, &t, end, e);
    return result;
}

/* Whether something could be of this batch by its age; and so could what stands behind it in a list. */
static bool young_enough(int64_t created, const struct batch_entry *b)
{
    return created == 0 || created >= b->sent_at - CLOCKS_APART_S;
}

struct search {
    const struct batch_link *link;
    const struct batch_entry *entry;
    link_taken_fn *taken;
    void *taken_arg;
    char *id;
    bool found;
};

static bool could_be(const struct batch_state *s, const struct batch_entry *b)
{
    if (*s->token)
        return strcmp(s->token, b->token) == 0;
    return s->total == b->requests && young_enough(s->created, b);
}

static bool look_at_batch(void *arg, yyjson_val *item)
{
    struct search *q = arg;
    struct batch_state state;
    if (!q->link->api->read_state(item, &state))
        return true;
    q->found = could_be(&state, q->entry) && !q->taken(q->taken_arg, state.id);
    if (q->found)
        memcpy(q->id, state.id, BATCH_ID);
    return !q->found && young_enough(state.created, q->entry);
}

enum err link_find(const struct batch_link *l, const struct batch_entry *b, link_taken_fn *taken, void *arg,
                   char id[BATCH_ID], bool *found, struct error *e)
{
    struct search q = {.link = l, .entry = b, .taken = taken, .taken_arg = arg, .id = id};
    enum link_end end;
    enum err result = each_listed(l, l->api->path, look_at_batch, &q, &end, e);
    *found = q.found;
    if (result == ERR_OK && end != LINK_DONE) {
        error_set(e, ERR_MODEL, "the server does not list its batches, so that one may be lost");
        result = error_hint(e, "run the same command again later");
    }
    return result;
}

/* ---- results, line by line ---- */

struct lines {
    const struct batch_api *api;
    struct buf line;
    link_result_fn *fn;
    void *arg;
};

static void take_line(struct lines *t)
{
    yyjson_doc *doc;
    struct batch_result result;
    bool whole = !t->line.cut && str_trim(buf_str(&t->line)).n > 0;
    if (whole && json_parse(buf_str(&t->line), false, &doc, NULL) == ERR_OK) {
        if (t->api->read_result(yyjson_doc_get_root(doc), &result))
            t->fn(t->arg, &result);
        yyjson_doc_free(doc);
    }
    buf_clear(&t->line);
    t->line.cut = false;
}

static bool take_bytes(void *arg, size_t offset, struct str bytes)
{
    struct lines *t = arg;
    if (offset == 0) {
        buf_clear(&t->line);
        t->line.cut = false;
    }
    while (bytes.n) {
        const char *end = memchr(bytes.at, '\n', bytes.n);
        size_t n = end ? (size_t)(end - bytes.at) : bytes.n;
        buf_add(&t->line, (struct str){bytes.at, n});
        if (!end)
            break;
        take_line(t);
        bytes = (struct str){end + 1, bytes.n - n - 1};
    }
    return true;
}

enum err link_results(const struct batch_link *l, const char *path, link_result_fn *fn, void *arg, enum link_end *end,
                      struct error *e)
{
    struct lines lines = {.api = l->api, .line = {.max = CHAT_BODY_MAX}, .fn = fn, .arg = arg};
    struct single s = make_single(l, HTTP_GET, path);
    s.http.sink = take_bytes;
    s.http.sink_arg = &lines;
    enum err result = single_call(l->calls, &s, l->stop, e);
    *end = s.end == SINGLE_ANSWERED ? LINK_DONE : s.end == SINGLE_REJECTED ? LINK_REJECTED : LINK_UNSURE;
    if (result == ERR_OK && *end == LINK_DONE)
        take_line(&lines); /* the last one may end without a newline */
    buf_release(&lines.line);
    single_release(&s);
    return result;
}

/* ---- the end ---- */

/* A server that cannot be asked to forget keeps what it has. */
static enum err forgive(enum err result)
{
    return result == ERR_INTERRUPTED || result == ERR_AUTH ? result : ERR_OK;
}

static enum err call_and_forget(const struct batch_link *l, enum http_method method, const char *path, struct error *e)
{
    struct single s = make_single(l, method, path);
    s.may_be_missing = true;
    buf_addz(&s.body, method == HTTP_POST ? "{}" : "");
    enum err result = single_call(l->calls, &s, l->stop, e);
    single_release(&s);
    return forgive(result);
}

struct sweep {
    const struct batch_link *link;
    const struct batch_entry *entry;
    struct buf paths; /* a line each */
};

static bool look_at_file(void *arg, yyjson_val *file)
{
    struct sweep *w = arg;
    char path[BATCH_PATH];
    int64_t created;
    if (w->link->api->read_upload(file, w->entry->token, path, &created))
        buf_printf(&w->paths, "%s\n", path);
    return young_enough(created, w->entry);
}

/*
 * What was uploaded and is in no batch: a kill came in between, the reply to an upload was lost and it was repeated, or
 * the server would not have the batch.
 */
static enum err sweep(const struct batch_link *l, const struct batch_entry *b, struct error *e)
{
    struct sweep w = {.link = l, .entry = b};
    char what[BATCH_PATH];
    enum link_end end;
    snprintf(what, sizeof what, "%s?purpose=batch", l->api->upload);
    enum err result = forgive(each_listed(l, what, look_at_file, &w, &end, e));
    struct str rest = buf_str(&w.paths);
    while (rest.n && result == ERR_OK) {
        char path[BATCH_PATH];
        struct str line = str_cut(&rest, '\n');
        snprintf(path, sizeof path, STR_FMT, STR_ARG(line));
        result = call_and_forget(l, HTTP_DELETE, path, e);
    }
    buf_release(&w.paths);
    return result;
}

enum err link_tidy(const struct batch_link *l, const struct batch_entry *b, const struct batch_state *s,
                   struct error *e)
{
    enum err result = ERR_OK;
    for (size_t i = 0; s && i < BATCH_LEFT && result == ERR_OK; i++)
        if (*s->left[i])
            result = call_and_forget(l, HTTP_DELETE, s->left[i], e);
    return result == ERR_OK && l->api->upload ? sweep(l, b, e) : result;
}

enum err link_cancel(const struct batch_link *l, const char *id, struct error *e)
{
    char path[2 * BATCH_PATH];
    snprintf(path, sizeof path, "%s/%s/cancel", l->api->path, id);
    return call_and_forget(l, HTTP_POST, path, e);
}
