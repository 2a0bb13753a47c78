#include "ingest/filter.h"

/* The C library's matcher takes memory in proportion to the text, so long texts go through in overlapping windows. */
enum { WINDOW = 1 << 20, OVERLAP = 1 << 14 };

enum err filter_open(struct filter *f, struct str pattern, struct error *e)
{
    *f = (struct filter){0};
    if (pattern.n == 0)
        return ERR_OK;
    struct arena a = {0};
    char why[160];
    int code = regcomp(&f->compiled, str_dupz(&a, pattern), REG_EXTENDED | REG_NOSUB);
    arena_release(&a);
    if (code) {
        regerror(code, &f->compiled, why, sizeof why);
        return error_set(e, ERR_CONFIG, "\"filter\" is no extended regular expression: %s", why);
    }
    f->on = true;
    return ERR_OK;
}

void filter_close(struct filter *f)
{
    if (f->on)
        regfree(&f->compiled);
    *f = (struct filter){0};
}

static bool matches(const struct filter *f, struct str text)
{
    for (size_t from = 0;; from += WINDOW - OVERLAP) {
        size_t end = text.n - from > WINDOW ? from + WINDOW : text.n;
        regmatch_t span = {.rm_so = 0, .rm_eo = (regoff_t)(end - from)};
        int flags = REG_STARTEND | (from ? REG_NOTBOL : 0) | (end < text.n ? REG_NOTEOL : 0);
        if (regexec(&f->compiled, text.at + from, 1, &span, flags) == 0)
            return true;
        if (end == text.n)
            return false;
    }
}

bool filter_passes(const struct filter *f, const struct turn *turns, size_t n)
{
    if (!f->on)
        return true;
    for (size_t i = 0; i < n; i++) {
        bool written = str_eqz(turns[i].role, "user") || str_eqz(turns[i].role, "assistant");
        if (written && turns[i].text.n && matches(f, turns[i].text))
            return true;
    }
    return false;
}
