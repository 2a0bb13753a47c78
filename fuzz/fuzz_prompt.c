/* A prompt's template, and values that look like templates: nothing in a value is ever expanded. */
#include "fuzz.h"

#include "stage/prompt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct prompt_var vars[] = {
        {"empty", STR_INIT("")},
        {"word", STR_INIT("tea")},
        {"trap", STR_INIT("{{word}}{{#nothing}}")},
    };
    struct buf out = {0}, again = {0};
    struct error e = {0};
    struct str text = fuzz_view(data, size);
    if (prompt_expand("fuzz", text, vars, 3, &out, &e) != ERR_OK) {
        assert(e.code == ERR_CONFIG && e.text[0]);
    } else if (str_find(text, STR("{{")) == SIZE_MAX) {
        assert(str_eq(buf_str(&out), text));
    }
    /* Any text at all may be a value. */
    const struct prompt_var value = {"value", text};
    enum err result = prompt_expand("fuzz", STR("{{#value}}<{{value}}>{{/value}}"), &value, 1, &again, &e);
    assert(result == ERR_OK && again.n == (size ? size + 2 : 0));
    buf_release(&out);
    buf_release(&again);
    return 0;
}
