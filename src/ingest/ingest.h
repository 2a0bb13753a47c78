/*
 * ingest.h: files to conversations. The first stage; the only one that opens input files.   Layer: stage of the pipeline.
 *
 * Formats stand in one table of importers (importer.h). Reading is streamed: memory is bounded by INGEST_RECORD_MAX, not
 * by the file. Good records all go in, bad ones into quarantine with file, line and a constant reason.
 */
#ifndef CLIO_INGEST_INGEST_H
#define CLIO_INGEST_INGEST_H

#include "stage/stage.h"

MUST_USE enum err ingest_run(struct stage_context *c, struct error *e);

/* Hashes of the inputs for the stage's fingerprint and the manifest (name, bytes, BLAKE2b). Standard input is hashed while it is spooled. */
MUST_USE enum err ingest_identify(struct stage_context *c, struct hash *out, struct error *e);

#endif
