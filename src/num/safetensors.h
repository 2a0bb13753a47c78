/*
 * safetensors.h: named arrays of float32 out of a model.safetensors held in memory. The file is from outside: every
 * offset is checked against the file and every size against its shape before anything is read.        Layer: num.
 */
#ifndef CLIO_NUM_SAFETENSORS_H
#define CLIO_NUM_SAFETENSORS_H

#include "base/json.h"

struct safetensors {
    yyjson_doc *header;
    struct str data; /* what the header's offsets count from; borrowed */
};

/* Errors: ERR_MODEL cut off, header not JSON, or a tensor whose offsets leave the file or do not fit its shape. */
MUST_USE enum err safetensors_open(struct safetensors *s, struct str bytes, struct error *e);
void safetensors_close(struct safetensors *s);

/*
 * Finds the float32 tensor [rows][columns], or [rows] when columns is 0. The floats at *at may be unaligned: memcpy
 * them. Errors: ERR_MODEL there is none of that name, type and shape.
 */
MUST_USE enum err safetensors_find(const struct safetensors *s, const char *name, size_t rows, size_t columns,
                                   const char **at, struct error *e);

#endif
