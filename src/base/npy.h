/*
 * npy.h: two-dimensional arrays as numpy writes them (.npy, version 1 and 2; float32 or int32, C order,
 * little-endian), read where they lie.                                                                Layer: base.
 */
#ifndef CLIO_BASE_NPY_H
#define CLIO_BASE_NPY_H

#include "base/file.h"

enum npy_kind { NPY_F32, NPY_I32 };

/* A view of a file; zeroed is valid and closed. */
struct npy_map {
    enum npy_kind kind;
    size_t n, d;    /* a one-dimensional array has d = 1 */
    const void *at; /* [n][d], 4 bytes each */
    struct file_map file;
};

/* Errors: ERR_IO, ERR_INPUT unreadable; ERR_INPUT another type, order or rank, or cut off: the text says which. */
MUST_USE enum err npy_map_open(struct npy_map *m, const char *path, struct error *e);
void npy_map_close(struct npy_map *m);

#endif
