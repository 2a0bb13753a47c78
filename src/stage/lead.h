/*
 * lead.h: a text facet's value with a lead: "field: what was wanted". Written in one place, taken apart in others.
 *                                                                                                    Layer: stage.
 */
#ifndef CLIO_STAGE_LEAD_H
#define CLIO_STAGE_LEAD_H

#include "base/str.h"

/* Adds "lead: " in front of what will be added to out next; an empty lead adds nothing. */
void lead_add(struct buf *out, struct str lead);

/* The two parts, borrowed from the value; a value without a lead is all rest, and its lead is empty. */
struct str lead_of(struct str value, struct str *rest);

#endif
