/*
 * sample.h: a seeded random sample of a stream whose length is not known, and which need not be seen in any order.
 *                                                                  Layer: ingest, uses store, config and base.
 *
 * Every item gets a priority that follows from the seed and its conversation's id alone; the `want` smallest are the
 * sample. So the same conversations are drawn however the input is ordered or split into files.
 *
 * By conversation: every conversation is one item. By completion (Clio paper G.1): every turn of the assistant is one,
 * so longer conversations weigh more; of a conversation with several drawn completions only the newest counts, with the
 * transcript up to and including it. There are then fewer conversations than completions drawn.
 */
#ifndef CLIO_INGEST_SAMPLE_H
#define CLIO_INGEST_SAMPLE_H

#include "config/config.h"
#include "store/records.h"

struct sample_item {
    uint64_t priority;
    uint32_t slot, turn;
};

struct sample_slot {
    int64_t rec;
    uint32_t items; /* in the heap; 0: the slot is free */
    uint32_t next_free;
};

/* Life cycle: sample_init, sample_offer..., sample_result, sample_release. Memory: about 48 bytes an item wanted. */
struct sample {
    enum sample_by by;
    uint64_t seed;
    size_t want;
    struct sample_item *heap; /* the largest priority first */
    size_t count, cap;
    struct sample_slot *slots;
    size_t slots_count, slots_cap;
    uint32_t free_slot;
    int64_t *evicted; /* by the last offer: recs that left the sample */
    size_t evicted_count, evicted_cap;
};

struct sample_kept {
    int64_t rec;
    size_t turns; /* how many of its turns belong to the sample; SIZE_MAX: all */
};

void sample_init(struct sample *s, enum sample_by by, uint64_t want, uint64_t seed);
void sample_release(struct sample *s);

/* True: the conversation is in the sample for now. Either way s->evicted lists those that had to leave. rec is new each
 * time. */
bool sample_offer(struct sample *s, int64_t rec, struct str id, const struct turn *turns, size_t n);

/* What is left, by rec. */
void sample_result(const struct sample *s, struct arena *a, struct sample_kept **kept, size_t *n);

/* Turns up to and including the last completion; 0: there is none. */
size_t sample_last_completion(const struct turn *turns, size_t n);

#endif
