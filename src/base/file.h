/*
 * file.h: the file system, as little of it as the program needs. New files are private (0600), folders 0700.
 *                                                                                                    Layer: base.
 */
#ifndef CLIO_BASE_FILE_H
#define CLIO_BASE_FILE_H

#include "base/str.h"

/* A read-only view of a whole file. Zeroed is valid and closed. */
struct file_map {
    struct str bytes;
};

MUST_USE enum err file_map_open(struct file_map *m, const char *path, struct error *e);
void file_map_close(struct file_map *m);

/* The whole file, at most max bytes (ERR_INPUT above), into b. "-" reads standard input. */
MUST_USE enum err file_read(const char *path, size_t max, struct buf *b, struct error *e);

/* Writes beside, syncs, renames: readers see the old file or the new one, whole. */
MUST_USE enum err file_write_atomic(const char *path, struct str bytes, struct error *e);

MUST_USE enum err file_make_folder(const char *path, struct error *e); /* 0700; parents too; an existing one is fine */
MUST_USE enum err file_sync_folder(const char *path, struct error *e); /* makes a rename in it durable */
bool file_exists(const char *path);
int64_t file_size(const char *path);       /* -1: there is none */
int64_t file_free_bytes(const char *path); /* room left on the path's file system; -1: unknown */
void file_remove_tree(const char *path);   /* no error when it is not there; never follows links */

/* $CLIO_CACHE, or $XDG_CACHE_HOME/clio, or ~/.cache/clio, with the parts behind: file_cache_path(a, "models", name,
 * NULL). */
const char *file_cache_path(struct arena *a, const char *first, ...) __attribute__((sentinel));

#endif
