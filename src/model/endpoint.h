/*
 * endpoint.h: MODEL@ADDRESS?OPTIONS, what openai: and anthropic: are told about a server, and its key.
 *
 * Options follow the address as a query of our own, which is never sent: format=NAME, how the shape of an answer is
 * asked for (the provider lists its names, the first is the default), and those of the table in endpoint.c, from which
 * help and manual are made. The key comes from key_file or from the environment and from nowhere else. Layer: model.
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
    const char *key_from; /* the variable or the file the key came from; NULL: there is none */
    size_t format;        /* which of formats[] */
    int64_t context, in_flight, rpm, tpm, timeout_s, backoff_ms, embed, batch, batch_requests, batch_mb;
};

/* Reads the spec, the key, and opens the calls; fills in name, identity, context and in_flight. body_max: of a reply.
 */
MUST_USE enum err endpoint_open(const struct endpoint_kind *kind, struct str rest, const struct model_opts *opts,
                                size_t body_max, struct endpoint *out, struct calls **calls, struct model_info *info,
                                struct error *e);
void endpoint_release(struct endpoint *p);

/* Option i of the table, for help; NULL behind the last. */
const char *endpoint_option_help(size_t i, const char **name, const char **fallback);

/* model_ops.probe of both: is the server there, and does it list the model (GET models). */
MUST_USE enum err endpoint_probe(const struct endpoint *p, struct calls *calls, struct probe *out, struct error *e);

#endif
