#include "num/wordpiece_text.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct range {
    int32_t first, last;
};

/* What Unicode has given these categories since version 8; see the header. Made by tests/reference/unicode_tables.py.
 */
static const struct range young_punctuation[] = {
    {0x61d, 0x61d},     {0x9fd, 0x9fd},     {0xa76, 0xa76},     {0xc77, 0xc77},     {0xc84, 0xc84},
    {0x1b7d, 0x1b7e},   {0x2e43, 0x2e4f},   {0x2e52, 0x2e5d},   {0x10ead, 0x10ead}, {0x10f55, 0x10f59},
    {0x10f86, 0x10f89}, {0x1144b, 0x1144f}, {0x1145a, 0x1145b}, {0x1145d, 0x1145d}, {0x11660, 0x1166c},
    {0x116b9, 0x116b9}, {0x1183b, 0x1183b}, {0x11944, 0x11946}, {0x119e2, 0x119e2}, {0x11a3f, 0x11a46},
    {0x11a9a, 0x11a9c}, {0x11a9e, 0x11aa2}, {0x11b00, 0x11b09}, {0x11c41, 0x11c45}, {0x11c70, 0x11c71},
    {0x11ef7, 0x11ef8}, {0x11f43, 0x11f4f}, {0x11fff, 0x11fff}, {0x12ff1, 0x12ff2}, {0x16e97, 0x16e9a},
    {0x16fe2, 0x16fe2}, {0x1e95e, 0x1e95f}};

static const struct range young_marks[] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8e1},     {0x9fe, 0x9fe},     {0xafa, 0xaff},
    {0xb55, 0xb55},     {0xc04, 0xc04},     {0xc3c, 0xc3c},     {0xd00, 0xd00},     {0xd3b, 0xd3c},
    {0xd81, 0xd81},     {0xeba, 0xeba},     {0xece, 0xece},     {0x180f, 0x180f},   {0x1885, 0x1886},
    {0x1abf, 0x1ace},   {0x1df6, 0x1dfb},   {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},   {0xa8ff, 0xa8ff},
    {0xa9bd, 0xa9bd},   {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50},
    {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x11073, 0x11074}, {0x110c2, 0x110c2}, {0x111c9, 0x111c9},
    {0x111cf, 0x111cf}, {0x1123e, 0x1123e}, {0x11241, 0x11241}, {0x1133b, 0x1133b}, {0x11438, 0x1143f},
    {0x11442, 0x11444}, {0x11446, 0x11446}, {0x1145e, 0x1145e}, {0x1182f, 0x11837}, {0x11839, 0x1183a},
    {0x1193b, 0x1193c}, {0x1193e, 0x1193e}, {0x11943, 0x11943}, {0x119d4, 0x119d7}, {0x119da, 0x119db},
    {0x119e0, 0x119e0}, {0x11a01, 0x11a0a}, {0x11a33, 0x11a38}, {0x11a3b, 0x11a3e}, {0x11a47, 0x11a47},
    {0x11a51, 0x11a56}, {0x11a59, 0x11a5b}, {0x11a8a, 0x11a96}, {0x11a98, 0x11a99}, {0x11c30, 0x11c36},
    {0x11c38, 0x11c3d}, {0x11c3f, 0x11c3f}, {0x11c92, 0x11ca7}, {0x11caa, 0x11cb0}, {0x11cb2, 0x11cb3},
    {0x11cb5, 0x11cb6}, {0x11d31, 0x11d36}, {0x11d3a, 0x11d3a}, {0x11d3c, 0x11d3d}, {0x11d3f, 0x11d45},
    {0x11d47, 0x11d47}, {0x11d90, 0x11d91}, {0x11d95, 0x11d95}, {0x11d97, 0x11d97}, {0x11ef3, 0x11ef4},
    {0x11f00, 0x11f01}, {0x11f36, 0x11f3a}, {0x11f40, 0x11f40}, {0x11f42, 0x11f42}, {0x13440, 0x13440},
    {0x13447, 0x13455}, {0x16f4f, 0x16f4f}, {0x16fe4, 0x16fe4}, {0x1cf00, 0x1cf2d}, {0x1cf30, 0x1cf46},
    {0x1e000, 0x1e006}, {0x1e008, 0x1e018}, {0x1e01b, 0x1e021}, {0x1e023, 0x1e024}, {0x1e026, 0x1e02a},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef},
    {0x1e944, 0x1e94a}};

static const struct range young_formats[] = {{0x890, 0x891}, {0x8e2, 0x8e2}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}};

static int range_cmp(const void *key, const void *element)
{
    int32_t c = *(const int32_t *)key;
    const struct range *r = element;
    return c < r->first ? -1 : c > r->last;
}

#define IN(table, c) (bsearch(&(c), table, sizeof table / sizeof table[0], sizeof table[0], range_cmp) != NULL)

static bool is_blank(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return (c >= '\t' && c <= '\r') || c == 0x85 ||
           (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

static bool is_punctuation(int32_t c)
{
    if (c < 0x80)
        return (c > 0x20 && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7f);
    utf8proc_category_t category = utf8proc_category(c);
    if (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO)
        return !IN(young_punctuation, c);
    return c == 0x166d || c == 0x111c9; /* have left the category since */
}

static bool is_mark(int32_t c)
{
    if (utf8proc_category(c) == UTF8PROC_CATEGORY_MN)
        return !IN(young_marks, c);
    return c == 0x1734;
}

/* What `clean` drops. */
static bool is_dropped(int32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r')
        return false;
    utf8proc_category_t category = utf8proc_category(c);
    if (category == UTF8PROC_CATEGORY_CF)
        return !IN(young_formats, c);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CO || c == 0xfffd;
}

static bool is_cjk(int32_t c)
{
    static const struct range blocks[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},  {0x20000, 0x2a6df},
                                          {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    return c >= blocks[0].first && IN(blocks, c);
}

static void add_char(struct buf *out, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    buf_add(out, (struct str){(const char *)bytes, (size_t)n});
}

static int combining_class(int32_t c)
{
    return utf8proc_get_property(c)->combining_class;
}

/*
 * Unicode's canonical order: between characters of class 0, the others by class, stably. One pass for each class in
 * use, so that a hostile run of thousands of marks costs no more than linear time.
 */
static void order_run(int32_t *run, size_t n, int32_t *scratch)
{
    bool used[256] = {false}, sorted = true;
    size_t filled = 0;
    for (size_t i = 0; i < n; i++) {
        used[combining_class(run[i]) & 255] = true;
        sorted = sorted && (i == 0 || combining_class(run[i - 1]) <= combining_class(run[i]));
    }
    if (sorted)
        return;
    for (int class = 0; class < 256; class ++)
        for (size_t i = 0; used[class] && i < n; i++)
            if (combining_class(run[i]) == class)
                scratch[filled++] = run[i];
    memcpy(run, scratch, n * sizeof *run);
}

/* Decomposes (NFD) and drops marks. out and scratch hold DECOMPOSED_MAX characters for each of c. Returns how many. */
enum { DECOMPOSED_MAX = 4 };

static size_t strip_accents(const int32_t *c, size_t n, int32_t *out, int32_t *scratch)
{
    size_t filled = 0, kept = 0, start = 0;
    int last = 0;
    for (size_t i = 0; i < n; i++) {
        utf8proc_ssize_t got = utf8proc_decompose_char(c[i], out + filled, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE, &last);
        if (got < 1 || got > DECOMPOSED_MAX) { /* does not happen: no canonical decomposition is longer */
            out[filled] = c[i];
            got = 1;
        }
        filled += (size_t)got;
    }
    for (size_t i = 0; i <= filled; i++) {
        if (i < filled && combining_class(out[i]) != 0)
            continue;
        order_run(out + start, i - start, scratch);
        start = i + 1;
    }
    for (size_t i = 0; i < filled; i++)
        if (!is_mark(out[i]))
            out[kept++] = out[i];
    return kept;
}

static void add_lower(struct buf *out, const int32_t *c, size_t n, bool lower)
{
    for (size_t i = 0; i < n; i++) {
        if (lower && c[i] == 0x130) { /* the one capital whose small form is two characters */
            add_char(out, 'i');
            add_char(out, 0x307);
        } else {
            add_char(out, lower ? utf8proc_tolower(c[i]) : c[i]);
        }
    }
}

/* Reads text into c with control characters dropped and Chinese ones spaced. c holds three for each byte. */
static size_t read_chars(const struct wordpiece_rules *rules, struct str text, int32_t *c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n;) {
        int32_t at;
        utf8proc_ssize_t got =
            utf8proc_iterate((const utf8proc_uint8_t *)text.at + i, (utf8proc_ssize_t)(text.n - i), &at);
        i += got > 0 ? (size_t)got : 1;
        if (got <= 0)
            at = 0xfffd;
        if (rules->clean && (at == 0 || is_dropped(at)))
            continue;
        if (rules->clean && is_blank(at))
            at = ' ';
        bool spaced = rules->space_cjk && is_cjk(at);
        if (spaced)
            c[n++] = ' ';
        c[n++] = at;
        if (spaced)
            c[n++] = ' ';
    }
    return n;
}

/* Most text is ASCII, where nothing combines. Returns false, having added nothing, when text is not. */
static bool normalise_ascii(const struct wordpiece_rules *rules, struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if (rules->clean && (c == '\t' || c == '\n' || c == '\r'))
            c = ' ';
        if (rules->clean && (c < ' ' || c == 0x7f))
            continue;
        buf_add_char(out, rules->lower && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    return true;
}

void wordpiece__normalise(const struct wordpiece_rules *rules, struct str text, struct buf *out)
{
    if (normalise_ascii(rules, text, out))
        return;
    int32_t *c = mem_new(text.n, 3 * sizeof *c);
    size_t n = read_chars(rules, text, c);
    if (rules->strip_accents) {
        int32_t *plain = mem_new(n + 1, 2 * DECOMPOSED_MAX * sizeof *plain);
        n = strip_accents(c, n, plain, plain + n * DECOMPOSED_MAX);
        add_lower(out, plain, n, rules->lower);
        free(plain);
    } else {
        add_lower(out, c, n, rules->lower);
    }
    free(c);
}

enum wordpiece_class wordpiece__class_at(struct str text, size_t i, size_t *n)
{
    int32_t c = (unsigned char)text.at[i];
    *n = 1;
    if (c >= 0x80) {
        utf8proc_ssize_t got =
            utf8proc_iterate((const utf8proc_uint8_t *)text.at + i, (utf8proc_ssize_t)(text.n - i), &c);
        *n = got > 0 ? (size_t)got : 1;
        if (got <= 0)
            return WORDPIECE_WORD;
    }
    if (c != ' ' && (c < 0x80 ? c > '\r' || c < '\t' : !is_blank(c)))
        return is_punctuation(c) ? WORDPIECE_ALONE : WORDPIECE_WORD;
    return WORDPIECE_BLANK;
}
