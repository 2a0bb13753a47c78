/*
 * source.h: what an input is called in quarantine and in the ids made for records without one.
 *                                                                                        Layer: ingest, uses stage.
 */
#ifndef CLIO_INGEST_SOURCE_H
#define CLIO_INGEST_SOURCE_H

#include "stage/stage.h"

/* The file's name without its folders ("standard input" for "-"); a second file of that name becomes "NAME#2". In the
 * arena. */
struct str source_name(const struct input_file *inputs, size_t i, struct arena *a);

#endif
