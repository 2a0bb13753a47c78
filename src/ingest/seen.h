/*
 * seen.h: which ids have come by. Holds 64 bits of each id's BLAKE2b: two different ids among ten million are taken for
 * one with a chance of three in a million; 12 to 24 bytes an id.                     Layer: ingest, uses base.
 */
#ifndef CLIO_INGEST_SEEN_H
#define CLIO_INGEST_SEEN_H

#include "base/str.h"

/* Zeroed is valid and empty. */
struct seen {
    uint64_t *at; /* open addressing; 0 is free */
    size_t count, cap;
};

bool seen_add(struct seen *s, struct str id); /* false: it was there already */
void seen_release(struct seen *s);

#endif
