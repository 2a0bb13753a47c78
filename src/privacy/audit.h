/*
 * audit.h: privacy layer 4 (Clio paper D, G.8): a model rates every name + description 1 (identifies somebody) to 5
 * (fully general), names first and the verdict after. What is missing, doubled, cut, refused or out of range counts
 * as 1. The rating says how identifying a text is, not how sensitive.                                       Layer:
 * privacy.
 */
#ifndef CLIO_PRIVACY_AUDIT_H
#define CLIO_PRIVACY_AUDIT_H

#include "stage/ask.h"

MUST_USE enum err audit_run(struct stage_context *c, struct error *e);

/* All that is published of a cluster in words; what is not shown to the auditor must not be published. */
struct audit_text {
    struct str name, short_name, description;
};

/* One question about one text, for the stage and for validation against labelled examples. Everything in the arena. */
MUST_USE enum err audit_request(struct stage_context *c, const struct audit_text *text, struct arena *a,
                                struct request *out, struct error *e);
/* 1..5; 1 for everything that is not a clean verdict. reason is the model's own, or constant text. */
int audit_rating(const struct asked *answer, struct str *reason);

#endif
