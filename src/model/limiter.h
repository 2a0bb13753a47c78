/*
 * limiter.h: when the next request may be sent. No clock and no I/O of its own, so that a test can play any server.
 *
 * Three things hold requests back. How many run at once: it starts small and doubles every round of answers up to the
 * caller's maximum, unless answers get slow without getting more; they are spread over the round, since a server that
 * counts may refuse a burst that it would have taken in the time of one answer. What the caller asked for: requests and
 * tokens a minute. And a rate learnt from refusals (429, 503, 529), once more are refused than the noise explains,
 * three standard deviations away. What went through since the first of them is the limit; the rate is set a little
 * below it, and raised by steps that grow from 0.5% while nothing is refused, so that it swings about the limit. A cut
 * that leaves as many refused as before is taken back, and they are noise from then on. Answers to requests sent before
 * the last cut say nothing about the rate after it. Layer: model.
 */
#ifndef CLIO_MODEL_LIMITER_H
#define CLIO_MODEL_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter {
    size_t most, at_once, running;
    double requests_s, tokens_s; /* asked for; 0: no limit */
    double rate;                 /* learnt; HUGE_VAL: none */
    double ceiling;              /* the limit as last seen; HUGE_VAL: only guessed so far */
    double next_request, next_token, hold;
    unsigned epoch;
    /* The window since `since`: of requests sent in this epoch. */
    double since;
    size_t sent, good, refused;
    size_t sent_before; /* of them, before the first refusal came back */
    double refused_since;
    /* Cuts of a measured rate, until a window shows whether they were of use; the first of them. */
    unsigned cuts_on_trial;
    double share_at_cut, rate_before_cut;
    double noise, noise_n; /* share refused when all is well, and how many requests that rests on */
    double step;           /* by how much the next good window raises the rate */
    double best_a_second, latency;
};

enum limiter_outcome { LIMITER_GOOD, LIMITER_REFUSED, LIMITER_LOST /* no connection, no answer: says nothing */ };

void limiter_init(struct limiter *l, size_t most, double requests_minute, double tokens_minute, double now);

/* Seconds until a request of so many tokens may be sent: 0 now, HUGE_VAL when an answer must come first. */
double limiter_wait(const struct limiter *l, double now);
unsigned limiter_start(struct limiter *l, uint64_t tokens, double now); /* the epoch, for limiter_end */
void limiter_end(struct limiter *l, unsigned epoch, enum limiter_outcome outcome, double latency, double retry_after,
                 double now);
/* The server said that nothing will be taken for so long. */
void limiter_pause(struct limiter *l, double seconds, double now);

#endif
