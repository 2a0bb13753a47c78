/*
 * endpoint.h: MODEL@ADDRESS?OPTIONS, what openai: and anthropic: are told about a server, and its key.
 *
 * Options follow the address as a query of our own, which is never sent:
 *     format=NAME      how the shape of an answer is asked for; the provider lists its names, the first is the default
 *     context=8192     the model's window, in tokens (4096)
 *     in_flight=1000   requests at once, at most (256); how many it is at a time is found out (limiter.h)
 *     rpm=, tpm=       requests and tokens a minute, at most (no limit)
 *     timeout=600      seconds for one exchange
 *     backoff=500      milliseconds before the first repetition
 *     embed=1          an embedding model
 *     key_file=PATH    a file with the key, which only its owner may read
 *     ca_file=PATH     a file of certificates to trust instead of the system's: for servers of one's own
 *     proxy=URL        the only way to a proxy: those of the environment are ignored
 * The key comes from key_file or from the environment and from nowhere else.                          Layer: model.
 */
#ifndef CLIO_MODEL_ENDPOINT_H
#define CLIO_MODEL_ENDPOINT_H

#include "model/calls.h"
#include "model/model.h"

struct endpoint_kind {
    const char *scheme;         /* "openai" */
    const char *example;        /* of MODEL@ADDRESS */
    const char *const *formats; /* NULL at the end */
    const char *const *keys;    /* variables of the environment, NULL at the end */
    const char *key_header;     /* "Authorization: Bearer " */
    const char *const *headers; /* further ones, NULL at the end */
};

struct endpoint {
    char *model, *address, *host, *proxy, *key_file, *ca_file;
    size_t format; /* which of formats[] */
    int64_t context, in_flight, rpm, tpm, timeout_s, backoff_ms, embed;
};

/* Reads the spec, the key, and opens the calls; fills in name, identity, context and in_flight. body_max: of a reply.
 */
MUST_USE enum err endpoint_open(const struct endpoint_kind *kind, struct str rest, const struct model_opts *opts,
                                size_t body_max, struct endpoint *out, struct calls **calls, struct model_info *info,
                                struct error *e);
void endpoint_release(struct endpoint *p);

#endif
