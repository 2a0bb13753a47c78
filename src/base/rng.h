/*
 * rng.h: seeded random numbers. Same seed, same numbers, on every machine.
 *
 * Generator: SplitMix64 (Steele, Lea, Flood 2014): one word of state, ample for sampling,
 * shuffles and initial positions. Streams are told apart by rng_seed's `stream`.
 * Nothing here is for secrets: those come from the system (base/hash.h).                             Layer: base.
 */
#ifndef CLIO_BASE_RNG_H
#define CLIO_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

struct rng rng_seed(uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0..n-1 without bias; n > 0 */
double rng_unit(struct rng *r);                /* [0, 1) with 53 bits */

/* Mixes two words into one: counter-based use, where the n-th number must not depend on the ones before. */
uint64_t rng_mix(uint64_t a, uint64_t b);

/* Fisher-Yates over ids[0..n). rng_sample leaves a uniform sample of `want` of them in front (all when want >= n). */
void rng_shuffle(struct rng *r, uint32_t *ids, size_t n);
void rng_sample(struct rng *r, uint32_t *ids, size_t n, size_t want);

#endif
