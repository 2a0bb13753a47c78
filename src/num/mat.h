/*
 * mat.h: the one shape all kernels share: n rows of d floats, row-major, without gaps.
 * Kernels know nothing of files, stages or models: they get memory and fill memory.                   Layer: num.
 */
#ifndef CLIO_NUM_MAT_H
#define CLIO_NUM_MAT_H

#include <stddef.h>
#include <stdint.h>

struct mat {
    float *at; /* [n][d]; borrowed */
    size_t n, d;
};

static inline float *mat_row(struct mat m, size_t i)
{
    return m.at + i * m.d;
}

/* Rows first .. first + count - 1, fewer where m ends before. */
static inline struct mat mat_rows(struct mat m, size_t first, size_t count)
{
    size_t left = m.n > first ? m.n - first : 0;
    return (struct mat){.at = m.at + first * m.d, .n = count < left ? count : left, .d = m.d};
}

#endif
