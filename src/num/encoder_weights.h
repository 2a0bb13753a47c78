/*
 * encoder_weights.h: what encoder.c (running) and encoder_weights.c (reading the model's files) share.   Layer: num.
 *
 * Letters for shapes: d width, h heads, f inner width of the feed-forward part, t tokens of a text.
 */
#ifndef CLIO_NUM_ENCODER_WEIGHTS_H
#define CLIO_NUM_ENCODER_WEIGHTS_H

#include "num/codes.h"
#include "num/encoder.h"
#include "num/kernels.h"
#include "num/wordpiece.h"

/*
 * y [n] = bias [n] + W x [k]. W is either packed floats (num/kernels.h), or packed codes (num/codes.h) with a scale and
 * a sum for each row. Their inputs are multiplied by `shrink` before they are coded, and the columns of W by its
 * inverse: a few inputs of a trained encoder are ten times as large as all others, and would leave those few of the 255
 * steps.
 */
struct encoder_dense {
    size_t n, k;
    float *w, *bias;
    float *largest; /* [k] when not NULL: what |x| has been at most (floats only) */
    int8_t *codes;
    float *scales, *sums; /* [n] */
    float *shrink;        /* [k]; NULL: ones */
};

struct encoder_norm {
    float *weight, *bias; /* [d] */
};

struct encoder_layer {
    struct encoder_dense qkv; /* [3d]: query, key and value in one product */
    struct encoder_dense out; /* [d] */
    struct encoder_norm norm_out;
    struct encoder_dense up;   /* [f] */
    struct encoder_dense down; /* [d] */
    struct encoder_norm norm_down;
};

struct encoder {
    struct wordpiece *words;
    enum encoder_arithmetic arithmetic;
    const struct kernels *kernels;
    const struct codes_kernels *products;
    size_t d, h, f, layers, tokens_max, vocab;
    float eps;
    bool finite;           /* as far as weights were copied; the others show in the result */
    const char *word_rows; /* [vocab][d] float32, unaligned, in the weights' file */
    float *positions;      /* [tokens_max][d], BERT's token type 0 added */
    struct encoder_norm norm_in;
    /* Added to the attention's scores: of a query at i and a key at j, row head, column tokens_max - 1 + j - i.
     * MPNet's relative bias; for BERT one row of zeros (near_stride 0). Padded: rows are read past their end. */
    float *near;
    size_t near_stride;
    struct encoder_layer *layer;
    struct arena memory;
};

/* On a cache line. */
void *encoder__memory(struct arena *a, size_t bytes);
float *encoder__floats(struct arena *a, size_t n);

/* Fills everything but words, arithmetic and kernels, which it uses. Errors: ERR_MODEL. */
MUST_USE enum err encoder__load(struct encoder *enc, const struct encoder_files *files, struct error *e);

#endif
