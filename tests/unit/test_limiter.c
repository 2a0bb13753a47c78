/* The limiter against servers played in virtual time: noise must not slow it down, a limit must be found and kept. */
#include "model/limiter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"

enum { MOST = 5000, RING = 8192 };

static const double LATENCY_S = 0.2, TICK_S = 0.001, STALL_S = 0.03;

struct due {
    double at, latency;
    unsigned epoch;
    enum limiter_outcome outcome;
};

/* Those that come back after the same time, in order. */
struct queue {
    struct due due[RING];
    size_t head, tail;
};

/* A server that takes `rate` requests a second (a bucket of a tenth of a second) and refuses one in `one_in` besides.
 */
struct played {
    struct limiter l;
    struct rng rng;
    double rate, bucket, now;
    double refusal_s; /* after which it refuses */
    uint64_t one_in, stall_one_in;
    struct queue queues[2]; /* good answers, refusals */
    size_t sent, good, refused;
};

/* In the order of their times, as they come from a server. */
static void come_back(struct played *p)
{
    for (;;) {
        struct queue *good = &p->queues[0], *bad = &p->queues[1];
        const struct due *first_good = good->head != good->tail ? &good->due[good->head % RING] : NULL;
        const struct due *first_bad = bad->head != bad->tail ? &bad->due[bad->head % RING] : NULL;
        bool refused = first_bad && (!first_good || first_bad->at < first_good->at);
        const struct due *d = refused ? first_bad : first_good;
        if (!d || d->at > p->now)
            return;
        limiter_end(&p->l, d->epoch, d->outcome, d->latency, -1, p->now);
        p->queues[refused].head++;
        p->good += !refused;
        p->refused += refused;
    }
}

static void play(struct played *p, double seconds)
{
    for (double end = p->now + seconds, step; p->now < end; p->now += step) {
        /* Now and then the machine has something else to do. */
        step = rng_below(&p->rng, p->stall_one_in) ? TICK_S : STALL_S * rng_unit(&p->rng);
        p->bucket = fmin(p->rate / 10, p->bucket + p->rate * step);
        come_back(p);
        while (limiter_wait(&p->l, p->now) <= 0) {
            bool full = p->rate > 0 && p->bucket < 1, noise = p->one_in && rng_below(&p->rng, p->one_in) == 0;
            p->bucket -= !full;
            struct queue *q = &p->queues[noise || full];
            struct due *d = &q->due[q->tail++ % RING];
            d->latency = noise || full ? p->refusal_s : LATENCY_S;
            d->at = p->now + d->latency + 1e-9 * (double)(p->sent++ % 1000000); /* in the order they were sent */
            d->epoch = limiter_start(&p->l, 100, p->now);
            d->outcome = noise || full ? LIMITER_REFUSED : LIMITER_GOOD;
            assert_true(q->tail - q->head <= MOST);
        }
    }
}

static struct played *start(double rate, uint64_t one_in, double rpm, double tpm)
{
    struct played *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->rate = rate;
    p->bucket = rate / 10;
    p->refusal_s = LATENCY_S;
    p->one_in = one_in;
    p->stall_one_in = 40;
    p->rng = rng_seed(1, 1);
    p->now = 100;
    limiter_init(&p->l, MOST, rpm, tpm, p->now);
    return p;
}

static void noise_does_not_slow_it_down(void **state)
{
    (void)state;
    struct played *p = start(0, 50, 0, 0);
    play(p, 4);
    assert_int_equal(p->l.at_once, MOST);
    p->good = 0;
    play(p, 10);
    assert_true((double)p->good > 0.9 * 10 * MOST / LATENCY_S * 0.98);
    free(p);
}

/* What is reached and refused in the half minute after the first `warm_s`. */
static void check_limit(double rate, double refusal_s, uint64_t one_in, double warm_s, double reached, double refused)
{
    struct played *p = start(rate, one_in, 0, 0);
    p->refusal_s = refusal_s;
    play(p, warm_s);
    p->good = p->refused = 0;
    play(p, 30);
    if ((double)p->good < reached * 30 * rate || (double)p->refused > refused * (double)(p->good + p->refused))
        fail_msg("limit %g, refusals after %g s, noise 1/%d: %zu good, %zu refused in 30 s", rate, refusal_s,
                 (int)one_in, p->good, p->refused);
    free(p);
}

/* The slow start counts too. */
static void the_first_minute_reaches_the_limit(void **state)
{
    (void)state;
    static const double rates[] = {200, 1000, 5000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct played *p = start(rates[i], 0, 0, 0);
        p->stall_one_in = 400; /* a machine that does little else */
        play(p, 60);
        if ((double)p->good < 0.96 * 60 * rates[i] || (double)p->refused > 0.02 * (double)(p->good + p->refused))
            fail_msg("limit %g: %zu good, %zu refused in a minute", rates[i], p->good, p->refused);
        free(p);
    }
}

static void a_limit_is_found_and_kept(void **state)
{
    (void)state;
    static const double rates[] = {200, 1000, 5000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        check_limit(rates[i], LATENCY_S, 0, 10, 0.95, 0.02);
        check_limit(rates[i], 0.001, 0, 35, 0.95, 0.02);      /* who refuses at once tells less: found later */
        check_limit(rates[i], LATENCY_S, 50, 25, 0.85, 0.06); /* 2% of it noise */
    }
}

/* A limit that is raised is found again; one that is lowered too. */
static void a_limit_that_moves_is_followed(void **state)
{
    (void)state;
    static const double rates[] = {1000, 400, 2000};
    struct played *p = start(rates[0], 0, 0, 0);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        p->rate = rates[i];
        play(p, 20);
        p->good = p->refused = 0;
        play(p, 20);
        if ((double)p->good < 0.9 * 20 * rates[i] || (double)p->refused > 0.02 * (double)(p->good + p->refused))
            fail_msg("limit %g: %zu good, %zu refused in 20 s", rates[i], p->good, p->refused);
    }
    free(p);
}

static void limits_asked_for_are_kept(void **state)
{
    (void)state;
    struct played *p = start(0, 0, 6000, 0);
    play(p, 10);
    assert_in_range(p->good, 950, 1010);
    free(p);
    p = start(0, 0, 0, 600000); /* 100 tokens each: 100 a second, and a second's worth at once */
    play(p, 10);
    assert_in_range(p->good, 950, 1110);
    free(p);
}

static void it_waits_when_told_to(void **state)
{
    (void)state;
    struct played *p = start(0, 0, 0, 0);
    limiter_pause(&p->l, 3, p->now);
    assert_true(limiter_wait(&p->l, p->now) > 2.9);
    assert_true(limiter_wait(&p->l, p->now + 3.1) <= 0);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_does_not_slow_it_down),        cmocka_unit_test(a_limit_is_found_and_kept),
        cmocka_unit_test(the_first_minute_reaches_the_limit), cmocka_unit_test(a_limit_that_moves_is_followed),
        cmocka_unit_test(limits_asked_for_are_kept),          cmocka_unit_test(it_waits_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
