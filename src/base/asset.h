/*
 * asset.h: files that travel inside the binary (prompts, the page, example configurations), embedded at build time.
 *                                                                                                     Layer: base.
 */
#ifndef CLIO_BASE_ASSET_H
#define CLIO_BASE_ASSET_H

#include "base/str.h"

/* The content of "web/page.html" and the like; a view with at == NULL when there is no such file. Never freed. */
struct str asset_find(struct str path);

/* Walks the table: the i-th file's path, or NULL behind the last. */
const char *asset_path(size_t i);

#endif
