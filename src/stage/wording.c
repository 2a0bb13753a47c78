#include "stage/wording.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

enum { LINE_CHARS_MAX = 1000 }; /* of a proposal; what is behind is no part of a name */

size_t wording_count(struct str s)
{
    size_t words = 0;
    while (s.n)
        words += str_cut(&s, ' ').n > 0;
    return words;
}

/* Words that lead on to others, and are left over where those were cut off. */
static bool leads_on(struct str word)
{
    static const char *const words[] = {"a",  "an", "and", "at",  "by", "for",  "from",  "in",
                                        "of", "on", "or",  "the", "to", "with", "using", "&"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eqz(word, words[i]))
            return true;
    return false;
}

static struct str last_word(struct str s)
{
    size_t start = s.n;
    while (start > 0 && s.at[start - 1] != ' ')
        start--;
    return (struct str){s.at + start, s.n - start};
}

static struct str without_last_word(struct str s)
{
    s = str_trim((struct str){s.at, s.n - last_word(s).n});
    while (s.n && (s.at[s.n - 1] == ',' || s.at[s.n - 1] == ';'))
        s.n--;
    return s;
}

struct str wording_without_dangling(struct str s)
{
    while (leads_on(last_word(s)) && last_word(s).n < s.n)
        s = without_last_word(s);
    return s;
}

/* The first ten words, without the phrase that the cut went through: "printing with a fast" says less than
 * "printing". */
static struct str first_ten_words(struct str name)
{
    enum { PHRASE_WORDS = 4 };
    struct str rest = name;
    for (size_t words = 0; words < NAME_WORDS_MAX;)
        words += str_cut(&rest, ' ').n > 0;
    struct str kept = str_trim((struct str){name.at, (size_t)(rest.at - name.at)}), shorter = kept;
    for (size_t words = 0; words < PHRASE_WORDS; words++) {
        if (leads_on(last_word(shorter)))
            return wording_without_dangling(shorter);
        shorter = without_last_word(shorter);
    }
    return kept;
}

/* At most ten words: the part in front of a comma where that is enough, else the first ten. */
static struct str within_ten_words(struct str name)
{
    struct str kept = name;
    while (wording_count(kept) > NAME_WORDS_MAX) {
        size_t end = kept.n;
        while (end > 0 && kept.at[end - 1] != ',' && kept.at[end - 1] != ';')
            end--;
        if (end < 2)
            break;
        kept = str_trim((struct str){kept.at, end - 1});
    }
    return wording_count(kept) <= NAME_WORDS_MAX ? kept : first_ten_words(kept);
}

/* A name asks nobody. */
static struct str without_please(struct str name)
{
    static const struct str please = STR_INIT("please ");
    bool asks = name.n > please.n && strncasecmp(name.at, please.at, please.n) == 0;
    return asks ? str_trim((struct str){name.at + please.n, name.n - please.n}) : name;
}

struct str wording_line(struct str s, size_t max_chars, struct arena *a)
{
    struct buf b = {0};
    text_add_line(&b, s);
    struct str whole = buf_str(&b), line = text_prefix(whole, max_chars);
    size_t end = line.n;
    while (line.n < whole.n && end > 0 && whole.at[end] != ' ')
        end--;
    line = str_dup(a, (struct str){line.at, end ? end : line.n});
    buf_release(&b);
    return str_trim(line);
}

struct str wording_capitalised(struct str s, struct arena *a)
{
    char *z = str_dupz(a, s);
    if (s.n && z[0] >= 'a' && z[0] <= 'z')
        z[0] = (char)(z[0] - 'a' + 'A');
    return (struct str){z, s.n};
}

struct str wording_sentence_case(struct str s, const struct common_words *common, struct arena *a)
{
    char *z = str_dupz(a, s);
    struct str rest = s;
    for (bool first = true; rest.n; first = false) {
        struct str word = str_cut(&rest, ' ');
        size_t at = (size_t)(word.at - s.at), letters = 0;
        while (letters < word.n && ((word.at[letters] | 0x20) >= 'a' && (word.at[letters] | 0x20) <= 'z'))
            letters++;
        bool title = letters > 1 && word.at[0] <= 'Z';
        for (size_t i = 1; i < letters; i++)
            title &= word.at[i] >= 'a';
        if (title && !first && common_words_have(common, (struct str){word.at, letters}))
            z[at] = (char)(z[at] - 'A' + 'a');
    }
    return (struct str){z, s.n};
}

struct str wording_name(struct str proposed, const struct common_words *common, struct arena *a)
{
    struct str asked = without_please(wording_line(proposed, LINE_CHARS_MAX, a));
    struct str short_enough = wording_line(within_ten_words(asked), NAME_CHARS_MAX, a);
    struct str name = wording_capitalised(wording_without_dangling(short_enough), a);
    while (name.n && (name.at[name.n - 1] == '.' || name.at[name.n - 1] == ' '))
        name.n--;
    return wording_sentence_case(name, common, a);
}
