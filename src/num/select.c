#include "num/select.h"

void select_least(uint64_t *keys, size_t n, size_t front)
{
    size_t low = 0, high = n - 1;
    while (front < n && low < high) {
        uint64_t pivot = keys[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (keys[i] < pivot)
                i++;
            while (keys[j] > pivot)
                j--;
            if (i >= j)
                break;
            uint64_t other = keys[i];
            keys[i++] = keys[j];
            keys[j--] = other;
        }
        if (j + 1 > front) /* low .. j hold the smaller ones */
            high = j;
        else
            low = j + 1;
    }
}
