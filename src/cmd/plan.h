/*
 * plan.h: what a run would do, and what it would take, without asking a model anything: clio estimate, clio run
 * --dry-run.                                                                                                Layer: cmd.
 */
#ifndef CLIO_CMD_PLAN_H
#define CLIO_CMD_PLAN_H

#include "cmd/job.h"

/*
 * The stages up to `until` (NULL: all) on standard output, each with its calls, tokens, money, time and disk in the
 * low, the expected and the worst case; --json: as one object. Reads the input files (or the run's conversations, when
 * none have to be read), opens no model, writes nothing.
 */
MUST_USE enum err plan_print(const struct job_request *want, const char *until, struct error *e);

/* ERR_USAGE, with the nearest name, when there is no such stage. NULL is fine. */
MUST_USE enum err plan_check_stage(const char *until, struct error *e);

#endif
