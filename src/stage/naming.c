#include "stage/naming.h"

#include "base/text.h"
#include "stage/prompt.h"
#include "stage/scrub.h"

enum { F_DESCRIPTION, F_NAME, F_SHORT, FIELDS };
#define DESCRIPTION_START "Users asked"
enum { PROMPT_TOKENS = 900 }; /* instructions and answer */

static const struct field fields[FIELDS] = {
    [F_DESCRIPTION] = {.name = "description",
                       .kind = FIELD_TEXT,
                       .start = STR_INIT(DESCRIPTION_START),
                       .max_chars = DESCRIPTION_CHARS_MAX},
    [F_NAME] = {.name = "name", .kind = FIELD_TEXT, .max_chars = NAME_CHARS_MAX},
    [F_SHORT] = {.name = "short_name", .kind = FIELD_TEXT, .max_chars = SHORT_NAME_CHARS_MAX},
};
static const struct schema naming_schema = {fields, FIELDS};

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
    ask->answer = &naming_schema;
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

/* The part of a list-like name in front of the last comma that leaves it short enough; all of it when there is none. */
static struct str within_ten_words(struct str name)
{
    struct str kept = name;
    while (count_words(kept) > NAME_WORDS_MAX) {
        size_t end = kept.n;
        while (end > 0 && kept.at[end - 1] != ',' && kept.at[end - 1] != ';')
            end--;
        if (end < 2)
            return name;
        kept = str_trim((struct str){kept.at, end - 1});
    }
    return kept;
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

bool naming_accept(const struct asked *answer, const char **reason)
{
    const struct field_value *v = answer->values[0];
    for (size_t f = 0; f < FIELDS; f++) {
        if (str_trim(v[f].text).n == 0) {
            *reason = "a name or description is empty";
            return false;
        }
        if (scrub_find(v[f].text)) {
            *reason = "a name or description holds private details";
            return false;
        }
    }
    if (count_words(within_ten_words(v[F_NAME].text)) > NAME_WORDS_MAX) {
        *reason = "the name is longer than ten words";
        return false;
    }
    return true;
}

static struct str line_of(struct str s, size_t max_chars, struct arena *a)
{
    struct buf b = {0};
    text_add_line(&b, s);
    struct str line = str_dup(a, text_prefix(buf_str(&b), max_chars));
    while (line.n && (line.at[line.n - 1] == '.' || line.at[line.n - 1] == ' ') && max_chars != DESCRIPTION_CHARS_MAX)
        line.n--;
    buf_release(&b);
    return line;
}

struct naming naming_read(const struct asked *answer, struct arena *a)
{
    const struct field_value *v = answer->values[0];
    struct str description = str_printf(a, DESCRIPTION_START " " STR_FMT, STR_ARG(v[F_DESCRIPTION].text));
    return (struct naming){
        .name = line_of(within_ten_words(v[F_NAME].text), NAME_CHARS_MAX, a),
        .description = line_of(description, DESCRIPTION_CHARS_MAX, a),
        .short_name = without_dangling(line_of(v[F_SHORT].text, SHORT_NAME_CHARS_MAX, a)),
    };
}
