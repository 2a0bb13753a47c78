#include "model/vocab.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 4096 };

void tokens_add(struct tokens *t, int32_t id)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 256;
        t->at = mem_grow(t->at, t->cap, sizeof *t->at);
    }
    t->at[t->n++] = id;
}

void tokens_release(struct tokens *t)
{
    free(t->at);
    *t = (struct tokens){0};
}

/* The least and greatest second byte behind a lead byte (RFC 3629, section 4); 0: no lead byte of a longer character.
 */
static size_t lead_length(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t vocab_open_bytes(struct str s)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        const unsigned char *p = (const unsigned char *)s.at + s.n - back;
        if ((*p & 0xc0) == 0x80)
            continue;
        unsigned char low, high;
        if (lead_length(*p, &low, &high) <= back)
            return 0;
        return back == 1 || (p[1] >= low && p[1] <= high) ? back : 0;
    }
    return 0;
}

static enum vocab_class classify(struct str piece, unsigned kind)
{
    if (kind & LLAMA_ABI_ENDS_TURN)
        return VOCAB_ENDS;
    if (kind & LLAMA_ABI_CONTROL || piece.n == 0)
        return VOCAB_NEVER;
    for (size_t i = 0; i < piece.n; i++) {
        unsigned char c = (unsigned char)piece.at[i];
        if (c == '"' || c == '\n')
            return VOCAB_ENDS;
        if (c == '\\' || c < 0x20 || c == 0x7f)
            return VOCAB_NEVER;
    }
    return text_is_utf8(piece) ? VOCAB_TEXT : VOCAB_PART;
}

static size_t first_slot(const struct vocab *v, struct str piece)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < piece.n; i++)
        h = (h ^ (unsigned char)piece.at[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32) & v->slots_mask;
}

static void remember(struct vocab *v, int32_t id)
{
    struct str piece = vocab_piece(v, id);
    size_t slot = first_slot(v, piece);
    while (v->slots[slot]) {
        if (str_eq(vocab_piece(v, (int32_t)(v->slots[slot] - 1)), piece))
            return; /* the lower id stays */
        slot = (slot + 1) & v->slots_mask;
    }
    v->slots[slot] = (uint32_t)id + 1;
}

void vocab_init(struct vocab *v, const struct llama_abi *abi, struct llama_engine *engine)
{
    *v = (struct vocab){.abi = abi, .engine = engine, .n = abi->vocab_count(engine)};
    v->at = mem_new(v->n + 1, sizeof *v->at);
    v->classes = mem_zero(v->n, 1);
    size_t slots = 1024;
    while (slots < 2 * v->n)
        slots *= 2;
    v->slots = mem_zero(slots, sizeof *v->slots);
    v->slots_mask = slots - 1;
    struct buf bytes = {0};
    char *piece = mem_new(PIECE_BYTES, 1);
    for (size_t id = 0; id < v->n; id++) {
        unsigned kind = abi->token_kind(engine, (int32_t)id);
        size_t n = kind ? 0 : abi->token_bytes(engine, (int32_t)id, piece, PIECE_BYTES);
        n = n > PIECE_BYTES ? 0 : n;
        v->at[id] = (uint32_t)bytes.n;
        v->classes[id] = (unsigned char)classify((struct str){piece, n}, kind);
        buf_add(&bytes, (struct str){piece, n});
    }
    free(piece);
    v->at[v->n] = (uint32_t)bytes.n;
    v->bytes = bytes.at;
    for (size_t id = 0; id < v->n; id++)
        if (v->at[id + 1] > v->at[id])
            remember(v, (int32_t)id);
}

void vocab_release(struct vocab *v)
{
    free(v->bytes);
    free(v->at);
    free(v->classes);
    free(v->slots);
    *v = (struct vocab){0};
}

struct str vocab_piece(const struct vocab *v, int32_t id)
{
    assert(id >= 0 && (size_t)id < v->n);
    return (struct str){v->bytes + v->at[id], v->at[id + 1] - v->at[id]};
}

int32_t vocab_find(const struct vocab *v, struct str piece)
{
    for (size_t slot = first_slot(v, piece); v->slots[slot]; slot = (slot + 1) & v->slots_mask)
        if (str_eq(vocab_piece(v, (int32_t)(v->slots[slot] - 1)), piece))
            return (int32_t)(v->slots[slot] - 1);
    return -1;
}

void vocab_tokenize(const struct vocab *v, struct str text, bool special, struct tokens *out)
{
    if (text.n == 0)
        return;
    size_t room = text.n + 8; /* no token is shorter than a byte */
    if (out->cap < out->n + room) {
        out->cap = out->n + room;
        out->at = mem_grow(out->at, out->cap, sizeof *out->at);
    }
    size_t n = v->abi->tokenize(v->engine, text.at, text.n, special, out->at + out->n, room);
    assert(n <= room);
    out->n += n;
}
