/*
 * encoder_layer.h: one layer of an encoder, over the rows of some texts; in floats or bytes, as its weights are.
 *                                                                                                      Layer: num.
 */
#ifndef CLIO_NUM_ENCODER_LAYER_H
#define CLIO_NUM_ENCODER_LAYER_H

#include "num/encoder_weights.h"

/* One text. */
struct encoder_slot {
    uint32_t *ids;
    uint32_t n;    /* tokens */
    uint32_t text; /* index among the caller's */
};

/* One worker's memory: all rows of a group, and one head's attention. */
struct encoder_scratch {
    float *x, *qkv, *context, *change, *inner;
    float *scores, *keys, *values;
    int8_t *codes;             /* the rows of a product as bytes, */
    struct code_scale *scales; /* how to read them, */
    int32_t *products;
    struct arena memory; /* holds them all */
};

/* For groups of at most so many rows, of texts of at most tokens_max. */
void encoder__scratch_init(struct encoder_scratch *s, const struct encoder *enc, size_t rows, size_t tokens_max);

/* Fills s->x [rows][d] with what goes into the first layer; returns rows. */
size_t encoder__run_words(const struct encoder *enc, struct encoder_scratch *s, const struct encoder_slot *slots,
                          size_t count);

/* Takes s->x through a layer. Where a dense part asks for it (`largest`), notes how large its inputs get. */
void encoder__run_layer(const struct encoder *enc, struct encoder_scratch *s, const struct encoder_layer *layer,
                        const struct encoder_slot *slots, size_t count, size_t rows);

#endif
