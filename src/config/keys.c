#include "config/keys.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define AT(member) offsetof(struct config, member)

const struct key_row config_keys[] = {
    {"facets", KEY_FACETS, 0, 0, 0, "the paper's four, turns and characters", {0}, false,
     "what is asked or counted about each conversation; clio facets lists and explains them"},
    {"screener", KEY_TEXT, AT(screener), 0, 0, "", {0}, false,
     "a yes/no question; only conversations answered Yes go on (empty: all of them)"},
    {"filter", KEY_TEXT, AT(filter), 0, 0, "", {0}, false,
     "a POSIX extended regular expression; only conversations it matches are taken"},
    {"models.fast", KEY_TEXT, AT(model_fast), 0, 0, "local:qwen2.5-coder-1.5b", {0}, false,
     "answers about each conversation: local:NAME, openai:MODEL@URL, anthropic:MODEL@URL, script:FILE or replay:RUN"},
    {"models.strong", KEY_TEXT, AT(model_strong), 0, 0, "local:qwen2.5-coder-1.5b", {0}, false,
     "names clusters, builds the tree and rates names for privacy; the same schemes"},
    {"models.embed", KEY_TEXT, AT(model_embed), 0, 0, "encoder:all-mpnet-base-v2", {0}, false,
     "turns sentences into vectors: encoder:NAME or encoder:FOLDER (with #fp32 behind it: slow, plain arithmetic), "
     "openai:MODEL@URL, file:V.npy (rows in input order), hash:768 (tests)"},
    {"model_folder", KEY_TEXT, AT(model_folder), 0, 0, "", {0}, false,
     "a folder where local: models are looked for before the cache; empty: none"},
    {"one_call", KEY_BOOL, AT(one_call), 0, 0, "true", {0}, false,
     "ask all facets in one answer; false: one call a facet"},
    {"sample_by", KEY_CHOICE, AT(sample_by), 0, 2, "conversations", {"conversations", "completions"}, false,
     "what is drawn: \"conversations\" weigh the same, \"completions\" give longer ones more weight"},
    {"sample", KEY_COUNT, AT(sample), 0, 1000000000, "0", {0}, false,
     "how many are drawn, by the seed (0: all)"},
    {"transcript_tokens", KEY_COUNT, AT(transcript_tokens), 0, 1000000, "400", {0}, false,
     "a longer transcript is cut in the middle, at turns (0: never)"},
    {"k", KEY_COUNT, AT(k), 0, 1000000, "0", {0}, false,
     "base clusters (0: from the number of conversations)"},
    {"levels", KEY_COUNT, AT(levels), 0, 10, "0", {0}, false,
     "levels of the tree, base clusters included (0: from the number of clusters)"},
    {"top", KEY_COUNT, AT(top), 0, 1000, "0", {0}, false,
     "clusters wanted at the top (0: from the number of clusters)"},
    {"neighbourhood", KEY_COUNT, AT(neighbourhood), 2, 1000, "40", {0}, false,
     "clusters looked at together when parents are proposed"},
    {"name_members", KEY_COUNT, AT(name_members), 1, 1000, "50", {0}, false,
     "members shown to the model that names a cluster"},
    {"name_contrast", KEY_COUNT, AT(name_contrast), 0, 1000, "50", {0}, false,
     "near misses shown beside them"},
    {"public_data", KEY_BOOL, AT(public_data), 0, 0, "false", {0}, false,
     "the data is public: thresholds become 3, and the map may show single conversations' points"},
    {"account_per_conversation", KEY_BOOL, AT(account_per_conversation), 0, 0, "false", {0}, false,
     "the data has no accounts: count every conversation as one"},
    {"min_accounts", KEY_COUNT, AT(min_accounts), 0, 1000000000, "0", {0}, false,
     "a smaller cluster is never shown (0: 20, or 3 with public_data; below 20 only with it)"},
    {"min_conversations", KEY_COUNT, AT(min_conversations), 0, 1000000000, "0", {0}, false,
     "likewise for conversations (0: 20, or 3 with public_data)"},
    {"min_cell_accounts", KEY_COUNT, AT(min_cell_accounts), 0, 1000000000, "0", {0}, false,
     "a smaller cell of a breakdown, week or map is withheld (0: 10, or 1 with public_data)"},
    {"map_points", KEY_COUNT, AT(map_points), 1000, 100000000, "1000000", {0}, false,
     "conversations the map is drawn from; of more, a sample is, and the page says so"},
    {"audit_min", KEY_COUNT, AT(audit_min), 1, 5, "3", {0}, false,
     "a name rated below this for privacy is withheld (below 3 only with public_data)"},
    {"prices", KEY_TEXT, AT(prices), 0, 0, "", {0}, false,
     "a price file of your own (clio estimate --list-prices prints one to edit); empty: the program's"},
    {"max_failed_share", KEY_SHARE, AT(max_failed_share), 0, 1, "0.2", {0}, false,
     "a stage fails when a larger share of its records could not be done"},
    {"seed", KEY_COUNT, AT(seed), 0, INT64_MAX, "1", {0}, false,
     "of everything random: the same seed, input and answers give the same result"},
    {"threads", KEY_COUNT, AT(threads), 0, 1024, "0", {0}, true,
     "processors to use (0: all); no result depends on it"},
    {0},
};
/* clang-format on */

const struct key_row *key_find(struct str name)
{
    for (const struct key_row *row = config_keys; row->name; row++)
        if (str_eqz(name, row->name))
            return row;
    return NULL;
}

static void *slot(struct config *c, const struct key_row *row)
{
    return (char *)c + row->offset;
}

static const void *slot_const(const struct config *c, const struct key_row *row)
{
    return (const char *)c + row->offset;
}

static void set_count(struct config *c, const struct key_row *row, uint64_t v)
{
    memcpy(slot(c, row), &v, sizeof v);
}

static bool set_choice(struct config *c, const struct key_row *row, struct str word)
{
    for (size_t i = 0; i < row->max; i++) {
        if (!str_eqz(word, row->choices[i]))
            continue;
        enum sample_by chosen = (enum sample_by)i; /* the only choice there is so far */
        memcpy(slot(c, row), &chosen, sizeof chosen);
        return true;
    }
    return false;
}

static enum err must_be(const struct key_row *row, const char *where, struct error *e)
{
    switch (row->kind) {
    case KEY_BOOL:
        return error_set(e, ERR_CONFIG, "%s must be true or false", where);
    case KEY_COUNT:
        return error_set(e, ERR_CONFIG, "%s must be a whole number from %llu to %llu", where,
                         (unsigned long long)row->min, (unsigned long long)row->max);
    case KEY_SHARE:
        return error_set(e, ERR_CONFIG, "%s must be a share from 0 to 1, for example 0.2", where);
    case KEY_CHOICE:
        return error_set(e, ERR_CONFIG, "%s must be \"%s\" or \"%s\"", where, row->choices[0], row->choices[1]);
    case KEY_TEXT:
        return error_set(e, ERR_CONFIG, "%s must be a text of at most 4000 bytes, without NUL", where);
    case KEY_FACETS:
        break;
    }
    return error_set(e, ERR_CONFIG, "%s must be a list of facets", where);
}

static bool text_fits(struct str text)
{
    return text.n <= 4000 && (text.n == 0 || memchr(text.at, 0, text.n) == NULL);
}

enum err key_set_json(struct config *c, const struct key_row *row, yyjson_val *v, const char *where, struct error *e)
{
    bool good = false;
    struct str text = json_str(v);
    double share;
    switch (row->kind) {
    case KEY_BOOL:
        good = yyjson_is_bool(v);
        *(bool *)slot(c, row) = yyjson_get_bool(v);
        break;
    case KEY_COUNT:
        good = yyjson_is_uint(v) && yyjson_get_uint(v) >= row->min && yyjson_get_uint(v) <= row->max;
        set_count(c, row, yyjson_get_uint(v));
        break;
    case KEY_SHARE:
        share = yyjson_get_num(v);
        good = yyjson_is_num(v) && share >= 0 && share <= 1;
        memcpy(slot(c, row), &share, sizeof share);
        break;
    case KEY_CHOICE:
        good = text.at && set_choice(c, row, text);
        break;
    case KEY_TEXT:
        good = text.at && text_fits(text);
        if (good)
            *(struct str *)slot(c, row) = str_dup(&c->arena, text);
        break;
    case KEY_FACETS:
        break;
    }
    return good ? ERR_OK : must_be(row, where, e);
}

enum err key_set_text(struct config *c, const struct key_row *row, struct str text, const char *where, struct error *e)
{
    int64_t number;
    bool good = false;
    double share;
    char *z, *end;
    switch (row->kind) {
    case KEY_BOOL:
        good = str_eqz(text, "true") || str_eqz(text, "false");
        *(bool *)slot(c, row) = str_eqz(text, "true");
        break;
    case KEY_COUNT:
        good = str_to_i64(text, &number) && number >= 0 && (uint64_t)number >= row->min && (uint64_t)number <= row->max;
        if (good)
            set_count(c, row, (uint64_t)number);
        break;
    case KEY_SHARE:
        z = str_dupz(&c->arena, text);
        share = strtod(z, &end);
        good = end != z && *end == '\0' && share >= 0 && share <= 1;
        memcpy(slot(c, row), &share, sizeof share);
        break;
    case KEY_CHOICE:
        good = set_choice(c, row, text);
        break;
    case KEY_TEXT:
        good = text_fits(text);
        if (good)
            *(struct str *)slot(c, row) = str_dup(&c->arena, text);
        break;
    case KEY_FACETS:
        break;
    }
    return good ? ERR_OK : must_be(row, where, e);
}

void key_set_default(struct config *c, const struct key_row *row)
{
    enum err result = row->kind == KEY_FACETS ? ERR_OK : key_set_text(c, row, str_of(row->fallback), row->name, NULL);
    assert(result == ERR_OK);
    (void)result;
}

void key_write(const struct config *c, const struct key_row *row, struct buf *out)
{
    uint64_t count;
    double share;
    enum sample_by choice;
    switch (row->kind) {
    case KEY_BOOL:
        buf_addz(out, *(const bool *)slot_const(c, row) ? "true" : "false");
        break;
    case KEY_COUNT:
        memcpy(&count, slot_const(c, row), sizeof count);
        buf_printf(out, "%llu", (unsigned long long)count);
        break;
    case KEY_SHARE:
        memcpy(&share, slot_const(c, row), sizeof share);
        buf_printf(out, "%.17g", share);
        break;
    case KEY_CHOICE:
        memcpy(&choice, slot_const(c, row), sizeof choice);
        buf_printf(out, "\"%s\"", row->choices[choice]);
        break;
    case KEY_TEXT:
        json_add_string(out, *(const struct str *)slot_const(c, row));
        break;
    case KEY_FACETS:
        facets_write(c, out);
        break;
    }
}

const char *key_doubled(yyjson_val *object)
{
    size_t i, max, j, max2;
    yyjson_val *k, *v, *k2, *v2;
    yyjson_obj_foreach(object, i, max, k, v)
    {
        yyjson_obj_foreach(object, j, max2, k2, v2)
        {
            if (j > i && yyjson_equals_strn(k2, yyjson_get_str(k), yyjson_get_len(k)))
                return yyjson_get_str(k);
        }
    }
    return NULL;
}

const char *config_key_help(size_t i, const char **name, const char **fallback)
{
    *name = config_keys[i].name;
    *fallback = config_keys[i].fallback;
    return config_keys[i].help;
}
