/*
 * pace.h: how many threads pay off just now. llama.cpp's threads wait for one another by spinning, some hundred times a
 * token; when another program takes one of the processors, all of them together are several times slower than one.
 * So both are timed now and then, and the faster one is used. The answers do not depend on it (tested).
 *                                                                                                     Layer: plugin.
 */
#ifndef CLIO_PLUGIN_PACE_H
#define CLIO_PLUGIN_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    int32_t all;       /* threads at most */
    bool single;       /* the present choice: one, or all */
    double seconds[2]; /* a call's smoothed time, by choice; 0: not timed yet */
    uint32_t calls;
};

int32_t pace_threads(struct pace *p); /* for the next call */
void pace_took(struct pace *p, int32_t threads, double seconds);

#endif
