#include "hierarchy/plan.h"

#include <math.h>

static size_t choose_top(size_t n_base, uint64_t top)
{
    if (top)
        return top < n_base ? (size_t)top : n_base;
    double n = round(sqrt((double)n_base));
    return n < 2 ? 2 : n > 10 ? 10 : (size_t)n;
}

static size_t choose_levels(size_t n_base, size_t n_top, uint64_t levels)
{
    if (levels)
        return levels < HIERARCHY_LEVELS_MAX ? (size_t)levels : HIERARCHY_LEVELS_MAX;
    double steps = round(log10((double)n_base / (double)n_top));
    return 1 + (steps < 1 ? 1 : (size_t)steps);
}

size_t hierarchy_plan(size_t n_base, uint64_t levels, uint64_t top, size_t sizes[HIERARCHY_LEVELS_MAX])
{
    sizes[0] = n_base;
    if (n_base < 4 || levels == 1)
        return 1; /* nothing that a level above would make easier to read */
    size_t n_top = choose_top(n_base, top), count = choose_levels(n_base, n_top, levels), kept = 1;
    double ratio = pow((double)n_top / (double)n_base, 1 / (double)(count - 1));
    for (size_t l = 1; l < count; l++) {
        size_t n = l + 1 == count ? n_top : (size_t)round((double)n_base * pow(ratio, (double)l));
        if (n >= 1 && n < sizes[kept - 1])
            sizes[kept++] = n;
    }
    return kept;
}
