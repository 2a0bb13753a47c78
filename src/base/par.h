/*
 * par.h: a pool of threads for loops whose pieces are independent.
 *
 * The promise that makes results repeatable: piece i does the same work and writes to the same place whatever thread
 * runs it and however many there are. Sums over pieces are then added by the caller, in index order.  Layer: base.
 */
#ifndef CLIO_BASE_PAR_H
#define CLIO_BASE_PAR_H

#include <stddef.h>

struct par; /* the pool */

/* threads = 0 takes the number of processors the process may use. 1 runs everything in the caller. Never NULL. */
struct par *par_new(size_t threads);
void par_free(struct par *p);
size_t par_threads(const struct par *p); /* NULL is a pool of one */

/*
 * Calls fn(arg, i, worker) for i in 0..pieces-1, worker in 0..par_threads-1 (an index for scratch space, never for
 * results). Returns when all are done. Not reentrant. NULL pool: a plain loop.
 */
void par_for(struct par *p, size_t pieces, void (*fn)(void *arg, size_t piece, size_t worker), void *arg);

#endif
