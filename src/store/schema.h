/*
 * schema.h: the tables of private/run.db.                                                Layer: store, used by run.c.
 */
#ifndef CLIO_STORE_SCHEMA_H
#define CLIO_STORE_SCHEMA_H

#include "store/db.h"

enum { SCHEMA_VERSION = 5 };

/* Creates the tables in an empty file; otherwise refuses files of another program and of a newer version. */
MUST_USE enum err schema_apply(struct db *d, const char *path, bool writable, struct error *e);

#endif
