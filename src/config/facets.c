/* The list of facets in the configuration: reading, checking and writing it. */
#include "base/suggest.h"
#include "config/keys.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum member_kind { MEMBER_TEXT, MEMBER_TEXTS, MEMBER_BOOL, MEMBER_INT, MEMBER_KIND, MEMBER_SOURCE };

static const char *const kind_names[] = {
    [FACET_COMPUTED] = "computed", [FACET_CATEGORICAL] = "categorical", [FACET_ORDINAL] = "ordinal",
    [FACET_TEXT] = "text",         [FACET_METADATA] = "metadata",
};
static const char *const source_names[] = {
    [FROM_TRANSCRIPT] = "transcript",
    [FROM_MODEL] = "model",
    [FROM_LANGID] = "langid",
    [FROM_METADATA] = "metadata",
};
enum { KINDS = sizeof kind_names / sizeof *kind_names, SOURCES = sizeof source_names / sizeof *source_names };

/* Which kinds of facet a member makes sense for: a member elsewhere is a slip, and says so. */
enum {
    ON_COMPUTED = 1 << FACET_COMPUTED,
    ON_CATEGORICAL = 1 << FACET_CATEGORICAL,
    ON_ORDINAL = 1 << FACET_ORDINAL,
    ON_TEXT = 1 << FACET_TEXT,
    ON_METADATA = 1 << FACET_METADATA,
    ON_ASKED = ON_CATEGORICAL | ON_ORDINAL | ON_TEXT,
    ON_ALL = ON_ASKED | ON_COMPUTED | ON_METADATA,
};

#define AT(member) offsetof(struct facet_def, member)

static const struct member {
    const char *name;
    enum member_kind kind;
    size_t offset, count_offset;
    int kinds;
} members[] = {
    {"name", MEMBER_TEXT, AT(name), 0, ON_ALL},
    {"kind", MEMBER_KIND, AT(kind), 0, ON_ALL},
    {"source", MEMBER_SOURCE, AT(source), 0, ON_ALL},
    {"question", MEMBER_TEXT, AT(question), 0, ON_ASKED},
    {"lead", MEMBER_TEXT, AT(lead), 0, ON_TEXT},
    {"answer_start", MEMBER_TEXT, AT(answer_start), 0, ON_TEXT},
    {"name_form", MEMBER_TEXT, AT(name_form), 0, ON_TEXT},
    {"name_start", MEMBER_TEXT, AT(name_start), 0, ON_TEXT},
    {"values", MEMBER_TEXTS, AT(values), AT(values_count), ON_CATEGORICAL},
    {"min", MEMBER_INT, AT(min), 0, ON_ORDINAL},
    {"max", MEMBER_INT, AT(max), 0, ON_ORDINAL},
    {"labels", MEMBER_TEXTS, AT(labels), AT(labels_count), ON_ORDINAL},
    {"answers", MEMBER_TEXTS, AT(answers), AT(answers_count), ON_ORDINAL},
    {"several", MEMBER_BOOL, AT(several), 0, ON_CATEGORICAL},
    {"alone", MEMBER_BOOL, AT(alone), 0, ON_ASKED},
    {"cluster", MEMBER_BOOL, AT(cluster), 0, ON_TEXT},
    {"key", MEMBER_TEXT, AT(key), 0, ON_METADATA},
};
enum { MEMBERS = sizeof members / sizeof *members };

enum { TEXT_MAX = 2000, WORD_MAX = 80, LIST_MAX = 200 };

const char *facet_kind_name(enum facet_kind kind)
{
    return kind_names[kind];
}

const char *facet_source_name(enum facet_source source)
{
    return source_names[source];
}

/* Where in the file we are, for messages: "clio.json: facets[2] (concern)". */
struct place {
    const char *file;
    size_t index;
    struct str name;
    struct error *e;
};

static enum err wrong(const struct place *p, const char *fmt, ...) PRINTF(2, 3);

static enum err wrong(const struct place *p, const char *fmt, ...)
{
    char what[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    if (p->name.n)
        return error_set(p->e, ERR_CONFIG, "%s: facet \"" STR_FMT "\": %s", p->file, STR_ARG(p->name), what);
    return error_set(p->e, ERR_CONFIG, "%s: facets[%zu]: %s", p->file, p->index, what);
}

static void *slot(struct facet_def *f, size_t offset)
{
    return (char *)f + offset;
}

static const void *slot_const(const struct facet_def *f, size_t offset)
{
    return (const char *)f + offset;
}

static bool is_text(struct str s, size_t max)
{
    return s.at && s.n <= max && memchr(s.at, 0, s.n) == NULL;
}

static enum err read_texts(struct config *c, struct facet_def *f, const struct member *m, yyjson_val *v,
                           const struct place *p)
{
    size_t i, max, n = yyjson_arr_size(v);
    yyjson_val *item;
    if (!yyjson_is_arr(v) || n > LIST_MAX)
        return wrong(p, "%s must be a list of at most %d words", m->name, LIST_MAX);
    struct str *list = arena_new(&c->arena, n, sizeof *list);
    yyjson_arr_foreach(v, i, max, item)
    {
        struct str word = str_trim(json_str(item));
        if (!is_text(word, WORD_MAX) || word.n == 0)
            return wrong(p, "%s[%zu] must be a text of 1 to %d bytes", m->name, i, WORD_MAX);
        for (size_t j = 0; j < i; j++)
            if (str_eq(list[j], word))
                return wrong(p, "%s[%zu] is the same as %s[%zu]", m->name, i, m->name, j);
        list[i] = str_dup(&c->arena, word);
    }
    memcpy(slot(f, m->offset), &(const struct str *){list}, sizeof(const struct str *));
    memcpy(slot(f, m->count_offset), &n, sizeof n);
    return ERR_OK;
}

static enum err read_word(void *out, const char *const *names, size_t n, const struct member *m, yyjson_val *v,
                          const struct place *p)
{
    struct str word = json_str(v);
    struct suggest near = suggest_for(word);
    char all[120] = "";
    for (size_t i = 0; i < n; i++) {
        if (str_eqz(word, names[i])) {
            unsigned chosen = (unsigned)i;
            memcpy(out, &chosen, sizeof chosen);
            return ERR_OK;
        }
        suggest_offer(&near, names[i]);
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    enum err result = wrong(p, "%s must be one of %s", m->name, all);
    if (suggest_best(&near))
        error_hint(p->e, "did you mean \"%s\"?", suggest_best(&near));
    return result;
}

static enum err read_member(struct config *c, struct facet_def *f, const struct member *m, yyjson_val *v,
                            const struct place *p)
{
    static_assert(sizeof(enum facet_kind) == sizeof(unsigned) && sizeof(enum facet_source) == sizeof(unsigned), "");
    struct str text = json_str(v);
    int64_t number;
    switch (m->kind) {
    case MEMBER_TEXT:
        if (!is_text(text, TEXT_MAX))
            return wrong(p, "%s must be a text of at most %d bytes", m->name, TEXT_MAX);
        *(struct str *)slot(f, m->offset) = str_dup(&c->arena, str_trim(text));
        return ERR_OK;
    case MEMBER_TEXTS:
        return read_texts(c, f, m, v, p);
    case MEMBER_BOOL:
        *(bool *)slot(f, m->offset) = yyjson_get_bool(v);
        return yyjson_is_bool(v) ? ERR_OK : wrong(p, "%s must be true or false", m->name);
    case MEMBER_INT:
        number = yyjson_get_sint(v);
        memcpy(slot(f, m->offset), &number, sizeof number);
        return yyjson_is_int(v) && number >= -1000 && number <= 1000 ? ERR_OK
                                                                     : wrong(p, "%s must be a whole number", m->name);
    case MEMBER_KIND:
        return read_word(slot(f, m->offset), kind_names, KINDS, m, v, p);
    case MEMBER_SOURCE:
        return read_word(slot(f, m->offset), source_names, SOURCES, m, v, p);
    }
    return ERR_OK;
}

static const struct member *find_member(struct str name)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (str_eqz(name, members[i].name))
            return &members[i];
    return NULL;
}

static enum err unknown_member(struct str key, const struct place *p)
{
    struct suggest near = suggest_for(key);
    for (size_t i = 0; i < MEMBERS; i++)
        suggest_offer(&near, members[i].name);
    enum err result = wrong(p, "a facet has no key \"%.60s\"", key.at);
    if (suggest_best(&near))
        error_hint(p->e, "did you mean \"%s\"?", suggest_best(&near));
    else
        error_hint(
            p->e,
            "known keys: name, kind, source, question, lead, answer_start, name_form, name_start, values, min, max, "
            "labels, answers, several, alone, cluster, lead, key");
    return result;
}

static enum err read_members(struct config *c, struct facet_def *f, yyjson_val *object, const struct place *p)
{
    size_t i, max;
    yyjson_val *key, *v;
    enum err result = ERR_OK;
    yyjson_obj_foreach(object, i, max, key, v)
    {
        const struct member *m = find_member(json_str(key));
        if (!m)
            return unknown_member(json_str(key), p);
        result = read_member(c, f, m, v, p);
        if (result == ERR_OK && !(m->kinds & (1 << f->kind)))
            result = wrong(p, "a %s facet has no %s", kind_names[f->kind], m->name);
        if (result != ERR_OK)
            return result;
    }
    return result;
}

static enum err read_facet(struct config *c, struct facet_def *f, yyjson_val *object, struct place *p)
{
    if (!yyjson_is_obj(object))
        return wrong(p, "must be an object with name, kind and more");
    p->name = json_get_str(object, "name");
    if (p->name.n > WORD_MAX)
        p->name.n = WORD_MAX;
    *f = (struct facet_def){0};
    /* The kind first, wherever it stands: it decides which other members make sense. */
    yyjson_val *kind = yyjson_obj_get(object, "kind");
    if (!kind)
        return wrong(p, "has no kind (text, categorical, ordinal, computed or metadata)");
    enum err result = read_member(c, f, find_member(STR("kind")), kind, p);
    if (result != ERR_OK)
        return result;
    f->source = f->kind == FACET_COMPUTED ? FROM_TRANSCRIPT : f->kind == FACET_METADATA ? FROM_METADATA : FROM_MODEL;
    result = read_members(c, f, object, p);
    const char *doubled = result == ERR_OK ? key_doubled(object) : NULL;
    return doubled ? wrong(p, "key \"%s\" is there twice", doubled) : result;
}

enum err facets_parse(struct config *c, yyjson_val *list, const char *file, struct error *e)
{
    size_t i, max, n = yyjson_arr_size(list);
    yyjson_val *object;
    if (!yyjson_is_arr(list) || n == 0 || n > CONFIG_FACETS_MAX)
        return error_set(e, ERR_CONFIG, "%s: facets must be a list of 1 to %d facets", file, CONFIG_FACETS_MAX);
    c->facets = arena_zero(&c->arena, n, sizeof *c->facets);
    c->facets_count = n;
    yyjson_arr_foreach(list, i, max, object)
    {
        struct place p = {.file = file, .index = i, .e = e};
        enum err result = read_facet(c, &c->facets[i], object, &p);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

static bool is_name(struct str s)
{
    bool good = s.n > 0 && s.n <= 40 && s.at[0] >= 'a' && s.at[0] <= 'z';
    for (size_t i = 0; good && i < s.n; i++)
        good = (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '_';
    return good;
}

static enum err check_source(const struct facet_def *f, const struct place *p)
{
    bool asked = f->source == FROM_MODEL || f->source == FROM_LANGID;
    switch (f->kind) {
    case FACET_COMPUTED:
        if (f->source != FROM_TRANSCRIPT)
            return wrong(p, "a computed facet's source is \"transcript\"");
        if (!str_eqz(f->name, "turns") && !str_eqz(f->name, "characters"))
            return wrong(p, "the computed facets are \"turns\" and \"characters\"");
        return ERR_OK;
    case FACET_METADATA:
        if (f->source != FROM_METADATA)
            return wrong(p, "a metadata facet's source is \"metadata\"");
        return f->key.n ? ERR_OK : wrong(p, "a metadata facet needs key: the name of the metadata value it shows");
    case FACET_CATEGORICAL:
    case FACET_ORDINAL:
    case FACET_TEXT:
        break;
    }
    if (!asked)
        return wrong(p, "a %s facet's source is \"model\"", kind_names[f->kind]);
    if (f->source == FROM_LANGID && f->kind != FACET_CATEGORICAL)
        return wrong(p, "only a categorical facet's source can be \"langid\"");
    return f->question.n ? ERR_OK : wrong(p, "has no question");
}

static enum err check_facet(const struct config *c, size_t i, const struct place *p)
{
    const struct facet_def *f = &c->facets[i];
    if (!is_name(f->name))
        return wrong(p, "its name must be 1 to 40 lower-case letters, digits or _, a letter first");
    for (size_t j = 0; j < i; j++)
        if (str_eq(c->facets[j].name, f->name))
            return wrong(p, "there are two facets of this name");
    enum err result = check_source(f, p);
    if (result != ERR_OK)
        return result;
    if (f->kind == FACET_ORDINAL && (f->min >= f->max || f->max - f->min > 100))
        return wrong(p, "an ordinal facet needs min and max, at most 100 apart");
    if (f->kind == FACET_ORDINAL && f->labels_count && f->labels_count != (size_t)(f->max - f->min + 1))
        return wrong(p, "it has %zu labels for the %lld values %lld..%lld", f->labels_count,
                     (long long)(f->max - f->min + 1), (long long)f->min, (long long)f->max);
    if (f->kind == FACET_ORDINAL && f->answers_count && f->answers_count != (size_t)(f->max - f->min + 1))
        return wrong(p, "it has %zu answers for the %lld values %lld..%lld", f->answers_count,
                     (long long)(f->max - f->min + 1), (long long)f->min, (long long)f->max);
    if (f->kind == FACET_CATEGORICAL && f->values_count == 1)
        return wrong(p, "one value is no choice: give two or more, or none");
    return ERR_OK;
}

enum err facets_check(const struct config *c, struct error *e)
{
    size_t trees = 0, questions = c->one_call ? 1 : 0;
    for (size_t i = 0; i < c->facets_count; i++) {
        const struct facet_def *f = &c->facets[i];
        struct place p = {.file = "configuration", .index = i, .name = f->name, .e = e};
        enum err result = check_facet(c, i, &p);
        if (result != ERR_OK)
            return result;
        trees += f->cluster;
        if (f->source == FROM_MODEL || f->source == FROM_LANGID)
            questions += f->alone || !c->one_call;
    }
    if (trees == 0) {
        error_set(e, ERR_CONFIG, "configuration: no facet has \"cluster\": true, so there would be no tree");
        error_hint(e, "set it on at least one facet of kind text; clio facets lists them");
        return ERR_CONFIG;
    }
    /* Each question may be the second one in some context; one that is asked by itself still starts a context. */
    if (c->one_call && questions > CONFIG_QUESTIONS_MAX)
        return error_set(e, ERR_CONFIG, "configuration: at most %d facets can have \"alone\": true",
                         CONFIG_QUESTIONS_MAX - 1);
    if (questions > CONFIG_QUESTIONS_MAX)
        return error_set(e, ERR_CONFIG, "configuration: with one_call false at most %d facets can be asked of a model",
                         CONFIG_QUESTIONS_MAX);
    return ERR_OK;
}

static void write_texts(struct str const *list, size_t n, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(out, ',');
        json_add_string(out, list[i]);
    }
    buf_add_char(out, ']');
}

static void write_member(const struct facet_def *f, const struct member *m, struct buf *out)
{
    const struct str *list;
    size_t n;
    int64_t number;
    switch (m->kind) {
    case MEMBER_TEXT:
        json_add_string(out, *(const struct str *)slot_const(f, m->offset));
        break;
    case MEMBER_TEXTS:
        memcpy(&list, slot_const(f, m->offset), sizeof list);
        memcpy(&n, slot_const(f, m->count_offset), sizeof n);
        write_texts(list, n, out);
        break;
    case MEMBER_BOOL:
        buf_addz(out, *(const bool *)slot_const(f, m->offset) ? "true" : "false");
        break;
    case MEMBER_INT:
        memcpy(&number, slot_const(f, m->offset), sizeof number);
        buf_printf(out, "%lld", (long long)number);
        break;
    case MEMBER_KIND:
        json_add_string(out, str_of(kind_names[f->kind]));
        break;
    case MEMBER_SOURCE:
        json_add_string(out, str_of(source_names[f->source]));
        break;
    }
}

void facets_write(const struct config *c, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < c->facets_count; i++) {
        const struct facet_def *f = &c->facets[i];
        const char *comma = "";
        buf_addz(out, i ? ",{" : "{");
        for (size_t m = 0; m < MEMBERS; m++) {
            if (!(members[m].kinds & (1 << f->kind)))
                continue;
            buf_printf(out, "%s\"%s\":", comma, members[m].name);
            write_member(f, &members[m], out);
            comma = ",";
        }
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}
