#include "base/npy.h"

#include <assert.h>
#include <string.h>

enum { MAGIC_BYTES = 8, START = MAGIC_BYTES + 2, VALUE_BYTES = 4 };

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are read as this machine keeps them");

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

/* "(n, d)" or "(n,)". */
static bool read_shape(struct str shape, struct npy_map *m)
{
    int64_t n, d = 1;
    if (!str_has_prefix(shape, STR("(")))
        return false;
    struct str inside = str_cut(&shape, ')');
    inside = (struct str){inside.at + 1, inside.n - 1};
    if (!str_to_i64(str_trim(str_cut(&inside, ',')), &n) || n < 0)
        return false;
    inside = str_trim(inside);
    if (inside.n > 0 && (!str_to_i64(inside, &d) || d < 0))
        return false;
    m->n = (size_t)n;
    m->d = (size_t)d;
    return true;
}

/* What is wrong with the header, or NULL. */
static const char *read_header(struct str header, struct npy_map *m)
{
    struct str descr = header_value(header, "'descr'");
    if (str_has_prefix(descr, STR("'<f4'")))
        m->kind = NPY_F32;
    else if (str_has_prefix(descr, STR("'<i4'")))
        m->kind = NPY_I32;
    else
        return "its values are neither float32 nor int32 (little-endian)";
    if (!str_has_prefix(header_value(header, "'fortran_order'"), STR("False")))
        return "its rows are not stored one after another (fortran_order)";
    return read_shape(header_value(header, "'shape'"), m) ? NULL : "its shape is not one of rows and columns";
}

/* The header's text; the empty view where there is no whole one. *data gets where it ends. */
static struct str find_header(struct str bytes, size_t *data)
{
    if (bytes.n < START + 2 || memcmp(bytes.at, "\x93NUMPY", 6) != 0)
        return (struct str){0};
    const unsigned char *u = (const unsigned char *)bytes.at + MAGIC_BYTES;
    size_t start = START, length = u[0] | (size_t)u[1] << 8;
    if (bytes.at[6] == 2) {
        length |= (size_t)u[2] << 16 | (size_t)u[3] << 24;
        start += 2;
    }
    if (length > bytes.n - start)
        return (struct str){0};
    *data = start + length;
    return (struct str){bytes.at + start, length};
}

static const char *read_map(struct npy_map *m)
{
    size_t data = 0, bytes;
    struct str header = find_header(m->file.bytes, &data);
    if (header.n == 0)
        return "it does not begin as one does";
    const char *wrong = read_header(header, m);
    if (wrong)
        return wrong;
    if (__builtin_mul_overflow(m->n, m->d, &bytes) || __builtin_mul_overflow(bytes, VALUE_BYTES, &bytes) ||
        bytes > m->file.bytes.n - data)
        return "it ends before its last row";
    if (data % VALUE_BYTES != 0)
        return "its values do not begin at a multiple of 4 bytes";
    m->at = m->file.bytes.at + data;
    return NULL;
}

enum err npy_map_open(struct npy_map *m, const char *path, struct error *e)
{
    *m = (struct npy_map){0};
    enum err err = file_map_open(&m->file, path, e);
    if (err != ERR_OK)
        return err;
    const char *wrong = read_map(m);
    if (!wrong)
        return ERR_OK;
    npy_map_close(m);
    return error_set(e, ERR_INPUT, "%s is no usable .npy file: %s", path, wrong);
}

void npy_map_close(struct npy_map *m)
{
    file_map_close(&m->file);
    *m = (struct npy_map){0};
}
