/*
 * imported.h: how a run's files were read. The files themselves are not kept, so that what is said here cannot change
 * without naming them again.                                                            Layer: pipeline, internal.
 */
#ifndef CLIO_PIPELINE_IMPORTED_H
#define CLIO_PIPELINE_IMPORTED_H

#include "stage/stage.h"

/* The configuration's part and the limit, as JSON. */
void imported_settings(const struct stage_context *c, struct buf *out);

/* Noted when import is done. *same: what is noted are these settings. */
MUST_USE enum err imported_note(struct stage_context *c, struct error *e);
MUST_USE enum err imported_same(struct stage_context *c, bool *same, struct error *e);

/* Without files named, may the run go on with what it holds? ERR_USAGE: no; says which setting another reading takes.
 */
MUST_USE enum err imported_check(struct stage_context *c, struct error *e);

#endif
