#include "model/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { BODY_MAX = 16 << 20, CONNECT_MS = 10 * 1000, TIMEOUT_MS = 10 * 60 * 1000 };

struct http {
    CURL *curl;
    struct curl_slist *headers;
    char *base;
    struct http_reply *reply; /* of the exchange under way */
    const atomic_bool *stop;
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

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct http *h = arg;
    buf_add(&h->reply->body, (struct str){data, size * n});
    return h->reply->body.cut ? 0 : size * n; /* 0 ends the transfer */
}

/* Retry-After: seconds, or a date. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct http *h = arg;
    struct str line = {data, size * n}, value = line, name = str_cut(&value, ':');
    if (name.n != strlen("retry-after") || strncasecmp(name.at, "retry-after", name.n) != 0)
        return line.n;
    struct arena a = {0};
    char *text = str_dupz(&a, str_trim(value)), *end;
    double seconds = strtod(text, &end);
    time_t at = end == text ? curl_getdate(text, NULL) : -1;
    if (end != text && seconds >= 0)
        h->reply->retry_after_s = seconds;
    else if (at >= 0)
        h->reply->retry_after_s = difftime(at, time(NULL)) > 0 ? difftime(at, time(NULL)) : 0;
    arena_release(&a);
    return line.n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct http *h = arg;
    (void)a, (void)b, (void)c, (void)d;
    return h->stop && atomic_load_explicit(h->stop, memory_order_relaxed); /* not 0 ends the transfer */
}

static void set_options(struct http *h, const struct http_opts *opts)
{
    CURL *c = h->curl;
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, opts->timeout_ms ? opts->timeout_ms : (long)TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
}

static bool is_loopback(struct str host)
{
    return str_eqz(host, "localhost") || str_eqz(host, "[::1]") || str_has_prefix(host, STR("127."));
}

static enum err check_url(const struct http_opts *opts, struct error *e)
{
    struct str url = str_of(opts->base_url), host = http_host(url);
    bool plain = str_has_prefix(url, STR("http://"));
    if ((!plain && !str_has_prefix(url, STR("https://"))) || host.n == 0 || str_find(url, STR("@")) != SIZE_MAX)
        return error_set(e, ERR_CONFIG,
                         "the server's address must begin with http:// or https:// and hold no password");
    if (plain && opts->key && !is_loopback(host)) {
        error_set(e, ERR_CONFIG, "the key would travel to " STR_FMT " unencrypted", STR_ARG(host));
        return error_hint(e, "use https://, or unset the key for a server that needs none");
    }
    return ERR_OK;
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
    struct arena a = {0};
    h->curl = curl_easy_init();
    h->headers = curl_slist_append(h->headers, "Content-Type: application/json");
    h->headers = curl_slist_append(h->headers, "Expect:"); /* no extra round trip before the body */
    if (opts->key)
        h->headers = curl_slist_append(h->headers, str_printf(&a, "Authorization: Bearer %s", opts->key).at);
    arena_release(&a);
    if (!h->curl || !h->headers) {
        http_close(h);
        return error_set(e, ERR_FAILED, "libcurl cannot be started");
    }
    size_t n = strlen(opts->base_url);
    while (n && opts->base_url[n - 1] == '/')
        n--;
    h->base = mem_zero(n + 1, 1);
    memcpy(h->base, opts->base_url, n);
    set_options(h, opts);
    *out = h;
    return ERR_OK;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    free(h->base);
    free(h);
    curl_global_cleanup();
}

static enum http_outcome outcome_of(CURLcode code, const struct http *h)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return HTTP_UNREACHABLE;
    case CURLE_WRITE_ERROR:
        return h->reply->body.cut ? HTTP_TOO_LARGE : HTTP_BROKEN;
    case CURLE_ABORTED_BY_CALLBACK:
        return HTTP_STOPPED;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_UNTRUSTED;
    default:
        return HTTP_BROKEN;
    }
}

enum http_outcome http_post(struct http *h, const char *path, struct str json, struct http_reply *reply,
                            const atomic_bool *stop)
{
    struct arena a = {0};
    buf_clear(&reply->body);
    reply->body.max = BODY_MAX;
    reply->body.cut = false;
    reply->status = 0;
    reply->retry_after_s = -1;
    h->reply = reply;
    h->stop = stop;
    curl_easy_setopt(h->curl, CURLOPT_URL, str_printf(&a, "%s/%s", h->base, path).at);
    curl_easy_setopt(h->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json.n);
    curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, json.at);
    CURLcode code = curl_easy_perform(h->curl);
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    arena_release(&a);
    return outcome_of(code, h);
}
