/*
 * plan.h: what a run would do, without doing it: clio run --dry-run.                                         Layer:
 * cmd.
 */
#ifndef CLIO_CMD_PLAN_H
#define CLIO_CMD_PLAN_H

#include "cmd/job.h"

/* One line a stage on standard output, up to `until` (NULL: all). Opens no input file and no model, writes nothing. */
MUST_USE enum err plan_print(const struct job_request *want, const char *until, struct error *e);

#endif
