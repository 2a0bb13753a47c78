/*
 * filter.h: narrows the input by a POSIX extended regular expression over what users and assistants wrote.
 *                                                                                Layer: ingest, uses store and base.
 */
#ifndef CLIO_INGEST_FILTER_H
#define CLIO_INGEST_FILTER_H

#include "store/records.h"

#include <regex.h>

/* Zeroed is valid and lets everything through. */
struct filter {
    bool on;
    regex_t compiled;
};

MUST_USE enum err filter_open(struct filter *f, struct str pattern,
                              struct error *e); /* empty: everything; ERR_CONFIG */
void filter_close(struct filter *f);

/* True when one turn of a user or an assistant matches. Texts may hold NUL. Of very long turns each MiB is looked at by
 * itself. */
bool filter_passes(const struct filter *f, const struct turn *turns, size_t n);

#endif
