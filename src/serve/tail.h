/*
 * tail.h: follows events.jsonl and turns it into server-sent events. Nothing of a line is passed on as it stands: only
 * members from the fixed list, numbers as numbers and names made of lower-case letters.         Layer: stage (serve).
 */
#ifndef CLIO_SERVE_TAIL_H
#define CLIO_SERVE_TAIL_H

#include "base/str.h"

enum { TAIL_STAGES_MAX = 40, TAIL_LINE_MAX = 4096 };

struct tail {
    char *path;
    int fd; /* -1: not there yet */
    uint64_t inode;
    int64_t offset;
    struct buf line;                    /* an unfinished one */
    bool skipping;                      /* inside a line longer than TAIL_LINE_MAX */
    bool live;                          /* the state has been sent */
    struct buf latest[TAIL_STAGES_MAX]; /* the last event of every stage, in order of appearance; [0]: of the run */
    char names[TAIL_STAGES_MAX][32];
    size_t stages;
};

void tail_init(struct tail *t, const char *path);
void tail_release(struct tail *t);

/*
 * Appends what is new. The first call gives one "state" event: a JSON array with the latest event of every stage since
 * the run was last started. Later calls give one "event" a line. Nothing new: nothing is appended.
 */
void tail_read(struct tail *t, struct buf *out);

#endif
