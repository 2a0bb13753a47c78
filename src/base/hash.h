/*
 * hash.h: content keys (BLAKE2b), keyed account hashes, and secrets from the system, all by libsodium. Layer: base.
 */
#ifndef CLIO_BASE_HASH_H
#define CLIO_BASE_HASH_H

#include "base/str.h"

enum { HASH_BYTES = 32, HASH_HEX = 2 * HASH_BYTES + 1 };

struct hash {
    unsigned char at[HASH_BYTES];
};

/*
 * Builds a key from fields. Every field is preceded by its length, so that ("ab","c") and ("a","bc") differ.
 * Example: struct hasher h; hash_init(&h); hash_add(&h, STR("facets")); hash_add(&h, prompt); struct hash k =
 * hash_end(&h);
 */
struct hasher {
    _Alignas(64) unsigned char state[384]; /* crypto_generichash_state, checked by an assertion in hash.c */
};

void hash_init(struct hasher *h);
void hash_init_keyed(struct hasher *h, const unsigned char key[HASH_BYTES]);
void hash_add(struct hasher *h, struct str field);
void hash_add_u64(struct hasher *h, uint64_t v);
void hash_add_part(struct hasher *h, struct str part); /* of a field that comes in parts: add its length first */
struct hash hash_end(struct hasher *h);

struct hash hash_of(struct str bytes); /* plain BLAKE2b-256 of the bytes */
uint64_t hash_u64(struct hash h);      /* the first eight bytes, little-endian: a seed */
void hash_hex(struct hash h, char out[HASH_HEX]);

/* n bytes no one can guess (keys, tokens). */
void secret_fill(unsigned char *out, size_t n);

/* SHA-256 of a file, in hex: the form in which models are pinned. */
MUST_USE enum err hash_file_sha256(const char *path, char out[HASH_HEX], struct error *e);

#endif
