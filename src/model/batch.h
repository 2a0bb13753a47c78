/*
 * batch.h: requests through a provider's batch API: half the price, and answers within a day, mostly within an hour.
 *
 * Takes from the feed what it gives, asks the first question directly (so that a wrong key, model or member shows at
 * once instead of after an hour), and sends the others in batches cut by both limits, number and bytes. Waits for them,
 * asking at growing intervals, and takes results as they stream in, by custom id: an item's id is the hash of all its
 * answer depends on, so that a batch of an earlier process serves this one. What a batch did not answer (expired,
 * missing, failed) goes into another one, BATCH_TRIES times in all; then it fails with a reason. A further ask of a
 * dialogue goes into a batch of its own.
 *
 * Never submitted twice: a batch is entered in the run's book before it is sent. Where its id was lost (a kill, a
 * connection that broke) it is looked for at the server first. Stopping leaves batches where they are: the same command
 * collects them. When all of a batch is in the ledger, it is deleted at the server.                Layer: model.
 */
#ifndef CLIO_MODEL_BATCH_H
#define CLIO_MODEL_BATCH_H

#include "model/batch_api.h"
#include "model/chat.h"
#include "model/endpoint.h"

enum { BATCH_TRIES = 3 };

struct batch;

/* Borrows calls, protocol, api and book for its life. */
struct batch *batch_new(struct calls *calls, const struct chat_protocol *p, const struct batch_api *api,
                        const struct endpoint *endpoint, const struct model_info *info, const struct batch_book *book);
void batch_free(struct batch *b);

MUST_USE enum err batch_complete(struct batch *b, const struct feed *feed, const atomic_bool *stop, struct error *e);

#endif
