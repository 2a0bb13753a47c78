/*
 * stage.h: what a stage is given. A stage reads its inputs from the run, writes its outputs to the run, reports
 * progress, and knows no other stage.                                          Layer: stage, uses model, store, num,
 * config, base.
 */
#ifndef CLIO_STAGE_STAGE_H
#define CLIO_STAGE_STAGE_H

#include "base/par.h"
#include "config/config.h"
#include "model/batch_book.h"
#include "model/model.h"
#include "model/prices.h"
#include "store/events.h"
#include "store/run.h"

#include <stdatomic.h>

enum role { ROLE_FAST, ROLE_STRONG, ROLE_EMBED, ROLE_COUNT };

/* Sees every request on its way to a model. */
typedef void request_fn(void *arg, enum role role, const struct request *r);

/* Where progress goes: the terminal (cmd/progress) and events.jsonl, through one function. */
typedef void progress_fn(void *arg, const struct event *event);

struct input_file {
    const char *path; /* "-" is standard input */
};

/* Limits on what a run may take (0: none), and what it has taken so far; kept by the meter (stage/meter.h). */
struct budget {
    double max_cost;
    uint64_t max_tokens;
    double cost, reserved_cost; /* in the prices' currency */
    uint64_t tokens, reserved_tokens;
};

struct stage_context {
    struct run *run;
    const struct config *config;
    struct par *par;
    const atomic_bool *stop; /* set when the user asked to stop */
    progress_fn *progress;
    void *progress_arg;

    /* Models are opened when a stage that runs first asks for one. */
    struct model fast, strong, embed; /* through stage_model only */
    struct model_opts model_opts;
    struct batch_book batches;   /* what they remember in the run; set by stage_model */
    const struct prices *prices; /* NULL: what models cost is not known */
    struct budget budget;
    request_fn *watch; /* NULL: nobody looks */
    void *watch_arg;
    const char *prompts; /* folder with replacements for prompts/, or NULL */

    const struct input_file *inputs; /* import only */
    size_t inputs_count;
    uint64_t limit; /* import only: stop after this many conversations, 0: no limit */

    /* Filled by the stage while it runs. */
    const char *stage; /* its name */
    int64_t done, total, quarantined;
    int64_t offered; /* import: usable conversations before any were drawn */
    struct usage usage;
    struct batch_news awaited;
    double started, last_report; /* clock_seconds */
    char note[200];              /* the stage's last word: one line, counts only */
};

struct str stage_model_spec(const struct stage_context *c, enum role role); /* as the configuration names it */

/* Opens it the first time, behind a meter. Notes its name and identity in the manifest ("model.fast" ...). */
MUST_USE enum err stage_model(struct stage_context *c, enum role role, struct model **out, struct error *e);
void stage_close_models(struct stage_context *c);

/* Progress: total first, then as many calls of stage_advance as one likes; reports are rate-limited inside (4 a
 * second). */
void stage_begin(struct stage_context *c, int64_t total);
void stage_report(struct stage_context *c, enum event_kind kind); /* now; for the pipeline */
void stage_advance(struct stage_context *c, int64_t by);

/* ERR_INTERRUPTED, with what to do, when the user asked to stop. Long loops call it between two pieces of work. */
MUST_USE enum err stage_check_stop(const struct stage_context *c, struct error *e);

/* Calls fn for every facet that gets a tree, in the config's order, as one unit of progress each. */
typedef enum err tree_fn(struct stage_context *c, size_t facet_index, struct error *e);
MUST_USE enum err stage_each_tree(struct stage_context *c, tree_fn *fn, struct error *e);
void stage_note(struct stage_context *c, const char *fmt, ...) PRINTF(2, 3);

/* One record could not be done: quarantined with a constant reason. Fails the stage above config->max_failed_share of
 * total. */
MUST_USE enum err stage_quarantine(struct stage_context *c, int64_t rec, const char *reason, struct error *e);
MUST_USE enum err stage_check_failures(struct stage_context *c, struct error *e);

#endif
