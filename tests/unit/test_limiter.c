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

static const double LATENCY_S = 0.2, TICK_S = 0.001;

/* A server that takes `rate` requests a second (a bucket of a tenth of a second) and refuses one in `one_in` besides.
 */
struct played {
    struct limiter l;
    struct rng rng;
    double rate, bucket, now;
    uint64_t one_in;
    struct {
        double at;
        unsigned epoch;
        enum limiter_outcome outcome;
    } due[RING];
    size_t head, tail, good, refused;
};

static void play(struct played *p, double seconds)
{
    for (double end = p->now + seconds; p->now < end; p->now += TICK_S) {
        p->bucket = fmin(p->rate / 10, p->bucket + p->rate * TICK_S);
        for (; p->head != p->tail && p->due[p->head % RING].at <= p->now; p->head++) {
            enum limiter_outcome outcome = p->due[p->head % RING].outcome;
            limiter_end(&p->l, p->due[p->head % RING].epoch, outcome, LATENCY_S, -1, p->now);
            p->good += outcome == LIMITER_GOOD;
            p->refused += outcome == LIMITER_REFUSED;
        }
        while (limiter_wait(&p->l, p->now) <= 0) {
            bool noise = p->one_in && rng_below(&p->rng, p->one_in) == 0, full = p->rate > 0 && p->bucket < 1;
            p->bucket -= !full;
            p->due[p->tail % RING].at = p->now + LATENCY_S;
            p->due[p->tail % RING].epoch = limiter_start(&p->l, 100, p->now);
            p->due[p->tail++ % RING].outcome = noise || full ? LIMITER_REFUSED : LIMITER_GOOD;
            assert_true(p->tail - p->head <= MOST);
        }
    }
}

static struct played *start(double rate, uint64_t one_in, double rpm, double tpm)
{
    struct played *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->rate = rate;
    p->one_in = one_in;
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

static void a_limit_is_found_and_kept(void **state)
{
    (void)state;
    static const double rates[] = {100, 200, 500};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct played *p = start(rates[i], 0, 0, 0);
        play(p, 10);
        p->good = p->refused = 0;
        play(p, 30);
        if ((double)p->good < 0.85 * 30 * rates[i] || (double)p->refused > 0.05 * (double)(p->good + p->refused))
            fail_msg("limit %g: %zu good, %zu refused in 30 s", rates[i], p->good, p->refused);
        free(p);
    }
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
        cmocka_unit_test(noise_does_not_slow_it_down),
        cmocka_unit_test(a_limit_is_found_and_kept),
        cmocka_unit_test(limits_asked_for_are_kept),
        cmocka_unit_test(it_waits_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
