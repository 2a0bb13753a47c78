/*
 * report.h: what a run has done so far, for people and for programs: run, import and status end with it.   Layer: cmd.
 */
#ifndef CLIO_CMD_REPORT_H
#define CLIO_CMD_REPORT_H

#include "store/run.h"

#include <stdio.h>

struct report_stage {
    const char *name;
    struct stage_state state;
    uint64_t calls, tokens_in, tokens_cached, tokens_out;
};

struct report {
    struct arena arena; /* owns everything below */
    const char *path;
    int64_t imported, kept; /* conversations; kept: neither screened out nor set aside at import */
    struct report_stage *stages;
    size_t stages_count, stages_done;
    struct report_reason {
        struct str reason;
        int64_t count;
    } * reasons; /* why records were set aside, all stages */
    size_t reasons_count;
    int64_t quarantined, quarantined_import; /* all, and those that were no usable conversations in the first place */
    bool published;                          /* there is something to look at */
    const char *files; /* " FILE", as they are typed again to go on; NULL after report_load: not known */
};

MUST_USE enum err report_load(struct run *r, struct report *out, struct error *e);
void report_release(struct report *r);
void report_print(const struct report *r, FILE *out);    /* a table and the next command */
void report_add_word(struct buf *out, const char *word); /* quoted where a shell would not take it as it is */
void report_add_command(struct buf *out, const char *verb, const char *files, const char *run); /* "clio run --run R" */
void report_add_json(const struct report *r, struct buf *out);
void report_add_reasons(const struct report *r, struct buf *out); /* {"reason":count,...} */

#endif
