/*
 * vectors.h: embeddings on disk: private/NAME.vec = header (magic, version, n, d, checksum), then rows of float32.
 * Row i belongs to recs[i]. Memory-mapped for reading; written beside and renamed when whole. Treated as raw text:
 * embeddings can be inverted.                                                   Layer: store, uses base and num.
 */
#ifndef CLIO_STORE_VECTORS_H
#define CLIO_STORE_VECTORS_H

#include "base/hash.h"
#include "num/mat.h"
#include "store/run.h"

struct vectors {
    struct mat at;       /* [n][d], read-only */
    const int64_t *recs; /* [n], ascending */
    void *map;
    size_t map_bytes;
};

/*
 * Writing a file of n rows as they come: begin, append until all n are there, end (also to give up: pass what went
 * wrong so far, and nothing is left behind). Life cycle: vectors_begin, vectors_append..., vectors_end; also after an
 * error.
 */
struct vectors_writer {
    struct run *run;
    const char *path, *temp;
    int fd;
    size_t n, d, rows; /* rows so far */
    struct hasher hasher;
};
MUST_USE enum err vectors_begin(struct vectors_writer *w, struct run *r, struct str name, size_t n, size_t d,
                                const int64_t *recs, struct error *e);
MUST_USE enum err vectors_append(struct vectors_writer *w, struct mat rows, struct error *e);
MUST_USE enum err vectors_end(struct vectors_writer *w, enum err so_far, struct error *e);

/* All of it at once. */
MUST_USE enum err vectors_write(struct run *r, struct str name, struct mat m, const int64_t *recs, struct error *e);
/*
 * Checks the checksum. A missing or damaged file is ERR_IO and marks the stage embed as not done: the next run writes
 * it anew.
 */
MUST_USE enum err vectors_open(struct run *r, struct str name, struct vectors *out, struct error *e);
void vectors_close(struct vectors *v);

#endif
