#include "serve/server.h"

#include "base/asset.h"
#include "base/clock.h"
#include "base/json.h"
#include "serve/guard.h"
#include "serve/tail.h"
#include "serve/views.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PORT_FIRST = 7411,
    PORTS_TRIED = 64,
    CONNECTIONS_MAX = 96,
    STREAMS_MAX = 32,
    IDLE_S = 30,
    HEADER_BYTES = 16 * 1024,
    POLL_MS = 200,
    HEARTBEAT_S = 10, /* below IDLE_S, so that a quiet stream stays open and a dead one is noticed */
};

struct server {
    struct MHD_Daemon *daemon;
    uint16_t port;
    char url[48];
    char *path, *bundle_file, *events_file, *stages;
    pthread_mutex_t lock; /* guards what follows: SQLite's connection is used by one thread at a time */
    struct db *bundle;
    struct stat bundle_seen;
    atomic_bool stopping;
    atomic_int streams;
};

/* ---- The bundle: opened when it appears, and again when it is replaced ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Under the lock. *out NULL: nothing is published yet. */
static enum err bundle_now(struct server *s, struct db **out, struct error *e)
{
    struct stat now;
    *out = NULL;
    if (stat(s->bundle_file, &now) != 0) {
        bundle_close(s->bundle);
        s->bundle = NULL;
        return ERR_OK;
    }
    if (s->bundle && !same_file(&now, &s->bundle_seen)) {
        bundle_close(s->bundle);
        s->bundle = NULL;
    }
    if (!s->bundle) {
        enum err result = bundle_open(s->path, &s->bundle, e);
        if (result != ERR_OK) {
            s->bundle = NULL;
            return result;
        }
        s->bundle_seen = now;
    }
    *out = s->bundle;
    return ERR_OK;
}

/* ---- Replies ---- */

/* Nothing remote, nothing inline, nothing framed, nothing remembered. */
static const char *const headers[][2] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};

static enum MHD_Result send_reply(struct MHD_Connection *c, unsigned status, const char *type,
                                  struct MHD_Response *reply)
{
    if (!reply)
        return MHD_NO;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(reply, headers[i][0], headers[i][1]);
    MHD_add_response_header(reply, "Content-Type", type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(reply, "Allow", "GET, HEAD");
    enum MHD_Result sent = MHD_queue_response(c, status, reply);
    MHD_destroy_response(reply);
    return sent;
}

static enum MHD_Result send_json(struct MHD_Connection *c, unsigned status, struct buf *json)
{
    struct MHD_Response *reply = MHD_create_response_from_buffer(json->n, json->at, MHD_RESPMEM_MUST_COPY);
    buf_release(json);
    return send_reply(c, status, "application/json; charset=utf-8", reply);
}

static enum MHD_Result send_error(struct MHD_Connection *c, unsigned status, const char *code, const char *cause,
                                  const char *hint)
{
    struct buf b = {0};
    buf_addz(&b, "{\"code\":");
    json_add_string(&b, str_of(code));
    buf_addz(&b, ",\"cause\":");
    json_add_string(&b, str_of(cause));
    buf_addz(&b, ",\"hint\":");
    json_add_string(&b, str_of(hint));
    buf_addz(&b, "}");
    return send_json(c, status, &b);
}

/* ---- Routes ---- */

struct asset_route {
    const char *path, *asset, *type;
};

static const struct asset_route asset_routes[] = {
    {"/", "web/page.html", "text/html; charset=utf-8"},
    {"/page.css", "web/page.css", "text/css; charset=utf-8"},
    {"/page.js", "web/page.js", "text/javascript; charset=utf-8"},
    {"/dom.js", "web/dom.js", "text/javascript; charset=utf-8"},
    {"/colour.js", "web/colour.js", "text/javascript; charset=utf-8"},
    {"/progress.js", "web/progress.js", "text/javascript; charset=utf-8"},
    {"/detail.js", "web/detail.js", "text/javascript; charset=utf-8"},
    {"/map.js", "web/map.js", "text/javascript; charset=utf-8"},
    {"/icon.svg", "web/icon.svg", "image/svg+xml"},
};

struct view_route {
    const char *path;
    view_fn *view;
    bool takes_id; /* a cluster's number follows the path */
    bool needs_facet;
    bool needs_bundle;
};

static const struct view_route view_routes[] = {
    {"/api/run", view_run, false, false, false},  {"/api/tree", view_tree, false, true, true},
    {"/api/node/", view_node, true, false, true}, {"/api/overlay", view_overlay, false, true, true},
    {"/api/map", view_map, false, true, true},
};

static enum MHD_Result send_asset(struct MHD_Connection *c, const struct asset_route *route)
{
    struct str asset = asset_find(str_of(route->asset));
    if (!asset.at)
        return send_error(c, MHD_HTTP_NOT_FOUND, "not_found", "this build carries no such file", "build it again");
    union { /* the library takes a pointer to non-const bytes and leaves them as they are */
        const char *in;
        void *out;
    } bytes = {.in = asset.at};
    return send_reply(c, MHD_HTTP_OK, route->type,
                      MHD_create_response_from_buffer(asset.n, bytes.out, MHD_RESPMEM_PERSISTENT));
}

enum { ARGUMENT_BYTES = 512 };

/* False: there is one, but it cannot be read. */
static bool argument(struct MHD_Connection *c, const char *name, char space[ARGUMENT_BYTES], struct str *out)
{
    const char *raw = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
    *out = (struct str){0};
    return !raw || guard_decode(str_of(raw), space, ARGUMENT_BYTES, out);
}

static enum MHD_Result send_view_error(struct MHD_Connection *c, enum err result, const struct error *e)
{
    if (result == ERR_RANGE)
        return send_error(c, MHD_HTTP_NOT_FOUND, "not_found", e->text, "the list of what there is: /api/run");
    /* The error's own text may name folders of this computer. */
    return send_error(c, MHD_HTTP_INTERNAL_SERVER_ERROR, error_name(result), "the published file cannot be read",
                      "run the last step of the run again: clio run --run RUN");
}

static enum MHD_Result send_view(struct server *s, struct MHD_Connection *c, const struct view_route *route,
                                 int64_t node)
{
    char space[3][ARGUMENT_BYTES];
    struct view_query q = {.node = node};
    struct buf out = {0};
    struct error e = {0};
    struct db *d = NULL;
    if (!argument(c, "facet", space[0], &q.facet) || !argument(c, "value", space[1], &q.value) ||
        !argument(c, "tree", space[2], &q.tree) || (route->needs_facet && !q.facet.at))
        return send_error(c, MHD_HTTP_BAD_REQUEST, "usage", "the request's arguments are missing or malformed",
                          "?facet=NAME, percent-encoded UTF-8 of at most 500 bytes");
    pthread_mutex_lock(&s->lock);
    enum err result = bundle_now(s, &d, &e);
    if (result == ERR_OK && (d || !route->needs_bundle))
        result = route->view(d, &q, &out, &e);
    pthread_mutex_unlock(&s->lock);

    if (result == ERR_OK && !d && route->needs_bundle) {
        buf_release(&out);
        return send_error(c, MHD_HTTP_NOT_FOUND, "not_published", "nothing has been published yet",
                          "wait for the run to finish");
    }
    if (result != ERR_OK) {
        buf_release(&out);
        return send_view_error(c, result, &e);
    }
    return send_json(c, MHD_HTTP_OK, &out);
}

/* ---- The stream ---- */

struct stream {
    struct server *s;
    struct tail tail;
    struct buf pending;
    size_t sent; /* of pending */
    struct stat bundle;
    bool had_bundle;
    int socket;
    double spoke; /* clock_seconds */
};

static void look_at_bundle(struct stream *st)
{
    struct stat now;
    bool there = stat(st->s->bundle_file, &now) == 0;
    if (there && (!st->had_bundle || !same_file(&now, &st->bundle))) {
        buf_addz(&st->pending, "event: bundle\ndata: {}\n\n");
        st->bundle = now;
    }
    st->had_bundle = there;
}

/* Waits a moment; true when the page was closed meanwhile, so that its place is free at once. */
static bool wait_or_gone(int socket)
{
    struct pollfd peer = {.fd = socket, .events = POLLRDHUP};
    return poll(&peer, 1, POLL_MS) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

/* Runs in the connection's own thread, so it may wait. */
static ssize_t stream_read(void *arg, uint64_t at, char *out, size_t max)
{
    struct stream *st = arg;
    bool gone = false;
    (void)at;
    while (st->sent == st->pending.n) {
        if (gone || atomic_load(&st->s->stopping))
            return MHD_CONTENT_READER_END_OF_STREAM;
        buf_clear(&st->pending);
        st->sent = 0;
        tail_read(&st->tail, &st->pending);
        look_at_bundle(st);
        if (st->pending.n == 0 && clock_seconds() - st->spoke > HEARTBEAT_S)
            buf_addz(&st->pending, ": still here\n\n");
        if (st->pending.n == 0)
            gone = wait_or_gone(st->socket);
    }
    size_t n = st->pending.n - st->sent < max ? st->pending.n - st->sent : max;
    memcpy(out, st->pending.at + st->sent, n);
    st->sent += n;
    st->spoke = clock_seconds();
    return (ssize_t)n;
}

static void stream_free(void *arg)
{
    struct stream *st = arg;
    atomic_fetch_sub(&st->s->streams, 1);
    tail_release(&st->tail);
    buf_release(&st->pending);
    free(st);
}

static enum MHD_Result send_events(struct server *s, struct MHD_Connection *c, bool head)
{
    if (head)
        return send_reply(c, MHD_HTTP_OK, "text/event-stream",
                          MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
    if (atomic_fetch_add(&s->streams, 1) >= STREAMS_MAX) {
        atomic_fetch_sub(&s->streams, 1);
        return send_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", "too many pages follow this run",
                          "close some of them");
    }
    struct stream *st = mem_zero(1, sizeof *st);
    st->s = s;
    st->spoke = clock_seconds();
    st->socket = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    tail_init(&st->tail, s->events_file);
    struct MHD_Response *reply =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_read, st, stream_free);
    if (!reply)
        stream_free(st);
    return send_reply(c, MHD_HTTP_OK, "text/event-stream", reply);
}

/* ---- One request ---- */

static enum MHD_Result count_host(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    (void)value;
    *(size_t *)arg += strcasecmp(key, "Host") == 0;
    return MHD_YES;
}

static const char *refusal(struct server *s, struct MHD_Connection *c, unsigned *status)
{
    struct guard_request r = {
        .host = str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host")),
        .origin = str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Origin")),
        .fetch_site = str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site")),
        .content_length = str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length")),
        .transfer_encoding = str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding")),
        .port = s->port,
    };
    MHD_get_connection_values(c, MHD_HEADER_KIND, count_host, &r.hosts);
    return guard_refusal(&r, status);
}

static enum MHD_Result route(struct server *s, struct MHD_Connection *c, const char *url, bool head)
{
    for (size_t i = 0; i < sizeof asset_routes / sizeof *asset_routes; i++)
        if (strcmp(url, asset_routes[i].path) == 0)
            return send_asset(c, &asset_routes[i]);
    if (strcmp(url, "/api/events") == 0)
        return send_events(s, c, head);
    if (strcmp(url, "/api/stages") == 0) {
        struct buf json = {0};
        buf_addz(&json, s->stages);
        return send_json(c, MHD_HTTP_OK, &json);
    }
    for (size_t i = 0; i < sizeof view_routes / sizeof *view_routes; i++) {
        const struct view_route *v = &view_routes[i];
        int64_t node = 0;
        if (v->takes_id
                ? str_has_prefix(str_of(url), str_of(v->path)) && str_to_i64(str_of(url + strlen(v->path)), &node)
                : strcmp(url, v->path) == 0)
            return send_view(s, c, v, node);
    }
    return send_error(c, MHD_HTTP_NOT_FOUND, "not_found", "there is nothing at this address", "the page is at /");
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *body, size_t *body_n, void **seen)
{
    static const char first[] = "";
    struct server *s = arg;
    unsigned status = 0;
    (void)version;
    (void)body;
    if (!*seen) { /* headers only: refuse before anything is read */
        union {
            const char *in;
            void *out;
        } mark = {.in = first};
        *seen = mark.out;
        const char *reason = refusal(s, c, &status);
        if (reason)
            return send_error(c, status, "refused", reason, s->url);
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
            return send_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "method", "only GET and HEAD are understood", "");
        return MHD_YES;
    }
    if (*body_n)
        return MHD_NO; /* a GET with a body: nobody we know sends that */
    return route(s, c, url, strcmp(method, "HEAD") == 0);
}

/* Paths and arguments stay as they came; guard_decode is the only place that undoes escapes. */
static size_t leave_escapes(void *arg, struct MHD_Connection *c, char *text)
{
    (void)arg;
    (void)c;
    return strlen(text);
}

/* The library's own messages may quote requests; they go nowhere. */
static void drop_log(void *arg, const char *format, va_list values)
{
    (void)arg;
    (void)format;
    (void)values;
}

/* ---- Starting and stopping ---- */

static struct MHD_Daemon *listen_on(struct server *s, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->port = port; /* before the first request can come */
    /* Signals are for the thread that waits for them; the server's threads inherit a mask that leaves them alone. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ERROR_LOG, port, NULL,
        NULL, answer, s, MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)(void *)&address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 0, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static char *joined(const char *folder, const char *name)
{
    size_t n = strlen(folder) + strlen(name) + 2;
    char *path = mem_new(n, 1);
    snprintf(path, n, "%s/%s", folder, name);
    return path;
}

enum err server_start(const char *path, const struct server_opts *opts, struct server **out, struct error *e)
{
    struct stat folder;
    uint16_t first = opts->port ? opts->port : PORT_FIRST, tries = opts->port ? 1 : PORTS_TRIED;
    *out = NULL;
    if (stat(path, &folder) != 0 || !S_ISDIR(folder.st_mode)) {
        error_set(e, ERR_IO, "there is no run at %s", path);
        return error_hint(e, "make one: clio run FILE... --run %s", path);
    }
    struct server *s = mem_zero(1, sizeof *s);
    s->path = joined(path, "");
    s->path[strlen(path)] = '\0';
    s->bundle_file = joined(path, "published/clio.db");
    s->events_file = joined(path, "events.jsonl");
    s->stages = strdup(opts->stages ? opts->stages : "[]");
    pthread_mutex_init(&s->lock, NULL);
    for (uint16_t i = 0; i < tries && !s->daemon; i++)
        s->daemon = listen_on(s, (uint16_t)(first + i));
    if (!s->daemon) {
        error_errno(e, ERR_IO, "cannot listen on 127.0.0.1:%u", (unsigned)first);
        server_stop(s);
        return error_hint(e, "another port: --port N");
    }
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/", (unsigned)s->port);
    *out = s;
    return ERR_OK;
}

const char *server_url(const struct server *s)
{
    return s->url;
}

void server_stop(struct server *s)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    bundle_close(s->bundle);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s->bundle_file);
    free(s->events_file);
    free(s->stages);
    free(s);
}
