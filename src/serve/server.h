/*
 * server.h: the page and its JSON views over HTTP, on this computer only.
 *
 * Reads RUN/published/ and RUN/events.jsonl, both read-only, and nothing else: no file of this folder includes ingest,
 * facets, model or store/run.h. Neither has to exist yet; published/ is opened when it appears and again whenever it
 * is replaced, so a page that is open while the run is going on fills by itself.
 *
 *   GET /                    the page; /page.css, /page.js, /icon.svg with it
 *   GET /api/run             what the run is: meta, facets and their values, base rates, weeks
 *   GET /api/tree?facet=F    all shown clusters of one tree
 *   GET /api/node/ID         one cluster: description, path, children, breakdowns against the run, weeks
 *   GET /api/overlay?facet=F&value=V[&tree=T]   share and ratio of one facet value in every cluster; without value,
 *                            the mean of an ordinal facet
 *   GET /api/map?facet=F     density grid, and points of public runs
 *   GET /api/stages          the stages in their order, [{"name", "title"}], as server_opts has them
 *   GET /api/events          server-sent events: "state" (the latest of every stage), then "event" as they come,
 *                            "bundle" when there is something new to read
 * Errors are JSON {code, cause, hint}.
 *
 * Before anything else a request must name this server as its Host and, where a browser says so, come from its own
 * pages (serve/guard.h).                                                         Layer: stage, uses store/bundle, base.
 */
#ifndef CLIO_SERVE_SERVER_H
#define CLIO_SERVE_SERVER_H

#include "base/error.h"

#include <stdint.h>

struct server;

struct server_opts {
    uint16_t port;      /* 0: 7411, or the next free one behind it. Another number: that one or an error */
    const char *stages; /* what /api/stages answers (pipeline_titles); copied. NULL: an empty list */
};

/*
 * Starts threads that answer until server_stop. path is borrowed only during the call.
 * Errors: ERR_IO no such folder, the port is taken, or no port is free.
 */
MUST_USE enum err server_start(const char *path, const struct server_opts *opts, struct server **out, struct error *e);
const char *server_url(const struct server *s); /* "http://127.0.0.1:7411/", until server_stop */
void server_stop(struct server *s);             /* NULL allowed */

#endif
