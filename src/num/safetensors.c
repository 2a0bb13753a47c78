#include "num/safetensors.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are stored little-endian and used as they are");

enum { HEADER_MAX = 100 * 1000 * 1000, LENGTH_BYTES = 8 };

static size_t dtype_bytes(struct str dtype)
{
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4},
                 {"I16", 2}, {"I8", 1},  {"U8", 1},  {"U64", 8},  {"U32", 4}, {"BOOL", 1}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_eqz(dtype, types[i].name))
            return types[i].bytes;
    return 0;
}

/* The tensor's place, when everything the header says about it holds together. */
static bool tensor_place(const struct safetensors *s, yyjson_val *tensor, uint64_t *from, uint64_t *size)
{
    yyjson_val *offsets = yyjson_obj_get(tensor, "data_offsets"), *shape = yyjson_obj_get(tensor, "shape");
    yyjson_val *first = yyjson_arr_get(offsets, 0), *last = yyjson_arr_get(offsets, 1);
    if (yyjson_arr_size(offsets) != 2 || !yyjson_is_uint(first) || !yyjson_is_uint(last) || !yyjson_is_arr(shape))
        return false;
    uint64_t end = yyjson_get_uint(last);
    *from = yyjson_get_uint(first);
    if (*from > end || end > s->data.n)
        return false;
    *size = end - *from;
    uint64_t want = dtype_bytes(json_get_str(tensor, "dtype"));
    if (want == 0)
        return true; /* a type of the future: in bounds, and never handed out */
    yyjson_arr_iter it = yyjson_arr_iter_with(shape);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it));)
        if (!yyjson_is_uint(v) || __builtin_mul_overflow(want, yyjson_get_uint(v), &want))
            return false;
    return want == *size;
}

static enum err check_tensors(const struct safetensors *s, struct error *e)
{
    yyjson_val *root = yyjson_doc_get_root(s->header);
    if (!yyjson_is_obj(root))
        return error_set(e, ERR_MODEL, "the weights' header is no JSON object");
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        uint64_t from, size;
        struct str name = json_str(key);
        if (!str_eqz(name, "__metadata__") && !tensor_place(s, yyjson_obj_iter_get_val(key), &from, &size))
            return error_set(e, ERR_MODEL, "tensor %.80s of the weights has a wrong size or lies outside the file",
                             name.at);
    }
    return ERR_OK;
}

enum err safetensors_open(struct safetensors *s, struct str bytes, struct error *e)
{
    uint64_t length = 0;
    *s = (struct safetensors){0};
    if (bytes.n < LENGTH_BYTES)
        return error_set(e, ERR_MODEL, "the weights are cut off: %zu bytes", bytes.n);
    memcpy(&length, bytes.at, sizeof length);
    if (length > HEADER_MAX || length > bytes.n - LENGTH_BYTES)
        return error_set(e, ERR_MODEL,
                         "the weights are cut off or no safetensors file: the header should have %llu bytes",
                         (unsigned long long)length);
    struct str header = {bytes.at + LENGTH_BYTES, (size_t)length};
    if (json_parse(header, false, &s->header, NULL) != ERR_OK)
        return error_set(e, ERR_MODEL, "the weights' header is not valid JSON");
    s->data = (struct str){header.at + header.n, bytes.n - LENGTH_BYTES - header.n};
    enum err err = check_tensors(s, e);
    if (err != ERR_OK)
        safetensors_close(s);
    return err;
}

void safetensors_close(struct safetensors *s)
{
    yyjson_doc_free(s->header);
    *s = (struct safetensors){0};
}

enum err safetensors_find(const struct safetensors *s, const char *name, size_t rows, size_t columns, const char **at,
                          struct error *e)
{
    yyjson_val *tensor = yyjson_obj_get(yyjson_doc_get_root(s->header), name);
    if (!tensor)
        return error_set(e, ERR_MODEL, "the weights have no tensor %s", name);
    if (!str_eqz(json_get_str(tensor, "dtype"), "F32"))
        return error_set(e, ERR_MODEL, "tensor %s of the weights is not float32", name);
    yyjson_val *shape = yyjson_obj_get(tensor, "shape");
    bool fits = yyjson_arr_size(shape) == (columns ? 2 : 1) && yyjson_get_uint(yyjson_arr_get(shape, 0)) == rows;
    if (fits && columns)
        fits = yyjson_get_uint(yyjson_arr_get(shape, 1)) == columns;
    uint64_t from, size;
    if (!fits || !tensor_place(s, tensor, &from, &size))
        return error_set(e, ERR_MODEL, "tensor %s of the weights has not the shape %zu x %zu that config.json asks for",
                         name, rows, columns ? columns : 1);
    *at = s->data.at + from;
    return ERR_OK;
}
