/*
 * pack.h: several texts in one, each as LENGTH:BYTES, one behind the other: exact for any bytes, and still readable in
 * the sqlite3 shell. How the ledger keeps the texts of an answer (store/ledger.c, read by model/replay.c).  Layer:
 * base.
 */
#ifndef CLIO_BASE_PACK_H
#define CLIO_BASE_PACK_H

#include "base/str.h"

void pack_add(struct buf *b, struct str text);
/* One text off the front, borrowed; false when the bytes are not what pack_add wrote. */
bool pack_take(struct str *rest, struct str *text);

#endif
