/*
 * plan.h: which facets are asked in which call, and the shape of each answer; built once from the config. Layer:
 * facets.
 *
 * A call is one request per conversation. With one_call there is one: its first ask shows the conversation and wants
 * one JSON object with all shared facets, and every facet marked `alone` is a further ask in the same context.
 * Otherwise each facet is a call of its own.
 */
#ifndef CLIO_FACETS_PLAN_H
#define CLIO_FACETS_PLAN_H

#include "config/config.h"
#include "model/schema.h"

enum { ASK_FACETS_MAX = 24 };

struct facet_ask {
    const struct facet_def *facets[ASK_FACETS_MAX];
    size_t
        field[ASK_FACETS_MAX]; /* where each facet's answer is in the schema; its lead, if any, is the field before */
    size_t count;
    struct schema schema;
};

struct facet_call {
    struct facet_ask *asks; /* the first one shows the conversation */
    size_t asks_count;
};

struct facet_plan {
    struct facet_call *calls;
    size_t calls_count; /* 0: nothing to ask a model */
};

/*
 * with_language: the language facet is asked too (the predictor was unsure about this conversation). Memory: arena.
 * Errors: ERR_CONFIG more facets than an answer can hold.
 */
MUST_USE enum err facet_plan_new(const struct config *c, bool with_language, struct arena *a, struct facet_plan *out,
                                 struct error *e);

/* The questions of an ask, one line a facet, for the prompt. */
void facet_plan_questions(const struct facet_ask *ask, struct buf *out);

/*
 * What is the same for all conversations of a call, and what asks for a facet that stands alone. The instructions hold
 * the questions of all asks, so that they are read once and not once a conversation. prompts: the folder of prompts
 * that replace our own, may be NULL. Errors: ERR_CONFIG, ERR_IO a prompt that cannot be used.
 */
MUST_USE enum err facet_plan_system(const char *prompts, const struct facet_call *call, struct arena *a,
                                    struct str *out, struct error *e);
MUST_USE enum err facet_plan_further(const char *prompts, const struct facet_ask *ask, struct arena *a, struct str *out,
                                     struct error *e);

#endif
