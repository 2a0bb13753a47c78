/*
 * pipeline.h: the program in one table: which stages there are, in what order, what each reads and writes.
 * Resume, progress, status, --dry-run and help all read it.                          Layer: pipeline, uses the stages.
 */
#ifndef CLIO_PIPELINE_PIPELINE_H
#define CLIO_PIPELINE_PIPELINE_H

#include "stage/stage.h"

struct stage {
    const char *name;  /* "facets" */
    const char *title; /* "Read what each conversation asks for": page and help */
    const char *reads; /* artifacts, for people */
    const char *writes;
    const char *config_keys; /* a change in one of these keys makes the stage run again */
    bool calls_model;
    enum err (*run)(struct stage_context *c, struct error *e);
};

extern const struct stage pipeline[]; /* name NULL behind the last */

/*
 * Runs every stage that is not done for the present config and inputs, in order; resumes where a run was stopped.
 * until (may be NULL): the last stage to run. Writes manifest and events. Errors: the failing stage's; ERR_INTERRUPTED
 * when the user stopped it (everything answered is kept).
 */
MUST_USE enum err pipeline_run(struct stage_context *c, const char *until, struct error *e);

#endif
