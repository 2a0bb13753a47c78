/*
 * fresh.h: --fresh, which starts a run again in its folder.                                          Layer: cmd.
 */
#ifndef CLIO_CMD_FRESH_H
#define CLIO_CMD_FRESH_H

#include "cmd/job.h"

/*
 * Removes what the program made in the run's folder and leaves everything else there alone: only of a run, and only
 * while nobody works on it. Errors: ERR_USAGE no files to start again from, or something that is to be read is among
 * what would be removed; nothing has been removed then. prompts: the folder, or NULL.
 */
MUST_USE enum err fresh_start(const struct job_request *want, const char *prompts, struct error *e);

#endif
