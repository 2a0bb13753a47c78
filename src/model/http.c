#include "model/http.h"

#include "base/clock.h"

#include <assert.h>
#include <curl/curl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    BODY_MAX = 16 << 20,
    BODY_KEPT = 16 << 10, /* a larger buffer is given back after its exchange */
    CONNECT_MS = 10 * 1000,
    TIMEOUT_MS = 10 * 60 * 1000,
    RECEIVE_BYTES = 4096, /* libcurl's buffer, one an exchange */
    FILES_SPARE = 64,     /* open files left to the rest of the program */
    EVENTS = 256,
};

struct exchange {
    CURL *easy;
    struct lane *lane;
    bool running;
    void *tag;
    struct buf body;
    http_sink_fn *sink;
    void *sink_arg;
    size_t sunk; /* bytes */
    double retry_after_s;
    bool nothing_left[2]; /* requests, tokens */
    double reset_s[2];
};

struct lane {
    struct http *h;
    CURLM *multi;
    double due; /* clock_seconds of libcurl's timer */
    bool ended; /* messages may be waiting */
};

struct http {
    int epoll;
    CURLSH *share;
    struct curl_slist *headers, *form_headers;
    char *base, *proxy, *ca_file; /* ca_file NULL: the system's */
    long timeout_ms;
    size_t body_max;
    struct lane *lanes;
    size_t lanes_n;
    struct exchange *exchanges; /* [exchanges_n], k belongs to lane k / HTTP_LANE */
    size_t exchanges_n;
    struct exchange **idle; /* a stack: the connection used last is used first */
    size_t idle_n;
};

struct str http_host(struct str url)
{
    size_t at = str_find(url, STR("://"));
    if (at != SIZE_MAX)
        url = (struct str){url.at + at + 3, url.n - at - 3};
    url = str_cut(&url, '/');
    if (url.n && url.at[0] == '[') {
        size_t end = str_find(url, STR("]"));
        return (struct str){url.at, end == SIZE_MAX ? url.n : end + 1};
    }
    return str_cut(&url, ':');
}

/* ---- what comes back ---- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    long status = 0;
    if (x->sink)
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        size_t offset = x->sunk;
        x->sunk += size * n;
        return x->sink(x->sink_arg, offset, (struct str){data, size * n}) ? size * n : 0;
    }
    buf_add(&x->body, (struct str){data, size * n});
    return x->body.cut ? 0 : size * n; /* 0 ends the transfer */
}

/* "30", "1m30.5s", "20ms", or a date of either kind. Negative: none of them. */
static double read_delay(const char *text)
{
    double sum = 0;
    const char *at = text;
    int64_t unix_s;
    for (char *end; *at; at = end) {
        double v = strtod(at, &end);
        if (end == at || !(v >= 0))
            break;
        double unit = 1;
        if (strncmp(end, "ms", 2) == 0)
            unit = 1e-3, end += 2;
        else if (*end && strchr("smhd", *end))
            unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : 86400, end++;
        sum += v * unit;
        if (*end == 0)
            return sum;
    }
    if (strchr(text, 'T') && clock_parse(str_of(text), &unix_s))
        return fmax(0, (double)unix_s - (double)time(NULL));
    time_t date = curl_getdate(text, NULL);
    return date >= 0 ? fmax(0, difftime(date, time(NULL))) : -1;
}

enum header { RETRY_AFTER, REMAINING, RESET };

static const struct {
    const char *name;
    enum header what;
    size_t which; /* 0 requests, 1 tokens */
} known_headers[] = {
    {"retry-after", RETRY_AFTER, 0},
    {"x-ratelimit-remaining-requests", REMAINING, 0},
    {"x-ratelimit-remaining-tokens", REMAINING, 1},
    {"x-ratelimit-reset-requests", RESET, 0},
    {"x-ratelimit-reset-tokens", RESET, 1},
    {"anthropic-ratelimit-requests-remaining", REMAINING, 0},
    {"anthropic-ratelimit-tokens-remaining", REMAINING, 1},
    {"anthropic-ratelimit-requests-reset", RESET, 0},
    {"anthropic-ratelimit-tokens-reset", RESET, 1},
};

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct str line = {data, size * n}, value = line, name = str_cut(&value, ':');
    value = str_trim(value);
    for (size_t i = 0; i < sizeof known_headers / sizeof *known_headers; i++) {
        char text[64];
        if (name.n != strlen(known_headers[i].name) || value.n == 0 || value.n >= sizeof text ||
            strncasecmp(name.at, known_headers[i].name, name.n) != 0)
            continue;
        memcpy(text, value.at, value.n);
        text[value.n] = 0;
        size_t which = known_headers[i].which;
        if (known_headers[i].what == RETRY_AFTER)
            x->retry_after_s = read_delay(text);
        else if (known_headers[i].what == REMAINING)
            x->nothing_left[which] = strtod(text, NULL) < 1;
        else
            x->reset_s[which] = read_delay(text);
    }
    return line.n;
}

static enum http_outcome outcome_of(CURLcode code, const struct exchange *x)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR: /* a handshake that was cut off, as busy servers do: no word about certificates */
        return HTTP_UNREACHABLE;
    case CURLE_WRITE_ERROR:
        return x->body.cut ? HTTP_TOO_LARGE : HTTP_BROKEN;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_UNTRUSTED;
    default:
        return HTTP_BROKEN;
    }
}

/* ---- the loop ---- */

/* The lane stands in the upper half of an event's data, the socket in the lower. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct lane *lane = arg;
    struct http *h = lane->h;
    struct epoll_event event = {.data.u64 = (uint64_t)(lane - h->lanes) << 32 | (uint32_t)fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, &event);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (known) {
        epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &event);
    } else {
        if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            epoll_ctl(h->epoll, EPOLL_CTL_MOD, fd, &event);
        curl_multi_assign(lane->multi, fd, lane);
    }
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct lane *lane = arg;
    (void)multi;
    lane->due = ms < 0 ? HUGE_VAL : clock_seconds() + (double)ms / 1000;
    return 0;
}

static void act(struct lane *lane, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(lane->multi, fd, events, &running);
    lane->ended = true;
}

static void finish(struct exchange *x, CURLcode code, http_done_fn *fn, void *arg)
{
    struct http *h = x->lane->h;
    struct http_reply reply = {.outcome = outcome_of(code, x), .retry_after_s = x->retry_after_s};
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_multi_remove_handle(x->lane->multi, x->easy);
    for (size_t i = 0; i < 2; i++)
        if (x->nothing_left[i] && x->reset_s[i] > reply.pause_s)
            reply.pause_s = x->reset_s[i];
    struct buf body = x->body; /* fn may start another exchange in the same place */
    void *tag = x->tag;
    reply.body = buf_str(&body);
    x->body = (struct buf){0};
    x->running = false;
    h->idle[h->idle_n++] = x;
    fn(arg, tag, &reply);
    if (body.cap <= BODY_KEPT && !x->running)
        x->body = body;
    else
        buf_release(&body);
}

static void take_messages(struct lane *lane, http_done_fn *fn, void *arg)
{
    CURLMsg *m;
    int left;
    lane->ended = false;
    while ((m = curl_multi_info_read(lane->multi, &left)) != NULL) {
        struct exchange *x;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
        finish(x, code, fn, arg);
    }
}

static int wait_ms(const struct http *h, double seconds)
{
    double now = clock_seconds(), due = now + seconds;
    for (size_t i = 0; i < h->lanes_n; i++)
        due = h->lanes[i].due < due ? h->lanes[i].due : due;
    return due <= now ? 0 : (int)ceil((due - now) * 1000);
}

void http_turn(struct http *h, double seconds, http_done_fn *fn, void *arg)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(h->epoll, events, EVENTS, wait_ms(h, seconds));
    for (int i = 0; i < n; i++) {
        uint32_t what = events[i].events;
        act(&h->lanes[events[i].data.u64 >> 32], (curl_socket_t)(uint32_t)events[i].data.u64,
            (what & EPOLLIN ? CURL_CSELECT_IN : 0) | (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                (what & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
    }
    double now = clock_seconds();
    for (size_t i = 0; i < h->lanes_n; i++) {
        struct lane *lane = &h->lanes[i];
        if (lane->due <= now) {
            lane->due = HUGE_VAL;
            act(lane, CURL_SOCKET_TIMEOUT, 0);
        }
        if (lane->ended)
            take_messages(lane, fn, arg);
    }
}

/* ---- exchanges ---- */

static void set_options(struct exchange *x, struct http *h)
{
    CURL *c = x->easy;
    curl_easy_setopt(c, CURLOPT_PRIVATE, x);
    curl_easy_setopt(c, CURLOPT_SHARE, h->share);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, h->proxy);
    curl_easy_setopt(c, CURLOPT_NOPROXY, ""); /* nor does the environment lead around it */
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    if (h->ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L); /* rather a stream of an HTTP/2 connection than another connection */
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, h->timeout_ms);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
}

static void set_method(struct exchange *x, const struct http_request *q)
{
    const struct http *h = x->lane->h;
    bool posts = q->method == HTTP_POST || q->method == HTTP_POST_FORM;
    curl_easy_setopt(x->easy, posts ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, q->method == HTTP_DELETE ? "DELETE" : NULL);
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, q->method == HTTP_POST_FORM ? h->form_headers : h->headers);
    if (posts) {
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, q->body.at);
    }
}

size_t http_room(const struct http *h)
{
    return h->idle_n;
}

size_t http_running(const struct http *h)
{
    return h->exchanges_n - h->idle_n;
}

void http_start(struct http *h, const struct http_request *q, void *tag)
{
    char url[1024];
    assert(h->idle_n > 0);
    struct exchange *x = h->idle[--h->idle_n];
    if (!x->easy) {
        x->easy = curl_easy_init();
        assert(x->easy);
        set_options(x, h);
    }
    buf_clear(&x->body);
    x->body.max = h->body_max;
    x->body.cut = false;
    x->retry_after_s = -1;
    memset(x->nothing_left, 0, sizeof x->nothing_left);
    memset(x->reset_s, 0, sizeof x->reset_s);
    x->sink = q->sink;
    x->sink_arg = q->sink_arg;
    x->sunk = 0;
    x->tag = tag;
    x->running = true;
    snprintf(url, sizeof url, "%s/%s", h->base, q->path);
    curl_easy_setopt(x->easy, CURLOPT_URL, url);
    set_method(x, q);
    curl_multi_add_handle(x->lane->multi, x->easy);
}

void http_abandon(struct http *h)
{
    for (size_t i = 0; i < h->exchanges_n; i++) {
        struct exchange *x = &h->exchanges[i];
        if (!x->running)
            continue;
        curl_multi_remove_handle(x->lane->multi, x->easy);
        x->running = false;
        h->idle[h->idle_n++] = x;
    }
}

/* ---- opening ---- */

static bool is_loopback(struct str host)
{
    return str_eqz(host, "localhost") || str_eqz(host, "[::1]") || str_has_prefix(host, STR("127."));
}

static enum err check_url(const struct http_opts *opts, struct error *e)
{
    struct str url = str_of(opts->base_url), host = http_host(url);
    bool plain = str_has_prefix(url, STR("http://"));
    if ((!plain && !str_has_prefix(url, STR("https://"))) || host.n == 0 || url.n > 512 ||
        str_find(url, STR("@")) != SIZE_MAX)
        return error_set(e, ERR_CONFIG,
                         "the server's address must begin with http:// or https:// and hold no password");
    if (plain && opts->secret && !is_loopback(host)) {
        error_set(e, ERR_CONFIG, "the key would travel to " STR_FMT " unencrypted", STR_ARG(host));
        return error_hint(e, "use https://, or unset the key for a server that needs none");
    }
    return ERR_OK;
}

/* Every exchange may need a connection of its own: asks the system for as many open files as it gives. */
static size_t files_allow(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < wanted + FILES_SPARE) {
        limit.rlim_cur = limit.rlim_max < wanted + FILES_SPARE ? limit.rlim_max : wanted + FILES_SPARE;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    size_t most = limit.rlim_cur > 2 * FILES_SPARE ? limit.rlim_cur - FILES_SPARE : FILES_SPARE;
    return wanted < most ? wanted : most;
}

static char *copy_without_slash(const char *z)
{
    size_t n = strlen(z);
    while (n && z[n - 1] == '/')
        n--;
    char *copy = mem_zero(n + 1, 1);
    memcpy(copy, z, n);
    return copy;
}

static bool open_lanes(struct http *h)
{
    h->lanes_n = (h->exchanges_n + HTTP_LANE - 1) / HTTP_LANE;
    h->lanes = mem_zero(h->lanes_n, sizeof *h->lanes);
    h->exchanges = mem_zero(h->exchanges_n, sizeof *h->exchanges);
    h->idle = mem_zero(h->exchanges_n, sizeof *h->idle);
    for (size_t i = 0; i < h->lanes_n; i++) {
        struct lane *lane = &h->lanes[i];
        *lane = (struct lane){.h = h, .multi = curl_multi_init(), .due = HUGE_VAL};
        if (!lane->multi)
            return false;
        curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
        curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
        curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_LANE);
        curl_multi_setopt(lane->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)HTTP_LANE);
    }
    for (size_t i = h->exchanges_n; i-- > 0;) {
        h->exchanges[i].lane = &h->lanes[i / HTTP_LANE];
        h->idle[h->idle_n++] = &h->exchanges[i];
    }
    return true;
}

static struct curl_slist *make_headers(const struct http_opts *opts, const char *type)
{
    struct curl_slist *list = curl_slist_append(NULL, type);
    list = curl_slist_append(list, "Expect:"); /* no extra round trip before the body */
    for (size_t i = 0; opts->headers && opts->headers[i]; i++)
        list = curl_slist_append(list, opts->headers[i]);
    return list;
}

enum err http_open(const struct http_opts *opts, struct http **out, struct error *e)
{
    *out = NULL;
    enum err result = check_url(opts, e);
    if (result != ERR_OK)
        return result;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return error_set(e, ERR_FAILED, "libcurl cannot be started");
    struct http *h = mem_zero(1, sizeof *h);
    h->base = copy_without_slash(opts->base_url);
    h->proxy = copy_without_slash(opts->proxy ? opts->proxy : "");
    h->ca_file = opts->ca_file ? copy_without_slash(opts->ca_file) : NULL;
    h->timeout_ms = opts->timeout_ms ? opts->timeout_ms : TIMEOUT_MS;
    h->body_max = opts->body_max ? opts->body_max : BODY_MAX;
    h->exchanges_n = files_allow(opts->in_flight ? opts->in_flight : 1);
    h->headers = make_headers(opts, "Content-Type: application/json");
    h->form_headers = make_headers(opts, "Content-Type: multipart/form-data; boundary=" HTTP_BOUNDARY);
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->share = curl_share_init();
    if (h->epoll < 0 || !h->share || !h->headers || !h->form_headers || !open_lanes(h)) {
        http_close(h);
        return error_set(e, ERR_FAILED, "libcurl cannot be started");
    }
    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    *out = h;
    return ERR_OK;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    http_abandon(h);
    for (size_t i = 0; i < h->exchanges_n; i++) {
        curl_easy_cleanup(h->exchanges[i].easy);
        buf_release(&h->exchanges[i].body);
    }
    for (size_t i = 0; i < h->lanes_n; i++)
        curl_multi_cleanup(h->lanes[i].multi);
    curl_share_cleanup(h->share);
    curl_slist_free_all(h->headers);
    curl_slist_free_all(h->form_headers);
    if (h->epoll >= 0)
        close(h->epoll);
    free(h->lanes);
    free(h->exchanges);
    free(h->idle);
    free(h->base);
    free(h->proxy);
    free(h->ca_file);
    free(h);
    curl_global_cleanup();
}
