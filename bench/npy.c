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

/* The text behind "'key':" in the header's dictionary; the empty view when there is none. */
static struct str header_value(struct str header, const char *key)
{
    size_t at = str_find(header, str_of(key));
    if (at == SIZE_MAX)
        return (struct str){0};
    struct str rest = {header.at + at, header.n - at};
    str_cut(&rest, ':');
    return str_trim(rest);
}

static bool read_header(struct str header, struct npy *out)
{
    struct str descr = header_value(header, "'descr'"), shape = header_value(header, "'shape'");
    int64_t n, d = 1;
    if (str_has_prefix(descr, STR("'<f4'")))
        out->kind = NPY_F32;
    else if (str_has_prefix(descr, STR("'<i4'")))
        out->kind = NPY_I32;
    else
        return false;
    if (!str_has_prefix(header_value(header, "'fortran_order'"), STR("False")) || !str_has_prefix(shape, STR("(")))
        return false;
    struct str inside = str_cut(&shape, ')');
    inside = (struct str){inside.at + 1, inside.n - 1};
    if (!str_to_i64(str_trim(str_cut(&inside, ',')), &n) || n < 0)
        return false;
    inside = str_trim(inside);
    if (inside.n > 0 && (!str_to_i64(inside, &d) || d < 0))
        return false;
    out->n = (size_t)n;
    out->d = (size_t)d;
    return true;
}

enum err npy_open(const char *path, struct file_map *map, struct npy *out, struct error *e)
{
    *out = (struct npy){0};
    enum err err = file_map_open(map, path, e);
    if (err != ERR_OK)
        return err;
    struct str b = map->bytes;
    size_t length = 0, start = START, bytes = 0;
    if (b.n > START + 2 && memcmp(b.at, "\x93NUMPY", 6) == 0) {
        const unsigned char *u = (const unsigned char *)b.at + MAGIC_BYTES;
        length = u[0] | (size_t)u[1] << 8;
        if (b.at[6] == 2) {
            length |= (size_t)u[2] << 16 | (size_t)u[3] << 24;
            start += 2;
        }
    }
    bool ok = length > 0 && length <= b.n - start && read_header((struct str){b.at + start, length}, out) &&
              !__builtin_mul_overflow(out->n, out->d, &bytes) && !__builtin_mul_overflow(bytes, 4, &bytes) &&
              bytes <= b.n - start - length;
    if (ok) {
        out->at = (void *)(uintptr_t)(b.at + start + length);
        return ERR_OK;
    }
    file_map_close(map);
    return error_set(e, ERR_INPUT, "%s is not a whole .npy file of float32 or int32 rows", path);
}

enum err npy_read(const char *path, struct npy *out, struct error *e)
{
    struct file_map map = {0};
    enum err err = npy_open(path, &map, out, e);
    if (err != ERR_OK)
        return err;
    void *copy = mem_new(out->n * out->d, 4);
    memcpy(copy, out->at, out->n * out->d * 4);
    out->at = copy;
    file_map_close(&map);
    return ERR_OK;
}
