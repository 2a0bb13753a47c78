/*
 * choose_k.h: how many base clusters. The one place where the rule stands.
 *
 * The paper keeps its rule secret; its cost table has about 100 conversations a cluster at 100,000. The wanted size
 * grows with the 0.4th power of n, from 6 at n = 100 over 15 at 1,000 and 38 at 10,000 to 95 at 100,000, and stays at
 * 100 beyond: what people ask is so varied that a hundred conversations in ten clusters are ten mixed bags. And it is
 * at least twice the threshold, so that most clusters pass it. size = clamp(6 * (n / 100)^0.4, 2 * min_conversations,
 * 100),  k = n / size
 */
#ifndef CLIO_CLUSTER_CHOOSE_K_H
#define CLIO_CLUSTER_CHOOSE_K_H

#include <stddef.h>
#include <stdint.h>

/* wanted: the user's k, or 0. Always in 1..n (n > 0). */
size_t choose_k(size_t n, uint64_t wanted, uint64_t min_conversations);

#endif
