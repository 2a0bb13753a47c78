#include "ingest/sample.h"

#include "base/hash.h"
#include "base/rng.h"

#include <stdlib.h>

static const uint32_t NO_SLOT = UINT32_MAX;

void sample_init(struct sample *s, enum sample_by by, uint64_t want, uint64_t seed)
{
    size_t most = want < NO_SLOT ? (size_t)want : NO_SLOT - 1;
    *s = (struct sample){.by = by, .want = most, .seed = seed, .free_slot = NO_SLOT};
}

void sample_release(struct sample *s)
{
    free(s->heap);
    free(s->slots);
    free(s->evicted);
    *s = (struct sample){0};
}

static bool is_completion(const struct turn *t)
{
    return str_eqz(t->role, "assistant");
}

size_t sample_last_completion(const struct turn *turns, size_t n)
{
    while (n && !is_completion(&turns[n - 1]))
        n--;
    return n;
}

/* ---- the heap --------------------------------------------------------------------------------------------------- */

static void sift_up(struct sample_item *heap, size_t i)
{
    struct sample_item item = heap[i];
    while (i && heap[(i - 1) / 2].priority < item.priority) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = item;
}

static void sift_down(struct sample_item *heap, size_t n, struct sample_item item)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1].priority > heap[child].priority)
            child++;
        if (heap[child].priority <= item.priority)
            break;
        heap[i] = heap[child];
    }
    heap[i] = item;
}

static uint32_t take_slot(struct sample *s, int64_t rec)
{
    uint32_t slot = s->free_slot;
    if (slot != NO_SLOT) {
        s->free_slot = s->slots[slot].next_free;
    } else {
        if (s->slots_count == s->slots_cap) {
            s->slots_cap = s->slots_cap ? 2 * s->slots_cap : 64;
            s->slots = mem_grow(s->slots, s->slots_cap, sizeof *s->slots);
        }
        slot = (uint32_t)s->slots_count++;
    }
    s->slots[slot] = (struct sample_slot){.rec = rec, .next_free = NO_SLOT};
    return slot;
}

static void free_slot(struct sample *s, uint32_t slot)
{
    s->slots[slot].next_free = s->free_slot;
    s->free_slot = slot;
}

static void note_evicted(struct sample *s, int64_t rec)
{
    if (s->evicted_count == s->evicted_cap) {
        s->evicted_cap = s->evicted_cap ? 2 * s->evicted_cap : 16;
        s->evicted = mem_grow(s->evicted, s->evicted_cap, sizeof *s->evicted);
    }
    s->evicted[s->evicted_count++] = rec;
}

/* Puts the item in when its priority is among the smallest; the one it pushes out may be its conversation's last. */
static void offer_item(struct sample *s, struct sample_item item)
{
    if (s->count < s->want) {
        if (s->count == s->cap) {
            s->cap = s->cap ? 2 * s->cap : 64;
            s->heap = mem_grow(s->heap, s->cap, sizeof *s->heap);
        }
        s->heap[s->count] = item;
        sift_up(s->heap, s->count++);
        s->slots[item.slot].items++;
        return;
    }
    if (s->want == 0 || item.priority >= s->heap[0].priority)
        return;
    uint32_t loser = s->heap[0].slot;
    sift_down(s->heap, s->count, item);
    s->slots[item.slot].items++;
    if (--s->slots[loser].items == 0) {
        note_evicted(s, s->slots[loser].rec);
        free_slot(s, loser);
    }
}

bool sample_offer(struct sample *s, int64_t rec, struct str id, const struct turn *turns, size_t n)
{
    uint64_t base = rng_mix(s->seed, hash_u64(hash_of(id)));
    uint32_t slot = take_slot(s, rec);
    s->evicted_count = 0;
    if (s->by == SAMPLE_CONVERSATIONS)
        offer_item(s, (struct sample_item){base, slot, 0});
    for (size_t i = 0; s->by == SAMPLE_COMPLETIONS && i < n; i++)
        if (is_completion(&turns[i]))
            offer_item(s, (struct sample_item){rng_mix(base, i), slot, (uint32_t)i});
    bool kept = s->slots[slot].items > 0;
    if (!kept)
        free_slot(s, slot);
    return kept;
}

static int compare_kept(const void *a, const void *b)
{
    int64_t x = ((const struct sample_kept *)a)->rec, y = ((const struct sample_kept *)b)->rec;
    return (x > y) - (x < y);
}

void sample_result(const struct sample *s, struct arena *a, struct sample_kept **kept, size_t *n)
{
    struct sample_kept *by_slot = arena_zero(a, s->slots_count, sizeof *by_slot);
    for (size_t i = 0; i < s->count; i++) {
        struct sample_kept *k = &by_slot[s->heap[i].slot];
        size_t turns = s->by == SAMPLE_COMPLETIONS ? (size_t)s->heap[i].turn + 1 : SIZE_MAX;
        k->rec = s->slots[s->heap[i].slot].rec;
        k->turns = turns > k->turns ? turns : k->turns;
    }
    *n = 0;
    for (size_t i = 0; i < s->slots_count; i++)
        if (by_slot[i].turns)
            by_slot[(*n)++] = by_slot[i];
    if (*n)
        qsort(by_slot, *n, sizeof *by_slot, compare_kept);
    *kept = by_slot;
}
