#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 16, BLOCK_MIN = 16 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(ALIGN) unsigned char at[];
};

static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(stderr,
            "clio: out of memory (%zu bytes wanted)\n"
            "hint: what is done is kept; run the same command again on a machine with more memory free\n",
            bytes);
    exit(1);
}

static size_t total(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX)
        out_of_memory(SIZE_MAX);
    return bytes ? bytes : 1;
}

void *mem_new(size_t count, size_t size)
{
    size_t bytes = total(count, size);
    void *p = malloc(bytes);
    if (!p)
        out_of_memory(bytes);
    return p;
}

void *mem_zero(size_t count, size_t size)
{
    size_t bytes = total(count, size);
    void *p = calloc(1, bytes);
    if (!p)
        out_of_memory(bytes);
    return p;
}

void *mem_aligned(size_t count, size_t size)
{
    enum { LINE = 64, HUGE_PAGE = 2 << 20 };
    size_t bytes = total(count, size), unit = bytes < 4 * HUGE_PAGE ? LINE : HUGE_PAGE;
    if (bytes > PTRDIFF_MAX - HUGE_PAGE)
        out_of_memory(bytes);
    bytes = (bytes + unit - 1) / unit * unit;
    void *p = aligned_alloc(unit, bytes);
    if (!p)
        out_of_memory(bytes);
    if (unit == HUGE_PAGE) /* a wish: rows in random order take a page each, and small pages are slow to find */
        madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

void *mem_grow(void *old, size_t count, size_t size)
{
    size_t bytes = total(count, size);
    void *p = realloc(old, bytes);
    if (!p)
        out_of_memory(bytes);
    return p;
}

void *arena_new(struct arena *a, size_t count, size_t size)
{
    size_t want = (total(count, size) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!a->blocks || a->blocks->size - a->used < want) {
        size_t grown = a->blocks ? a->blocks->size * 2 : BLOCK_MIN;
        size_t bytes = want > grown ? want : grown;
        struct arena_block *b = mem_new(1, sizeof *b + bytes);
        b->next = a->blocks;
        b->size = bytes;
        a->blocks = b;
        a->used = 0;
    }
    void *p = a->blocks->at + a->used;
    a->used += want;
    return p;
}

void *arena_zero(struct arena *a, size_t count, size_t size)
{
    void *p = arena_new(a, count, size);
    memset(p, 0, total(count, size));
    return p;
}

static void free_chain(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_clear(struct arena *a)
{
    if (a->blocks) {
        free_chain(a->blocks->next); /* the newest block is the largest */
        a->blocks->next = NULL;
    }
    a->used = 0;
}

void arena_release(struct arena *a)
{
    free_chain(a->blocks);
    *a = (struct arena){0};
}
