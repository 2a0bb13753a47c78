/*
 * screen.h: narrow the data to what the screener question is about (Clio paper G.3). Reads
 * conversations, writes who is dropped. The answer is exactly Yes or No; without a question everything goes on.
 */
#ifndef CLIO_SCREEN_SCREEN_H
#define CLIO_SCREEN_SCREEN_H

#include "stage/stage.h"

MUST_USE enum err screen_run(struct stage_context *c, struct error *e);

#endif
