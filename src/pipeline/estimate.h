/*
 * estimate.h: what a run will take, stage by stage, before a model is asked anything: from a rehearsal on a sample of
 * the real input, prices, rates, and what the run has done already.
 *
 * low       questions a tenth shorter, answers half as long as usual, one try each; servers remember what they read,
 * and bill what they keep; half the clusters pass the thresholds, and a tenth of the conversations the screener
 * expected  questions as in the sample, answers of the usual length, every conversation and cluster goes on, no caches
 * worst     questions longer by the sample's doubt and a tokeniser's, answers as long as the schemas allow, every
 *           question asked as often as may be (ASK_TRIES); servers bill what they keep, and forget it
 *                                                                                                   Layer: pipeline.
 */
#ifndef CLIO_PIPELINE_ESTIMATE_H
#define CLIO_PIPELINE_ESTIMATE_H

#include "pipeline/pipeline.h"

enum measure { MEASURE_CALLS, MEASURE_IN, MEASURE_OUT, MEASURE_COST, MEASURE_SECONDS, MEASURE_BYTES, MEASURES };

extern const char *const measure_names[MEASURES]; /* "calls", "tokens_in", ...: in JSON */

enum { CASE_LOW, CASE_EXPECTED, CASE_WORST, CASES };

struct range {
    double at[CASES]; /* negative: not known */
};

struct estimate {
    int64_t conversations, sampled;
    struct range of[PIPELINE_STAGES][MEASURES];
    struct range total[MEASURES]; /* unknown when a part is */
};

/*
 * c as for rehearse (pipeline/rehearsal.h), with prices. plan: stages kept take nothing more; of a stage begun, what is
 * answered is taken off. until (NULL: all): the last stage counted.
 */
MUST_USE enum err estimate_make(const struct stage_context *c, const enum plan plan[PIPELINE_STAGES], const char *until,
                                struct estimate *out, struct error *e);

/* One JSON object: {"conversations", "sampled", "stages": {"facets": {"calls": [low, expected, worst], ...}}, "total"};
 * null: not known. And what a run noted when it began, for its report; false: there is none. */
void estimate_write(const struct estimate *s, struct buf *out);
bool estimate_read(struct str json, struct estimate *out);

/* Makes the whole run's estimate and notes it ("estimate"), unless it is noted for just this input and configuration.
 */
MUST_USE enum err estimate_note(struct stage_context *c, const struct hash *import, struct error *e);

#endif
