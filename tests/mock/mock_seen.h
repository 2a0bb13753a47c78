/* mock_seen.h: what the server remembers of each text it was sent: a hash table that only grows. */
#ifndef CLIO_TEST_MOCK_SEEN_H
#define CLIO_TEST_MOCK_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct mock_seen {
    uint64_t hash; /* 0: the place is free */
    uint32_t times;
    double not_before; /* Retry-After of the last refusal */
};

struct mock_memory {
    struct mock_seen *at; /* [size], a power of two */
    size_t size, n;
};

struct mock_seen *mock_remember(struct mock_memory *m, uint64_t hash); /* valid until the next call */

#endif
