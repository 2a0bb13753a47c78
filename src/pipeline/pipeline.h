/*
 * pipeline.h: the program in one table: which stages there are, in what order, what each reads and writes.
 * Resume, progress, status, --dry-run and help all read it.                          Layer: pipeline, uses the stages.
 */
#ifndef CLIO_PIPELINE_PIPELINE_H
#define CLIO_PIPELINE_PIPELINE_H

#include "stage/stage.h"

/* Models a stage uses, as a set: another file behind one makes the stage run again. */
enum { USES_FAST = 1 << 0, USES_STRONG = 1 << 1, USES_EMBED = 1 << 2, USES_LANGID = 1 << 3 };

struct stage {
    const char *name;  /* "facets" */
    const char *title; /* "Read what each conversation asks for": page, progress and help */
    const char *reads; /* artifacts, for people */
    const char *writes;
    const char *config_keys; /* a change in one of these keys makes the stage run again; models: see `models` */
    enum err (*run)(struct stage_context *c, struct error *e);
    unsigned models;     /* USES_... */
    const char *prompts; /* beginnings of their files' names, "name.,parent."; NULL: it asks no model anything */
};

enum { PIPELINE_STAGES = 11 };
extern const struct stage pipeline[PIPELINE_STAGES + 1]; /* name NULL behind the last */

/* [{"name":"import","title":"Read the files"},...] in the pipeline's order, for the page. */
void pipeline_titles(struct buf *out);

/*
 * Runs every stage that is not done for the present config and inputs, in order; resumes where a run was stopped. A
 * stage that runs makes all behind it not done. until (may be NULL): the last stage to run. Writes manifest and events.
 * Errors: the failing stage's; ERR_INTERRUPTED when the user stopped it (everything answered is kept); ERR_USAGE, with
 * nothing changed, when no input is named but the files would have to be read (again).
 */
MUST_USE enum err pipeline_run(struct stage_context *c, const char *until, struct error *e);

enum plan {
    PLAN_RUN,
    PLAN_BEGUN, /* as it would run now: some of its answers may be there */
    PLAN_KEPT,
    PLAN_KEPT_IF_SAME, /* import: when the files named hold what they held */
};

/* What pipeline_run would do with each stage, by the same rules, changing nothing. c->run NULL: there is no run yet. */
MUST_USE enum err pipeline_plan(struct stage_context *c, enum plan plan[PIPELINE_STAGES], struct error *e);

#endif
