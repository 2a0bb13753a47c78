/* npy.h: two-dimensional arrays for and from numpy (.npy, version 1 and 2; float32 or int32, C order, little-endian).
 */
#ifndef CLIO_BENCH_NPY_H
#define CLIO_BENCH_NPY_H

#include "base/file.h"
#include "base/str.h"

enum npy_kind { NPY_F32, NPY_I32 };

struct npy {
    enum npy_kind kind;
    size_t n, d; /* a one-dimensional array has d = 1 */
    void *at;    /* [n][d], 4 bytes each; free() it */
};

MUST_USE enum err npy_write(const char *path, enum npy_kind kind, const void *at, size_t n, size_t d, struct error *e);

/* Errors: ERR_IO unreadable, ERR_INPUT another type, order or rank, or cut off. */
MUST_USE enum err npy_read(const char *path, struct npy *out, struct error *e);

/* The same without a copy: out->at lies in the map, which file_map_close() ends, and must not be freed or written to.
 */
MUST_USE enum err npy_open(const char *path, struct file_map *map, struct npy *out, struct error *e);

#endif
