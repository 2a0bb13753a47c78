/*
 * kernels.h: the arithmetic of the encoder, once for every instruction set, with the same bits on all of them.
 *
 * What makes the bits equal: every output of a product is one sum over k in ascending order; sums over a row use
 * sixteen lanes whatever the width of a register; exp and erf are our own polynomials; multiply and add stay two
 * roundings. So kernels_best() is a choice of speed only, and a test compares all that the machine can run. Layer: num.
 */
#ifndef CLIO_NUM_KERNELS_H
#define CLIO_NUM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    KERNELS_LANES = 16, /* rows given to softmax and layer_norm are a multiple of it */
    KERNELS_PANEL = 32  /* columns of a packed panel; n of a product is a multiple of it */
};

/* c [m][n] = bias [n] + a [m][k] * b, where b is packed as panels [n / 32][k][32]. Rows of a and c lie lda and ldc
 * apart. */
struct gemm {
    size_t m, n, k;
    const float *a;
    size_t lda;
    const float *b;
    const float *bias; /* NULL: zeros */
    float *c;
    size_t ldc;
};

/* How a row was coded in bytes: a number is scale * (code + zero). */
struct code_scale {
    float scale, zero;
};

/*
 * What exact products of bytes stand for (num/codes.h): out [m][n] = (products [m][n] + zero of the row * sums [n]) *
 * scale of the row * columns [n] + bias [n], where columns has the scales of the other side, and sums the sums of its
 * codes. Rows of out lie ld apart.
 */
struct product {
    size_t m, n; /* n a multiple of 16; products' rows lie n apart */
    const int32_t *products;
    const struct code_scale *rows;
    const float *columns, *sums, *bias;
    float *out;
    size_t ld;
};

struct kernels {
    const char *name;
    void (*gemm)(const struct gemm *g);
    void (*gelu)(float *x, size_t n); /* in place, the exact form with erf (to 4e-7); n a multiple of 16 */
    /* In place: x = softmax(x * scale + bias). */
    void (*softmax)(float *x, const float *bias, size_t n, float scale);
    /* In place: x = norm(x + add) * weight + bias; add may be NULL. */
    void (*layer_norm)(float *x, const float *add, const float *weight, const float *bias, size_t d, float eps);
    /* The row x * shrink (NULL: x) as bytes of -127..127, the range from its smallest to its largest number spread over
     * them; d a multiple of 32, zeros behind it as codes.h wants them. The row is finite. */
    struct code_scale (*code)(const float *x, const float *shrink, size_t d, int8_t *code);
    void (*restore)(const struct product *p);
};

/* The fastest set this processor runs; the i-th of those it runs, or NULL behind the last. */
const struct kernels *kernels_best(void);
const struct kernels *kernels_at(size_t i);

/* Packs w [n][k] (PyTorch's layout, rows ld floats apart) into panels for gemm; n is rounded up to a panel with zeros.
 */
void kernels_pack_rows(const float *w, size_t ld, size_t n, size_t k, float *out);

#endif
