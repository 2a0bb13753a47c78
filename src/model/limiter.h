/*
 * limiter.h: when the next request may be sent. No clock and no I/O of its own, so that a test can play any server.
 *
 * Three things hold requests back. How many run at once: it starts small and doubles every round of answers up to the
 * caller's maximum, unless answers get slow without getting more. What the caller asked for: requests and tokens a
 * minute. And a rate learnt from refusals (429, 503, 529): a share of them that is more than noise, tested against what
 * was refused when all was well, cuts the rate to what went through (multiplicative decrease); windows without trouble
 * raise it in growing steps. Answers to requests sent before the last cut say nothing about the rate after it.
 *                                                                                                       Layer: model.
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
    double next_request, next_token, hold;
    unsigned epoch;
    /* The window since `since`: of requests sent in this epoch. */
    double since, latency_sum;
    size_t sent, good, refused;
    double share_at_cut;
    double noise;     /* share refused when all is well */
    bool noise_known; /* else it is a guess */
    double step;      /* by how much the next good window raises the rate */
    double best_a_second;
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
