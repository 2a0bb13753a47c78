#include "num/umap_layout.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/power.h"

#include <stdlib.h>

enum { PLACES = 300, FIT_STEPS = 200, NEGATIVES = 5 };

/* The normal equations of one Gauss-Newton step for (a, b), and the error at the present values. */
struct equations {
    double aa, ab, bb, ga, gb, error;
};

static struct equations linearise(struct umap_curve c, double min_dist)
{
    struct equations q = {0};
    for (int i = 0; i < PLACES; i++) {
        double x = 3.0 * i / (PLACES - 1), wanted = x < min_dist ? 1 : power_exp(min_dist - x);
        double p = power_raise(x, 2 * c.b), f = 1 / (1 + c.a * p), miss = wanted - f;
        double by_a = -p * f * f, by_b = x > 0 ? -2 * c.a * p * power_log(x) * f * f : 0;
        q.aa += by_a * by_a;
        q.ab += by_a * by_b;
        q.bb += by_b * by_b;
        q.ga += by_a * miss;
        q.gb += by_b * miss;
        q.error += miss * miss;
    }
    return q;
}

/* Levenberg-Marquardt from (1, 1): damping falls after a step that helps and rises after one that does not. */
struct umap_curve umap_curve_fit(double min_dist)
{
    struct umap_curve c = {.a = 1, .b = 1};
    struct equations q = linearise(c, min_dist);
    double damping = 1e-3;
    for (int step = 0; step < FIT_STEPS && damping < 1e12; step++) {
        double aa = q.aa * (1 + damping), bb = q.bb * (1 + damping), det = aa * bb - q.ab * q.ab;
        struct umap_curve next = {.a = c.a + (bb * q.ga - q.ab * q.gb) / det,
                                  .b = c.b + (aa * q.gb - q.ab * q.ga) / det};
        struct equations then = {.error = q.error};
        if (next.a > 0 && next.b > 0)
            then = linearise(next, min_dist);
        if (then.error < q.error) {
            c = next;
            q = then;
            damping /= 10;
        } else {
            damping *= 10;
        }
    }
    return c;
}

/* An edge's timetable, in epochs. Strong edges are drawn in every epoch, weak ones in proportion to their weight. */
struct schedule {
    double every, next, next_negative;
};

struct descent {
    const struct umap_graph *graph;
    struct umap_curve curve;
    struct schedule *schedule; /* [edges]; every = 0: too weak ever to be drawn */
    struct mat layout;
    double rate; /* learning rate */
};

static double squared_distance(const float *x, const float *y)
{
    double dx = (double)x[0] - (double)y[0], dy = (double)x[1] - (double)y[1];
    return dx * dx + dy * dy;
}

/* A gradient of at most 4 a coordinate, as in the reference implementation. */
static float step_along(double gradient, double rate)
{
    return (float)(rate * (gradient > 4 ? 4 : gradient < -4 ? -4 : gradient));
}

/* Both ends of an edge move towards each other. */
static void attract(const struct descent *s, float *head, float *tail)
{
    double d2 = squared_distance(head, tail);
    if (!(d2 > 0))
        return;
    double p = power_raise(d2, s->curve.b);
    double pull = -2 * s->curve.a * s->curve.b * p / (d2 * (s->curve.a * p + 1));
    for (int c = 0; c < 2; c++) {
        float step = step_along(pull * ((double)head[c] - (double)tail[c]), s->rate);
        head[c] += step;
        tail[c] -= step;
    }
}

/* A negative sample: only the head moves. */
static void repel(const struct descent *s, float *head, const float *other)
{
    double d2 = squared_distance(head, other);
    if (!(d2 > 0))
        return;
    double push = 2 * s->curve.b / ((0.001 + d2) * (s->curve.a * power_raise(d2, s->curve.b) + 1));
    for (int c = 0; c < 2; c++)
        head[c] += step_along(push * ((double)head[c] - (double)other[c]), s->rate);
}

/* An edge's random numbers depend on seed, epoch and edge only, not on what was drawn before. */
static void draw_edge(const struct descent *s, size_t edge, double epoch, uint64_t epoch_seed)
{
    const struct umap_graph *g = s->graph;
    struct schedule *t = &s->schedule[edge];
    float *head = mat_row(s->layout, g->heads[edge]);
    struct rng rng = rng_seed(epoch_seed, edge);
    attract(s, head, mat_row(s->layout, g->tails[edge]));
    t->next += t->every;
    int negatives = (int)((epoch - t->next_negative) * NEGATIVES / t->every);
    for (int i = 0; i < negatives; i++) {
        size_t other = (size_t)(((rng_u64(&rng) >> 32) * g->rows) >> 32);
        if (other != g->heads[edge])
            repel(s, head, mat_row(s->layout, other));
    }
    t->next_negative += negatives * t->every / NEGATIVES;
}

/* Section 4.2: an edge is drawn every max / weight epochs. Edges drawn less than once in all epochs are left out. */
static struct schedule *make_schedule(const struct umap_graph *g, size_t epochs)
{
    struct schedule *schedule = mem_zero(g->edges, sizeof *schedule);
    float max = 0;
    for (size_t i = 0; i < g->edges; i++)
        max = g->weights[i] > max ? g->weights[i] : max;
    for (size_t i = 0; i < g->edges; i++) {
        double every = (double)max / (double)g->weights[i];
        if (every <= (double)epochs)
            schedule[i] = (struct schedule){every, every, every / NEGATIVES};
    }
    return schedule;
}

/* Algorithm 5, OptimizeEmbedding. The learning rate falls linearly from 1. */
void umap_descend(const struct umap_graph *graph, struct umap_curve curve, size_t epochs, uint64_t seed,
                  struct mat layout)
{
    struct descent s = {.graph = graph, .curve = curve, .schedule = make_schedule(graph, epochs), .layout = layout};
    for (size_t epoch = 0; epoch < epochs; epoch++) {
        uint64_t epoch_seed = rng_mix(seed, epoch);
        s.rate = 1 - (epoch ? (double)(epoch - 1) : 0) / (double)epochs; /* the reference lowers it after an epoch */
        for (size_t i = 0; i < graph->edges; i++)
            if (s.schedule[i].every > 0 && s.schedule[i].next <= (double)epoch)
                draw_edge(&s, i, (double)epoch, epoch_seed);
    }
    free(s.schedule);
}
