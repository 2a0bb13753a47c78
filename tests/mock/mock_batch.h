/*
 * mock_batch.h: the batch APIs of both providers (Message Batches; files and batches), kept in memory. Answers are
 * those of the single endpoints, made when a batch arrives and shown when its time has come.
 *
 * Faults of single items: the word "inbatch:NAME:TIMES:ID" in an item's text, as with "mock:" in a request's:
 *     missing, duplicate, expired, errored (the model stumbled), garbage (a result that is none), cancelled
 * and of the batch it is in: refused (OpenAI: status "failed"; Anthropic: 413), all-expired; OpenAI's only: too-large
 * (413) and unpaid (402), when the file is there already.
 */
#ifndef CLIO_TEST_MOCK_BATCH_H
#define CLIO_TEST_MOCK_BATCH_H

#include "mock.h"

struct mock_batches;

struct mock_batches *mock_batches_new(double batch_ms);
void mock_batches_free(struct mock_batches *b);

/* For "/v1/messages/batches...", "/v1/files...", "/v1/batches...": any method; the path may hold a query. */
int mock_batches_answer(const struct mock_request *r, enum mock_say say, struct buf *body);

void mock_batches_count(const struct mock_batches *b, struct mock_counts *counts);

#endif
