/*
 * cluster.h: base clusters (Clio paper B.2, G.5): k-means of one facet's vectors. Reads vectors, writes level-0
 * nodes (largest first) and members. k by the rule in choose_k.h.
 */
#ifndef CLIO_CLUSTER_CLUSTER_H
#define CLIO_CLUSTER_CLUSTER_H

#include "stage/stage.h"

MUST_USE enum err cluster_run(struct stage_context *c, struct error *e);

#endif
