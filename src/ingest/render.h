/*
 * render.h: one plain rendering of a transcript for a model to read (Clio paper G.2), cut to a token budget.
 *                                                                                Layer: ingest, uses store and base.
 */
#ifndef CLIO_INGEST_RENDER_H
#define CLIO_INGEST_RENDER_H

#include "store/records.h"

/*
 * Appends
 *     <user>
 *     text
 *     </user>
 *     <assistant> ...
 * with dangerous characters cleaned (base/text.h), tags inside the text made harmless, and marker lines such as
 * [system prompt, 312 characters], [tool call], [image] for what is not shown. Longer than budget_tokens (text_tokens):
 * turns in the middle are left out whole and marked "[... 7 turns left out ...]"; when the first or last turn alone is
 * too long it is cut inside and marked. The first user turn's head and the last turn's tail are always there. 0: no
 * budget.
 */
void render_transcript(const struct conversation *c, size_t budget_tokens, struct buf *out);

#endif
