/*
 * bench.h: what the benchmarks share. To add one: write it in its own file, declare it here, add its row in main.c.
 * Each prints one JSON line on standard output, so that results can be collected and compared.
 */
#ifndef CLIO_BENCH_H
#define CLIO_BENCH_H

#include "base/par.h"
#include "base/str.h"

/* Gets the arguments behind the benchmark's name. */
typedef enum err bench_fn(int argc, char **argv, struct error *e);

bench_fn bench_complete;
bench_fn bench_encode;
bench_fn bench_http;
bench_fn bench_kmeans;
bench_fn bench_knn;
bench_fn bench_points_only;
bench_fn bench_umap;
bench_fn bench_tokenise;

/* The value of "--name value", or otherwise. */
const char *bench_option(int argc, char **argv, const char *name, const char *otherwise);
bool bench_flag(int argc, char **argv, const char *name); /* "--name" is there */
/* The same as a number, 0 .. max. */
MUST_USE enum err bench_number(int argc, char **argv, const char *name, size_t max, size_t *value, struct error *e);

/* Operations a second (two a product) on bytes that all threads reach on a block that stays in the first cache. */
double bench_peak_operations(struct par *par);
double bench_cpu_seconds(void);      /* of all threads, so far */
double bench_peak_mb(void);          /* most memory this process has had */
void bench_cpu(char *out, size_t n); /* the processor's name, fit for JSON */

#endif
