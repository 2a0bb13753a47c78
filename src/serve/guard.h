/*
 * guard.h: whether a request may reach a handler at all. Pages of other sites, and names that were pointed at this
 * computer (DNS rebinding), must get nothing.                                                   Layer: stage (serve).
 */
#ifndef CLIO_SERVE_GUARD_H
#define CLIO_SERVE_GUARD_H

#include "base/str.h"

/* The headers that matter; at == NULL: not sent. */
struct guard_request {
    struct str host, origin, fetch_site, content_length, transfer_encoding;
    size_t hosts;  /* how many Host headers there were */
    uint16_t port; /* ours */
};

/* NULL: go on. Otherwise the constant reason for refusing, and *status. */
const char *guard_refusal(const struct guard_request *r, unsigned *status);

/*
 * Undoes %xx and + of a query value into out (NUL-terminated, at most size - 1 bytes). False: malformed, a NUL, or too
 * long. Paths are never decoded: every route is plain ASCII, so a path with a % is no route.
 */
bool guard_decode(struct str raw, char *out, size_t size, struct str *decoded);

#endif
