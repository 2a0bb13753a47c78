#include "base/rng.h"

static uint64_t finish(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rng_mix(uint64_t a, uint64_t b)
{
    return finish(a + 0x9e3779b97f4a7c15u * (b + 1));
}

struct rng rng_seed(uint64_t seed, uint64_t stream)
{
    return (struct rng){rng_mix(finish(seed), stream)};
}

uint64_t rng_u64(struct rng *r)
{
    r->state += 0x9e3779b97f4a7c15u;
    return finish(r->state);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t reject = -n % n; /* the words above the largest multiple of n */
    for (;;) {
        uint64_t v = rng_u64(r);
        if (v >= reject)
            return v % n;
    }
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

void rng_sample(struct rng *r, uint32_t *ids, size_t n, size_t want)
{
    for (size_t i = 0; i + 1 < n && i < want; i++) {
        size_t j = i + rng_below(r, n - i);
        uint32_t t = ids[i];
        ids[i] = ids[j];
        ids[j] = t;
    }
}

void rng_shuffle(struct rng *r, uint32_t *ids, size_t n)
{
    rng_sample(r, ids, n, n);
}
