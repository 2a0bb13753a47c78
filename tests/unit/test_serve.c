/*
 * A real server on loopback, asked by libcurl: every view, every header, who is let in, what is not found, the stream,
 * and that nothing private can be reached. `test_serve --demo PATH [--public]` serves an invented run instead.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/asset.h"
#include "base/clock.h"
#include "base/json.h"
#include "made_demo.h"
#include "serve/guard.h"
#include "serve/server.h"
#include "serve/tail.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#define RUN_PATH   "/tmp/clio-test-serve"
#define EMPTY_PATH "/tmp/clio-test-serve-empty"

struct reply {
    long status;
    struct buf body, head;
};

static struct server *server;
static struct reply got;

static size_t keep(char *bytes, size_t size, size_t n, void *arg)
{
    buf_add(arg, (struct str){bytes, size * n});
    return size * n;
}

/* header: one or NULL. path may hold any bytes: curl is told to leave it alone. */
static long fetch_with(const char *method, const char *path, const char *header, const char *header2)
{
    char url[600];
    CURL *curl = curl_easy_init();
    buf_clear(&got.body);
    buf_clear(&got.head);
    got.status = 0;
    snprintf(url, sizeof url, "%.*s%s", (int)strlen(server_url(server)) - 1, server_url(server), path);
    struct curl_slist *list = header ? curl_slist_append(NULL, header) : NULL;
    if (header2)
        list = curl_slist_append(list, header2);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &got.head);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got.status);
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return got.status;
}

static long fetch(const char *path)
{
    return fetch_with("GET", path, NULL, NULL);
}

static bool body_has(const char *text)
{
    return str_find(buf_str(&got.body), str_of(text)) != SIZE_MAX;
}

static bool head_has(const char *text)
{
    return str_find(buf_str(&got.head), str_of(text)) != SIZE_MAX;
}

/* The body as JSON; the caller frees the document. */
static yyjson_doc *json_of_body(void)
{
    yyjson_doc *doc = NULL;
    struct error e = {0};
    if (json_parse(buf_str(&got.body), false, &doc, &e) != ERR_OK)
        fail_msg("no JSON: %s", e.text);
    return doc;
}

static void write_events(const char *path, const char *text)
{
    struct error e = {0};
    char file[200];
    snprintf(file, sizeof file, "%s/events.jsonl", path);
    assert_int_equal(file_write_atomic(file, str_of(text), &e), ERR_OK);
}

static int start(void **state)
{
    (void)state;
    struct made m;
    struct error e = {0};
    made_demo(&m, RUN_PATH, false);
    made_close(&m);
    write_events(RUN_PATH,
                 "{\"t\":1,\"kind\":\"run_start\"}\n{\"t\":2,\"kind\":\"stage_done\",\"stage\":\"import\",\"done\":5,"
                 "\"total\":5,\"secret\":\"planted\"}\nnot json\n{\"t\":3,\"kind\":\"progress\",\"stage\":\"facets\","
                 "\"done\":1,\"total\":5}\n{\"t\":4,\"kind\":\"progress\",\"stage\":\"facets\",\"done\":2,"
                 "\"total\":5,\"rate\":0.5}\n");
    struct server_opts opts = {.stages = "[{\"name\":\"import\",\"title\":\"Read\"}]"};
    return server_start(RUN_PATH, &opts, &server, &e) == ERR_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    server_stop(server);
    buf_release(&got.body);
    buf_release(&got.head);
    file_remove_tree(RUN_PATH);
    return 0;
}

/* ---- Views ---- */

static const char *const routes[] = {"/",
                                     "/page.css",
                                     "/page.js",
                                     "/map.js",
                                     "/dom.js",
                                     "/icon.svg",
                                     "/api/run",
                                     "/api/stages",
                                     "/api/tree?facet=request",
                                     "/api/node/0",
                                     "/api/overlay?facet=language&value=Spanish",
                                     "/api/overlay?facet=concern",
                                     "/api/map?facet=request"};

static const char *const errors[] = {"/nothing", "/api/node/999999", "/api/node/", "/api/node/1x",
                                     "/api/tree?facet=nope"};

static void every_view_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (fetch(routes[i]) != 200 || got.body.n == 0)
            fail_msg("%s: %ld", routes[i], got.status);
        if (strncmp(routes[i], "/api/", 5) == 0)
            yyjson_doc_free(json_of_body());
        size_t n = got.body.n;
        assert_int_equal(fetch_with("HEAD", routes[i], NULL, NULL), 200);
        assert_int_equal(got.body.n, 0);
        assert_true(n > 0);
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (fetch(errors[i]) != 404)
            fail_msg("%s: %ld", errors[i], got.status);
        yyjson_doc *doc = json_of_body();
        assert_true(yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "code")));
        assert_true(yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "cause")));
        assert_true(yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "hint")));
        yyjson_doc_free(doc);
    }
    assert_int_equal(fetch("/api/stages"), 200);
    assert_true(body_has("\"title\":\"Read\""));
    assert_int_equal(fetch("/api/tree"), 400);
    assert_int_equal(fetch("/api/tree?facet=%zz"), 400);
    assert_int_equal(fetch("/api/tree?facet=a%00b"), 400);
}

static void the_tree_adds_up(void **state)
{
    (void)state;
    fetch("/api/tree?facet=request");
    yyjson_doc *doc = json_of_body();
    yyjson_val *nodes = yyjson_obj_get(yyjson_doc_get_root(doc), "nodes"), *node;
    size_t i, n;
    int64_t tops = 0, leaves = 0;
    yyjson_arr_foreach(nodes, i, n, node)
    {
        int64_t size = yyjson_get_sint(yyjson_obj_get(node, "conversations"));
        tops += yyjson_get_sint(yyjson_obj_get(node, "parent")) == -1 ? size : 0;
        leaves += yyjson_get_sint(yyjson_obj_get(node, "level")) == 0 ? size : 0;
        assert_true(yyjson_get_sint(yyjson_obj_get(node, "accounts")) >= 20);
    }
    assert_true(n > 20);
    assert_int_equal(tops, leaves);
    yyjson_doc_free(doc);
}

static void a_breakdown_has_share_and_ratio(void **state)
{
    (void)state;
    fetch("/api/node/6");
    yyjson_doc *doc = json_of_body();
    yyjson_val *b = yyjson_obj_get(yyjson_doc_get_root(doc), "breakdowns"), *facet, *value;
    size_t i, n, j, k, seen = 0;
    yyjson_arr_foreach(b, i, n, facet)
    {
        yyjson_arr_foreach(yyjson_obj_get(facet, "values"), j, k, value)
        {
            yyjson_val *share = yyjson_obj_get(value, "share"), *base = yyjson_obj_get(value, "base_share"),
                       *ratio = yyjson_obj_get(value, "ratio");
            if (!yyjson_is_num(ratio))
                continue;
            assert_true(fabs(yyjson_get_num(share) / yyjson_get_num(base) - yyjson_get_num(ratio)) < 1e-3);
            assert_true(yyjson_get_sint(yyjson_obj_get(value, "accounts")) >= 10);
            seen++;
        }
    }
    assert_true(seen >= 3);
    yyjson_doc_free(doc);
}

/* ---- What must not come out ---- */

static void nothing_private_can_be_reached(void **state)
{
    (void)state;
    static const char *const planted[] = {"planted", "Planted", "secret-id",     "account-1", "tiny-",
                                          "/home",   RUN_PATH,  "rating_reason", "run.db",    "sk-"};
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        fetch(routes[i]);
        for (size_t j = 0; j < sizeof planted / sizeof *planted; j++)
            if (body_has(planted[j]) || head_has(planted[j]))
                fail_msg("%s gives away %s", routes[i], planted[j]);
    }
    fetch("/api/map?facet=request");
    assert_true(body_has("\"points\":[]"));
}

static void spellings_of_other_files_are_not_found(void **state)
{
    (void)state;
    static const char *const parts[] = {"..",         "%2e%2e", "%2E.",  ".%2e",   "..%2f",
                                        "%252e%252e", "..\\",   "%5c..", "....//", "%c0%ae%c0%ae"};
    static const char *const files[] = {"private/run.db", "manifest.json", "events.jsonl", "etc/passwd",
                                        "published/clio.db"};
    static const char *const roots[] = {"/", "/api/", "/api/node/", "/page.css/", "//", "/./", "/web/"};
    char path[200];
    for (size_t r = 0; r < sizeof roots / sizeof *roots; r++)
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
            for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
                snprintf(path, sizeof path, "%s%s/%s/%s", roots[r], parts[p], parts[p], files[f]);
                if (fetch(path) != 404)
                    fail_msg("%s: %ld", path, got.status);
            }
    static const char *const odd[] = {"/page.css%00",
                                      "/page.css/",
                                      "/PAGE.CSS",
                                      "/web/page.html",
                                      "/page.html",
                                      "/api/run%00",
                                      "/api/run/",
                                      "/api/run%2f",
                                      "/api//run",
                                      "/%61pi/run",
                                      "/.",
                                      "/..",
                                      "/api/node/%31",
                                      "/api/node/-9999999",
                                      "/api/node/99999999999999999999",
                                      "/api/node/0/..",
                                      "/private"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (fetch(odd[i]) != 404)
            fail_msg("%s: %ld", odd[i], got.status);
}

/* ---- Headers ---- */

static void every_reply_carries_the_headers(void **state)
{
    (void)state;
    static const char *const wanted[] = {"Content-Security-Policy: default-src 'none'",
                                         "frame-ancestors 'none'",
                                         "X-Content-Type-Options: nosniff",
                                         "Referrer-Policy: no-referrer",
                                         "Cache-Control: no-store",
                                         "Cross-Origin-Opener-Policy: same-origin",
                                         "Cross-Origin-Resource-Policy: same-origin"};
    const char *const more[] = {"/nothing", "/api/node/7777777", "/api/tree"};
    for (size_t i = 0; i < sizeof routes / sizeof *routes + sizeof more / sizeof *more; i++) {
        const char *path = i < sizeof routes / sizeof *routes ? routes[i] : more[i - sizeof routes / sizeof *routes];
        fetch(path);
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
            if (!head_has(wanted[j]))
                fail_msg("%s lacks %s", path, wanted[j]);
        assert_false(head_has("unsafe"));
    }
    fetch_with("HEAD", "/api/events", NULL, NULL);
    for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
        assert_true(head_has(wanted[j]));
    fetch_with("GET", "/api/run", "Host: evil.example", NULL);
    for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++)
        assert_true(head_has(wanted[j]));
}

static void the_page_is_as_strict_as_its_policy(void **state)
{
    (void)state;
    struct str html = asset_find(STR("web/page.html"));
    const char *path;
    assert_true(html.n > 0);
    assert_true(str_find(html, STR("<style")) == SIZE_MAX && str_find(html, STR(" style=")) == SIZE_MAX);
    assert_true(str_find(html, STR("onclick")) == SIZE_MAX && str_find(html, STR("<script>")) == SIZE_MAX);
    for (size_t i = 0; (path = asset_path(i)); i++) {
        if (strncmp(path, "web/", 4) != 0 || strcmp(path, "web/icon.svg") == 0)
            continue;
        struct str file = asset_find(str_of(path));
        assert_true(str_find(file, STR("innerHTML")) == SIZE_MAX && str_find(file, STR("outerHTML")) == SIZE_MAX);
        assert_true(str_find(file, STR("insertAdjacentHTML")) == SIZE_MAX &&
                    str_find(file, STR("document.write")) == SIZE_MAX);
        assert_true(str_find(file, STR("https://")) == SIZE_MAX && str_find(file, STR("@import")) == SIZE_MAX);
    }
}

/* ---- Who is let in ---- */

static void host_origin_and_site(void **state)
{
    (void)state;
    char host[64], origin[80];
    unsigned port = 0;
    static const char *const good_names[] = {"127.0.0.1", "localhost", "LOCALHOST", "[::1]"};
    static const char *const bad_hosts[] = {
        "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost",  "127.0.0.1.nip.io",   "localhost.evil.com",
        "0.0.0.0",      "127.1",     "[::1]",       "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1@evil"};
    static const char *const bad_origins[] = {"http://evil.example",   "null",    "http://127.0.0.1",
                                              "https://127.0.0.1:443", "file://", "http://localhost:1"};
    static const char *const sites[] = {"cross-site", "same-site", "nonsense"};
    static const char *const probes[] = {"/", "/api/run", "/api/events", "/nothing", "/page.js"};
    sscanf(server_url(server), "http://127.0.0.1:%u/", &port);
    for (size_t p = 0; p < sizeof probes / sizeof *probes; p++) {
        for (size_t i = 0; i < sizeof bad_hosts / sizeof *bad_hosts; i++) {
            snprintf(host, sizeof host, "Host: %s", bad_hosts[i]);
            assert_int_equal(fetch_with("GET", probes[p], host, NULL), 403);
            assert_true(body_has("\"refused\""));
        }
        for (size_t i = 0; i < sizeof bad_origins / sizeof *bad_origins; i++) {
            snprintf(origin, sizeof origin, "Origin: %s", bad_origins[i]);
            assert_int_equal(fetch_with("GET", probes[p], origin, NULL), 403);
        }
        for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
            snprintf(origin, sizeof origin, "Sec-Fetch-Site: %s", sites[i]);
            assert_int_equal(fetch_with("GET", probes[p], origin, NULL), 403);
        }
    }
    for (size_t i = 0; i < sizeof good_names / sizeof *good_names; i++) {
        snprintf(host, sizeof host, "Host: %s:%u", good_names[i], port);
        snprintf(origin, sizeof origin, "Origin: http://%s:%u", good_names[i], port);
        assert_int_equal(fetch_with("GET", "/api/run", host, origin), 200);
        assert_int_equal(fetch_with("GET", "/api/run", host, "Sec-Fetch-Site: same-origin"), 200);
        assert_int_equal(fetch_with("GET", "/api/run", host, "Sec-Fetch-Site: none"), 200);
    }
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FETCH"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        assert_int_equal(fetch_with(methods[i], "/api/run", NULL, NULL), 405);
}

static int connect_raw(void)
{
    unsigned port = 0;
    sscanf(server_url(server), "http://127.0.0.1:%u/", &port);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)(void *)&a, sizeof a), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5}, sizeof(struct timeval));
    return fd;
}

/* Sends bytes as they are; returns the status, 0 when the connection just ends. */
static int raw_status(struct str request)
{
    char line[64] = "";
    int fd = connect_raw(), status = 0;
    ssize_t n = send(fd, request.at, request.n, MSG_NOSIGNAL);
    n = n < 0 ? n : recv(fd, line, sizeof line - 1, 0);
    if (n > 0)
        sscanf(line, "HTTP/1.1 %d", &status);
    close(fd);
    return status;
}

static void odd_requests_are_refused(void **state)
{
    (void)state;
    unsigned port = 0;
    char text[400];
    struct buf big = {0};
    sscanf(server_url(server), "http://127.0.0.1:%u/", &port);
    snprintf(text, sizeof text, "GET /api/run HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nHost: evil\r\n\r\n", port);
    assert_int_equal(raw_status(str_of(text)), 400);
    assert_int_equal(raw_status(STR("GET /api/run HTTP/1.1\r\n\r\n")), 400);
    snprintf(text, sizeof text,
             "GET /api/run HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Length: 3\r\nTransfer-Encoding: "
             "chunked\r\n\r\n0\r\n\r\n",
             port);
    assert_int_equal(raw_status(str_of(text)), 400);
    assert_true(raw_status(STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")) != 200);

    buf_printf(&big, "GET /api/run HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX: ", port);
    for (int i = 0; i < 40000; i++)
        buf_add_char(&big, 'a');
    buf_addz(&big, "\r\n\r\n");
    int status = raw_status(buf_str(&big));
    assert_true(status == 0 || (status >= 400 && status < 500));
    buf_release(&big);
    assert_int_equal(fetch("/api/run"), 200); /* and everybody else is still served */
}

/* ---- The stream ---- */

struct listener {
    const char *until;
    struct buf text;
};

static size_t listen_to(char *bytes, size_t size, size_t n, void *arg)
{
    struct listener *l = arg;
    buf_add(&l->text, (struct str){bytes, size * n});
    return str_find(buf_str(&l->text), str_of(l->until)) == SIZE_MAX ? size * n : 0; /* 0 ends the transfer */
}

static void *listen_thread(void *arg)
{
    char url[100];
    CURL *curl = curl_easy_init();
    snprintf(url, sizeof url, "%sapi/events", server_url(server));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, listen_to);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, arg);
    curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return NULL;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void the_stream_replays_and_follows(void **state)
{
    (void)state;
    struct listener l = {.until = "\"done\":4"};
    pthread_t thread;
    pthread_create(&thread, NULL, listen_thread, &l);
    pause_ms(700);
    FILE *f = fopen(RUN_PATH "/events.jsonl", "a");
    fputs("{\"t\":5,\"kind\":\"progress\",\"stage\":\"facets\",\"done\":3,\"total\":5,\"text\":\"planted\"}\n{\"t\":6,"
          "\"kind\":\"prog",
          f);
    fflush(f);
    pause_ms(400);
    fputs("ress\",\"stage\":\"facets\",\"done\":4,\"total\":5}\n", f);
    fclose(f);
    pthread_join(thread, NULL);
    struct str text = buf_str(&l.text);
    size_t state_at = str_find(text, STR("event: state")), live_at = str_find(text, STR("event: event"));
    assert_true(state_at != SIZE_MAX && live_at != SIZE_MAX && state_at < live_at);
    assert_true(str_find(text, STR("\"done\":1,")) == SIZE_MAX); /* older than the state */
    assert_true(str_find(text, STR("\"stage\":\"import\"")) != SIZE_MAX);
    assert_true(str_find(text, STR("\"rate\":0.5")) != SIZE_MAX);
    assert_true(str_find(text, STR("\"done\":3")) != SIZE_MAX);
    assert_true(str_find(text, STR("event: bundle")) != SIZE_MAX);
    assert_true(str_find(text, STR("planted")) == SIZE_MAX && str_find(text, STR("secret")) == SIZE_MAX);
    buf_release(&l.text);
}

static void too_many_streams_are_turned_away(void **state)
{
    (void)state;
    int fds[33], last = 0;
    char text[120], answer[64] = "";
    unsigned port = 0;
    sscanf(server_url(server), "http://127.0.0.1:%u/", &port);
    snprintf(text, sizeof text, "GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", port);
    pause_ms(500); /* the place of the stream that was just closed is free again */
    for (int i = 0; i < 33; i++) {
        fds[i] = connect_raw();
        assert_true(send(fds[i], text, strlen(text), MSG_NOSIGNAL) > 0);
        memset(answer, 0, sizeof answer);
        assert_true(recv(fds[i], answer, sizeof answer - 1, 0) > 0);
        sscanf(answer, "HTTP/1.1 %d", &last);
        assert_int_equal(last, i < 32 ? 200 : 503);
    }
    assert_int_equal(fetch("/api/run"), 200);
    for (int i = 0; i < 33; i++)
        close(fds[i]);
}

static void the_tail_takes_what_a_crash_leaves(void **state)
{
    (void)state;
    struct tail t;
    struct buf out = {0}, line = {0};
    buf_addz(&line,
             "{\"t\":1,\"kind\":\"progress\",\"stage\":\"embed\",\"done\":1}\n{\"t\":2,\"kind\":\"prog\n"); /* torn */
    for (int i = 0; i < 9000; i++)
        buf_add_char(&line, 'x'); /* endless */
    buf_addz(&line, "\n{\"t\":3,\"kind\":\"progress\",\"stage\":\"embed\",\"done\":7}\n"
                    "{\"t\":4,\"kind\":\"progress\",\"stage\":\"<script>\",\"done\":8}\n[1]\n5\n");
    write_events(RUN_PATH, line.at);
    tail_init(&t, RUN_PATH "/events.jsonl");
    tail_read(&t, &out);
    assert_true(str_find(buf_str(&out), STR("\"done\":7")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("script")) == SIZE_MAX);
    buf_clear(&out);
    tail_read(&t, &out);
    assert_int_equal(out.n, 0);
    write_events(RUN_PATH, "{\"t\":9,\"kind\":\"run_start\"}\n"); /* another file in its place */
    tail_read(&t, &out);
    assert_true(str_find(buf_str(&out), STR("run_start")) != SIZE_MAX);
    tail_release(&t);
    buf_release(&out);
    buf_release(&line);
}

/* ---- Before anything is published, and afterwards ---- */

static void an_unpublished_run_fills_by_itself(void **state)
{
    (void)state;
    struct made m;
    struct error e = {0};
    struct server *first = server;
    made_open(&m, EMPTY_PATH);
    assert_int_equal(server_start(EMPTY_PATH, &(struct server_opts){0}, &server, &e), ERR_OK);
    assert_string_not_equal(server_url(server), server_url(first)); /* the next free port */
    assert_int_equal(fetch("/api/run"), 200);
    assert_true(body_has("\"published\":false"));
    assert_int_equal(fetch("/api/tree?facet=request"), 404);
    assert_true(body_has("not_published"));
    assert_int_equal(fetch("/"), 200);

    made_finish(&m); /* nothing passes: an empty bundle that says so */
    assert_int_equal(fetch("/api/run"), 200);
    assert_true(body_has("\"published\":true"));
    assert_int_equal(fetch("/api/tree?facet=request"), 200);
    assert_true(body_has("\"nodes\":[]"));

    int64_t leaf = made_node(&m, 0, 0, -1, "A new cluster", "New", 5);
    made_group(&m, leaf, "new", 40, 0, "English");
    made_finish(&m); /* and replaced while the server has it open */
    assert_int_equal(fetch("/api/tree?facet=request"), 200);
    assert_true(body_has("A new cluster"));
    server_stop(server);
    server = first;
    made_close(&m);
    file_remove_tree(EMPTY_PATH);
}

static void ports_and_missing_runs(void **state)
{
    (void)state;
    struct server *other;
    struct error e = {0};
    unsigned port = 0;
    sscanf(server_url(server), "http://127.0.0.1:%u/", &port);
    assert_int_equal(server_start(RUN_PATH, &(struct server_opts){.port = (uint16_t)port}, &other, &e), ERR_IO);
    assert_true(strlen(e.hint) > 0);
    assert_int_equal(server_start("/tmp/clio-no-such-run", &(struct server_opts){0}, &other, &e), ERR_IO);
    server_stop(NULL);
}

static void escapes_are_undone_once(void **state)
{
    (void)state;
    char space[16];
    struct str out;
    assert_true(guard_decode(STR("a%20b+c%2B"), space, sizeof space, &out));
    assert_true(str_eqz(out, "a b c+"));
    assert_true(guard_decode(STR("%2541"), space, sizeof space, &out));
    assert_true(str_eqz(out, "%41"));
    static const char *const bad[] = {"%", "%4", "%zz", "%00", "a%0", "0123456789abcdef"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(guard_decode(str_of(bad[i]), space, sizeof space, &out));
}

static int demo(const char *path, bool public_data)
{
    struct made m;
    struct error e = {0};
    made_demo(&m, path, public_data);
    made_close(&m);
    if (server_start(path, &(struct server_opts){0}, &server, &e) != ERR_OK)
        return 1;
    printf("%s\n", server_url(server));
    fflush(stdout);
    while (getchar() != EOF) /* until its input ends */
        ;
    server_stop(server);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "--demo") == 0)
        return demo(argv[2], argc > 3);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_answers),
        cmocka_unit_test(the_tree_adds_up),
        cmocka_unit_test(a_breakdown_has_share_and_ratio),
        cmocka_unit_test(nothing_private_can_be_reached),
        cmocka_unit_test(spellings_of_other_files_are_not_found),
        cmocka_unit_test(every_reply_carries_the_headers),
        cmocka_unit_test(the_page_is_as_strict_as_its_policy),
        cmocka_unit_test(host_origin_and_site),
        cmocka_unit_test(odd_requests_are_refused),
        cmocka_unit_test(the_stream_replays_and_follows),
        cmocka_unit_test(too_many_streams_are_turned_away),
        cmocka_unit_test(the_tail_takes_what_a_crash_leaves),
        cmocka_unit_test(an_unpublished_run_fills_by_itself),
        cmocka_unit_test(ports_and_missing_runs),
        cmocka_unit_test(escapes_are_undone_once),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
