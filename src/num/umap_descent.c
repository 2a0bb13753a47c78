#include "num/umap_net.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/umap_forces.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 256,   /* vertices of a piece of work: they share their random others */
    OTHERS = 1024, /* random others of a piece */
    ROUNDS = 32,   /* edges of a vertex handed to the kernel at a time */
    ALONE = 4096,  /* rows up to which one thread is faster than meeting after every set */
};

/* Learning rate at the start. Half the reference's: more of the neighbours stay, and the groups stay in order. */
static const float RATE = 0.5f;

/*
 * What makes the bytes the same for any number of threads: a set's vertices see all others as they were when the set
 * began, and their new places are put in force when it ends. Neighbours are in different sets as a rule, so nearly
 * all of them have moved on in between, as in the sequential method.
 */
struct descent {
    const struct umap_net *net;
    const struct umap_forces *forces;
    struct umap_moves moves;
    float *x, *y;           /* [rows] places in force */
    float *next_x, *next_y; /* [rows] places of this set's vertices after it */
    size_t epoch, set;
    struct worker *workers;
};

struct worker {
    uint32_t *due;                       /* edges drawn for a piece: their other ends */
    uint32_t first[PIECE], drawn[PIECE]; /* of each vertex: where in due, and how many */
    uint16_t order[PIECE];               /* vertices by how many are drawn, most first */
    float others_x[OTHERS + UMAP_LANES], others_y[OTHERS + UMAP_LANES];
    float x[ROUNDS * UMAP_LANES], y[ROUNDS * UMAP_LANES];
    uint16_t from[ROUNDS * UMAP_NEGATIVES];
};

/*
 * Section 4.2: an edge is drawn in a share of the epochs that is its weight, evenly spread. Here it is drawn when
 * rate * epoch passes a multiple of 65536; the tail's number makes edges differ in when.
 */
static void draw_edges(const struct descent *d, size_t first, size_t count, struct worker *w)
{
    const struct umap_net *net = d->net;
    uint32_t at = 0, epoch = (uint32_t)d->epoch + 1;
    for (size_t i = 0; i < count; i++) {
        w->first[i] = at;
        for (size_t e = net->starts[first + i]; e < net->starts[first + i + 1]; e++) {
            uint32_t rate = net->rates[e], tail = net->tails[e];
            w->due[at] = tail;
            at += (uint16_t)(rate * epoch + (tail * 2654435769u >> 16)) < rate;
        }
        w->drawn[i] = at - w->first[i];
    }
}

/* Sorting by counting, so that the sixteen of a group are done at about the same time. */
static void sort_vertices(size_t count, struct worker *w)
{
    enum { BINS = 64 };
    uint16_t starts[BINS + 1] = {0};
    for (size_t i = 0; i < count; i++)
        starts[BINS - (w->drawn[i] < BINS ? w->drawn[i] : BINS - 1)]++;
    for (size_t b = 1; b <= BINS; b++)
        starts[b] = (uint16_t)(starts[b] + starts[b - 1]);
    for (size_t i = 0; i < count; i++)
        w->order[starts[BINS - 1 - (w->drawn[i] < BINS ? w->drawn[i] : BINS - 1)]++] = (uint16_t)i;
}

static void draw_others(const struct descent *d, struct rng *r, struct worker *w)
{
    uint64_t n = d->net->rows;
    for (size_t i = 0; i < OTHERS; i += 2) {
        uint64_t u = rng_u64(r), one = ((u & 0xffffffff) * n) >> 32, two = ((u >> 32) * n) >> 32;
        w->others_x[i] = d->x[one];
        w->others_y[i] = d->y[one];
        w->others_x[i + 1] = d->x[two];
        w->others_y[i + 1] = d->y[two];
    }
    memcpy(w->others_x + OTHERS, w->others_x, UMAP_LANES * sizeof(float));
    memcpy(w->others_y + OTHERS, w->others_y, UMAP_LANES * sizeof(float));
}

/* Moves `lanes` vertices, order[0] and on, of a piece that begins with `first`. */
static void move_group(const struct descent *d, size_t first, const uint16_t *order, size_t lanes, struct rng *r,
                       struct worker *w)
{
    float at_x[UMAP_LANES] = {0}, at_y[UMAP_LANES] = {0};
    uint32_t drawn[UMAP_LANES] = {0};
    for (size_t l = 0; l < lanes; l++) {
        at_x[l] = d->x[first + order[l]];
        at_y[l] = d->y[first + order[l]];
    }
    for (size_t done = 0, most = w->drawn[order[0]]; done < most; done += ROUNDS) {
        size_t rounds = most - done < ROUNDS ? most - done : ROUNDS;
        memset(w->x, 0, rounds * UMAP_LANES * sizeof(float));
        memset(w->y, 0, rounds * UMAP_LANES * sizeof(float));
        for (size_t l = 0; l < lanes; l++) {
            size_t left = w->drawn[order[l]] > done ? w->drawn[order[l]] - done : 0;
            const uint32_t *due = w->due + w->first[order[l]] + done;
            drawn[l] = (uint32_t)left;
            for (size_t t = 0; t < left && t < rounds; t++) {
                w->x[t * UMAP_LANES + l] = d->x[due[t]];
                w->y[t * UMAP_LANES + l] = d->y[due[t]];
            }
        }
        for (size_t i = 0; i < rounds * UMAP_NEGATIVES; i++)
            w->from[i] = (uint16_t)(rng_u64(r) % OTHERS);
        d->forces->pull(&(struct umap_pull){
            .curve = d->moves.curve,
            .rate = RATE * (1 - (float)d->epoch / (float)d->moves.epochs),
            .rounds = rounds,
            .drawn = drawn,
            .x = w->x,
            .y = w->y,
            .others_x = w->others_x,
            .others_y = w->others_y,
            .from = w->from,
            .at_x = at_x,
            .at_y = at_y,
        });
    }
    for (size_t l = 0; l < lanes; l++) {
        d->next_x[first + order[l]] = at_x[l];
        d->next_y[first + order[l]] = at_y[l];
    }
}

static void move_piece(void *arg, size_t piece, size_t worker)
{
    const struct descent *d = arg;
    struct worker *w = &d->workers[worker];
    size_t first = d->net->sets[d->set] + piece * PIECE, end = d->net->sets[d->set + 1];
    size_t count = end - first < PIECE ? end - first : PIECE;
    struct rng r = rng_seed(rng_mix(d->moves.seed, d->epoch * UMAP_SETS + d->set), piece);
    draw_edges(d, first, count, w);
    sort_vertices(count, w);
    draw_others(d, &r, w);
    for (size_t i = 0; i < count; i += UMAP_LANES)
        move_group(d, first, w->order + i, count - i < UMAP_LANES ? count - i : UMAP_LANES, &r, w);
}

/* The most edges a piece can have, and one more, because drawing writes before it knows. */
static size_t most_due(const struct umap_net *net)
{
    size_t most = 0;
    for (size_t s = 0; s < UMAP_SETS; s++)
        for (size_t v = net->sets[s]; v < net->sets[s + 1]; v += PIECE) {
            size_t end = v + PIECE < net->sets[s + 1] ? v + PIECE : net->sets[s + 1];
            size_t edges = net->starts[end] - net->starts[v];
            most = edges > most ? edges : most;
        }
    return most + 1;
}

void umap_net_descend(const struct umap_net *net, const struct umap_moves *moves, struct mat layout, struct par *par)
{
    size_t n = net->rows, threads = par_threads(par);
    struct descent d = {.net = net, .forces = umap_forces_best(), .moves = *moves};
    float *places = mem_new(4 * n, sizeof *places);
    d.x = places;
    d.y = places + n;
    d.next_x = places + 2 * n;
    d.next_y = places + 3 * n;
    d.workers = mem_new(threads, sizeof *d.workers);
    for (size_t i = 0; i < threads; i++)
        d.workers[i].due = mem_new(most_due(net), sizeof(uint32_t));
    for (size_t v = 0; v < n; v++) {
        d.x[v] = mat_row(layout, net->row_of[v])[0];
        d.y[v] = mat_row(layout, net->row_of[v])[1];
    }
    for (d.epoch = 0; d.epoch < moves->epochs; d.epoch++)
        for (d.set = 0; d.set < UMAP_SETS; d.set++) {
            size_t first = net->sets[d.set], count = net->sets[d.set + 1] - first;
            par_for(n > ALONE ? par : NULL, (count + PIECE - 1) / PIECE, move_piece, &d);
            memcpy(d.x + first, d.next_x + first, count * sizeof(float));
            memcpy(d.y + first, d.next_y + first, count * sizeof(float));
        }
    for (size_t v = 0; v < n; v++) {
        mat_row(layout, net->row_of[v])[0] = d.x[v];
        mat_row(layout, net->row_of[v])[1] = d.y[v];
    }
    for (size_t i = 0; i < threads; i++)
        free(d.workers[i].due);
    free(d.workers);
    free(places);
}
