/*
 * vectors.h: embeddings on disk: private/NAME.vec = header (magic, version, n, d, checksum), then rows of float32.
 * Row i belongs to recs[i]. Memory-mapped for reading; written beside and renamed when whole. Treated as raw text:
 * embeddings can be inverted.                                                   Layer: store, uses base and num.
 */
#ifndef CLIO_STORE_VECTORS_H
#define CLIO_STORE_VECTORS_H

#include "num/mat.h"
#include "store/run.h"

struct vectors {
    struct mat at;       /* [n][d], read-only */
    const int64_t *recs; /* [n], ascending */
    void *map;
    size_t map_bytes;
};

MUST_USE enum err vectors_write(struct run *r, struct str name, struct mat m, const int64_t *recs, struct error *e);
/*
 * Checks the checksum. A missing or damaged file is ERR_IO and marks the stage embed as not done: the next run writes
 * it anew.
 */
MUST_USE enum err vectors_open(struct run *r, struct str name, struct vectors *out, struct error *e);
void vectors_close(struct vectors *v);

#endif
