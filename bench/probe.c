#include "bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "num/codes.h"

#include <stdlib.h>
#include <string.h>

struct probe {
    const struct codes_kernels *kernels;
    size_t rounds;
};

static void probe_piece(void *arg, size_t piece, size_t worker)
{
    (void)piece;
    (void)worker;
    enum { N = 32, STRIDE = 512 };
    const struct probe *p = arg;
    int8_t *codes = mem_aligned(N, STRIDE);
    int32_t *out = mem_aligned(N * N, sizeof *out);
    memset(codes, 1, N * STRIDE);
    struct codes_block b = {.a = codes, .b = codes, .an = N, .bn = N, .stride = STRIDE, .out = out};
    for (size_t i = 0; i < p->rounds; i++)
        p->kernels->dots(&b);
    free(codes);
    free(out);
}

double bench_peak_operations(struct par *par)
{
    struct probe p = {codes_best(), 4};
    double start, seconds;
    do {
        p.rounds *= 2;
        start = clock_seconds();
        par_for(par, par_threads(par), probe_piece, &p);
        seconds = clock_seconds() - start;
    } while (seconds < 0.05);
    return 2.0 * 32 * 32 * 512 * (double)p.rounds * (double)par_threads(par) / seconds;
}
