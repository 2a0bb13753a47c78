/*
 * fingerprint.h: what a stage's results follow from, as one hash: a stage is done for exactly one.
 *                                                                                      Layer: pipeline, internal.
 */
#ifndef CLIO_PIPELINE_FINGERPRINT_H
#define CLIO_PIPELINE_FINGERPRINT_H

#include "pipeline/pipeline.h"

/*
 * The stages before it (upstream is the fingerprint of the last), its share of the configuration, its prompts, its
 * models. For the first stage also the input files, which are read for it, and how they are to be read.
 */
MUST_USE enum err fingerprint_of(struct stage_context *c, const struct stage *s, const struct hash *upstream,
                                 struct hash *out, struct error *e);

/* Notes the stage's models as they are now. Once a model's file is gone it counts as what was noted: what was made with
 * it stays done. */
MUST_USE enum err fingerprint_note_models(struct stage_context *c, const struct stage *s, struct error *e);

#endif
