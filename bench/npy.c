#include "npy.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = 8, START = MAGIC_BYTES + 2, ALIGN = 64 };

enum err npy_write(const char *path, enum npy_kind kind, const void *at, size_t n, size_t d, struct error *e)
{
    char header[2 * ALIGN + 1], lead[START] = "\x93NUMPY\x01";
    int used = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }",
                        kind == NPY_F32 ? "<f4" : "<i4", n, d);
    /* Padded so that the data starts on a multiple of 64; a newline ends the header. */
    size_t length = 2 * ALIGN - START;
    memset(header + used, ' ', length - (size_t)used);
    header[length - 1] = '\n';
    lead[MAGIC_BYTES] = (char)length;
    FILE *f = fopen(path, "wb");
    if (!f)
        return error_errno(e, ERR_IO, "cannot write %s", path);
    bool ok = fwrite(lead, 1, START, f) == START && fwrite(header, 1, length, f) == length;
    ok = ok && fwrite(at, 4 * d, n, f) == n;
    if (fclose(f) != 0 || !ok)
        return error_errno(e, ERR_IO, "cannot write %s", path);
    return ERR_OK;
}

enum err npy_open(const char *path, struct file_map *map, struct npy *out, struct error *e)
{
    struct npy_map m;
    *out = (struct npy){0};
    enum err err = npy_map_open(&m, path, e);
    if (err != ERR_OK)
        return err;
    *out = (struct npy){.kind = m.kind, .n = m.n, .d = m.d, .at = (void *)(uintptr_t)m.at};
    *map = m.file;
    return ERR_OK;
}

enum err npy_read(const char *path, struct npy *out, struct error *e)
{
    struct file_map map = {0};
    enum err err = npy_open(path, &map, out, e);
    if (err != ERR_OK)
        return err;
    void *copy = mem_new(out->n * out->d, 4);
    if (out->n * out->d > 0)
        memcpy(copy, out->at, out->n * out->d * 4);
    out->at = copy;
    file_map_close(&map);
    return ERR_OK;
}
