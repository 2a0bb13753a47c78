/*
 * project.h: a place on the map for each conversation (Clio paper G.6): UMAP of one facet's vectors. Above map_points
 * (config) a seeded sample is drawn, and the page says so.
 */
#ifndef CLIO_PROJECT_PROJECT_H
#define CLIO_PROJECT_PROJECT_H

#include "stage/stage.h"

MUST_USE enum err project_run(struct stage_context *c, struct error *e);

#endif
