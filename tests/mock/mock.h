/*
 * mock.h: a server for tests and benchmarks that speaks what providers speak, on loopback: OpenAI's chat completions
 * and embeddings, Anthropic's messages. Answers are made of the prompt's own words (mock_answer.c) and are a function
 * of the request's bytes alone, so that a run against it can be repeated.
 *
 * What goes wrong is chosen in three ways. Noise: shares of 429 and of resets, by chance. An enforced limit: a bucket
 * of `rate` requests a second, a tenth of a second deep; what does not fit is refused (429). And faults by name
 * (mock_faults.c): for every request (opts.fault), or for those whose text holds "mock:NAME:TIMES:ID", the first TIMES
 * times that word is seen; TIMES 0 is always. So a conversation carries its own trouble through a whole run.
 *
 * One thread, one epoll. To add an endpoint: a row in mock_routes (mock_api.c). To add a fault: a row in mock_faults.
 */
#ifndef CLIO_TEST_MOCK_H
#define CLIO_TEST_MOCK_H

#include "base/json.h"

/* What an answer says; a route decides how it says that. */
enum mock_say {
    SAY_ANSWER,
    SAY_NOTHING,     /* an empty answer */
    SAY_REFUSAL,     /* the model declines */
    SAY_HALF,        /* cut by max_tokens */
    SAY_OTHER_SHAPE, /* JSON, but not what the schema asks for */
    SAY_FOREIGN,     /* another language */
    SAY_ERROR,       /* an error object where the answer would be */
};

enum mock_end {
    END_WELL,
    END_TRUNCATED, /* half of the body, and Content-Length says that was all */
    END_EARLY,     /* half of the body, then nothing any more: a timeout within the body */
    END_DRIP,      /* a few bytes at a time */
    END_NEVER,     /* nothing at all */
    END_RESET,     /* the connection is reset, no byte is sent */
};

struct mock_fault {
    const char *name;
    int status;          /* 0: 200 */
    const char *headers; /* further ones, each with its line end; may be NULL */
    const char *type;    /* NULL: application/json */
    const char *body;    /* NULL: the route's own */
    enum mock_say say;
    enum mock_end end;
    size_t padding; /* bytes of white space behind the body */
};

const struct mock_fault *mock_fault_find(struct str name); /* NULL: no such fault */
const struct mock_fault *mock_fault_at(size_t i);          /* NULL behind the last */

struct mock_request {
    struct str method, path, body;
    uint64_t hash; /* of the body */
    struct mock_batches *batches;
    struct mock_memory *prefixes; /* of prompts: their caches; NULL: none */
    uint64_t *created;            /* tokens written to them */
};

/* Appends the reply's body and returns the status. */
typedef int mock_answer_fn(const struct mock_request *r, enum mock_say say, struct buf *body);

struct mock_route {
    const char *method, *path; /* "*": any method; a path ending in "*" takes all that begin so */
    mock_answer_fn *answer;
};

const struct mock_route *mock_route_find(struct str method, struct str path); /* NULL: 404 */

/* The JSON text that answers a schema (a JSON Schema, or else the description in words) about a prompt. */
void mock_answer(struct str prompt, yyjson_val *schema, uint64_t seed, enum mock_say say, struct buf *out);

struct mock_opts {
    unsigned short port; /* 0: any */
    double latency_ms, drip_ms;
    double batch_ms; /* from a batch to its results */
    double share_429, share_reset;
    double rate;                  /* requests a second; 0: no limit */
    const char *fault;            /* for every request; NULL: none */
    const char *key;              /* wanted as Bearer or x-api-key, else 401; NULL: none */
    uint64_t seed;                /* of the noise */
    unsigned short redirect_port; /* answers everything with the way to this one; 0: does not */
};

struct mock_counts {
    uint64_t requests;      /* that came */
    uint64_t answered;      /* well */
    uint64_t refused;       /* by the limit */
    uint64_t noise, faults; /* played */
    uint64_t again;         /* answered well though the same bytes had been before: what would be billed twice */
    uint64_t dropped;       /* the client was gone before its answer */
    uint64_t running, running_most;
    uint64_t batches, batch_items, batch_again; /* that came; their items answered; of them, answered before */
    uint64_t batches_left;                      /* batches and files that nobody deleted */
    uint64_t tokens_created;                    /* written to prompt caches */
    uint64_t early_ms;                          /* the most by which a request came before its Retry-After was over */
};

struct mock;
MUST_USE enum err mock_open(const struct mock_opts *opts, struct mock **out, struct error *e);
unsigned short mock_port(const struct mock *m);
void mock_serve(struct mock *m); /* until mock_end, which may be called from anywhere, signal handlers too */
void mock_end(struct mock *m);
struct mock_counts mock_counts(const struct mock *m); /* when mock_serve has returned */
void mock_close(struct mock *m);

/* "name value" a line; and read from a server in another process, through GET /mock/counts. */
void mock_counts_write(const struct mock_counts *n, struct buf *out);
MUST_USE enum err mock_ask_counts(unsigned short port, struct mock_counts *out, struct error *e);
/* Has that server kill its client with SIGKILL when `after` more requests have come. */
MUST_USE enum err mock_ask_kill(unsigned short port, long pid, unsigned long after, struct error *e);

#endif
