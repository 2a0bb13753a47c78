/*
 * label.h: names and descriptions of base clusters (Clio paper G.5). Reads facet values, vectors, members; only
 * clusters that passed the threshold are shown to a model. Privacy layer 3 is in its prompt and in its checks.
 */
#ifndef CLIO_LABEL_LABEL_H
#define CLIO_LABEL_LABEL_H

#include "stage/stage.h"

MUST_USE enum err label_run(struct stage_context *c, struct error *e);

#endif
