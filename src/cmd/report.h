/*
 * report.h: what a run has done so far, for people and for programs: run, import and status end with it. What it took
 * stands beside what was estimated when it began.                                                          Layer: cmd.
 */
#ifndef CLIO_CMD_REPORT_H
#define CLIO_CMD_REPORT_H

#include "model/prices.h"
#include "pipeline/estimate.h"
#include "store/spent.h"

#include <stdio.h>

struct report_stage {
    const char *name;
    struct stage_state state;
    int64_t answers;    /* in the ledger: never asked for again */
    struct spent spent; /* over all models, and all times the run went on */
    double cost;        /* at the present prices; negative: not known */
};

struct report_batch {
    struct str stage, id; /* id: the provider's; "": it is not known whether it arrived */
    int64_t sent_at, questions;
};

struct report {
    struct arena arena; /* owns everything below */
    const char *path, *currency;
    int64_t imported, kept; /* conversations; kept: neither screened out nor set aside at import */
    struct report_stage *stages;
    size_t stages_count, stages_done;
    struct report_reason {
        struct str reason;
        int64_t count;
    } * reasons; /* why records were set aside, all stages */
    size_t reasons_count;
    int64_t quarantined, quarantined_import; /* all, and those that were no usable conversations in the first place */
    struct report_batch *batches;            /* [batches_count] on their way at a provider, the oldest first */
    size_t batches_count;
    struct report_health {
        struct str facet, json; /* as the stage cluster measured it (cluster/health.h) */
    } * health;
    size_t health_count;
    bool published; /* there is something to look at */
    bool estimated; /* the run noted an estimate */
    struct estimate estimate;
    const char *files; /* " FILE", as they are typed again to go on; NULL after report_load: not known */
};

MUST_USE enum err report_load(struct run *r, const struct prices *prices, struct report *out, struct error *e);
void report_release(struct report *r);
struct report_stage report_total(const struct report *r);
int64_t report_batched(const struct report *r); /* questions in batches */

void report_print(const struct report *r, FILE *out);    /* tables and the next command */
void report_add_word(struct buf *out, const char *word); /* quoted where a shell would not take it as it is */
void report_add_command(struct buf *out, const char *verb, const char *files, const char *run); /* "clio run --run R" */
void report_add_json(const struct report *r, struct buf *out);
void report_add_reasons(const struct report *r, struct buf *out); /* {"reason":count,...} */

#endif
