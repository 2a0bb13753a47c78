/*
 * meter.h: what stands between the stages and every model they ask: counts what each call took (store/spent.h), and
 * holds a run to its limits on money and tokens.
 *
 * A limit is for the run, whatever was spent on it before. Nothing is sent that could break it: each request sets aside
 * the most it can take (its text, and the longest answer its schema allows) until its answer says what it took. When
 * the next one does not fit, what is in flight is awaited; when it does not fit even then, the stage ends with
 * ERR_BUDGET and all answers kept. Layer: stage.
 */
#ifndef CLIO_STAGE_METER_H
#define CLIO_STAGE_METER_H

#include "stage/stage.h"
#include "store/spent.h"

/* Sums up what the run has spent, for its limits. ERR_CONFIG: money is limited and the price of a model is not known.
 */
MUST_USE enum err meter_open_budget(struct stage_context *c, struct error *e);

/* *m, just opened, is put behind a meter; closing it closes both. */
void meter_wrap(struct stage_context *c, enum role role, struct model *m);

/* The answer could not be used, and the question is asked again. */
MUST_USE enum err meter_count_again(struct stage_context *c, enum role role, struct error *e);

struct usage meter_usage_of(const struct spent *s);

/*
 * About what a request takes, as a server bills it: with every ask the dialogue so far is sent again. tokens_out is the
 * longest its schema allows; tokens_cached what was sent before.
 */
struct usage meter_request(const struct request *r);

#endif
