#include "ingest/seen.h"

#include "base/hash.h"

#include <stdlib.h>

static bool insert(uint64_t *at, size_t cap, uint64_t key)
{
    size_t i = key & (cap - 1);
    for (; at[i]; i = (i + 1) & (cap - 1))
        if (at[i] == key)
            return false;
    at[i] = key;
    return true;
}

static void grow(struct seen *s)
{
    size_t cap = s->cap ? 2 * s->cap : 1024;
    uint64_t *at = mem_zero(cap, sizeof *at);
    for (size_t i = 0; i < s->cap; i++)
        if (s->at[i])
            insert(at, cap, s->at[i]);
    free(s->at);
    s->at = at;
    s->cap = cap;
}

bool seen_add(struct seen *s, struct str id)
{
    if (3 * (s->count + 1) > 2 * s->cap)
        grow(s);
    uint64_t key = hash_u64(hash_of(id));
    if (!insert(s->at, s->cap, key ? key : 1))
        return false;
    s->count++;
    return true;
}

void seen_release(struct seen *s)
{
    free(s->at);
    *s = (struct seen){0};
}
