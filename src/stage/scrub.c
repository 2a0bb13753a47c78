#include "stage/scrub.h"

#include "base/text.h"

#include <string.h>

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* local@host.tld, also with blanks around the at sign. */
static bool has_email(struct str s)
{
    for (size_t i = 1; i + 3 < s.n; i++) {
        if (s.at[i] != '@')
            continue;
        size_t before = i, after = i + 1;
        while (before > 0 && s.at[before - 1] == ' ')
            before--;
        while (after < s.n && s.at[after] == ' ')
            after++;
        if (before == 0 || !is_word(s.at[before - 1]))
            continue;
        size_t host = after;
        while (after < s.n && (is_word(s.at[after]) || s.at[after] == '-'))
            after++;
        if (after > host && after + 1 < s.n && s.at[after] == '.' && is_word(s.at[after + 1]))
            return true;
    }
    return false;
}

/* Nine or more digits with only blanks, dots, dashes, slashes or brackets between them: telephone, card, account
 * numbers. */
static bool has_long_number(struct str s)
{
    enum { DIGITS = 9 };
    size_t run = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_digit(s.at[i])) {
            if (++run >= DIGITS)
                return true;
        } else if (!strchr(" .-/()+", s.at[i])) {
            run = 0;
        }
    }
    return false;
}

static bool has_ip_address(struct str s)
{
    size_t groups = 0, digits = 0;
    for (size_t i = 0; i <= s.n; i++) {
        char c = i < s.n ? s.at[i] : ' ';
        if (is_digit(c)) {
            digits++;
        } else if (c == '.' && digits >= 1 && digits <= 3) {
            groups++;
            digits = 0;
        } else {
            if (groups == 3 && digits >= 1 && digits <= 3)
                return true;
            groups = digits = 0;
        }
    }
    return false;
}

static bool has_link(struct str s)
{
    return str_find(s, STR("://")) != SIZE_MAX || str_find(s, STR("www.")) != SIZE_MAX;
}

/* A word of 20 or more characters mixing digits with both cases or underscores: keys, tokens, session ids. */
static bool has_key_shape(struct str s)
{
    enum { KEY_CHARS = 20 };
    size_t n = 0;
    bool digit = false, lower = false, upper = false;
    for (size_t i = 0; i <= s.n; i++) {
        char c = i < s.n ? s.at[i] : ' ';
        if (is_word(c) || c == '-') {
            n++;
            digit |= is_digit(c);
            lower |= c >= 'a' && c <= 'z';
            upper |= (c >= 'A' && c <= 'Z') || c == '_';
            continue;
        }
        if (n >= KEY_CHARS && digit && lower && upper)
            return true;
        n = 0;
        digit = lower = upper = false;
    }
    return false;
}

static const struct {
    bool (*found)(struct str);
    const char *what;
} detectors[] = {
    {has_email, "an e-mail address"},  {has_long_number, "a telephone, card or account number"},
    {has_ip_address, "an IP address"}, {has_link, "a link"},
    {has_key_shape, "a key or token"},
};

const char *scrub_find(struct str text)
{
    /* Full-width digits and letters are made plain first, invisible characters dropped. */
    struct arena a = {0};
    struct str plain = text_fold(&a, text), cased = text;
    const char *what = NULL;
    for (size_t i = 0; i < sizeof detectors / sizeof *detectors && !what; i++)
        if (detectors[i].found(plain) || detectors[i].found(cased))
            what = detectors[i].what;
    arena_release(&a);
    return what;
}
