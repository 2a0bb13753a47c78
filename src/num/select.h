/* select.h: the least of some keys, without sorting them all.                                           Layer: num. */
#ifndef CLIO_NUM_SELECT_H
#define CLIO_NUM_SELECT_H

#include <stddef.h>
#include <stdint.h>

/* Moves the `front` smallest of n distinct keys before the others, in no order (Hoare's FIND). Cost: O(n). */
void select_least(uint64_t *keys, size_t n, size_t front);

#endif
