/*
 * clock.h: time. Times never reach published/, so that the same run gives the same bytes.            Layer: base.
 */
#ifndef CLIO_BASE_CLOCK_H
#define CLIO_BASE_CLOCK_H

#include "base/str.h"

double clock_seconds(void);  /* monotonic */
int64_t clock_unix_ms(void); /* wall clock */

/* "2026-05-01T09:30:00Z" (offsets, fractions and a plain date accepted) or a number of seconds; false: not a time
 * between 1970 and 2200. */
bool clock_parse(struct str text, int64_t *unix_s);
void clock_format(int64_t unix_s, char out[24]); /* RFC 3339, UTC */

/* Days since 1970-01-01 of the Monday that starts the ISO week of unix_s; clock_format_day gives "2026-04-27". */
int32_t clock_week(int64_t unix_s);
void clock_format_day(int32_t day, char out[12]);

#endif
