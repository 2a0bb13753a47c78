#include "base/hash.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(sizeof(crypto_generichash_state) <= sizeof(struct hasher), "struct hasher is too small");

static crypto_generichash_state *state_of(struct hasher *h)
{
    return (crypto_generichash_state *)(void *)h->state;
}

void hash_init(struct hasher *h)
{
    crypto_generichash_init(state_of(h), NULL, 0, HASH_BYTES);
}

void hash_init_keyed(struct hasher *h, const unsigned char key[HASH_BYTES])
{
    crypto_generichash_init(state_of(h), key, HASH_BYTES, HASH_BYTES);
}

void hash_add_u64(struct hasher *h, uint64_t v)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    crypto_generichash_update(state_of(h), bytes, sizeof bytes);
}

void hash_add_part(struct hasher *h, struct str part)
{
    if (part.n)
        crypto_generichash_update(state_of(h), (const unsigned char *)part.at, part.n);
}

void hash_add(struct hasher *h, struct str field)
{
    hash_add_u64(h, field.n);
    hash_add_part(h, field);
}

struct hash hash_end(struct hasher *h)
{
    struct hash out;
    crypto_generichash_final(state_of(h), out.at, HASH_BYTES);
    return out;
}

struct hash hash_of(struct str bytes)
{
    struct hash out;
    crypto_generichash(out.at, HASH_BYTES, (const unsigned char *)(bytes.at ? bytes.at : ""), bytes.n, NULL, 0);
    return out;
}

uint64_t hash_u64(struct hash h)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | h.at[i];
    return v;
}

void hash_hex(struct hash h, char out[HASH_HEX])
{
    sodium_bin2hex(out, HASH_HEX, h.at, HASH_BYTES);
}

void secret_fill(unsigned char *out, size_t n)
{
    randombytes_buf(out, n);
}

enum err hash_file_sha256(const char *path, char out[HASH_HEX], struct error *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return error_errno(e, ERR_IO, "cannot read %s", path);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    unsigned char *chunk = mem_new(1, 1 << 20);
    size_t n;
    while ((n = fread(chunk, 1, 1 << 20, f)) > 0)
        crypto_hash_sha256_update(&state, chunk, n);
    enum err result = ferror(f) ? error_errno(e, ERR_IO, "cannot read %s", path) : ERR_OK;
    free(chunk);
    fclose(f);
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(out, HASH_HEX, digest, sizeof digest);
    return result;
}
