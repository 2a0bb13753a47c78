/*
 * ingest.h: files to conversations. The first stage; the only one that opens input files.
 *                                                              Layer: stage, uses store, config and base.
 *
 * Formats stand in one table of importers (importer.h). Reading is streamed: memory is bounded by INGEST_RECORD_MAX,
 * not by the file. Good records all go in, bad ones into quarantine with file, line and a constant reason.
 */
#ifndef CLIO_INGEST_INGEST_H
#define CLIO_INGEST_INGEST_H

#include "ingest/importer.h"
#include "stage/stage.h"

/* A longer record (line or element) is skipped as it streams by, and quarantined. */
enum { INGEST_RECORD_MAX = 64 << 20 };

/*
 * Replaces what the run holds. Errors: ERR_INPUT a file cannot be opened, or there was nothing to import (the
 * quarantine then says why, record by record); ERR_CONFIG the filter is no regular expression; ERR_IO, ERR_INTERRUPTED.
 */
MUST_USE enum err ingest_run(struct stage_context *c, struct error *e);

/*
 * Hashes the inputs for the stage's fingerprint, and notes name, size and BLAKE2b-256 of each in the manifest as
 * "inputs". Standard input that cannot be read twice is spooled into a nameless file in RUN/private and replaced by it,
 * so that ingest_run finds it again and nothing stays behind.
 */
MUST_USE enum err ingest_identify(struct stage_context *c, struct hash *out, struct error *e);

#endif
