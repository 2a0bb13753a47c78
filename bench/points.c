#include "points.h"

#include "bench.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/dist.h"
#include "npy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TOPICS = 200, LATENT = 64, BLOCK = 1024 };

/* Lengths relative to a topic's centre of length 1. */
static const float sub_spread = 0.6f, spread = 0.45f, noise = 0.35f;

struct making {
    struct mat out, basis; /* basis [LATENT][d], orthonormal rows */
    float *centres;        /* [subs][LATENT] */
    double *ends;          /* [subs] cumulative shares */
    size_t subs;
    uint64_t seed;
};

/* The sum of four 16-bit numbers, with mean 0 and variance 1: as good as normal here, and the same everywhere. */
static float bell(struct rng *r)
{
    uint64_t u = rng_u64(r);
    int32_t total = -131070;
    for (int i = 0; i < 4; i++, u >>= 16)
        total += (int32_t)(u & 0xffff);
    return (float)total * (1.7320508f / 65536.0f);
}

static void add_ball(struct rng *r, float *at, size_t d, float length)
{
    float scale = length / sqrtf((float)d);
    for (size_t j = 0; j < d; j++)
        at[j] += scale * bell(r);
}

/* Gram and Schmidt. */
static void make_basis(struct mat basis, struct rng *r)
{
    for (size_t i = 0; i < basis.n; i++) {
        float *row = mat_row(basis, i);
        add_ball(r, row, basis.d, 1);
        for (size_t b = 0; b < i && i < basis.d; b++) {
            float dot = dist_dot(row, mat_row(basis, b), basis.d);
            for (size_t j = 0; j < basis.d; j++)
                row[j] -= dot * mat_row(basis, b)[j];
        }
        dist_normalise(mat_rows(basis, i, 1));
    }
}

static void make_centres(struct making *m, struct rng *r)
{
    float topics[TOPICS][LATENT] = {{0}};
    double total = 0;
    for (size_t t = 0; t < TOPICS; t++)
        add_ball(r, topics[t], LATENT, 1);
    for (size_t s = 0; s < m->subs; s++) {
        memcpy(m->centres + s * LATENT, topics[rng_below(r, TOPICS)], sizeof *topics);
        add_ball(r, m->centres + s * LATENT, LATENT, sub_spread);
        total += pow((double)s + 1, -0.8);
        m->ends[s] = total;
    }
}

static size_t draw_sub(const struct making *m, struct rng *r)
{
    double at = rng_unit(r) * m->ends[m->subs - 1];
    size_t low = 0, high = m->subs - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->ends[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void make_block(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct making *m = arg;
    struct mat rows = mat_rows(m->out, piece * BLOCK, BLOCK);
    struct rng r = rng_seed(m->seed, piece + 1);
    for (size_t i = 0; i < rows.n; i++) {
        float latent[LATENT], *row = mat_row(rows, i);
        memcpy(latent, m->centres + draw_sub(m, &r) * LATENT, sizeof latent);
        add_ball(&r, latent, LATENT, spread);
        memset(row, 0, rows.d * sizeof *row);
        add_ball(&r, row, rows.d, noise);
        for (size_t b = 0; b < LATENT; b++)
            for (size_t j = 0; j < rows.d; j++)
                row[j] += latent[b] * mat_row(m->basis, b)[j];
    }
    dist_normalise(rows);
}

static void make(struct mat out, uint64_t seed, struct par *par)
{
    struct making m = {.out = out, .seed = seed, .subs = out.n / 50 > TOPICS ? out.n / 50 : TOPICS};
    struct rng r = rng_seed(seed, 0);
    m.basis = (struct mat){mem_zero(LATENT * out.d, sizeof(float)), LATENT, out.d};
    m.centres = mem_zero(m.subs * LATENT, sizeof(float));
    m.ends = mem_zero(m.subs, sizeof(double));
    make_basis(m.basis, &r);
    make_centres(&m, &r);
    par_for(par, (out.n + BLOCK - 1) / BLOCK, make_block, &m);
    free(m.basis.at);
    free(m.centres);
    free(m.ends);
}

static enum err parse(const char *text, int64_t v[3], struct error *e)
{
    struct str rest = str_of(text);
    bool ok = true;
    for (size_t i = 0; i < 3; i++)
        ok = str_to_i64(str_cut(&rest, ','), &v[i]) && v[i] >= (i < 2) && ok;
    if (!ok || rest.n > 0 || v[0] > 100000000 || v[1] > 65536)
        return error_set(e, ERR_USAGE, "--synthetic wants rows,columns,seed, for example 100000,384,1");
    return ERR_OK;
}

enum err bench_points(int argc, char **argv, struct mat *out, struct par *par, struct error *e)
{
    const char *path = bench_option(argc, argv, "--npy", NULL);
    if (path) {
        struct npy file;
        enum err err = npy_read(path, &file, e);
        if (err == ERR_OK && file.kind != NPY_F32) {
            free(file.at);
            return error_set(e, ERR_INPUT, "%s holds whole numbers, not float32 rows", path);
        }
        *out = (struct mat){file.at, file.n, file.d};
        return err;
    }
    int64_t v[3];
    enum err err = parse(bench_option(argc, argv, "--synthetic", "20000,384,1"), v, e);
    if (err != ERR_OK)
        return err;
    *out = (struct mat){.n = (size_t)v[0], .d = (size_t)v[1]};
    out->at = mem_new(out->n * out->d, sizeof(float));
    make(*out, (uint64_t)v[2], par);
    return ERR_OK;
}

enum err bench_file_open(int argc, char **argv, struct bench_file *f, struct mat *points, struct par *par,
                         struct error *e)
{
    const char *path = bench_option(argc, argv, "--npy", NULL);
    struct npy file = {0};
    enum err err = path ? npy_open(path, &f->map, &file, e) : bench_points(argc, argv, &f->points, par, e);
    if (err == ERR_OK && path && file.kind != NPY_F32)
        return error_set(e, ERR_INPUT, "%s holds whole numbers, not float32 rows", path);
    if (err == ERR_OK && path)
        f->points = (struct mat){file.at, file.n, file.d};
    *points = f->points;
    return err;
}

void bench_file_close(struct bench_file *f)
{
    if (!f->map.bytes.at)
        free(f->points.at);
    file_map_close(&f->map);
    *f = (struct bench_file){0};
}

void bench_file_release(void *arg, size_t first, size_t n)
{
    enum { PAGE = 4096 };
    const struct bench_file *f = arg;
    uintptr_t begin = (uintptr_t)mat_row(f->points, first) / PAGE * PAGE,
              end = (uintptr_t)mat_row(f->points, first + n);
    if (f->map.bytes.at)
        madvise((void *)begin, end / PAGE * PAGE - begin, MADV_DONTNEED);
}
