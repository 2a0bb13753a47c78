/*
 * batches.h: the run as a book of batches (model/batch_book.h), for the models of its stages.        Layer: stage.
 */
#ifndef CLIO_STAGE_BATCHES_H
#define CLIO_STAGE_BATCHES_H

#include "model/batch_book.h"
#include "stage/stage.h"

/* Borrows the context: entries are of the stage that is on when they are made. */
struct batch_book stage_batches(struct stage_context *c);

#endif
