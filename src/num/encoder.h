/*
 * encoder.h: sentence vectors from BERT and MPNet weights (all-MiniLM-L6-v2; the paper's all-mpnet-base-v2, B.2).
 *
 * Two arithmetics. ENCODER_FLOATS is the plain version, fp32 throughout, and the oracle of the other. ENCODER_BYTES
 * multiplies the matrices in 8-bit integers (weights with a scale for each output, activations with one for each
 * token; sums exact) and keeps the rest in fp32: several times as fast, and its vectors have a cosine of
 * about .999 with the oracle's.
 * Texts are never padded; short ones pass through the weights in groups. Layer: num.
 */
#ifndef CLIO_NUM_ENCODER_H
#define CLIO_NUM_ENCODER_H

#include "base/error.h"
#include "base/par.h"
#include "base/str.h"
#include "num/mat.h"

struct encoder;

enum encoder_arithmetic { ENCODER_BYTES, ENCODER_FLOATS };

/*
 * The three files of a model folder, held in memory by the caller as long as the encoder lives: the table of word
 * vectors is read in place. The matrices are copied once, into the order the kernels read (fp32: 43 MB for MiniLM, 340
 * for MPNet; bytes: a quarter of that).
 */
struct encoder_files {
    struct str config;    /* config.json */
    struct str tokenizer; /* tokenizer.json */
    struct str weights;   /* model.safetensors */
};

/* Errors: ERR_MODEL, naming what is missing or of the wrong shape. Every offset in the weights is checked. */
MUST_USE enum err encoder_new(const struct encoder_files *files, enum encoder_arithmetic arithmetic,
                              struct encoder **out, struct error *e);
void encoder_free(struct encoder *enc);
size_t encoder_width(const struct encoder *enc); /* d: 384 or 768 */

/*
 * Shape    texts[n]; out [n][d], mean-pooled unit rows. Texts longer than max_tokens (0: the model's own limit) lose
 *          their end. An empty text gives the vector of its start and end tokens. tokens (may be NULL): ids read.
 * Rules    row i depends on texts[i] only; the same bits for any number of threads.
 * Errors   ERR_NUMERIC the weights hold NaN or infinity; the rows concerned are not usable.
 * Cost     about 170 MFLOP a token for MPNet, 21 for MiniLM.
 */
MUST_USE enum err encoder_run(const struct encoder *enc, const struct str *texts, size_t n, size_t max_tokens,
                              struct mat out, uint64_t *tokens, struct par *par, struct error *e);

/* Floating-point operations in the matrices for so many tokens (attention's own products left out). For benchmarks. */
double encoder_flops(const struct encoder *enc, uint64_t tokens);

#endif
