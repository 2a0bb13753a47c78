/* npy_file.h: .npy files made by hand, also wrong ones. */
#ifndef CLIO_TESTS_NPY_FILE_H
#define CLIO_TESTS_NPY_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Any header text and any bytes behind it. */
static inline void npy_file(const char *path, const char *dictionary, const void *data, size_t bytes)
{
    char header[118];
    FILE *f = fopen(path, "wb");
    if (!f || strlen(dictionary) >= sizeof header)
        abort();
    memset(header, ' ', sizeof header);
    memcpy(header, dictionary, strlen(dictionary));
    header[sizeof header - 1] = '\n';
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fwrite(header, 1, sizeof header, f);
    fwrite(data, 1, bytes, f);
    fclose(f);
}

static inline void npy_file_floats(const char *path, const float *at, size_t n, size_t d)
{
    char dictionary[100];
    snprintf(dictionary, sizeof dictionary, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", n, d);
    npy_file(path, dictionary, at, n * d * sizeof *at);
}

#endif
