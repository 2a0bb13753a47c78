/*
 * threshold.h: layer 2 of privacy. A base cluster goes on only when enough different accounts and enough conversations
 * stand behind it (METHOD.md section 4). Everything that is not counted as large enough stays hidden.
 *                                                                                Layer: stage, uses store, config,
 * base.
 */
#ifndef CLIO_PRIVACY_THRESHOLD_H
#define CLIO_PRIVACY_THRESHOLD_H

#include "stage/stage.h"

/*
 * Counts conversations and distinct accounts of every base cluster of every clustered facet and marks it large_enough
 * by the config's min_accounts and min_conversations. All conversations without an account (number 0) are ONE account.
 * Errors: ERR_PRIVACY a member of a cluster that does not exist: the counts could not be trusted, so none are kept.
 */
MUST_USE enum err threshold_run(struct stage_context *c, struct error *e);

#endif
