/*
 * facets.h: what each conversation is about (Clio paper B.1, G.4). The last stage that sees raw text: privacy
 * layer 1 is here. Reads kept conversations, writes facet values; what a model would not answer properly is
 * quarantined. Computed, metadata and language facets cost no model call.
 */
#ifndef CLIO_FACETS_FACETS_H
#define CLIO_FACETS_FACETS_H

#include "stage/stage.h"

MUST_USE enum err facets_run(struct stage_context *c, struct error *e);

#endif
