/*
 * codes.h: vectors as 8-bit integers with one scale a row, and exact dot products of whole blocks of them. Four times
 * the rows a register holds and, with AMX or VNNI, 4 to 16 times the speed of floats: good for finding candidates that
 * floats then decide about.
 *
 * All sums are integers, so every instruction set gives the same ones: codes_best() is a choice of speed only.
 *
 * Layouts  A row has `stride` bytes, d rounded up to 64, zeros behind d. Rows come in panels of 16; a panel is either
 *          16 rows one after another, or packed: [stride / 4][16][4], four columns of each row in turn, which is what
 *          the wide instructions multiply by.                                                              Layer: num.
 */
#ifndef CLIO_NUM_CODES_H
#define CLIO_NUM_CODES_H

#include <stddef.h>
#include <stdint.h>

enum {
    CODES_PANEL = 16,
    CODES_CHUNK = 64,
    CODES_D_MAX = 65536 /* so that 127 * 127 * d fits 32 bits */
};

/*
 * a rows [an][stride], b packed panels [bn / 16]; an and bn are multiples of 16. out [an][bn], row-major. All three
 * want memory of mem_aligned: elsewhere the results are the same, and the tiles of AMX load six times as slowly. Good
 * sizes are those where a and a part of b stay in the first cache: some 32 rows by 128.
 */
struct codes_block {
    const int8_t *a, *b;
    size_t an, bn, stride;
    int32_t *out;
};

/* Best first. size is a multiple of 16. */
struct codes_list {
    uint32_t *ids;
    float *scores;
    size_t size;
};

struct codes_kernels {
    const char *name;
    void (*dots)(const struct codes_block *block);
    int32_t (*dot)(const int8_t *a, const int8_t *b, size_t stride);
    /*
     * Lists the i of 0..n-1 with dots[i] * scales[i] > floor, ascending, and those products; returns how many. Reads
     * whole panels, and may write whole ones behind the last: the arrays are n rounded up to 16 plus 16 long.
     */
    size_t (*above)(const int32_t *dots, const float *scales, size_t n, float floor, uint32_t *where, float *products);
    /* Puts n ids with their scores into a list of the best, one after another. Among equal scores the earlier stays
     * ahead. */
    void (*keep)(struct codes_list list, const uint32_t *ids, const float *scores, size_t n);
};

/*
 * The fastest set this processor runs; the i-th of those it runs, or NULL behind the last. Threads: safe. Asking the
 * processor takes some 10 us in a virtual machine: once a search, not once a block.
 */
const struct codes_kernels *codes_best(void);
const struct codes_kernels *codes_at(size_t i);

size_t codes_stride(size_t d);

/* row [d] as code [stride] of -127..127; returns the scale: row[j] is about scale * code[j], within scale / 2. A zero
 * row has scale 0. The row is finite. */
float codes_quantise(const float *row, size_t d, int8_t *code);

/* Packs n rows (a multiple of 16) of stride bytes each. in and out do not overlap. */
void codes_pack(const int8_t *in, size_t n, size_t stride, int8_t *out);

#endif
