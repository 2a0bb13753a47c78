/*
 * rehearsal.h: a run in small, to see what the whole one would ask: the stages themselves, on a sample of the real
 * input, with a model that answers nothing in particular. What they ask is counted instead of sent.
 *
 * The sample has clusters as large as the run's would be, so that the questions about them are as long. Then its named
 * clusters are repeated until there are as many as the run would have, so that the tree takes as many questions.
 * Nothing of the text reaches a disk: the run's database is in memory, and its vectors are drawn by chance. Layer:
 * pipeline, uses the stages.
 */
#ifndef CLIO_PIPELINE_REHEARSAL_H
#define CLIO_PIPELINE_REHEARSAL_H

#include "pipeline/pipeline.h"

/* What a stage asks one role's model, for all conversations. */
struct tally {
    double requests, asks;  /* a server is called once an ask, a model in this process once a request */
    double tokens;          /* of all requests, each read once */
    double tokens_again;    /* read again when every ask sends the dialogue so far */
    double tokens_prefix;   /* part of tokens: system texts, shared by all requests of a kind */
    double tokens_marked;   /* part of tokens: what a server may keep in its cache, system texts among them */
    double answer, longest; /* tokens written: as usual, and as long as the schemas allow */
    double texts;           /* embedding: how many */
};

struct rehearsal {
    int64_t conversations, sampled; /* of the run; looked at */
    double spread; /* of the mean length of a question in `facets` or `screen`: one standard error, as a share */
    struct tally asked[PIPELINE_STAGES][ROLE_COUNT];
    double bytes[PIPELINE_STAGES]; /* what the run's database grows by */
};

/*
 * c: configuration, prompts, threads, stop; and either inputs, which are read, or a run that was imported, which is
 * only read. Errors: those of the stages (no usable input, a missing language model), ERR_INTERRUPTED.
 */
MUST_USE enum err rehearse(const struct stage_context *c, struct rehearsal *out, struct error *e);

#endif
