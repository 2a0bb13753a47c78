/* The near centroids of each centroid; of many, those in near towns only. */
#include "num/kmeans_state.h"

#include "base/mem.h"
#include "num/kmeans_seed.h"
#include "num/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALL_K = 4096, /* so many centroids are all compared with one another */
};

struct thread {
    struct panel panel;
    struct block block;
    float *scores;
    uint64_t *keys; /* [4 near_count] */
};

/* Centroids that look together: of one home, or any where all look at all. */
struct piece {
    size_t home, first, n;
};

struct nearing {
    struct km *m;
    struct homes homes;
    struct piece *pieces;
    struct panel all; /* where all look at all */
    struct thread *threads;
};

static uint64_t key_of(float score, uint32_t id)
{
    uint32_t bits; /* an integer that sorts like the negative score */
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? bits : ~bits & 0x7fffffff;
    return (uint64_t)bits << 32 | id;
}

/* The best `want` of the panel's centroids but `self`: ids [want], in no order but always the same. Fewer where there
 * are fewer. */
static size_t best_of(const struct panel *p, const float *scores, uint32_t self, size_t want, uint64_t *keys,
                      uint32_t *ids)
{
    size_t n = 0, room = 4 * (want + 1);
    float floor = -INFINITY;
    for (size_t j = 0; j < p->count; j++) {
        if (!(scores[j] > floor) || p->ids[j] == self)
            continue;
        keys[n++] = key_of(scores[j], p->ids[j]);
        if (n == room) {
            uint32_t last = 0;
            select_least(keys, n, want);
            n = want;
            for (size_t i = 0; i < n; i++)
                if (keys[i] >> 32 > last)
                    last = (uint32_t)(keys[i] >> 32);
            uint32_t bits = last >> 31 ? last : ~last & 0x7fffffff;
            memcpy(&floor, &bits, sizeof floor);
        }
    }
    if (n > want)
        select_least(keys, n, want);
    n = n < want ? n : want;
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)keys[i];
    return n;
}

static void find_piece(void *arg, size_t at, size_t worker)
{
    struct nearing *a = arg;
    struct km *m = a->m;
    const struct piece *p = &a->pieces[at];
    struct thread *t = &a->threads[worker];
    const struct panel *panel = &a->all;
    size_t want = m->near_count - 1;
    if (a->all.count == 0) {
        size_t begin = a->homes.ends[p->home];
        panel_load(&t->panel, &m->centres, a->homes.ids + begin, a->homes.ends[p->home + 1] - begin);
        panel = &t->panel;
    }
    for (size_t done = 0; done < p->n; done += CODED_ROWS) {
        const uint32_t *centres = a->homes.order + p->first + done;
        size_t n = p->n - done < CODED_ROWS ? p->n - done : CODED_ROWS;
        block_load(&t->block, &m->centres, centres, n);
        block_scores(&t->block, panel, t->scores);
        for (size_t i = 0; i < n; i++) {
            uint32_t *near = m->near + centres[i] * m->near_count;
            near[0] = centres[i];
            size_t found =
                want ? best_of(panel, t->scores + i * coded_padded(panel->count), centres[i], want, t->keys, near + 1)
                     : 0;
            for (size_t j = 1 + found; j < m->near_count; j++)
                near[j] = centres[i];
        }
    }
}

/* Centroids in order of their numbers, few at a time. */
static size_t pieces_of_all(struct nearing *a)
{
    size_t k = a->m->means.n, count = 0;
    a->pieces = mem_new(k / CODED_ROWS + 1, sizeof *a->pieces);
    a->homes.order = mem_new(k, sizeof *a->homes.order);
    for (size_t c = 0; c < k; c++)
        a->homes.order[c] = (uint32_t)c;
    for (size_t c = 0; c < k; c += CODED_ROWS)
        a->pieces[count++] = (struct piece){0, c, k - c < CODED_ROWS ? k - c : CODED_ROWS};
    return count;
}

/* One piece a home; *room becomes the length of the longest list. */
static size_t pieces_of_homes(struct nearing *a, size_t *room)
{
    a->homes = homes_of(a->m, HOMES_NEAR);
    a->pieces = mem_new(a->homes.count, sizeof *a->pieces);
    for (size_t h = 0; h < a->homes.count; h++) {
        size_t begin = a->homes.starts[h], listed = a->homes.ends[h + 1] - a->homes.ends[h];
        a->pieces[h] = (struct piece){h, begin, a->homes.starts[h + 1] - begin};
        *room = listed > *room ? listed : *room;
    }
    return a->homes.count;
}

void km_find_near(struct km *m)
{
    size_t threads = par_threads(m->par), stride = m->rows.stride, k = m->means.n, room = 0, pieces;
    struct nearing a = {.m = m, .threads = mem_zero(threads, sizeof *a.threads)};
    if (k <= ALL_K) {
        pieces = pieces_of_all(&a);
        a.all = panel_new(m->rows.kernels, k, stride);
        panel_load(&a.all, &m->centres, NULL, k);
    } else {
        pieces = pieces_of_homes(&a, &room);
    }
    for (size_t t = 0; t < threads; t++)
        a.threads[t] = (struct thread){panel_new(m->rows.kernels, room, stride), block_new(stride),
                                       mem_aligned(CODED_ROWS * coded_padded(room ? room : k), sizeof(float)),
                                       mem_new(4 * m->near_count, sizeof(uint64_t))};
    par_for(m->par, pieces, find_piece, &a);
    for (size_t i = 0; i < pieces; i++) {
        size_t h = a.pieces[i].home;
        m->products += (uint64_t)a.pieces[i].n * (a.all.count ? k : a.homes.ends[h + 1] - a.homes.ends[h]);
    }
    for (size_t t = 0; t < threads; t++) {
        panel_free(&a.threads[t].panel);
        block_free(&a.threads[t].block);
        free(a.threads[t].scores);
        free(a.threads[t].keys);
    }
    panel_free(&a.all);
    homes_free(&a.homes);
    free(a.threads);
    free(a.pieces);
}
