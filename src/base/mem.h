/*
 * mem.h: memory. Heap calls that cannot fail, and arenas.
 *
 * When the system has no memory left there is nothing sensible a batch program can do but stop: everything durable is
 * already on disk, and the next run resumes. So mem_* print one line and exit with status 1; nobody checks for NULL.
 * Sizes that come from outside are bounded by the caller before they reach here.                     Layer: base.
 */
#ifndef CLIO_BASE_MEM_H
#define CLIO_BASE_MEM_H

#include <stddef.h>

/* Uninitialised, zeroed, resized. count * size is checked for overflow. free() releases them. */
void *mem_new(size_t count, size_t size);
void *mem_zero(size_t count, size_t size);
void *mem_grow(void *p, size_t count, size_t size);
/* Uninitialised, and beginning on a cache line (64 bytes): wide loads that cross lines take up to six times as long. */
void *mem_aligned(size_t count, size_t size);

/*
 * An arena hands out memory that is given back all at once. Zeroed is a valid empty arena.
 * Life cycle: use, arena_clear() any number of times (keeps its largest block), arena_release().
 * Never shared between threads.
 */
struct arena_block;
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out of the newest block */
};

void *arena_new(struct arena *a, size_t count, size_t size);  /* uninitialised, aligned to 16 bytes */
void *arena_zero(struct arena *a, size_t count, size_t size); /* zeroed */
void arena_clear(struct arena *a);
void arena_release(struct arena *a);

#endif
