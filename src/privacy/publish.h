/*
 * publish.h: the only writer of RUN/published/. What passed all four layers goes out in one file, in one transaction,
 * by one rename; everything else stays in private/.                              Layer: stage, uses store, config,
 * base.
 *
 * The gate
 *   A base cluster is shown when it is large enough (marked by the threshold and counted again here) AND its audit
 *   rating is at least the config's audit_min. Not rated is 0, and 0 is withheld.
 *   A parent is shown when its rating passes and something below it is shown. The shown children of a withheld parent
 *   move to the nearest shown ancestor, or to the top. A parent's numbers are those of its shown leaves, so they add
 * up.
 *
 * The cells
 *   Every shown node, and the whole run as node -1, is counted by every value of every facet that is not text, in all
 *   and by week. A cell resting on fewer than min_cell_accounts accounts is left out, and so are further cells by which
 *   it could be worked out again: see publish_protect.c for the rule and its limits, publish_totals.c for the totals.
 *   The number is 10; of data declared public it is 1 unless the config says more, and only with 1 are single points of
 *   the map published.
 *
 * The bytes
 *   The same clusters, members and facets give the same bytes: no times, no paths, no thread counts.
 */
#ifndef CLIO_PRIVACY_PUBLISH_H
#define CLIO_PRIVACY_PUBLISH_H

#include "stage/stage.h"

/*
 * Replaces published/clio.db. When it fails, the file that was there before is untouched. A run in which nothing
 * passes publishes a bundle that says so.
 * Errors: ERR_PRIVACY the run's data contradicts itself; ERR_IO writing failed.
 */
MUST_USE enum err publish_run(struct stage_context *c, struct error *e);

#endif
