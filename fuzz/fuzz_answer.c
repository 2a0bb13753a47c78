/* A model's answer, read by a schema with a field of every kind. */
#include "fuzz.h"

#include "base/text.h"
#include "model/schema.h"

#include <string.h>

static const struct str sizes[] = {STR_INIT("small"), STR_INIT("large"), STR_INIT("a \"quoted\" one")};

static const struct field fields[] = {
    {.name = "topic", .kind = FIELD_TEXT, .max_chars = 40},
    {.name = "request", .kind = FIELD_TEXT, .start = STR_INIT("The user wants to")},
    {.name = "size", .kind = FIELD_CHOICE, .values = sizes, .values_count = 3},
    {.name = "rating", .kind = FIELD_INT, .min = 1, .max = 5},
    {.name = "names", .kind = FIELD_LIST, .max_chars = 20, .min = 1, .max = 3},
};

static void check_text(struct str s, size_t max_chars)
{
    assert(s.n > 0 && text_is_utf8(s) && text_chars(s) <= max_chars);
    assert(!memchr(s.at, '\n', s.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schema schema = {fields, sizeof fields / sizeof *fields};
    struct field_value v[sizeof fields / sizeof *fields];
    struct arena a = {0};
    struct error e = {0};
    if (schema_parse(&schema, fuzz_view(data, size), &a, v, &e) == ERR_OK) {
        check_text(v[0].text, 40);
        check_text(v[1].text, 400);
        assert(v[2].number >= 0 && v[2].number < 3 && str_eq(v[2].text, sizes[v[2].number]));
        assert(v[3].number >= 1 && v[3].number <= 5);
        assert(v[4].items_count >= 1 && v[4].items_count <= 3);
        for (size_t i = 0; i < v[4].items_count; i++)
            check_text(v[4].items[i], 20);
    } else {
        assert(e.code == ERR_MODEL && e.text[0]);
    }
    arena_release(&a);
    return 0;
}
