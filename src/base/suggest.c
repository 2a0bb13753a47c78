#include "base/suggest.h"

#include <string.h>

enum { WORD_MAX = 63 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Optimal string alignment: Levenshtein's table, three rows of it, with the swap of two neighbours as one more step. */
size_t suggest_distance(struct str a, struct str b)
{
    size_t rows[3][WORD_MAX + 1];
    if (a.n > WORD_MAX || b.n > WORD_MAX)
        return SIZE_MAX;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    memcpy(before, last, sizeof rows[0]);
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.at[i - 1]), y = lower(b.at[j - 1]);
            size_t best = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.at[j - 2]) && y == lower(a.at[i - 2]))
                best = smaller(best, before[j - 2] + 1);
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

struct suggest suggest_for(struct str word)
{
    return (struct suggest){.word = word, .distance = SIZE_MAX};
}

void suggest_offer(struct suggest *s, const char *candidate)
{
    struct str c = str_of(candidate);
    size_t distance = suggest_distance(s->word, c);
    /* "conf" for "config": a beginning is as good as one slip, whatever is missing behind it. */
    if (s->word.n >= 3 && str_has_prefix(c, s->word) && distance != SIZE_MAX)
        distance = smaller(distance, 1);
    if (distance < s->distance) {
        s->distance = distance;
        s->best = candidate;
    }
}

const char *suggest_best(const struct suggest *s)
{
    if (!s->best || s->distance == SIZE_MAX)
        return NULL;
    size_t allowed = s->word.n <= 3 ? 1 : s->word.n <= 6 ? 2 : 3;
    return s->distance <= allowed ? s->best : NULL;
}
