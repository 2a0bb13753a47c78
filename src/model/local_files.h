/*
 * local_files.h: the files of local models: which are pinned, where they are, and whether they are what they should be.
 *                                                                        Layer: model, used by local.c, clio models.
 */
#ifndef CLIO_MODEL_LOCAL_FILES_H
#define CLIO_MODEL_LOCAL_FILES_H

#include "model/model.h"

/* A model whose bytes are pinned: tools/deps brings it. */
struct local_pinned {
    const char *name, *alias;
    uint64_t bytes;
    const char *sha256;
    const char *command; /* brings it, run in the source tree */
};

const struct local_pinned *local_pinned_at(size_t i);          /* NULL behind the last */
const struct local_pinned *local_pinned_find(struct str name); /* by name or alias; NULL: none */

/*
 * Where a model's file is, or would be. A name of the table or its alias: in opts->model_folder, else in the cache. Any
 * other name: a path, and where there is no such file but one in opts->model_folder, with or without ".gguf", that.
 */
const char *local_path(struct str name, const struct model_opts *opts, struct arena *a);

/* Is there a GGUF file, of the right size if it is pinned (p may be NULL)? ERR_MODEL with what mends it. */
MUST_USE enum err local_check_file(const char *path, const struct local_pinned *p, struct error *e);

/* What tells two files apart: of a pinned one the pinned hash; else a hash of its size, its first and its last MiB,
 * since hashing gigabytes at every start would cost more than it tells. */
MUST_USE enum err local_file_hash(const char *path, const struct local_pinned *p, char out[HASH_HEX], struct error *e);

#endif
