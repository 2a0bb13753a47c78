/*
 * progress.h: what a run looks like on standard error: a bar a stage on a terminal, log lines elsewhere, JSON lines for
 * programs. progress_event is a progress_fn (stage/stage.h).                                                 Layer:
 * cmd.
 */
#ifndef CLIO_CMD_PROGRESS_H
#define CLIO_CMD_PROGRESS_H

#include "stage/stage.h"

#include <stdio.h>

enum progress_mode {
    PROGRESS_NONE,
    PROGRESS_BAR,  /* one line a stage, redrawn at most four times a second, cut to the terminal's width */
    PROGRESS_LINE, /* a line when a stage starts and ends, and every 30 s */
    PROGRESS_JSON, /* every event as a line, with the field names of events.jsonl */
};

struct progress {
    enum progress_mode mode;
    FILE *out;
    bool color;
    bool open; /* a bar stands on the terminal's last line */
    const char *stage;
    double started, drawn;  /* clock_seconds: stage start, last output */
    double first, measured; /* clock_seconds: the first record was done, the rate was last measured */
    int64_t measured_done;
    double rate; /* records a second, smoothed; 0: not known yet */
    double eta_s, eta_at;
};

/* word: "bar", "line", "json", "none"; NULL chooses by whether `out` is a terminal. ERR_USAGE for another word. */
MUST_USE enum err progress_init(struct progress *p, FILE *out, const char *word, bool quiet, struct error *e);
void progress_event(void *progress, const struct event *event);
void progress_close(struct progress *p); /* leaves the cursor on a fresh line */

/* "4.2s", "1:05", "2:03:10"; and "950", "12.3k", "4.5M". For reports too. */
enum { FORMAT_BYTES = 64 };
void format_duration(double seconds, char out[FORMAT_BYTES]);
void format_count(int64_t n, char out[FORMAT_BYTES]);
void format_money(double amount, char out[FORMAT_BYTES]); /* "0", "0.0031", "12.50"; negative: "unknown" */
void format_bytes(double bytes, char out[FORMAT_BYTES]);  /* "3.1 MB" */

#endif
