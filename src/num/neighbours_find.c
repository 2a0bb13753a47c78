#include "num/neighbours.h"

#include "base/mem.h"
#include "num/cells.h"
#include "num/dist.h"
#include "num/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXACT_N = 4096, /* so few rows are searched exactly */
    EXACT_K = 128,
    VISIT = 6000,
    AHEAD = 4,      /* rows fetched before they are needed */
    WIDE = 16,      /* neighbours in one direction that a step of NN-descent looks at */
    SEEN = 1 << 11, /* slots of the set of places a row was offered: at most 4 WIDE^2 + WIDE */
    NOT_NEAR = UINT16_MAX,
    BINS = 256, /* of near cells, by how near they are */
};

struct find {
    struct mat points;
    struct cells cells;
    size_t k, visit, decided; /* how many of a list are decided in floats */
    struct best found;        /* [places] approximate lists of places, the row itself among them */
    uint64_t *visited;        /* [places][words] bit t: the row was compared with near cell t of its block */
    size_t words;
    uint32_t *reverse; /* [places][k] whose lists the row is in, SCAN_NONE behind the last */
    uint32_t *ids;     /* [n][k] */
    float *distances;  /* [n][k] */
    struct worker *workers;
};

/* A thread's scratch. */
struct worker {
    int8_t *rows;         /* [CELLS_BLOCK][stride] rows that visit a cell */
    int8_t *near;         /* [near][stride] centres of the near cells, */
    int8_t *near_packed;  /* packed */
    float *near_scales;   /* [near] */
    uint32_t *near_sizes; /* [near] their rows */
    uint16_t *near_index; /* [cells] which near cell that is, or NOT_NEAR */
    int32_t *dots;        /* [16][near] of a panel of rows with the centres */
    float *scores;        /* [near] of one row */
    uint8_t *bins;        /* [near] of one row */
    uint32_t *starts;     /* [near] where each near cell's visitors begin */
    struct best list;     /* one list of places */
    uint32_t *seen;       /* [SEEN] */
    uint32_t *fresh;      /* [SEEN] places a row was not compared with, and */
    uint16_t *slots;      /* [SEEN] where they are in the set */
    size_t fresh_count;
    uint64_t products; /* of rows, so far */
};

static size_t padded(size_t n)
{
    return (n + CODES_PANEL - 1) / CODES_PANEL * CODES_PANEL;
}

static bool has_visited(const struct find *f, size_t place, size_t t)
{
    return f->visited[place * f->words + t / 64] >> t % 64 & 1;
}

static const uint32_t *near_of(const struct find *f, size_t block)
{
    return f->cells.near + block * f->cells.near_count;
}

/* Where the block's rows begin and end. */
static size_t block_first(const struct find *f, size_t block)
{
    return f->cells.first[f->cells.blocks[block]];
}

/* Sets near_index, or takes it back. */
static void index_near(const struct find *f, size_t block, struct worker *w, bool set)
{
    const uint32_t *near = near_of(f, block);
    for (size_t t = 0; t < f->cells.near_count; t++)
        w->near_index[near[t]] = set ? (uint16_t)t : NOT_NEAR;
}

/* scores[i] becomes a bin of equal width, the nearest in the last; sixteen lanes, so that compilers use them. */
static void bin_scores(const int32_t *dots, const float *scales, size_t n, float *scores, uint8_t *bins)
{
    float low[CODES_PANEL], high[CODES_PANEL];
    for (size_t l = 0; l < CODES_PANEL; l++) {
        low[l] = INFINITY;
        high[l] = -INFINITY;
    }
    for (size_t t = 0; t < n; t += CODES_PANEL)
        for (size_t l = 0; l < CODES_PANEL; l++) {
            float s = (float)dots[t + l] * scales[t + l];
            scores[t + l] = s;
            low[l] = s < low[l] ? s : low[l];
            high[l] = s > high[l] ? s : high[l];
        }
    for (size_t l = 1; l < CODES_PANEL; l++) {
        low[0] = low[l] < low[0] ? low[l] : low[0];
        high[0] = high[l] > high[0] ? high[l] : high[0];
    }
    float scale = high[0] > low[0] ? (float)(BINS - 1) / (high[0] - low[0]) : 0;
    for (size_t t = 0; t < n; t++)
        bins[t] = (uint8_t)(int32_t)((scores[t] - low[0]) * scale);
}

/*
 * The near cells a row visits: its own, and the nearest until they hold enough rows. Sorting all of them would cost
 * more than the visits: they are put into bins by how near they are, and the last bin is taken in part.
 */
static void choose_cells(const struct find *f, const struct worker *w, size_t place, size_t own, const int32_t *dots)
{
    size_t n = f->cells.near_count, rows = 0, last = BINS;
    uint64_t *visited = f->visited + place * f->words;
    uint32_t sizes[BINS] = {0};
    bin_scores(dots, w->near_scales, padded(n), w->scores, w->bins);
    w->bins[own] = BINS - 1;
    for (size_t t = 0; t < n; t++)
        sizes[w->bins[t]] += w->near_sizes[t];
    while (last > 0 && rows < f->visit)
        rows += sizes[--last];
    rows -= sizes[last];
    memset(visited, 0, f->words * sizeof *visited);
    visited[own / 64] |= (uint64_t)1 << own % 64;
    for (size_t t = 0; t < n; t++) {
        if (w->bins[t] < last || (w->bins[t] == last && rows >= f->visit))
            continue;
        rows += w->bins[t] == last ? w->near_sizes[t] : 0;
        visited[t / 64] |= (uint64_t)1 << t % 64;
    }
}

/* Chooses for all rows of a block. */
static void choose(const struct find *f, size_t block, struct worker *w)
{
    const struct cells *c = &f->cells;
    const uint32_t *near = near_of(f, block);
    size_t wide = padded(c->near_count);
    for (size_t t = 0; t < wide; t++) {
        size_t cell = near[t < c->near_count ? t : 0];
        memcpy(w->near + t * c->stride, c->centres + cell * c->stride, c->stride);
        w->near_scales[t] = c->centre_scales[cell];
        w->near_sizes[t] = c->sizes[cell];
    }
    codes_pack(w->near, wide, c->stride, w->near_packed);
    for (size_t place = block_first(f, block); place < block_first(f, block + 1); place += CODES_PANEL) {
        size_t cell = c->cell_of[place / CODES_PANEL], end = c->first[cell] + c->sizes[cell];
        c->kernels->dots(&(struct codes_block){.a = c->rows + place * c->stride,
                                               .b = w->near_packed,
                                               .an = CODES_PANEL,
                                               .bn = wide,
                                               .stride = c->stride,
                                               .out = w->dots});
        for (size_t r = 0; r < CODES_PANEL && place + r < end; r++)
            choose_cells(f, w, place + r, w->near_index[cell], w->dots + r * wide);
    }
}

/* Adds up at starts[t] how many rows visit near cell t; with visitors, lists them from there on. */
static void list_visitors(const struct find *f, size_t block, struct worker *w, uint32_t *visitors)
{
    const struct cells *c = &f->cells;
    for (size_t cell = c->blocks[block]; cell < c->blocks[block + 1]; cell++)
        for (size_t place = c->first[cell]; place < c->first[cell] + c->sizes[cell]; place++)
            for (size_t word = 0; word < f->words; word++)
                for (uint64_t bits = f->visited[place * f->words + word]; bits; bits &= bits - 1) {
                    size_t t = word * 64 + (size_t)__builtin_ctzll(bits);
                    if (visitors)
                        visitors[w->starts[t]] = (uint32_t)place;
                    w->starts[t]++;
                }
}

/* Compares some rows of a block with all rows of a cell. */
static void visit(const struct find *f, size_t cell, const uint32_t *visitors, size_t n, struct worker *w)
{
    const struct cells *c = &f->cells;
    size_t stride = c->stride;
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        memcpy(w->rows + i * stride, c->rows + visitors[i] * stride, stride);
    memset(w->rows + n * stride, 0, (padded(n) - n) * stride);
    scan_run(&(struct scan){.kernels = c->kernels,
                            .stride = stride,
                            .rows = w->rows,
                            .n = n,
                            .lists = visitors,
                            .panels = c->panels + c->first[cell] * stride,
                            .scales = c->scales + c->first[cell],
                            .count = c->sizes[cell],
                            .first = c->first[cell]},
             f->found);
    w->products += n * c->sizes[cell];
}

static void visit_block(void *arg, size_t block, size_t worker)
{
    struct find *f = arg;
    struct worker *w = &f->workers[worker];
    const uint32_t *near = near_of(f, block);
    size_t first = block_first(f, block), near_count = f->cells.near_count, total = 0;
    index_near(f, block, w, true);
    choose(f, block, w);
    index_near(f, block, w, false);
    best_clear(f->found, first, block_first(f, block + 1) - first);

    memset(w->starts, 0, near_count * sizeof *w->starts);
    list_visitors(f, block, w, NULL);
    for (size_t t = 0; t < near_count; t++) {
        size_t count = w->starts[t];
        w->starts[t] = (uint32_t)total;
        total += count;
    }
    uint32_t *visitors = mem_new(total, sizeof *visitors);
    list_visitors(f, block, w, visitors);
    for (size_t t = 0, begin = 0; t < near_count; begin = w->starts[t++])
        visit(f, near[t], visitors + begin, w->starts[t] - begin, w);
    free(visitors);
}

/* Notes a place, once. */
static void note(struct worker *w, uint32_t place)
{
    size_t slot = (place * 2654435761u) >> 21;
    while (w->seen[slot] != SCAN_NONE && w->seen[slot] != place)
        slot = (slot + 1) % SEEN;
    if (w->seen[slot] == place)
        return;
    w->seen[slot] = place;
    w->slots[w->fresh_count] = (uint16_t)slot;
    w->fresh[w->fresh_count++] = place;
}

static void forget_notes(struct worker *w)
{
    for (size_t i = 0; i < w->fresh_count; i++)
        w->seen[w->slots[i]] = SCAN_NONE;
    w->fresh_count = 0;
}

/* Who has whom as a neighbour: for each row the first k that have it, those that have it foremost first. */
static void make_reverse(struct find *f)
{
    size_t k = f->k, places = f->cells.first[f->cells.count];
    uint8_t *counts = mem_zero(places, 1);
    f->reverse = mem_new(places * k, sizeof *f->reverse);
    memset(f->reverse, 0xff, places * k * sizeof *f->reverse);
    for (size_t rank = 0; rank < k; rank++)
        for (size_t place = 0; place < places; place++) {
            uint32_t to = f->found.ids[place * f->found.size + rank];
            if (to != SCAN_NONE && to != place && counts[to] < k)
                f->reverse[to * k + counts[to]++] = (uint32_t)place;
        }
    free(counts);
}

/* Notes those of some places that the row was not compared with. */
static void note_fresh(const struct find *f, size_t place, const uint32_t *ids, size_t n, struct worker *w)
{
    for (size_t i = 0; i < n && ids[i] != SCAN_NONE; i++) {
        uint16_t t = w->near_index[f->cells.cell_of[ids[i] / CODES_PANEL]];
        if (t == NOT_NEAR || !has_visited(f, place, t))
            note(w, ids[i]);
    }
}

/* Asks for memory that is needed soon. */
static void fetch(const void *at, size_t bytes)
{
    for (size_t line = 0; line < bytes; line += 64)
        __builtin_prefetch((const char *)at + line);
}

/* One step of NN-descent for the row at `place`: neighbours in both directions, and theirs in both directions. */
static void descend(const struct find *f, size_t place, struct worker *w)
{
    const struct cells *c = &f->cells;
    size_t k = f->k, wide = k < WIDE ? k : WIDE, size = f->found.size;
    const uint32_t *sides[2] = {f->found.ids + place * size, f->reverse + place * k};
    note_fresh(f, place, sides[1], wide, w);
    for (size_t side = 0; side < 2; side++)
        for (size_t a = 0; a < wide && sides[side][a] != SCAN_NONE; a++) {
            size_t other = sides[side][a];
            note_fresh(f, place, f->found.ids + other * size, wide, w);
            note_fresh(f, place, f->reverse + other * k, wide, w);
        }
    for (size_t i = 0; i < w->fresh_count; i++) {
        uint32_t other = w->fresh[i];
        if (i + AHEAD < w->fresh_count)
            fetch(c->rows + w->fresh[i + AHEAD] * c->stride, c->stride);
        float score = (float)c->kernels->dot(c->rows + place * c->stride, c->rows + other * c->stride, c->stride) *
                      c->scales[other];
        if (score > w->list.scores[size - 1])
            c->kernels->keep(best_list(w->list, 0), &other, &score, 1);
    }
    forget_notes(w);
}

/* Puts a row into the k nearest of another; equal distances are in order of rows. */
static void insert(uint32_t *ids, float *distances, size_t k, uint32_t id, float distance)
{
    size_t at = k - 1;
    if (!(distance < distances[at] || (distance == distances[at] && id < ids[at])))
        return;
    for (; at > 0 && (distance < distances[at - 1] || (distance == distances[at - 1] && id < ids[at - 1])); at--) {
        distances[at] = distances[at - 1];
        ids[at] = ids[at - 1];
    }
    distances[at] = distance;
    ids[at] = id;
}

static void compare(const struct find *f, size_t row, uint32_t other)
{
    if (other == row)
        return;
    float distance = 1.0f - dist_dot(mat_row(f->points, row), mat_row(f->points, other), f->points.d);
    insert(f->ids + row * f->k, f->distances + row * f->k, f->k, other, distance > 0 ? distance : 0);
}

static void clear(const struct find *f, size_t row)
{
    for (size_t i = row * f->k; i < (row + 1) * f->k; i++) {
        f->ids[i] = SCAN_NONE;
        f->distances[i] = INFINITY;
    }
}

/* The list in floats. A row whose cells held too few others is compared with all. */
static void decide(const struct find *f, size_t row, struct best list)
{
    clear(f, row);
    for (size_t i = 0; i < f->decided && list.ids[i] != SCAN_NONE; i++)
        fetch(mat_row(f->points, f->cells.row_of[list.ids[i]]), f->points.d * sizeof(float));
    for (size_t i = 0; i < f->decided && list.ids[i] != SCAN_NONE; i++)
        compare(f, row, f->cells.row_of[list.ids[i]]);
    if (f->ids[(row + 1) * f->k - 1] != SCAN_NONE)
        return;
    clear(f, row);
    for (size_t other = 0; other < f->points.n; other++)
        compare(f, row, (uint32_t)other);
}

static void refine_block(void *arg, size_t block, size_t worker)
{
    struct find *f = arg;
    const struct cells *c = &f->cells;
    struct worker *w = &f->workers[worker];
    size_t size = f->found.size;
    index_near(f, block, w, true);
    for (size_t cell = c->blocks[block]; cell < c->blocks[block + 1]; cell++)
        for (size_t place = c->first[cell]; place < c->first[cell] + c->sizes[cell]; place++) {
            memcpy(w->list.ids, f->found.ids + place * size, size * sizeof *w->list.ids);
            memcpy(w->list.scores, f->found.scores + place * size, size * sizeof *w->list.scores);
            descend(f, place, w);
            decide(f, c->row_of[place], w->list);
        }
    index_near(f, block, w, false);
}

static void workers_new(struct find *f, size_t count)
{
    const struct cells *c = &f->cells;
    size_t near = padded(c->near_count);
    f->workers = mem_new(count, sizeof *f->workers);
    for (size_t i = 0; i < count; i++) {
        f->workers[i] = (struct worker){
            .rows = mem_aligned(CELLS_BLOCK, c->stride),
            .near = mem_aligned(near, c->stride),
            .near_packed = mem_aligned(near, c->stride),
            .near_scales = mem_aligned(near, sizeof(float)),
            .near_sizes = mem_new(near, sizeof(uint32_t)),
            .near_index = mem_new(c->count, sizeof(uint16_t)),
            .dots = mem_aligned(CODES_PANEL * near, sizeof(int32_t)),
            .scores = mem_new(near, sizeof(float)),
            .bins = mem_new(near, 1),
            .starts = mem_new(near, sizeof(uint32_t)),
            .list = best_new(1, f->found.size),
            .seen = mem_new(SEEN, sizeof(uint32_t)),
            .fresh = mem_new(SEEN, sizeof(uint32_t)),
            .slots = mem_new(SEEN, sizeof(uint16_t)),
        };
        memset(f->workers[i].seen, 0xff, SEEN * sizeof(uint32_t));
        memset(f->workers[i].near_index, 0xff, c->count * sizeof(uint16_t));
    }
}

/* Returns the products all of them took. */
static uint64_t workers_free(struct find *f, size_t count)
{
    uint64_t products = 0;
    for (size_t i = 0; i < count; i++) {
        struct worker *w = &f->workers[i];
        products += w->products;
        free(w->rows);
        free(w->near);
        free(w->near_packed);
        free(w->near_scales);
        free(w->near_sizes);
        free(w->near_index);
        free(w->starts);
        free(w->fresh);
        free(w->slots);
        free(w->dots);
        free(w->scores);
        free(w->bins);
        best_free(w->list);
        free(w->seen);
    }
    free(f->workers);
    return products;
}

static void tell_cells(const struct cells *c, uint32_t *out)
{
    for (size_t cell = 0; cell < c->count; cell++)
        for (size_t place = c->first[cell]; place < c->first[cell] + c->sizes[cell]; place++)
            out[c->row_of[place]] = (uint32_t)cell;
}

enum { FINITE_ROWS = 1024 };

struct checking {
    struct mat points;
    bool *finite; /* of each block of rows */
};

static void check_block(void *arg, size_t piece, size_t worker)
{
    (void)worker;
    const struct checking *c = arg;
    c->finite[piece] = dist_finite(mat_rows(c->points, piece * FINITE_ROWS, FINITE_ROWS));
}

static bool all_finite(struct mat points, struct par *par)
{
    size_t pieces = (points.n + FINITE_ROWS - 1) / FINITE_ROWS, finite = 0;
    struct checking c = {points, mem_zero(pieces, sizeof(bool))};
    par_for(par, pieces, check_block, &c);
    for (size_t i = 0; i < pieces; i++)
        finite += c.finite[i];
    free(c.finite);
    return finite == pieces;
}

enum err neighbours_find(struct mat points, const struct neighbours_opts *opts, uint32_t *ids, float *distances,
                         struct neighbours_report *report, struct par *par, struct error *e)
{
    size_t k = opts->k;
    if (k == 0 || k >= points.n || points.n <= EXACT_N || k > EXACT_K) {
        if (report)
            *report = (struct neighbours_report){.products = (uint64_t)points.n * points.n};
        return neighbours_exact(points, k, ids, distances, par, e);
    }
    if (points.n > UINT32_MAX / 2 || points.d > CODES_D_MAX)
        return error_set(e, ERR_RANGE, "neighbours: %zu rows of %zu columns are more than the search takes", points.n,
                         points.d);
    if (!all_finite(points, par))
        return error_set(e, ERR_NUMERIC, "neighbours: a row holds NaN, infinity or a value beyond 1e15");
    struct find f = {.points = points, .k = k, .visit = opts->visit ? opts->visit : VISIT};
    f.ids = ids;
    f.distances = distances;
    cells_build(&f.cells, points, opts->labels, opts->seed, par);
    size_t places = f.cells.first[f.cells.count];
    f.decided = k + k / 2 + 2;
    f.found = best_new(places, padded(f.decided));
    f.words = (f.cells.near_count + 63) / 64;
    f.visited = mem_new(places * f.words, sizeof *f.visited);
    workers_new(&f, par_threads(par));
    par_for(par, f.cells.blocks_count, visit_block, &f);
    make_reverse(&f);
    par_for(par, f.cells.blocks_count, refine_block, &f);
    free(f.reverse);
    uint64_t products = workers_free(&f, par_threads(par));
    if (report)
        *report = (struct neighbours_report){.cells = f.cells.count, .products = products};
    if (opts->cells)
        tell_cells(&f.cells, opts->cells);
    free(f.visited);
    best_free(f.found);
    cells_release(&f.cells);
    return ERR_OK;
}
