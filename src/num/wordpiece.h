/*
 * wordpiece.h: the WordPiece tokenizer of BERT and MPNet, read from a tokenizer.json held in memory.
 * Normalisation as the file says (clean text, CJK spacing, strip accents, lower case), then greedy longest match.
 *                                                                                                      Layer: num.
 */
#ifndef CLIO_NUM_WORDPIECE_H
#define CLIO_NUM_WORDPIECE_H

#include "base/error.h"
#include "base/str.h"

struct wordpiece;

/* json is borrowed only for the call. Errors: ERR_MODEL the file is not a WordPiece tokenizer. */
MUST_USE enum err wordpiece_new(struct str json, struct wordpiece **out, struct error *e);
void wordpiece_free(struct wordpiece *w);
size_t wordpiece_size(const struct wordpiece *w); /* every id is below it */

/*
 * Writes the ids of text between the start and end tokens (as the file's post-processor says: CLS/SEP or <s>/</s>), at
 * most max of them (max >= 2; longer texts lose their end, the end token is kept). Returns how many. Invalid UTF-8 is
 * read as U+FFFD. Thread-safe on one tokenizer. Cost: linear in the text read.
 */
size_t wordpiece_encode(const struct wordpiece *w, struct str text, uint32_t *ids, size_t max);

#endif
