/*
 * http.h: many exchanges with one server at once, on one thread: libcurl's multi_socket_action over epoll, HTTP/1.1
 * with connections kept and HTTP/2. Only the configured server is contacted: TLS is verified, redirects are not
 * followed, proxies and .netrc of the environment are ignored, answers are capped, and nothing of a body or a key ever
 * reaches an error's text.
 *
 * libcurl looks for an idle connection by walking all of one multi handle: with thousands of them that is most of the
 * time (measured: 0.19 of 0.22 ms a request at 5,000 in flight). So exchanges are spread over lanes, multi handles of
 * at most HTTP_LANE exchanges each, which share one epoll: 0.03 ms.       Layer: model, used by calls.c.
 */
#ifndef CLIO_MODEL_HTTP_H
#define CLIO_MODEL_HTTP_H

#include "base/str.h"

enum { HTTP_LANE = 100 };

struct http;

struct http_opts {
    const char *base_url;       /* "https://HOST/v1"; a slash at its end is fine */
    const char *const *headers; /* further ones, NULL at the end; secrets are kept by libcurl only */
    bool secret;                /* a header holds a key: refuse to send it unencrypted to another machine */
    const char *proxy;          /* NULL or "": none */
    const char *ca_file;        /* certificates to trust; NULL: the system's */
    long timeout_ms;            /* for one exchange; 0: ten minutes */
    size_t in_flight;           /* exchanges at once; 0: 1. Fewer where the limit on open files says so */
    size_t body_max;            /* bytes of an answer; 0: 16 MiB */
};

enum http_outcome {
    HTTP_ANSWERED,    /* status and body are there */
    HTTP_UNREACHABLE, /* no connection: wrong address, refused, name unknown */
    HTTP_BROKEN,      /* a connection that ended early or timed out */
    HTTP_TOO_LARGE,   /* the answer was above the cap */
    HTTP_UNTRUSTED,   /* TLS verification failed */
};

struct http_reply {
    enum http_outcome outcome;
    long status;
    double retry_after_s; /* the header's value; negative: none */
    double pause_s;       /* rate-limit headers: nothing is left for so long; 0: something is */
    struct str body;      /* borrowed */
};

/* Errors: ERR_CONFIG for an address that is not http or https, or a key that would travel in the clear. */
MUST_USE enum err http_open(const struct http_opts *opts, struct http **out, struct error *e);
void http_close(struct http *h);

size_t http_room(const struct http *h); /* how many more may be started */
size_t http_running(const struct http *h);

enum http_method { HTTP_POST, HTTP_POST_FORM, HTTP_GET, HTTP_DELETE };

/* What separates the parts of an HTTP_POST_FORM. JSON lines cannot hold it: they have no carriage return. */
#define HTTP_BOUNDARY "clio-part-of-a-form"

/* Takes the body of a good answer as it comes, instead of reply.body; offset 0: from the start (again). False ends it.
 */
typedef bool http_sink_fn(void *arg, size_t offset, struct str bytes);

struct http_request {
    enum http_method method;
    const char *path;   /* behind base_url and a slash */
    struct str body;    /* borrowed until the exchange ends: JSON, or a form; empty for the other two */
    http_sink_fn *sink; /* NULL: none */
    void *sink_arg;
};

/* Room is needed. */
void http_start(struct http *h, const struct http_request *q, void *tag);

/* Waits at most so long and gives every exchange that ended to fn, which may start others. */
typedef void http_done_fn(void *arg, void *tag, const struct http_reply *reply);
void http_turn(struct http *h, double seconds, http_done_fn *fn, void *arg);

/* Ends all that runs, without a word to anybody. */
void http_abandon(struct http *h);

/* The host of an address, for messages. */
struct str http_host(struct str url);

#endif
