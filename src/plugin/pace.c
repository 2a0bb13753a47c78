#include "plugin/pace.h"

enum { LOOK_EVERY = 24 };           /* calls between two looks at the other choice: it costs a twentieth at worst */
static const double CLEARLY = 0.85; /* the other one must be this much faster, or noise would flip the choice */
static const double SMOOTHING = 0.3;

int32_t pace_threads(struct pace *p)
{
    bool single = p->single;
    if (p->all > 1 && ++p->calls % LOOK_EVERY == 0)
        single = !single;
    return single ? 1 : p->all;
}

void pace_took(struct pace *p, int32_t threads, double seconds)
{
    bool single = p->all > 1 && threads == 1;
    double *smooth = &p->seconds[single];
    /* A look at the other choice counts in full: its old figure is from another time. */
    *smooth = *smooth == 0 || single != p->single ? seconds : *smooth + SMOOTHING * (seconds - *smooth);
    double own = p->seconds[p->single], other = p->seconds[!p->single];
    if (other > 0 && other < CLEARLY * own)
        p->single = !p->single;
}
