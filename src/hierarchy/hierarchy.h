/*
 * hierarchy.h: the tree above the base clusters (Clio paper B.3, G.7). Six steps a level: neighbourhoods,
 * proposals, de-duplication, assignment, renaming from the children a parent got. Reads and writes nodes.
 */
#ifndef CLIO_HIERARCHY_HIERARCHY_H
#define CLIO_HIERARCHY_HIERARCHY_H

#include "stage/stage.h"

MUST_USE enum err hierarchy_run(struct stage_context *c, struct error *e);

#endif
