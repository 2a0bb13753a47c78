/*
 * provider.h: what a provider's file exports to the table in model.c, and nobody else needs.          Layer: model.
 */
#ifndef CLIO_MODEL_PROVIDER_H
#define CLIO_MODEL_PROVIDER_H

#include "model/model.h"

typedef enum err model_open_fn(struct str rest, const struct model_opts *opts, struct model *out, struct error *e);

model_open_fn local_open;     /* local:NAME or local:/path/file.gguf  (llama.cpp through the plugin) */
model_open_fn openai_open;    /* openai:MODEL@BASE_URL                (any compatible server) */
model_open_fn anthropic_open; /* anthropic:MODEL@BASE_URL           (the Messages API) */
model_open_fn script_open;    /* script:RULES.json                    (tests) */
model_open_fn replay_open;    /* replay:RUN                           (answers from another run's ledger, by key) */
model_open_fn encoder_open;   /* encoder:all-mpnet-base-v2 or a folder */
model_open_fn file_open;      /* file:V.npy or file:V.npy+SPEC        (vectors made elsewhere) */
model_open_fn hash_open;      /* hash:768                             (hashed word vectors, tests) */

/* The provider's share of model_fingerprint, for what a spec alone does not say: its files and its version. */
typedef bool model_fingerprint_fn(struct str rest, const struct model_opts *opts, struct hasher *h);

model_fingerprint_fn local_fingerprint, script_fingerprint, replay_fingerprint, encoder_fingerprint, file_fingerprint,
    hash_fingerprint;

#endif
