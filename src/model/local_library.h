/*
 * local_library.h: finding llama.cpp and the plugin at run time.          Layer: model, used by local.c.
 */
#ifndef CLIO_MODEL_LOCAL_LIBRARY_H
#define CLIO_MODEL_LOCAL_LIBRARY_H

#include "base/error.h"
#include "plugin/llama_abi.h"

/*
 * Loads the libraries once more for every caller (dlopen counts); they stay loaded until the process ends, because
 * ggml registers its back ends for good. backends: the folder to look for them in, "" for the system's places.
 * Errors: ERR_MODEL naming what is missing, with the command that brings it.
 */
MUST_USE enum err local_library_open(const struct llama_abi **abi, char *backends, size_t backends_size,
                                     struct error *e);

#endif
