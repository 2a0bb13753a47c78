/* points.h: the vectors a benchmark is about, from a file or made up. */
#ifndef CLIO_BENCH_POINTS_H
#define CLIO_BENCH_POINTS_H

#include "base/error.h"
#include "base/par.h"
#include "npy.h"
#include "num/mat.h"

/*
 * "--npy FILE" (float32 [n][d]) or "--synthetic n,d,seed"; rows as they are in the file, unit rows otherwise. free(at).
 * The made-up ones are like embeddings: 200 topics and n / 50 sub-topics of Zipf sizes in 64 latent dimensions, turned
 * into d, with noise in all of them. Same rows on every machine and for any number of threads.
 */
MUST_USE enum err bench_points(int argc, char **argv, struct mat *out, struct par *par, struct error *e);

/* The same, but the file stays mapped: rows are read-only, and what was read can be given back. Zeroed is closed. */
struct bench_file {
    struct file_map map; /* empty where the points were made up */
    struct mat points;
};

MUST_USE enum err bench_file_open(int argc, char **argv, struct bench_file *f, struct mat *points, struct par *par,
                                  struct error *e);
void bench_file_close(struct bench_file *f);
/* arg: a struct bench_file. The memory behind some rows is given back; the next reader gets it from the file. */
void bench_file_release(void *arg, size_t first, size_t n);

#endif
