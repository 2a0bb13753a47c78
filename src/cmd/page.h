/*
 * page.h: the page of a run, as serve and demo put it up: --port, and the stages in the pipeline's words.  Layer: cmd.
 */
#ifndef CLIO_CMD_PAGE_H
#define CLIO_CMD_PAGE_H

#include "cmd/command.h"
#include "serve/server.h"

/* *out NULL after an error. ERR_USAGE: --port is no port; else as server_start. */
MUST_USE enum err page_start(const struct args *args, const char *path, struct server **out, struct error *e);

#endif
