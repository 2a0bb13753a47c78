/*
 * events.h: RUN/events.jsonl, the only other file the page may read. One JSON object a line from a fixed list of
 * fields; numbers and names from constant lists only, never text from a conversation, a model or a path.
 *                                                                                       Layer: store, uses base only.
 */
#ifndef CLIO_STORE_EVENTS_H
#define CLIO_STORE_EVENTS_H

#include "base/error.h"

#include <stdint.h>

struct events;

enum event_kind {
    EVENT_RUN_START,
    EVENT_STAGE_START,
    EVENT_PROGRESS,
    EVENT_STAGE_DONE,
    EVENT_STAGE_KEPT, /* done earlier */
    EVENT_STAGE_FAILED,
    EVENT_RUN_DONE,
    EVENT_RUN_FAILED,
    EVENT_RUN_STOPPED,
};

/*
 * Fields: t (unix ms), kind, stage, done, total, rate (a second), eta_s, quarantined, calls, tokens_in, tokens_out.
 * While batches are awaited at a provider also batches, batched (questions in them), batched_done (as it says) and
 * next_look_s. Negative numbers are left out.
 */
struct event {
    enum event_kind kind;
    const char *stage; /* a name from the pipeline's table, or NULL */
    int64_t done, total, quarantined, calls, tokens_in, tokens_out;
    double rate, eta_s;
    int64_t batches, batched, batched_done; /* batches 0: none is awaited */
    double next_look_s;
};

MUST_USE enum err events_open(const char *path, struct events **out, struct error *e); /* appends */
void events_close(struct events *ev);
void events_put(struct events *ev, const struct event *event); /* a failing write never ends a run */

/* The exact list of member names an event may have; NULL behind the last. The tests hold the file to it. */
extern const char *const event_fields[];

#endif
