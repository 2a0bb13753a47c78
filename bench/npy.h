/* npy.h: arrays for numpy, and from numpy as memory of one's own. */
#ifndef CLIO_BENCH_NPY_H
#define CLIO_BENCH_NPY_H

#include "base/npy.h"

struct npy {
    enum npy_kind kind;
    size_t n, d; /* a one-dimensional array has d = 1 */
    void *at;    /* [n][d], 4 bytes each; free() it */
};

MUST_USE enum err npy_write(const char *path, enum npy_kind kind, const void *at, size_t n, size_t d, struct error *e);

/* Errors as npy_map_open (base/npy.h). */
MUST_USE enum err npy_read(const char *path, struct npy *out, struct error *e);

/* The same without a copy: out->at lies in the map, which file_map_close() ends, and must not be freed or written to.
 */
MUST_USE enum err npy_open(const char *path, struct file_map *map, struct npy *out, struct error *e);

#endif
