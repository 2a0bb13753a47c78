#include "model/script_words.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES_MIN = 3, WORD_BYTES_MAX = 24, SLOTS = 2048, TURN_BYTES = 2000 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static bool is_word_byte(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '@' || c == '.' || c == '/' || c == ':';
}

static bool is_stop_word(struct str w)
{
    static const char *const stop[] = {
        "about", "and",  "any",  "are",  "asked", "but",   "can",  "did",   "does", "for",  "from",  "had",   "has",
        "have",  "her",  "him",  "his",  "how",   "into",  "its",  "not",   "one",  "our",  "out",   "she",   "some",
        "that",  "the",  "them", "then", "there", "these", "they", "this",  "use",  "user", "users", "was",   "were",
        "what",  "when", "will", "with", "would", "you",   "your", "which", "who",  "why",  "where", "could", "should",
    };
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
        if (str_eqz(w, stop[i]))
            return true;
    return false;
}

/* The next run of word bytes that is a plain word, lower-cased into out; false at the end. */
static bool next_word(struct str *s, char out[WORD_BYTES_MAX], struct str *word)
{
    while (s->n) {
        size_t n = 0;
        bool plain = true;
        while (s->n && !is_word_byte(*s->at))
            s->at++, s->n--;
        const char *from = s->at;
        while (s->n && is_word_byte(*s->at)) {
            s->at++;
            s->n--;
            n++;
        }
        while (n && strchr(".:", from[n - 1]))
            n--;
        for (size_t i = 0; i < n; i++)
            plain = plain && is_letter(from[i]) && (unsigned char)from[i] < 0xd0; /* answers are in English */
        n = n > WORD_BYTES_MAX ? text_prefix((struct str){from, n}, WORD_BYTES_MAX / 4).n : n;
        if (!plain || n < WORD_BYTES_MIN)
            continue;
        for (size_t i = 0; i < n; i++)
            out[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
        *word = (struct str){out, n};
        if (!is_stop_word(*word))
            return true;
    }
    return false;
}

static void add_line(struct material *m, struct str line)
{
    line = str_trim(line);
    if (line.n && m->n < MATERIAL_LINES)
        m->lines[m->n++] = line;
}

/* Near misses stand in front of what is to be named; what they share is not what it is about. */
static bool heads_contrast(struct str line)
{
    return str_eqz(line, "Elsewhere:") || str_eqz(line, "Other categories:");
}

static void take_list(struct material *m, struct str prompt)
{
    while (prompt.n) {
        struct str line = str_cut(&prompt, '\n');
        while (!m->is_list && heads_contrast(line) && prompt.n && *prompt.at == '-')
            str_cut(&prompt, '\n');
        if (!str_has_prefix(line, STR("- "))) {
            if (!m->is_list)
                continue;
            m->tail = prompt.at && line.at ? (struct str){line.at, (size_t)(prompt.at + prompt.n - line.at)} : line;
            return;
        }
        m->is_list = true;
        add_line(m, (struct str){line.at + 2, line.n - 2});
    }
}

static void take_turn(struct material *m, struct str text)
{
    size_t at = str_find(text, STR("<user>"));
    if (at != SIZE_MAX)
        text = (struct str){text.at + at + 6, text.n - at - 6};
    size_t end = str_find(text, STR("</user>"));
    text.n = end != SIZE_MAX ? end : text.n;
    text.n = text.n > TURN_BYTES ? TURN_BYTES : text.n;
    while (text.n)
        add_line(m, str_cut(&text, '\n'));
}

struct material material_of(struct str prompt)
{
    struct material m = {0};
    size_t at = str_find(prompt, STR("<conversation>"));
    if (at == SIZE_MAX)
        take_list(&m, prompt);
    else
        prompt = (struct str){prompt.at + at + 14, prompt.n - at - 14};
    if (m.n == 0) {
        m.is_list = false;
        take_turn(&m, prompt);
    }
    return m;
}

struct counted {
    struct str word;
    uint32_t lines, last_line, first; /* how many lines hold it, the latest of them, when it was met first */
};

static struct counted *find(struct counted *slots, struct str word)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < word.n; i++)
        h = (h ^ (unsigned char)word.at[i]) * 16777619u;
    size_t slot = (h ^ h >> 15) % SLOTS;
    while (slots[slot].lines && !str_eq(slots[slot].word, word))
        slot = (slot + 1) % SLOTS;
    return &slots[slot];
}

static int by_lines(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    if (x->lines != y->lines)
        return x->lines < y->lines ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

size_t material_words(const struct material *m, size_t first, size_t last, size_t want, struct arena *a,
                      struct str *out)
{
    struct counted *slots = mem_zero(SLOTS, sizeof *slots);
    char bytes[WORD_BYTES_MAX];
    struct str word;
    uint32_t met = 0;
    want = want < WORDS_MAX ? want : WORDS_MAX;
    for (size_t i = first; i < last && i < m->n && met < SLOTS / 2; i++) {
        struct str line = m->lines[i];
        while (met < SLOTS / 2 && (m->is_list || met < want) && next_word(&line, bytes, &word)) {
            struct counted *c = find(slots, word);
            if (c->lines == 0)
                *c = (struct counted){.word = str_dup(a, word), .first = met++};
            if (c->lines == 0 || (m->is_list && c->last_line != i))
                c->lines++;
            c->last_line = (uint32_t)i;
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].lines)
            slots[n++] = slots[i];
    qsort(slots, n, sizeof *slots, by_lines);
    n = n < want ? n : want;
    for (size_t i = 0; i < n; i++)
        out[i] = slots[i].word;
    free(slots);
    return n;
}

size_t words_shared(struct str a, struct str b)
{
    char in_a[WORD_BYTES_MAX], in_b[WORD_BYTES_MAX];
    struct str x, y;
    size_t shared = 0;
    while (next_word(&a, in_a, &x)) {
        struct str rest = b;
        bool found = false;
        while (!found && next_word(&rest, in_b, &y))
            found = str_eq(x, y);
        shared += found;
    }
    return shared;
}
