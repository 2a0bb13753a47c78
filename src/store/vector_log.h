/*
 * vector_log.h: vectors as they are made: private/vectors.log holds the hash of a text and its vector, record after
 * record, appended piece by piece. A stopped run has lost at most the piece it was at, and no text is sent to the same
 * model twice, whichever conversation, facet or input it is in. Treated as raw text: embeddings can be inverted.
 *                                                                              Layer: store, uses base and num.
 */
#ifndef CLIO_STORE_VECTOR_LOG_H
#define CLIO_STORE_VECTOR_LOG_H

#include "num/mat.h"
#include "store/run.h"

struct vector_log;

/*
 * The log of vectors of d numbers by one model (as `identity` names it). What is there of another model, is damaged, or
 * was cut off while it was written is dropped. Memory: 12 to 24 bytes a record. Errors: ERR_IO.
 */
MUST_USE enum err vector_log_open(struct run *r, struct str identity, size_t d, struct vector_log **out,
                                  struct error *e);
void vector_log_close(struct vector_log *log); /* NULL is fine */

/* Fills row [d]; false when there is no vector for this key. */
bool vector_log_find(struct vector_log *log, const struct hash *key, float *row);

/* Appends m.n vectors, which are durable when it returns. */
MUST_USE enum err vector_log_add(struct vector_log *log, const struct hash *keys, struct mat m, struct error *e);

#endif
