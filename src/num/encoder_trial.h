/*
 * encoder_trial.h: from a layer's floats to its bytes.                                                 Layer: num.
 *
 * A few texts go through the floats, layer by layer, and show which inputs of a product are large. Those are shrunk
 * before they are coded, and their weights enlarged (SmoothQuant, Xiao et al. 2022, with the exponent 1/2).
 */
#ifndef CLIO_NUM_ENCODER_TRIAL_H
#define CLIO_NUM_ENCODER_TRIAL_H

#include "num/encoder_layer.h"

enum { ENCODER_TRIAL_TEXTS = 6 };

struct encoder_trial {
    struct encoder_slot slots[ENCODER_TRIAL_TEXTS];
    struct encoder_scratch scratch; /* its x: the rows that go into the next layer */
    size_t rows;
};

/* The encoder has its words, embeddings and kernels. */
void encoder__trial_start(struct encoder_trial *t, const struct encoder *enc);
/* Takes the texts through `floats` and makes `bytes`, in enc's memory, of it. */
void encoder__trial_code(struct encoder_trial *t, struct encoder *enc, struct encoder_layer *floats,
                         struct encoder_layer *bytes);
void encoder__trial_end(struct encoder_trial *t);

#endif
