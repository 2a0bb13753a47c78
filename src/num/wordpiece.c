#include "num/wordpiece.h"

#include "base/json.h"
#include "num/wordpiece_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_CHARS_MAX = 256, /* what max_input_chars_per_word may be; bounds the work for a word */
    WORD_BYTES_MAX = WORD_CHARS_MAX * 4,
    ADDED_MAX = 64,
    FILTER_BITS = 1 << 19,
    ID_MAX = 10000000
};

/* Piece tables are told apart by the hash's start: pieces that begin a word, and those that go on ("##ing" as "ing").
 */
#define HASH_FIRST 0x811c9dc5u
#define HASH_NEXT  0x0dd2c0deu

struct piece {
    uint64_t head;    /* its first eight bytes: most pieces have no more, and are known without a look elsewhere */
    const char *tail; /* the others */
    uint32_t id;
    uint16_t n; /* bytes; 0: a free place */
    bool next;
};

/* A token that is found in the text before it is split into words ("[SEP]", "<mask>"). */
struct added {
    struct str content;
    uint32_t id;
};

struct added_list {
    struct added at[ADDED_MAX];
    size_t n;
    bool starts[256]; /* bytes that one of them starts with */
};

/* What a byte of text is, where that can be said without looking at its neighbours. */
enum byte_kind {
    BYTE_HARD,  /* beyond ASCII, a control character, or an added token may start with it */
    BYTE_WORD,  /* ASCII: part of a word */
    BYTE_ALONE, /* ASCII: punctuation, a word by itself */
    BYTE_BLANK
};

struct wordpiece {
    struct arena memory;
    struct wordpiece_rules rules;
    struct piece *pieces; /* open addressing; mask + 1 places, at most half in use */
    uint64_t *filter;     /* FILTER_BITS; a hash whose bit is not set is no piece's: it spares a far look */
    size_t mask, size, piece_bytes_max, word_chars_max;
    uint32_t unknown, start, end;
    struct added_list raw, normal; /* looked for before and after normalising */
    unsigned char kinds[256];      /* enum byte_kind */
    char small[256];               /* letters in the case the rules want */
    uint32_t alone[256];           /* ids of BYTE_ALONE */
};

/* What one call writes to. */
struct ids {
    uint32_t *at;
    size_t n, max;
};

static uint32_t hash_step(uint32_t h, char c)
{
    return (h ^ (unsigned char)c) * 16777619u;
}

static uint32_t filter_bit(uint32_t hash)
{
    return (hash ^ hash >> 13) & (FILTER_BITS - 1);
}

enum { HEAD_BYTES = 8 };

static uint64_t head_of(struct str s)
{
    uint64_t head = 0;
    for (size_t i = 0; i < s.n && i < HEAD_BYTES; i++)
        head |= (uint64_t)(unsigned char)s.at[i] << 8 * i;
    return head;
}

static struct piece *place(const struct wordpiece *w, uint32_t hash, struct str s, bool next)
{
    uint64_t head = head_of(s);
    for (size_t i = (hash ^ hash >> 15) & w->mask;; i = (i + 1) & w->mask) {
        struct piece *p = &w->pieces[i];
        if (p->n == 0 || (p->head == head && p->n == s.n && p->next == next &&
                          (s.n <= HEAD_BYTES || memcmp(p->tail, s.at + HEAD_BYTES, s.n - HEAD_BYTES) == 0)))
            return p;
    }
}

static const struct piece *piece_find(const struct wordpiece *w, struct str s, bool next)
{
    uint32_t h = next ? HASH_NEXT : HASH_FIRST;
    for (size_t i = 0; i < s.n; i++)
        h = hash_step(h, s.at[i]);
    return place(w, h, s, next);
}

static void piece_add(struct wordpiece *w, struct str s, uint32_t id, bool next)
{
    struct piece *p = (struct piece *)(uintptr_t)piece_find(w, s, next);
    uint32_t h = next ? HASH_NEXT : HASH_FIRST;
    for (size_t i = 0; i < s.n; i++)
        h = hash_step(h, s.at[i]);
    w->filter[filter_bit(h) / 64] |= (uint64_t)1 << filter_bit(h) % 64;
    *p = (struct piece){.head = head_of(s), .id = id, .n = (uint16_t)s.n, .next = next};
    if (s.n > HEAD_BYTES)
        p->tail = str_dupz(&w->memory, (struct str){s.at + HEAD_BYTES, s.n - HEAD_BYTES});
    if (s.n > w->piece_bytes_max)
        w->piece_bytes_max = s.n;
}

/* The id of a whole token as the file spells it; false when there is none. */
static bool token_id(const struct wordpiece *w, struct str token, uint32_t *id)
{
    const struct piece *p = piece_find(w, token, false);
    *id = p->id;
    return p->n > 0;
}

static enum err read_vocab(struct wordpiece *w, yyjson_val *model, struct error *e)
{
    yyjson_val *vocab = yyjson_obj_get(model, "vocab");
    struct str prefix = json_get_str(model, "continuing_subword_prefix");
    size_t count = yyjson_obj_size(vocab);
    if (count == 0 || count > ID_MAX || !prefix.at || prefix.n == 0)
        return error_set(e, ERR_MODEL, "tokenizer.json has no usable vocabulary");
    size_t places = 16;
    while (places < 4 * count + 2) /* a token may be entered twice: as it is, and without the prefix */
        places *= 2;
    w->pieces = mem_zero(places, sizeof *w->pieces);
    w->filter = mem_zero(FILTER_BITS / 64, sizeof *w->filter);
    w->mask = places - 1;
    yyjson_obj_iter it = yyjson_obj_iter_with(vocab);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        yyjson_val *id = yyjson_obj_iter_get_val(key);
        struct str token = json_str(key);
        if (!yyjson_is_uint(id) || yyjson_get_uint(id) >= ID_MAX)
            return error_set(e, ERR_MODEL, "a token's id in tokenizer.json is not a number below %d", ID_MAX);
        uint32_t number = (uint32_t)yyjson_get_uint(id);
        if (token.n == 0 || token.n > WORD_BYTES_MAX)
            continue; /* no word can match it */
        piece_add(w, token, number, false);
        if (token.n > prefix.n && str_has_prefix(token, prefix))
            piece_add(w, (struct str){token.at + prefix.n, token.n - prefix.n}, number, true);
        if (number >= w->size)
            w->size = (size_t)number + 1;
    }
    return ERR_OK;
}

static enum err read_model(struct wordpiece *w, yyjson_val *root, struct error *e)
{
    yyjson_val *model = yyjson_obj_get(root, "model"), *chars = yyjson_obj_get(model, "max_input_chars_per_word");
    struct str unknown = json_get_str(model, "unk_token");
    if (!str_eqz(json_get_str(model, "type"), "WordPiece"))
        return error_set(e, ERR_MODEL, "tokenizer.json is not of the WordPiece kind");
    w->word_chars_max = chars ? (size_t)yyjson_get_uint(chars) : 100;
    if (w->word_chars_max < 1 || w->word_chars_max > WORD_CHARS_MAX)
        return error_set(e, ERR_MODEL, "max_input_chars_per_word in tokenizer.json is not between 1 and %d",
                         WORD_CHARS_MAX);
    enum err err = read_vocab(w, model, e);
    if (err == ERR_OK && !token_id(w, unknown, &w->unknown))
        err = error_set(e, ERR_MODEL, "tokenizer.json's vocabulary lacks its unk_token");
    return err;
}

static bool flag(yyjson_val *object, const char *key, bool otherwise)
{
    yyjson_val *v = yyjson_obj_get(object, key);
    return yyjson_is_bool(v) ? yyjson_get_bool(v) : otherwise;
}

static enum err read_rules(struct wordpiece *w, yyjson_val *root, struct error *e)
{
    yyjson_val *n = yyjson_obj_get(root, "normalizer");
    if (!str_eqz(json_get_str(n, "type"), "BertNormalizer") ||
        !str_eqz(json_get_str(yyjson_obj_get(root, "pre_tokenizer"), "type"), "BertPreTokenizer"))
        return error_set(e, ERR_MODEL, "tokenizer.json does not ask for BERT's normaliser and word splitter");
    w->rules.clean = flag(n, "clean_text", true);
    w->rules.space_cjk = flag(n, "handle_chinese_chars", true);
    w->rules.lower = flag(n, "lowercase", true);
    w->rules.strip_accents = flag(n, "strip_accents", w->rules.lower); /* null: as lowercase */
    return ERR_OK;
}

/*
 * lstrip and rstrip change which blanks belong to the token, never the ids, since blanks have none. single_word would
 * change them and no model we know uses it.
 */
static enum err read_added(struct wordpiece *w, yyjson_val *root, struct error *e)
{
    yyjson_val *list = yyjson_obj_get(root, "added_tokens");
    yyjson_arr_iter it = yyjson_arr_iter_with(list);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it));) {
        struct str content = json_get_str(v, "content");
        yyjson_val *id = yyjson_obj_get(v, "id");
        bool normal = flag(v, "normalized", true);
        struct added_list *to = normal ? &w->normal : &w->raw;
        if (content.n == 0 || !yyjson_is_uint(id) || yyjson_get_uint(id) >= ID_MAX || flag(v, "single_word", false) ||
            to->n == ADDED_MAX)
            return error_set(e, ERR_MODEL, "added token %zu of tokenizer.json cannot be used", to->n);
        uint32_t number = (uint32_t)yyjson_get_uint(id);
        struct buf spelled = {0};
        if (normal)
            wordpiece__normalise(&w->rules, content, &spelled);
        else
            buf_add(&spelled, content);
        if (normal && memchr(spelled.at ? spelled.at : "", ' ', spelled.n)) { /* put_raw splits there first */
            buf_release(&spelled);
            return error_set(e, ERR_MODEL, "an added token of tokenizer.json holds a blank");
        }
        if (spelled.n > 0) {
            to->starts[(unsigned char)spelled.at[0]] = true;
            to->at[to->n++] = (struct added){str_dup(&w->memory, buf_str(&spelled)), number};
        }
        buf_release(&spelled);
        if (number >= w->size)
            w->size = (size_t)number + 1;
    }
    return ERR_OK;
}

/* BERT and RoBERTa post-processors give [token, id]; a template names its tokens. */
static bool special(const struct wordpiece *w, yyjson_val *post, const char *pair, size_t template_at, uint32_t *id)
{
    yyjson_val *named = yyjson_arr_get(yyjson_obj_get(post, pair), 1);
    if (!named) {
        yyjson_val *single = yyjson_obj_get(post, "single");
        yyjson_val *part = yyjson_obj_get(yyjson_arr_get(single, template_at), "SpecialToken");
        const char *name = yyjson_get_str(yyjson_obj_get(part, "id"));
        yyjson_val *token = name ? yyjson_obj_get(yyjson_obj_get(post, "special_tokens"), name) : NULL;
        if (yyjson_arr_size(single) != 3 || yyjson_arr_size(yyjson_obj_get(token, "ids")) != 1)
            return false;
        named = yyjson_arr_get(yyjson_obj_get(token, "ids"), 0);
    }
    *id = (uint32_t)yyjson_get_uint(named);
    return yyjson_is_uint(named) && yyjson_get_uint(named) < w->size;
}

static void sort_bytes(struct wordpiece *w)
{
    for (int c = 0; c < 0x80; c++) {
        char at = (char)c;
        size_t n;
        struct buf one = {0};
        wordpiece__normalise(&w->rules, (struct str){&at, 1}, &one);
        if (one.n == 1 && c > ' ' && !w->normal.starts[(unsigned char)one.at[0]]) {
            bool word = wordpiece__class_at(buf_str(&one), 0, &n) == WORDPIECE_WORD;
            w->kinds[c] = word ? BYTE_WORD : BYTE_ALONE;
            w->small[c] = one.at[0];
            if (!token_id(w, buf_str(&one), &w->alone[c]))
                w->alone[c] = w->unknown;
        }
        buf_release(&one);
    }
    w->kinds[' '] = w->kinds['\n'] = w->kinds['\t'] = w->kinds['\r'] = BYTE_BLANK;
}

static enum err read_all(struct wordpiece *w, yyjson_val *root, struct error *e)
{
    enum err err = read_rules(w, root, e);
    if (err == ERR_OK)
        err = read_model(w, root, e);
    if (err == ERR_OK)
        err = read_added(w, root, e);
    yyjson_val *post = yyjson_obj_get(root, "post_processor");
    if (err == ERR_OK && (!special(w, post, "cls", 0, &w->start) || !special(w, post, "sep", 2, &w->end)))
        err = error_set(e, ERR_MODEL, "tokenizer.json's post-processor does not put one token before and one behind");
    if (err == ERR_OK)
        sort_bytes(w);
    return err;
}

enum err wordpiece_new(struct str json, struct wordpiece **out, struct error *e)
{
    yyjson_doc *doc = NULL;
    *out = NULL;
    if (json_parse(json, false, &doc, NULL) != ERR_OK)
        return error_set(e, ERR_MODEL, "the encoder's tokenizer.json is not valid JSON");
    struct wordpiece *w = mem_zero(1, sizeof *w);
    enum err err = read_all(w, yyjson_doc_get_root(doc), e);
    yyjson_doc_free(doc);
    if (err != ERR_OK)
        wordpiece_free(w);
    else
        *out = w;
    return err;
}

void wordpiece_free(struct wordpiece *w)
{
    if (!w)
        return;
    arena_release(&w->memory);
    free(w->pieces);
    free(w->filter);
    free(w);
}

size_t wordpiece_size(const struct wordpiece *w)
{
    return w->size;
}

/* False when there is no room left. */
static bool put(struct ids *ids, uint32_t id)
{
    if (ids->n == ids->max)
        return false;
    ids->at[ids->n++] = id;
    return true;
}

/* The longest piece that text [from, n) starts with, NULL when none does. */
static const struct piece *longest(const struct wordpiece *w, struct str word, size_t from)
{
    uint32_t hash[WORD_BYTES_MAX], h = from ? HASH_NEXT : HASH_FIRST;
    size_t n = word.n - from < w->piece_bytes_max ? word.n - from : w->piece_bytes_max;
    for (size_t i = 0; i < n; i++)
        hash[i] = h = hash_step(h, word.at[from + i]);
    for (; n > 0; n--) {
        if (from + n < word.n && ((unsigned char)word.at[from + n] & 0xc0) == 0x80)
            continue; /* inside a character */
        if (!(w->filter[filter_bit(hash[n - 1]) / 64] >> filter_bit(hash[n - 1]) % 64 & 1))
            continue;
        const struct piece *p = place(w, hash[n - 1], (struct str){word.at + from, n}, from > 0);
        if (p->n > 0)
            return p;
    }
    return NULL;
}

/* A word is split greedily; one that cannot be split to its end, or is too long, is unknown as a whole. */
static bool put_word(const struct wordpiece *w, struct str word, struct ids *ids)
{
    size_t chars = 0, kept = ids->n;
    for (size_t i = 0; i < word.n && chars <= w->word_chars_max; i++)
        chars += ((unsigned char)word.at[i] & 0xc0) != 0x80;
    bool known = chars <= w->word_chars_max, room = true;
    for (size_t from = 0; known && from < word.n;) {
        const struct piece *p = longest(w, word, from);
        known = p != NULL;
        if (p) {
            from += p->n;
            room = put(ids, p->id) && room;
        }
    }
    if (!known) {
        ids->n = kept;
        room = put(ids, w->unknown);
    }
    return room;
}

/* The longest added token that text starts with, NULL when none does. */
static const struct added *added_longest(const struct added_list *list, struct str text)
{
    const struct added *best = NULL;
    for (size_t i = 0; i < list->n; i++)
        if (str_has_prefix(text, list->at[i].content) && (!best || list->at[i].content.n > best->content.n))
            best = &list->at[i];
    return best;
}

static inline const struct added *added_at(const struct added_list *list, struct str text)
{
    return list->starts[(unsigned char)text.at[0]] ? added_longest(list, text) : NULL;
}

/* Splits normalised text into words and punctuation marks. */
static bool put_normal(const struct wordpiece *w, struct str text, struct ids *ids)
{
    size_t start = 0; /* of the word being read */
    bool room = true;
    for (size_t i = 0; i < text.n && room;) {
        const struct added *added = added_at(&w->normal, (struct str){text.at + i, text.n - i});
        size_t n = added ? added->content.n : 1;
        enum wordpiece_class class = added ? WORDPIECE_ALONE : wordpiece__class_at(text, i, &n);
        if (class != WORDPIECE_WORD) {
            if (i > start)
                room = put_word(w, (struct str){text.at + start, i - start}, ids);
            if (room && added)
                room = put(ids, added->id);
            else if (room && class == WORDPIECE_ALONE)
                room = put_word(w, (struct str){text.at + i, n}, ids);
            start = i + n;
        }
        i += n;
    }
    if (room && start < text.n)
        room = put_word(w, (struct str){text.at + start, text.n - start}, ids);
    return room;
}

/* Words and punctuation marks of ASCII: nothing combines, so one pass puts them in their normal form and splits them.
 */
static bool put_easy(const struct wordpiece *w, struct str text, struct ids *ids)
{
    char word[WORD_CHARS_MAX + 1];
    bool room = true;
    for (size_t i = 0; i < text.n && room;) {
        unsigned char c = (unsigned char)text.at[i];
        size_t n = 0;
        uint32_t h = HASH_FIRST;
        if (w->kinds[c] == BYTE_ALONE) {
            room = put(ids, w->alone[c]);
            i++;
            continue;
        }
        for (; i < text.n && w->kinds[(unsigned char)text.at[i]] == BYTE_WORD; i++) {
            if (n > w->word_chars_max)
                continue; /* unknown, however long */
            word[n] = w->small[(unsigned char)text.at[i]];
            h = hash_step(h, word[n++]);
        }
        const struct piece *whole = n <= w->word_chars_max ? place(w, h, (struct str){word, n}, false) : NULL;
        room = whole && whole->n > 0 ? put(ids, whole->id) : put_word(w, (struct str){word, n}, ids);
    }
    return room;
}

/*
 * Text without added tokens, normalised and split from one blank to the next: a blank keeps characters from combining
 * across it, so the parts can be treated alone, and reading stops when there is no room for more ids.
 */
static bool put_raw(const struct wordpiece *w, struct str text, struct buf *scratch, struct ids *ids)
{
    bool room = true;
    for (size_t i = 0; i < text.n && room;) {
        size_t end = i;
        bool hard = false;
        for (; end < text.n && w->kinds[(unsigned char)text.at[end]] != BYTE_BLANK; end++)
            hard = hard || w->kinds[(unsigned char)text.at[end]] == BYTE_HARD;
        struct str part = {text.at + i, end - i};
        if (hard) {
            buf_clear(scratch);
            wordpiece__normalise(&w->rules, part, scratch);
            room = put_normal(w, buf_str(scratch), ids);
        } else {
            room = put_easy(w, part, ids);
        }
        i = end + 1;
    }
    return room;
}

size_t wordpiece_encode(const struct wordpiece *w, struct str text, uint32_t *ids, size_t max)
{
    assert(max >= 2);
    struct ids out = {ids, 1, max - 1};
    struct buf scratch = {0};
    size_t start = 0;
    bool room = true;
    ids[0] = w->start;
    for (size_t i = 0; i < text.n && room;) {
        const struct added *added = added_at(&w->raw, (struct str){text.at + i, text.n - i});
        if (!added) {
            i++;
            continue;
        }
        room = put_raw(w, (struct str){text.at + start, i - start}, &scratch, &out) && put(&out, added->id);
        start = i += added->content.n;
    }
    if (room && start < text.n)
        put_raw(w, (struct str){text.at + start, text.n - start}, &scratch, &out);
    buf_release(&scratch);
    ids[out.n++] = w->end;
    return out.n;
}
