#include "facets/plan.h"

#include "model/model.h"
#include "stage/prompt.h"

enum { TEXT_CHARS = 180, LEAD_CHARS = 40, CATEGORY_CHARS = 60, SEVERAL_MAX = 3 };

static bool asked(const struct facet_def *f, bool with_language)
{
    return f->source == FROM_MODEL || (f->source == FROM_LANGID && with_language);
}

static struct field field_of(const struct facet_def *f, struct arena *a)
{
    struct field field = {.name = str_dupz(a, f->name)};
    switch (f->kind) {
    case FACET_ORDINAL:
        field.kind = f->answers_count ? FIELD_CHOICE : FIELD_INT; /* small models know words better than scales */
        field.values = f->answers;
        field.values_count = f->answers_count;
        field.min = f->min;
        field.max = f->max;
        break;
    case FACET_CATEGORICAL:
        field.max_chars = CATEGORY_CHARS;
        field.kind = f->several ? FIELD_LIST : f->values_count ? FIELD_CHOICE : FIELD_TEXT;
        field.values = f->values;
        field.values_count = f->values_count;
        field.min = 1;
        field.max = SEVERAL_MAX;
        break;
    default:
        field.kind = FIELD_TEXT;
        field.start = f->answer_start;
        field.max_chars = TEXT_CHARS;
    }
    return field;
}

/* A few words before the sentence make a small model say what it is about, instead of repeating what was said. */
static struct field lead_field(const struct facet_def *f, struct arena *a)
{
    return (struct field){
        .name = str_printf(a, "%s_subject", str_dupz(a, f->name)).at, .kind = FIELD_TEXT, .max_chars = LEAD_CHARS};
}

static enum err add_facet(struct facet_ask *ask, const struct facet_def *f, struct arena *a, struct error *e)
{
    if (ask->count == ASK_FACETS_MAX)
        return error_set(e, ERR_CONFIG, "more than %d facets in one call; set one_call to false", ASK_FACETS_MAX);
    size_t n = ask->schema.fields_count;
    struct field *fields = arena_zero(a, n + 2, sizeof *fields);
    for (size_t i = 0; i < n; i++)
        fields[i] = ask->schema.fields[i];
    if (f->lead.n)
        fields[n++] = lead_field(f, a);
    fields[n] = field_of(f, a);
    ask->field[ask->count] = n;
    ask->facets[ask->count++] = f;
    ask->schema = (struct schema){fields, n + 1};
    return ERR_OK;
}

/* Everything in one dialogue: the shared facets first, then one ask for each that stands alone. */
static enum err plan_one_call(const struct config *c, bool with_language, struct arena *a, struct facet_plan *out,
                              struct error *e)
{
    struct facet_call *call = arena_zero(a, 1, sizeof *call);
    call->asks = arena_zero(a, ASKS_MAX, sizeof *call->asks);
    enum err result = ERR_OK;
    for (size_t i = 0; i < c->facets_count && result == ERR_OK; i++)
        if (asked(&c->facets[i], with_language) && !c->facets[i].alone)
            result = add_facet(&call->asks[0], &c->facets[i], a, e);
    call->asks_count = call->asks[0].count ? 1 : 0;
    for (size_t i = 0; i < c->facets_count && result == ERR_OK; i++) {
        if (!asked(&c->facets[i], with_language) || !c->facets[i].alone)
            continue;
        if (call->asks_count == ASKS_MAX)
            return error_set(e, ERR_CONFIG, "more than %d facets are marked alone; set one_call to false",
                             ASKS_MAX - 1);
        result = add_facet(&call->asks[call->asks_count++], &c->facets[i], a, e);
    }
    out->calls = call;
    out->calls_count = call->asks_count ? 1 : 0;
    return result;
}

enum err facet_plan_new(const struct config *c, bool with_language, struct arena *a, struct facet_plan *out,
                        struct error *e)
{
    *out = (struct facet_plan){0};
    if (c->one_call)
        return plan_one_call(c, with_language, a, out, e);
    out->calls = arena_zero(a, c->facets_count, sizeof *out->calls);
    enum err result = ERR_OK;
    for (size_t i = 0; i < c->facets_count && result == ERR_OK; i++) {
        if (!asked(&c->facets[i], with_language))
            continue;
        struct facet_call *call = &out->calls[out->calls_count++];
        call->asks = arena_zero(a, 1, sizeof *call->asks);
        call->asks_count = 1;
        result = add_facet(&call->asks[0], &c->facets[i], a, e);
    }
    return result;
}

void facet_plan_questions(const struct facet_ask *ask, struct buf *out)
{
    for (size_t i = 0; i < ask->count; i++) {
        const struct facet_def *f = ask->facets[i];
        if (f->lead.n)
            buf_printf(out, "- \"%s\": " STR_FMT "\n", ask->schema.fields[ask->field[i] - 1].name, STR_ARG(f->lead));
        buf_printf(out, "- \"" STR_FMT "\": " STR_FMT, STR_ARG(f->name), STR_ARG(f->question));
        if (f->answer_start.n)
            buf_printf(out, " Begin with \"" STR_FMT "\".", STR_ARG(f->answer_start));
        buf_add_char(out, '\n');
    }
}

/* The questions that are asked one by one afterwards. */
static void add_later(const struct facet_call *call, struct buf *out)
{
    if (call->asks_count > 1)
        buf_addz(out, "Afterwards you are asked for more:\n");
    for (size_t i = 1; i < call->asks_count; i++)
        facet_plan_questions(&call->asks[i], out);
}

enum err facet_plan_system(const char *prompts, const struct facet_call *call, struct arena *a, struct str *out,
                           struct error *e)
{
    struct buf questions = {0}, shape = {0}, later = {0};
    facet_plan_questions(&call->asks[0], &questions);
    schema_describe(&call->asks[0].schema, &shape);
    add_later(call, &later);
    struct prompt_var vars[] = {
        {"questions", buf_str(&questions)}, {"shape", buf_str(&shape)}, {"later", buf_str(&later)}};
    enum err result = prompt_render(prompts, "facets.system.txt", vars, 3, a, out, e);
    buf_release(&questions);
    buf_release(&shape);
    buf_release(&later);
    return result;
}

enum err facet_plan_further(const char *prompts, const struct facet_ask *ask, struct arena *a, struct str *out,
                            struct error *e)
{
    struct buf shape = {0};
    schema_describe(&ask->schema, &shape);
    const struct facet_def *f = ask->facets[0];
    struct prompt_var vars[] = {{"name", f->name}, {"question", f->question}, {"shape", buf_str(&shape)}};
    enum err result = prompt_render(prompts, "facets.alone.txt", vars, 3, a, out, e);
    buf_release(&shape);
    return result;
}
