#include "num/kmeans_seed.h"

#include "base/mem.h"
#include "num/select.h"

#include <stdlib.h>
#include <string.h>

/* The homes nearest to home h, itself among them: out [near], ascending. */
static void near_homes_of(const struct km *m, size_t h, size_t near, uint64_t *keys, uint32_t *out)
{
    const struct coded *t = &m->towns;
    for (size_t j = 0; j < t->n; j++) {
        float score = t->scales[h] * t->scales[j] *
                          (float)t->kernels->dot(t->codes + h * t->stride, t->codes + j * t->stride, t->stride) -
                      t->squares[j] / 2;
        float squared = j == h ? 0 : coded_distance(t->squares[h], score);
        uint32_t bits; /* not negative: sorts as it is */
        memcpy(&bits, &squared, sizeof bits);
        keys[j] = (uint64_t)bits << 32 | j;
    }
    select_least(keys, t->n, near);
    bool *wanted = mem_zero(t->n, sizeof *wanted);
    for (size_t i = 0; i < near; i++)
        wanted[(uint32_t)keys[i]] = true;
    for (size_t j = 0; j < t->n; j++)
        if (wanted[j])
            *out++ = (uint32_t)j;
    free(wanted);
}

static void sort_by_home(const struct km *m, struct homes *h)
{
    size_t k = m->means.n, *ends = mem_zero(h->count + 1, sizeof *ends);
    for (size_t c = 0; c < k; c++)
        ends[m->homes[c] + 1]++;
    for (size_t i = 0; i < h->count; i++)
        ends[i + 1] += ends[i];
    memcpy(h->starts, ends, (h->count + 1) * sizeof *ends);
    for (size_t c = 0; c < k; c++)
        h->order[ends[m->homes[c]]++] = (uint32_t)c;
    free(ends);
}

struct homes homes_of(const struct km *m, size_t near_homes)
{
    size_t count = m->towns.n ? m->towns.n : 1, near = near_homes < count ? near_homes : count, k = m->means.n;
    struct homes h = {.count = count,
                      .order = mem_new(k, sizeof *h.order),
                      .starts = mem_new(count + 1, sizeof *h.starts),
                      .ends = mem_zero(count + 1, sizeof *h.ends)};
    uint32_t *lists = mem_zero(count * near, sizeof *lists);
    uint64_t *keys = mem_new(count, sizeof *keys);
    sort_by_home(m, &h);
    for (size_t i = 0; i < count; i++) {
        if (m->towns.n)
            near_homes_of(m, i, near, keys, lists + i * near);
        h.ends[i + 1] = h.ends[i];
        for (size_t j = 0; j < near; j++)
            h.ends[i + 1] += h.starts[lists[i * near + j] + 1] - h.starts[lists[i * near + j]];
    }
    h.ids = mem_new(h.ends[count], sizeof *h.ids);
    for (size_t i = 0; i < count; i++) {
        uint32_t *at = h.ids + h.ends[i];
        for (size_t j = 0; j < near; j++) {
            size_t begin = h.starts[lists[i * near + j]], n = h.starts[lists[i * near + j] + 1] - begin;
            memcpy(at, h.order + begin, n * sizeof *at);
            at += n;
        }
    }
    free(keys);
    free(lists);
    return h;
}

void homes_free(struct homes *h)
{
    free(h->order);
    free(h->starts);
    free(h->ids);
    free(h->ends);
    *h = (struct homes){0};
}
