/* A language model's file: refused, or good for guessing without harm. The last 16 bytes are also the text. */
#include "fuzz.h"

#include "num/langid.h"

#include <string.h>

static void guess(const struct langid *l, struct str text)
{
    struct langid_guess g[3];
    size_t n = langid_guess(l, text, g, 3);
    assert(n <= 3);
    for (size_t i = 0; i < n; i++)
        assert(memchr(g[i].code, 0, sizeof g[i].code) && g[i].p <= 1.0f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct langid *l;
    struct error e = {0};
    if (langid_new(fuzz_view(data, size), &l, &e) == ERR_OK) {
        size_t n = size < 16 ? size : 16;
        guess(l, fuzz_view(data + size - n, n));
        guess(l, STR("ab ba </s> __label__en \xc3\xa4\xe6\xbc\xa2"));
    } else {
        assert(!l && e.code == ERR_MODEL && e.text[0]);
    }
    langid_free(l);
    return 0;
}
