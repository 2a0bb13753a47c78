#include "stage/support.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool in_word(unsigned char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '#' || c == '+';
}

/* "IP", "Porto", "C++", "2019", a word in another alphabet; not the capital that begins a sentence. */
static bool looks_like_name(struct str word, bool begins)
{
    bool foreign = false, digit = false, capital = false;
    for (size_t i = 0; i < word.n; i++) {
        unsigned char c = (unsigned char)word.at[i];
        foreign |= c >= 0x80;
        digit |= c >= '0' && c <= '9';
        capital |= c >= 'A' && c <= 'Z' && (i > 0 || !begins);
    }
    return foreign || capital || (digit && word.n > 1);
}

struct str support_word(struct str *rest)
{
    while (rest->n && !in_word((unsigned char)rest->at[0])) {
        rest->at++;
        rest->n--;
    }
    struct str word = {rest->at, 0};
    while (rest->n && in_word((unsigned char)rest->at[0])) {
        rest->at++;
        rest->n--;
        word.n++;
    }
    return word;
}

enum { STEM = 6 }; /* bytes: "improvement" and "improve" are one word here */

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct word_list {
    struct arena *arena;
    struct str *at;
    size_t n, cap;
};

static bool is_small(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.at[i] < 'a' || word.at[i] > 'z')
            return false;
    return true;
}

static size_t without_doubles(struct str *at, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(at, n, sizeof *at, by_bytes);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !str_eq(at[kept - 1], at[i]))
            at[kept++] = at[i];
    return kept;
}

static enum err add_words(void *arg, int64_t rec, int seq, struct str text, double number, struct error *e)
{
    struct word_list *list = arg;
    (void)rec;
    (void)seq;
    (void)number;
    (void)e;
    for (struct str word; (word = support_word(&text)).n;) {
        if (!is_small(word))
            continue;
        if (list->n == list->cap) {
            list->n = without_doubles(list->at, list->n); /* so that memory follows the vocabulary, not the texts */
            if (2 * list->n >= list->cap) {
                list->cap = list->cap ? 2 * list->cap : 4096;
                list->at = mem_grow(list->at, list->cap, sizeof *list->at);
            }
        }
        struct str stem = {word.at, word.n < STEM ? word.n : STEM};
        list->at[list->n++] = str_dup(list->arena, stem);
    }
    return ERR_OK;
}

enum err common_words_load(struct run *r, struct str facet, struct arena *a, struct common_words *out, struct error *e)
{
    struct arena scratch = {0};
    struct word_list list = {.arena = &scratch};
    enum err result = facet_each(r, facet, add_words, &list, e);
    out->n = without_doubles(list.at, list.n);
    out->at = arena_new(a, out->n, sizeof *out->at);
    for (size_t i = 0; i < out->n; i++)
        out->at[i] = str_dup(a, list.at[i]);
    free(list.at);
    arena_release(&scratch);
    return result;
}

static bool is_stem(const struct common_words *common, struct str small)
{
    small.n = small.n < STEM ? small.n : STEM;
    return bsearch(&small, common->at, common->n, sizeof small, by_bytes) != NULL;
}

/* "Planning" where texts say "plan". Only whole endings: the town of Porto is no port. */
bool common_words_have(const struct common_words *common, struct str word)
{
    static const struct str endings[] = {STR_INIT(""),     STR_INIT("s"),    STR_INIT("es"),
                                         STR_INIT("ed"),   STR_INIT("ing"),  STR_INIT("ning"),
                                         STR_INIT("ting"), STR_INIT("ment"), STR_INIT("er")};
    char letters[32];
    if (!common || !common->n || word.n > sizeof letters)
        return false;
    for (size_t i = 0; i < word.n; i++)
        letters[i] = word.at[i] >= 'A' && word.at[i] <= 'Z' ? (char)(word.at[i] + 'a' - 'A') : word.at[i];
    for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
        size_t end = endings[k].n;
        if (word.n >= end + 3 && memcmp(letters + word.n - end, endings[k].at, end) == 0 &&
            is_stem(common, (struct str){letters, word.n - end}))
            return true;
    }
    return false;
}

static bool is_ascii_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* From a word's beginning on: "port" does not stand in "support". Alphabets without blanks between words have none. */
static bool contains(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        bool inside = i > 0 && word.n && is_ascii_letter(text.at[i - 1]) && is_ascii_letter(word.at[0]);
        if (!inside && strncasecmp(text.at + i, word.at, word.n) == 0)
            return true;
    }
    return false;
}

/* Enough different accounts have the word in their texts. */
bool support_has_word(const struct support *s, struct str word)
{
    struct arena a = {0};
    int64_t *seen = arena_new(&a, s->n, sizeof *seen);
    size_t count = 0;
    for (size_t i = 0; i < s->n && count < s->k; i++) {
        if (!contains(s->texts[i], word))
            continue;
        int64_t account = s->accounts ? s->accounts[i] : (int64_t)i;
        bool known = false;
        for (size_t j = 0; j < count && !known; j++)
            known = seen[j] == account;
        if (!known)
            seen[count++] = account;
    }
    arena_release(&a);
    return count >= s->k;
}

bool support_has(const struct support *s, struct str text, bool begins)
{
    for (struct str word; (word = support_word(&text)).n; begins = false)
        if (looks_like_name(word, begins) && !common_words_have(s->common, word) && !support_has_word(s, word))
            return false;
    return true;
}

/* A list without the items that are not supported. Its beginning carries the sentence: without it nothing is left. */
static struct str supported_items(const struct support *s, struct str sentence, bool opens, struct arena *a)
{
    struct buf kept = {0};
    bool begins = true;
    while (sentence.n) {
        size_t end = str_find(sentence, STR(", "));
        size_t n = end == SIZE_MAX ? sentence.n : end;
        struct str item = str_trim((struct str){sentence.at, n});
        bool good = support_has(s, item, begins && opens);
        if (begins && !good)
            break;
        if (good && !begins)
            buf_addz(&kept, ", ");
        if (good)
            buf_add(&kept, item);
        begins = false;
        n = end == SIZE_MAX ? n : n + 2;
        sentence.at += n;
        sentence.n -= n;
    }
    if (kept.n && kept.at[kept.n - 1] != '.')
        buf_add_char(&kept, '.');
    struct str out = str_dup(a, buf_str(&kept));
    buf_release(&kept);
    return out;
}

/* A text's own first word is the program's; later sentences may open with a word that is nobody's name. */
static bool opens_plainly(struct str sentence, bool first)
{
    static const char *const openers[] = {"A",    "All",  "Also",  "An",     "Both",    "Each",   "In",       "It",
                                          "Many", "Most", "One",   "Others", "Overall", "People", "Requests", "Several",
                                          "Some", "The",  "Their", "These",  "They",    "This",   "Users"};
    struct str word = support_word(&sentence);
    bool plain = first;
    for (size_t i = 0; i < sizeof openers / sizeof *openers && !plain; i++)
        plain = str_eqz(word, openers[i]);
    return plain;
}

struct str support_sentences(const struct support *s, struct str text, struct arena *a)
{
    struct buf kept = {0};
    for (bool first = true; text.n; first = false) {
        size_t end = str_find(text, STR(". "));
        size_t n = end == SIZE_MAX ? text.n : end + 1;
        struct str sentence = str_trim((struct str){text.at, n});
        bool opens = opens_plainly(sentence, first);
        if (sentence.n && !support_has(s, sentence, opens))
            sentence = supported_items(s, sentence, opens, a);
        if (sentence.n) {
            if (kept.n)
                buf_add_char(&kept, ' ');
            buf_add(&kept, sentence);
        }
        text.at += n;
        text.n -= n;
    }
    struct str out = str_dup(a, buf_str(&kept));
    buf_release(&kept);
    return out;
}
