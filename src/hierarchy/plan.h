/*
 * plan.h: how many clusters each level has. The one place where the rule stands.
 * With L levels, n_base leaves and n_top at the top, successive levels differ by (n_top / n_base)^(1 / (L - 1))
 * (Clio paper B.3).                                                                                 Layer: hierarchy.
 */
#ifndef CLIO_HIERARCHY_PLAN_H
#define CLIO_HIERARCHY_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum { HIERARCHY_LEVELS_MAX = 12 };

/*
 * sizes[0] is n_base; returns how many levels there are (1: the leaves are the tree). levels and top of 0 choose:
 * top = sqrt(n_base) between 2 and 10, and so many levels that each is about a tenth of the one below.
 * Sizes fall strictly.
 */
size_t hierarchy_plan(size_t n_base, uint64_t levels, uint64_t top, size_t sizes[HIERARCHY_LEVELS_MAX]);

#endif
