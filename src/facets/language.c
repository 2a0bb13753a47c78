#include "facets/language.h"

#include "base/text.h"
#include "facets/languages.h"

#include <stdio.h>
#include <string.h>

enum { TURN_BYTES = 2000, TURNS_MAX = 20, CODES_MAX = 16 };
static const float CONFIDENT = 0.6f;  /* a turn's best guess counts as certain above this */
static const double MAIN_SHARE = 0.2; /* of the text, for a language to be among the main ones */
static const double SURE_SHARE = 0.6; /* of the text guessed with confidence, to do without the model's word */
static const size_t SURE_CHARS = 12;  /* less text than this is never enough */

struct tally {
    char code[CODES_MAX][8];
    double chars[CODES_MAX];
    size_t count;
    double all, confident;
};

/* Appends prose: text outside ``` fences and without words that look like links. */
static void add_prose(struct buf *out, struct str text)
{
    bool code = false;
    while (text.n) {
        struct str line = str_cut(&text, '\n');
        if (str_has_prefix(str_trim(line), STR("```"))) {
            code = !code;
            continue;
        }
        while (!code && line.n) {
            struct str word = str_cut(&line, ' ');
            if (str_find(word, STR("://")) != SIZE_MAX)
                continue;
            buf_add(out, word);
            buf_add_char(out, ' ');
        }
    }
}

static void count_guess(struct tally *t, const char *code, double chars)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->code[i], code) == 0) {
            t->chars[i] += chars;
            return;
        }
    if (t->count < CODES_MAX) {
        snprintf(t->code[t->count], sizeof t->code[0], "%s", code);
        t->chars[t->count++] = chars;
    }
}

static void count_turn(struct tally *t, const struct langid *model, struct str text)
{
    struct buf prose = {.max = TURN_BYTES};
    add_prose(&prose, text);
    struct langid_guess best;
    size_t chars = text_chars(buf_str(&prose));
    if (chars > 1 && langid_guess(model, buf_str(&prose), &best, 1)) {
        t->all += (double)chars;
        if (best.p >= CONFIDENT)
            t->confident += (double)chars;
        count_guess(t, best.code, (double)chars * (double)best.p);
    }
    buf_release(&prose);
}

void language_guess(const struct langid *model, const struct conversation *c, struct language_guess *out)
{
    struct tally t = {0};
    size_t seen = 0;
    for (size_t i = 0; i < c->turns_count && seen < TURNS_MAX; i++)
        if (str_eqz(c->turns[i].role, "user")) {
            count_turn(&t, model, c->turns[i].text);
            seen++;
        }
    *out = (struct language_guess){0};
    double sum = 0;
    for (size_t i = 0; i < t.count; i++)
        sum += t.chars[i];
    while (out->count < LANGUAGES_MAX) {
        size_t best = 0;
        for (size_t i = 1; i < t.count; i++)
            if (t.chars[i] > t.chars[best])
                best = i;
        if (t.count == 0 || t.chars[best] <= 0 || (out->count && t.chars[best] < MAIN_SHARE * sum))
            break;
        struct str name = language_by_code(t.code[best]);
        if (name.n)
            out->names[out->count++] = name;
        t.chars[best] = 0;
    }
    out->sure = out->count && t.all >= (double)SURE_CHARS && t.confident >= SURE_SHARE * t.all;
}
