#include "cluster/choose_k.h"

#include <math.h>

size_t choose_k(size_t n, uint64_t wanted, uint64_t min_conversations)
{
    if (wanted)
        return wanted < n ? (size_t)wanted : n;
    double size = 6 * pow((double)n / 100, 0.4);
    if (size > 100)
        size = 100;
    if (size < 2 * (double)min_conversations)
        size = 2 * (double)min_conversations;
    double k = round((double)n / size);
    return k < 1 ? 1 : k > (double)n ? n : (size_t)k;
}
