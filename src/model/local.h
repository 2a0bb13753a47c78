/*
 * local.h: what `clio doctor` and the tests ask about local models beyond the vtable.                 Layer: model.
 */
#ifndef CLIO_MODEL_LOCAL_H
#define CLIO_MODEL_LOCAL_H

#include "model/model.h"

/* ERR_OK when llama.cpp and the plugin load; version (may be NULL) then says which llama.cpp it is. */
MUST_USE enum err local_check_library(char version[64], struct error *e);

/* The oracle: does llama.cpp's grammar sampler, fed with schema_gbnf, accept this answer? For an open local: model. */
MUST_USE enum err local_grammar_accepts(const struct model *m, const struct schema *s, struct str answer, bool *accepts,
                                        struct error *e);

/* Answers through llama.cpp's grammar sampler instead of the writer: for comparison only, it is much slower. */
void local_use_grammar(struct model *m, bool on);

#endif
