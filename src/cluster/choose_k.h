/*
 * choose_k.h: how many base clusters. The one place where the rule stands.
 *
 * The paper keeps its rule secret; its cost table has about 100 conversations a cluster at 100,000. The wanted size
 * grows with the cube root of n, from 10 at n = 100 to 100 at n = 100,000 and stays there, so that a small run still
 * shows several topics; and it is at least twice the threshold, so that most clusters pass it. size = clamp(10 * cbrt(n
 * / 100), 2 * min_conversations, 100),  k = n / size
 */
#ifndef CLIO_CLUSTER_CHOOSE_K_H
#define CLIO_CLUSTER_CHOOSE_K_H

#include <stddef.h>
#include <stdint.h>

/* wanted: the user's k, or 0. Always in 1..n (n > 0). */
size_t choose_k(size_t n, uint64_t wanted, uint64_t min_conversations);

#endif
