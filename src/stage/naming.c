#include "stage/naming.h"

#include "base/text.h"
#include "num/dist.h"
#include "stage/prompt.h"
#include "stage/scrub.h"

#include <string.h>

enum { F_DESCRIPTION, F_SHORT, F_GENERAL, F_NAMES, FIELDS };
#define DESCRIPTION_START "Users asked"
enum { PROMPT_TOKENS = 900 }; /* instructions and answer */

/* The subject comes before the names: a name written after it is about the group and not about one member. */
static const struct field fields[FIELDS] = {
    [F_DESCRIPTION] = {.name = "description",
                       .kind = FIELD_TEXT,
                       .start = STR_INIT(DESCRIPTION_START),
                       .max_chars = DESCRIPTION_CHARS_MAX},
    [F_SHORT] = {.name = "short_name", .kind = FIELD_TEXT, .max_chars = SHORT_NAME_CHARS_MAX},
    [F_GENERAL] = {.name = "general_name", .kind = FIELD_TEXT, .max_chars = NAME_CHARS_MAX},
    [F_NAMES] = {.name = "names",
                 .kind = FIELD_LIST,
                 .max_chars = NAME_CHARS_MAX,
                 .min = NAMES_PROPOSED,
                 .max = NAMES_PROPOSED},
};
/* How much likeness to a single member counts against a name. */
static const float TOO_SPECIAL = 0.4f;

/* As many lines as fit into `tokens`; a list of 50 long summaries must not push the question out of the window. */
static void add_lines(struct buf *out, const struct str *lines, size_t n, size_t tokens)
{
    for (size_t i = 0; i < n; i++) {
        size_t cost = text_tokens(lines[i]) + 2;
        if (cost > tokens)
            break;
        tokens -= cost;
        buf_addz(out, "- ");
        text_add_line(out, lines[i]);
        buf_add_char(out, '\n');
    }
}

enum err naming_request(struct stage_context *c, const struct naming_question *q, struct arena *a, struct request *out,
                        struct error *e)
{
    struct model *m;
    enum err result = stage_model(c, ROLE_STRONG, &m, e);
    if (result != ERR_OK)
        return result;
    size_t window = m->info.context_tokens > 2 * PROMPT_TOKENS ? m->info.context_tokens - PROMPT_TOKENS : PROMPT_TOKENS;
    struct buf members = {0}, contrast = {0};
    add_lines(&members, q->members, q->members_count, window * 2 / 3);
    add_lines(&contrast, q->contrast, q->contrast_count, window / 3);
    struct prompt_var vars[] = {
        {"members", str_trim(buf_str(&members))},
        {"contrast", str_trim(buf_str(&contrast))},
        {"form", q->facet->name_form},
        {"facet", q->facet->name},
    };
    enum { VARS = sizeof vars / sizeof *vars };
    struct ask *ask = arena_zero(a, 1, sizeof *ask);
    result = prompt_render(c->prompts, q->of_clusters ? "parent.system.txt" : "name.system.txt", vars, VARS, a,
                           &out->system, e);
    if (result == ERR_OK)
        result = prompt_render(c->prompts, q->of_clusters ? "parent.user.txt" : "name.user.txt", vars, VARS, a,
                               &ask->user, e);
    struct field *own = arena_new(a, FIELDS, sizeof *own);
    memcpy(own, fields, sizeof fields);
    own[F_GENERAL].start = q->facet->name_start;
    struct schema *schema = arena_new(a, 1, sizeof *schema);
    *schema = (struct schema){own, FIELDS};
    ask->answer = schema;
    out->asks = ask;
    out->asks_count = 1;
    buf_release(&members);
    buf_release(&contrast);
    return result;
}

static size_t count_words(struct str s)
{
    size_t words = 0;
    while (s.n)
        words += str_cut(&s, ' ').n > 0;
    return words;
}

/* At most ten words: the part in front of a comma where that is enough, else the first ten. */
static struct str within_ten_words(struct str name)
{
    struct str kept = name;
    while (count_words(kept) > NAME_WORDS_MAX) {
        size_t end = kept.n;
        while (end > 0 && kept.at[end - 1] != ',' && kept.at[end - 1] != ';')
            end--;
        if (end < 2)
            break;
        kept = str_trim((struct str){kept.at, end - 1});
    }
    if (count_words(kept) <= NAME_WORDS_MAX)
        return kept;
    struct str rest = kept;
    for (size_t words = 0; words < NAME_WORDS_MAX;)
        words += str_cut(&rest, ' ').n > 0;
    return str_trim((struct str){kept.at, (size_t)(rest.at - kept.at)});
}

/* A cut leaves words behind that lead nowhere. */
static struct str without_dangling(struct str s)
{
    static const char *const leading[] = {"a",  "an", "and", "at",  "by", "for",  "from",  "in",
                                          "of", "on", "or",  "the", "to", "with", "using", "&"};
    for (;;) {
        size_t start = s.n;
        while (start > 0 && s.at[start - 1] != ' ')
            start--;
        struct str last = {s.at + start, s.n - start};
        bool dangling = last.n == 0 && s.n > 0;
        for (size_t i = 0; i < sizeof leading / sizeof *leading && !dangling; i++)
            dangling = str_eqz(last, leading[i]);
        if (!dangling || start == 0)
            return s;
        s = str_trim((struct str){s.at, start});
        while (s.n && (s.at[s.n - 1] == ',' || s.at[s.n - 1] == ';'))
            s.n--;
    }
}

static bool usable(struct str text)
{
    return str_trim(text).n && !scrub_find(text);
}

bool naming_accept(const struct asked *answer, const char **reason)
{
    const struct field_value *v = answer->values[0];
    *reason = "a name or description is empty or holds private details";
    bool good = usable(v[F_DESCRIPTION].text) && usable(v[F_SHORT].text), named = false;
    for (size_t i = 0; i < v[F_NAMES].items_count; i++)
        named |= usable(v[F_NAMES].items[i]);
    return good && named;
}

static struct str line_of(struct str s, size_t max_chars, struct arena *a)
{
    struct buf b = {0};
    text_add_line(&b, s);
    struct str line = str_dup(a, text_prefix(buf_str(&b), max_chars));
    buf_release(&b);
    return line;
}

/* A copy of the name with a capital in front; text that does not begin with a small ASCII letter stays as it is. */
static struct str capitalised(struct str s, struct arena *a)
{
    char *z = str_dupz(a, s);
    if (s.n && z[0] >= 'a' && z[0] <= 'z')
        z[0] = (char)(z[0] - 'a' + 'A');
    return (struct str){z, s.n};
}

static struct str name_of(struct str proposed, struct arena *a)
{
    struct str name = capitalised(without_dangling(within_ten_words(line_of(proposed, NAME_CHARS_MAX, a))), a);
    while (name.n && (name.at[name.n - 1] == '.' || name.at[name.n - 1] == ' '))
        name.n--;
    return name;
}

/* Close to the members on average, and not to one of them alone. */
static float fitness(struct mat members, const float *name)
{
    float sum = 0, most = 0;
    for (size_t i = 0; i < members.n; i++) {
        float s = dist_dot(mat_row(members, i), name, members.d);
        sum += s;
        most = s > most ? s : most;
    }
    return members.n ? sum / (float)members.n - TOO_SPECIAL * most : 0;
}

static enum err fittest_name(struct stage_context *c, const struct str *names, size_t n, struct mat members,
                             size_t *best, struct error *e)
{
    struct model *m;
    *best = 0;
    enum err result = n > 1 ? stage_model(c, ROLE_EMBED, &m, e) : ERR_OK;
    if (result != ERR_OK || n <= 1)
        return result;
    struct arena a = {0};
    struct mat vectors = {arena_new(&a, n * m->info.width, sizeof(float)), n, m->info.width};
    struct usage ignored = {0};
    result = m->ops->embed(m->ctx, names, n, vectors, &ignored, e);
    for (size_t i = 1; i < n && result == ERR_OK; i++)
        if (fitness(members, mat_row(vectors, i)) > fitness(members, mat_row(vectors, *best)))
            *best = i;
    arena_release(&a);
    return result;
}

static bool is_taken(const struct naming_judge *judge, struct str name, struct arena *a)
{
    struct str folded = text_fold(a, name);
    for (size_t i = 0; i < judge->taken_count; i++)
        if (str_eq(text_fold(a, judge->taken[i]), folded))
            return true;
    return false;
}

/* The proposals that may stand: free of private details, supported, and not a child's name. Returns how many. */
static size_t standing_names(const struct str *proposed, size_t count, const struct naming_judge *judge,
                             struct arena *a, struct str *names)
{
    size_t n = 0;
    struct str repeated = {0};
    for (size_t i = 0; i < count; i++) {
        struct str name = usable(proposed[i]) ? name_of(proposed[i], a) : (struct str){0};
        if (name.n == 0 || !support_has(&judge->support, name))
            continue;
        if (is_taken(judge, name, a))
            repeated = name;
        else
            names[n++] = name;
    }
    if (n == 0 && judge->fallback.n && support_has(&judge->support, judge->fallback))
        names[n++] = name_of(judge->fallback, a);
    if (n == 0 && repeated.n)
        names[n++] = repeated;
    return n;
}

enum err naming_read(struct stage_context *c, const struct asked *answer, const struct naming_judge *judge,
                     struct arena *a, struct naming *out, struct error *e)
{
    const struct field_value *v = answer->values[0];
    struct str proposed[NAMES_PROPOSED + 1], names[NAMES_PROPOSED + 1];
    size_t best, count = 0;
    proposed[count++] = str_trim(str_printf(a, STR_FMT " " STR_FMT, STR_ARG(judge->start), STR_ARG(v[F_GENERAL].text)));
    for (size_t i = 0; i < v[F_NAMES].items_count && count <= NAMES_PROPOSED; i++)
        proposed[count++] = v[F_NAMES].items[i];
    size_t n = standing_names(proposed, count, judge, a, names);
    *out = (struct naming){0};
    struct str subject = capitalised(without_dangling(line_of(v[F_SHORT].text, SHORT_NAME_CHARS_MAX, a)), a);
    if (!support_has(&judge->support, subject))
        subject = (struct str){0};
    if (n == 0 && subject.n)
        names[n++] = subject;
    if (n == 0)
        return ERR_OK;
    enum err result = fittest_name(c, names, n, judge->members, &best, e);
    if (result != ERR_OK)
        return result;
    struct str said = str_printf(a, DESCRIPTION_START " " STR_FMT, STR_ARG(v[F_DESCRIPTION].text));
    out->name = names[best];
    out->short_name = subject.n ? subject : without_dangling(line_of(out->name, SHORT_NAME_CHARS_MAX, a));
    struct str kept = support_sentences(&judge->support, line_of(said, DESCRIPTION_CHARS_MAX, a), a);
    if (!str_has_prefix(kept, STR(DESCRIPTION_START))) /* its beginning had no support */
        kept = str_printf(a, DESCRIPTION_START " about this: " STR_FMT ". " STR_FMT, STR_ARG(out->name), STR_ARG(kept));
    out->description = str_trim(kept);
    return ERR_OK;
}
