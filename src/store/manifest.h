/*
 * manifest.h: manifest.json, the run described for people and other programs, written from notes and stage states.
 * Layer: store, used by run.c (run_write_manifest is declared in run.h).
 */
#ifndef CLIO_STORE_MANIFEST_H
#define CLIO_STORE_MANIFEST_H

#include "base/str.h"

/* A note must be one JSON value. The error names the key, never the value. */
MUST_USE enum err manifest_check_value(const char *key, struct str json_value, struct error *e);

#endif
