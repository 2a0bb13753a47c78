#include "mock_seen.h"

#include "base/mem.h"

#include <stdlib.h>

static struct mock_seen *place(const struct mock_memory *m, uint64_t hash)
{
    size_t i = (size_t)(hash * 0x9e3779b97f4a7c15u) & (m->size - 1);
    while (m->at[i].hash && m->at[i].hash != hash)
        i = (i + 1) & (m->size - 1);
    return &m->at[i];
}

static void grow(struct mock_memory *m)
{
    struct mock_memory larger = {.size = m->size ? 2 * m->size : 1024};
    larger.at = mem_zero(larger.size, sizeof *larger.at);
    for (size_t i = 0; i < m->size; i++)
        if (m->at[i].hash)
            *place(&larger, m->at[i].hash) = m->at[i];
    larger.n = m->n;
    free(m->at);
    *m = larger;
}

struct mock_seen *mock_remember(struct mock_memory *m, uint64_t hash)
{
    hash += hash == 0;
    if (2 * (m->n + 1) > m->size)
        grow(m);
    struct mock_seen *seen = place(m, hash);
    m->n += seen->hash == 0;
    seen->hash = hash;
    return seen;
}
