#include "model/limiter.h"

#include <math.h>

enum { AT_ONCE_START = 32, REFUSED_MIN = 5, WINDOW_MIN = 100, SEARCH_MIN = 20 };

static const double NOISE_GUESS = 0.03, NOISE_GUESS_N = 100, NOISE_N_MOST = 1000, NOISE_MOST = 0.1;
static const double CLEAR_SHARE = 0.01, HINT_SHARE = 0.003; /* above the noise: worth a cut; worth waiting for more */
static const double PACE = 2, LATENCY_GUESS_S = 0.5, LATENCY_SHARE = 0.1;
static const double BURST_S = 0.02, BURST_TOKENS_S = 1;
static const double JUDGED_SHARE = 0.25; /* of a round: less is no round to judge by */
static const double WINDOW_S = 1, WINDOW_MOST_S = 5, SEARCH_S = 0.4, SPAN_S = 0.1, SPAN_MOST_S = 0.3, REFILL_S = 0.05,
                    SLOW_S = 2, PAUSE_MOST_S = 60;
static const double GUESS_BELOW = 0.9, BELOW = 0.985; /* a first guess; a measured limit */
static const double STEP_FIRST = 0.005, STEP_ROUGH = 0.05, STEP_SEARCH = 0.15, STEP_GROWTH = 1.5,
                    STEP_MOST = 1; /* a window */

static void begin_window(struct limiter *l, double now)
{
    l->since = now;
    l->sent = l->good = l->refused = l->sent_before = 0;
}

void limiter_init(struct limiter *l, size_t most, double requests_minute, double tokens_minute, double now)
{
    *l = (struct limiter){.most = most,
                          .at_once = most < AT_ONCE_START ? most : AT_ONCE_START,
                          .requests_s = requests_minute / 60,
                          .tokens_s = tokens_minute / 60,
                          .rate = HUGE_VAL,
                          .ceiling = HUGE_VAL,
                          .noise = NOISE_GUESS,
                          .noise_n = NOISE_GUESS_N,
                          .step = STEP_FIRST};
    begin_window(l, now);
}

/* Without a learnt rate, what runs at once is spread over the time it takes: in one burst it would be refused as such.
 */
static double rate_now(const struct limiter *l)
{
    double rate = isfinite(l->rate) ? l->rate : l->latency > 0 ? PACE * (double)l->at_once / l->latency : HUGE_VAL;
    return l->requests_s > 0 && l->requests_s < rate ? l->requests_s : rate;
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

/* ---- noise ---- */

/* What refusals are a part of: after a short while more may have come back than was sent since. */
static double asked(const struct limiter *l)
{
    size_t back = l->good + l->refused;
    return (double)(back > l->sent ? back : l->sent);
}

/* As many refusals as chance makes of the noise, so many standard deviations away: of their number, and of what is
 * known of the noise. */
static double noise_with(const struct limiter *l, double deviations)
{
    double n = asked(l), expected = n * l->noise;
    return expected + deviations * sqrt(expected * (1 + n / l->noise_n) + 1);
}

static void learn_noise(struct limiter *l, double share)
{
    l->noise_n = fmin(l->noise_n + (double)l->sent, NOISE_N_MOST);
    l->noise += (fmin(share, NOISE_MOST) - l->noise) * fmin(1, (double)l->sent / l->noise_n);
}

/* Long enough to tell what goes through: answers come in groups, as they were sent. */
static double span(const struct limiter *l)
{
    return fmin(fmax(l->latency, SPAN_S), SPAN_MOST_S);
}

static bool is_limit(const struct limiter *l, double now)
{
    double refused = (double)l->refused;
    return l->refused >= REFUSED_MIN && refused > asked(l) * (l->noise + CLEAR_SHARE) && refused > noise_with(l, 3) &&
           (isfinite(l->rate) ? now >= l->refused_since + span(l) : asked(l) >= JUDGED_SHARE * (double)l->at_once);
}

/*
 * Whether two cuts in a row left about as many refused as before, which makes it noise: they are taken back. (One may
 * have been too small, while the server still had something saved up.)
 */
static bool cuts_were_no_use(struct limiter *l, double share)
{
    if (l->cuts_on_trial < 2 || share < 0.5 * l->share_at_cut || share > NOISE_MOST)
        return false;
    l->rate = l->rate_before_cut;
    l->ceiling = HUGE_VAL;
    l->noise_n = fmin(l->noise_n, NOISE_GUESS_N);
    learn_noise(l, share);
    l->cuts_on_trial = 0;
    return true;
}

/* ---- the rate ---- */

/*
 * At full load what goes through is the limit, but for what the server had saved up before: so the share is taken since
 * the first refusal. Without a rate yet the first guess is low, and the limit is searched for from there.
 */
static void cut(struct limiter *l, double retry_after, double now)
{
    double n = (double)(l->sent - l->sent_before), share = ((double)l->refused - 1) / fmax(1, n - 1);
    l->epoch++;
    if (!cuts_were_no_use(l, share)) {
        if (l->cuts_on_trial == 0) {
            l->rate_before_cut = l->rate;
            l->share_at_cut = share;
        }
        if (isfinite(l->ceiling)) /* the first ones are too rough to tell anything by their failure */
            l->cuts_on_trial++;
        if (isfinite(l->rate)) {
            double reached = n / fmax(span(l), now - l->refused_since);
            double passes = fmin(l->rate, reached) * fmax(1 - fmax(0, share - l->noise), 0.5);
            l->step = isfinite(l->ceiling) ? STEP_FIRST : STEP_ROUGH;
            l->ceiling = fmax(passes, GUESS_BELOW * l->best_a_second);
            l->best_a_second = fmin(l->best_a_second, l->ceiling);
            l->rate = l->ceiling * BELOW;
            limiter_pause(l, REFILL_S, now);
        } else {
            double seconds = fmax(now - l->since, l->latency > 0 ? l->latency : LATENCY_GUESS_S);
            l->rate = GUESS_BELOW * fmax(((double)l->sent - (double)l->refused) / seconds, l->best_a_second);
            l->rate = fmax(l->rate, 0.5);
            l->step = STEP_SEARCH;
        }
        if ((double)l->refused * 2 > asked(l)) /* nearly nothing goes through */
            limiter_pause(l, retry_after > 0 ? retry_after : WINDOW_S, now);
    }
    begin_window(l, now);
}

/* A window without too many refusals: a little more, and more still after each further one. */
static void raise_rate(struct limiter *l, double share, double seconds)
{
    /* Behind a cut the server's bucket is full again, and while a limit is searched for it is not emptied: what is
     * refused is noise. So is what differs from it by chance only, below the limit. */
    bool below = l->cuts_on_trial > 0 || !isfinite(l->ceiling);
    bool chance = share < l->noise || (l->rate < l->ceiling && (double)l->refused <= noise_with(l, 2));
    if (!cuts_were_no_use(l, share) && (below || chance))
        learn_noise(l, share);
    l->cuts_on_trial = 0;
    if (l->rate > 2 * (double)l->sent / seconds)
        return; /* nobody uses it, which says nothing about more */
    l->rate *= 1 + l->step;
    l->step = fmin(STEP_MOST, STEP_GROWTH * l->step);
}

static void raise_at_once(struct limiter *l, double seconds)
{
    double a_second = (double)l->good / seconds;
    bool helps = a_second > 1.1 * l->best_a_second || l->latency < SLOW_S;
    if (helps && l->at_once < l->most)
        l->at_once = l->at_once * 2 < l->most ? l->at_once * 2 : l->most;
    l->best_a_second = fmax(l->best_a_second, a_second);
}

/* Whether the window is long enough to judge, and its refusals too few to be worth a longer look. */
static bool window_is_over(const struct limiter *l, double now)
{
    double seconds = now - l->since;
    if (!isfinite(l->rate))
        return l->good + l->refused >= l->at_once;
    bool search = !isfinite(l->ceiling);
    if (l->sent < (search ? SEARCH_MIN : WINDOW_MIN) || seconds < (search ? SEARCH_S : WINDOW_S))
        return false;
    return seconds >= WINDOW_MOST_S || (double)l->refused <= noise_with(l, 1) + asked(l) * HINT_SHARE;
}

void limiter_end(struct limiter *l, unsigned epoch, enum limiter_outcome outcome, double latency, double retry_after,
                 double now)
{
    l->running--;
    if (epoch != l->epoch || outcome == LIMITER_LOST)
        return;
    if (outcome == LIMITER_REFUSED && l->refused++ == 0) {
        l->sent_before = l->sent - 1;
        l->refused_since = now;
    }
    l->good += outcome == LIMITER_GOOD;
    if (outcome == LIMITER_GOOD)
        l->latency += (latency - l->latency) * (l->latency > 0 ? LATENCY_SHARE : 1);
    if (is_limit(l, now)) {
        cut(l, retry_after, now);
        return;
    }
    if (!window_is_over(l, now))
        return;
    double share = (double)l->refused / fmax(1, asked(l)), seconds = fmax(now - l->since, 1e-3);
    if (isfinite(l->rate))
        raise_rate(l, share, seconds);
    else
        learn_noise(l, (double)l->refused / fmax(1, (double)(l->good + l->refused)));
    raise_at_once(l, seconds);
    begin_window(l, now);
}
