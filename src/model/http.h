/*
 * http.h: posting JSON to one server, blocking. TLS is verified, redirects are not followed, proxies from the
 * environment are ignored, answers are capped, and nothing of a body ever reaches an error's text.    Layer: model,
 * used by openai.c.
 */
#ifndef CLIO_MODEL_HTTP_H
#define CLIO_MODEL_HTTP_H

#include "base/str.h"

#include <stdatomic.h>

struct http;

struct http_opts {
    const char *base_url; /* "https://api.openai.com/v1"; a slash at its end is fine */
    const char *key;      /* sent as a bearer token; NULL: none */
    long timeout_ms;      /* for one exchange; 0: ten minutes */
};

enum http_outcome {
    HTTP_ANSWERED,    /* status and body are there */
    HTTP_UNREACHABLE, /* no connection: wrong address, refused, name unknown */
    HTTP_BROKEN,      /* a connection that ended early or timed out */
    HTTP_TOO_LARGE,   /* the answer was above the cap */
    HTTP_UNTRUSTED,   /* TLS verification failed */
    HTTP_STOPPED,     /* *stop was set */
};

struct http_reply {
    long status;
    double retry_after_s; /* the header's value; negative: none */
    struct buf body;      /* the caller releases it */
};

/* Errors: ERR_CONFIG for an address that is not http or https, or a key that would travel in the clear. */
MUST_USE enum err http_open(const struct http_opts *opts, struct http **out, struct error *e);
void http_close(struct http *h);

/* Posts JSON to base_url/path. reply->body is cleared first. stop may be NULL. */
enum http_outcome http_post(struct http *h, const char *path, struct str json, struct http_reply *reply,
                            const atomic_bool *stop);

/* The host of an address, for messages. */
struct str http_host(struct str url);

#endif
