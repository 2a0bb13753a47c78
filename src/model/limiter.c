#include "model/limiter.h"

#include <math.h>

enum { AT_ONCE_START = 16, REFUSED_MIN = 5, WINDOW_MIN = 100 };

static const double NOISE_GUESS = 0.03, NOISE_MOST = 0.1; /* shares */
static const double CLEAR_SHARE = 0.01;                   /* above the noise: worth a cut */
static const double BURST_S = 0.02, BURST_TOKENS_S = 1;
static const double WINDOW_S = 1, SLOW_S = 2, PAUSE_MOST_S = 60;
static const double BELOW = 0.94, STEP_FIRST = 0.01, STEP_NOISE = 0.1, STEP_MOST = 0.5;

static void begin_window(struct limiter *l, double now)
{
    l->since = now;
    l->sent = l->good = l->refused = 0;
    l->latency_sum = 0;
}

void limiter_init(struct limiter *l, size_t most, double requests_minute, double tokens_minute, double now)
{
    *l = (struct limiter){.most = most,
                          .at_once = most < AT_ONCE_START ? most : AT_ONCE_START,
                          .requests_s = requests_minute / 60,
                          .tokens_s = tokens_minute / 60,
                          .rate = HUGE_VAL,
                          .noise = NOISE_GUESS,
                          .step = STEP_FIRST};
    begin_window(l, now);
}

static double rate_now(const struct limiter *l)
{
    return l->requests_s > 0 && l->requests_s < l->rate ? l->requests_s : l->rate;
}

double limiter_wait(const struct limiter *l, double now)
{
    if (l->running >= l->at_once)
        return HUGE_VAL;
    double at = l->hold;
    at = isfinite(rate_now(l)) ? fmax(at, l->next_request) : at;
    at = l->tokens_s > 0 ? fmax(at, l->next_token) : at;
    return at > now ? at - now : 0;
}

unsigned limiter_start(struct limiter *l, uint64_t tokens, double now)
{
    double rate = rate_now(l);
    if (isfinite(rate))
        l->next_request = fmax(l->next_request, now - BURST_S) + 1 / rate;
    if (l->tokens_s > 0)
        l->next_token = fmax(l->next_token, now - BURST_TOKENS_S) + (double)tokens / l->tokens_s;
    l->running++;
    l->sent++;
    return l->epoch;
}

void limiter_pause(struct limiter *l, double seconds, double now)
{
    l->hold = fmax(l->hold, now + fmin(seconds, PAUSE_MOST_S));
}

/* More refusals than chance makes of the noise: three standard deviations, and enough of them to matter. */
static bool is_limit(const struct limiter *l)
{
    double n = (double)l->sent, refused = (double)l->refused, expected = n * l->noise;
    double clear = l->noise_known ? CLEAR_SHARE : CLEAR_SHARE + NOISE_GUESS / 3;
    return l->refused >= REFUSED_MIN && refused > expected + n * clear && refused > expected + 3 * sqrt(expected + 1);
}

static void cut(struct limiter *l, double retry_after, double now)
{
    double n = (double)l->sent, went_through = fmax(1 - (double)l->refused / n, 0.5);
    double seconds = fmax(now - l->since, l->good ? l->latency_sum / (double)l->good : BURST_S);
    double passed = (n - (double)l->refused) / seconds;
    l->rate = isfinite(l->rate) ? l->rate * went_through * BELOW : fmax(passed * BELOW, 0.5);
    if (l->refused * 2 > l->sent) /* nearly nothing goes through */
        limiter_pause(l, retry_after > 0 ? retry_after : WINDOW_S, now);
    l->share_at_cut = (double)l->refused / n;
    l->noise = NOISE_GUESS;
    l->noise_known = false;
    l->step = STEP_FIRST;
    l->epoch++;
    begin_window(l, now);
}

/*
 * A window without too many refusals: a little more. The first one behind a cut tells what is noise; where the cut did
 * not help it was noise all along.
 */
static void raise_rate(struct limiter *l, double share)
{
    if (!l->noise_known) {
        l->noise = fmin(NOISE_MOST, share);
        l->noise_known = true;
        if (share > 0.5 * l->share_at_cut)
            l->step = STEP_NOISE;
    }
    l->rate *= 1 + l->step;
    l->step = fmin(STEP_MOST, 2 * l->step);
}

static void raise_at_once(struct limiter *l, double seconds)
{
    double a_second = (double)l->good / seconds, latency = l->latency_sum / (double)(l->good ? l->good : 1);
    bool helps = a_second > 1.1 * l->best_a_second || latency < SLOW_S;
    if (helps)
        l->at_once = l->at_once * 2 < l->most ? l->at_once * 2 : l->most;
    l->best_a_second = fmax(l->best_a_second, a_second);
}

void limiter_end(struct limiter *l, unsigned epoch, enum limiter_outcome outcome, double latency, double retry_after,
                 double now)
{
    l->running--;
    if (epoch != l->epoch || outcome == LIMITER_LOST)
        return;
    l->refused += outcome == LIMITER_REFUSED;
    l->good += outcome == LIMITER_GOOD;
    l->latency_sum += outcome == LIMITER_GOOD ? latency : 0;
    if (outcome == LIMITER_REFUSED && is_limit(l)) {
        cut(l, retry_after, now);
        return;
    }
    double seconds = now - l->since;
    if (isfinite(l->rate) ? seconds < WINDOW_S || l->sent < WINDOW_MIN : l->good + l->refused < l->at_once)
        return;
    if (isfinite(l->rate))
        raise_rate(l, (double)l->refused / fmax(1, (double)l->sent));
    if (l->at_once < l->most)
        raise_at_once(l, fmax(seconds, 1e-3));
    begin_window(l, now);
}
