/*
 * embed.h: facet texts to unit vectors, one file a clustered facet (Clio paper B.2). Equal texts are read once, and
 * every vector is kept as soon as it is made (store/vector_log.h).
 */
#ifndef CLIO_EMBED_EMBED_H
#define CLIO_EMBED_EMBED_H

#include "stage/stage.h"

MUST_USE enum err embed_run(struct stage_context *c, struct error *e);

#endif
