#include "stage/naming.h"

#include "base/text.h"
#include "num/dist.h"
#include "stage/prompt.h"
#include "stage/scrub.h"
#include "stage/subjects.h"
#include "stage/wording.h"

#include <string.h>
#include <strings.h>

enum { F_DESCRIPTION, F_SHORT, F_GENERAL, F_SUBJECTS, F_NAME, FIELDS };
#define DESCRIPTION_START "Users asked"
enum {
    PROMPT_TOKENS = 900, /* instructions and answer */
    CONTRAST_WINDOW = 8192,
    PROPOSED_CHARS_MAX = 120
}; /* so that what is too long is seen to be, and not cut by the engine */

/* The subject comes before the names: a name written after it is about the group and not about one member. */
static const struct field fields[FIELDS] = {
    [F_DESCRIPTION] = {.name = "description",
                       .kind = FIELD_TEXT,
                       .start = STR_INIT(DESCRIPTION_START),
                       .max_chars = DESCRIPTION_CHARS_MAX},
    [F_SHORT] = {.name = "short_name", .kind = FIELD_TEXT, .max_chars = SHORT_NAME_CHARS_MAX},
    [F_GENERAL] = {.name = "general_name", .kind = FIELD_TEXT, .max_chars = PROPOSED_CHARS_MAX},
    [F_SUBJECTS] = {.name = "subjects",
                    .kind = FIELD_LIST,
                    .max_chars = SHORT_NAME_CHARS_MAX,
                    .min = SUBJECTS_ASKED,
                    .max = SUBJECTS_ASKED},
    [F_NAME] = {.name = "name", .kind = FIELD_TEXT, .max_chars = PROPOSED_CHARS_MAX},
};
/* How much it counts against a name that it is more like one member than like all. */
static const float TOO_SPECIAL = 0.5f;
/* A name the model wrote reads better than a list of subjects: it is taken where it is nearly as good. */
static const float READS_BETTER = 0.03f;
/* What a small model says of a group is often one member's words, unless it was asked for what is most general. */
static const float OFTEN_QUOTED = 0.1f;
/* A name has to be like the members at least this much of what they are like one another; more than the second is not
 * asked of it. */
static const float SAYS_SOMETHING = 0.6f, SAYS_ENOUGH = 0.25f;

/* A small model takes what is shown as near for what is in the group; then only the vectors tell them apart. By name:
 * what answers may be wrapped, or be another run's answers. */
static bool is_small(const struct model *m)
{
    return m->info.context_tokens < CONTRAST_WINDOW && str_has_prefix(str_of(m->info.name), STR("local:"));
}

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
    bool small = is_small(m);
    size_t window = m->info.context_tokens > 2 * PROMPT_TOKENS ? m->info.context_tokens - PROMPT_TOKENS : PROMPT_TOKENS;
    struct buf members = {0}, contrast = {0};
    add_lines(&members, q->members, q->members_count, window * 2 / 3);
    add_lines(&contrast, q->contrast, small ? 0 : q->contrast_count, window / 3);
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

static bool usable(struct str text)
{
    return str_trim(text).n && !scrub_find(text);
}

bool naming_accept(const struct asked *answer, const char **reason)
{
    const struct field_value *v = answer->values[0];
    *reason = "a name or description is empty or holds private details";
    return usable(v[F_DESCRIPTION].text) && usable(v[F_SHORT].text) &&
           (usable(v[F_GENERAL].text) || usable(v[F_NAME].text));
}

/* A list of everything is no name for it. */
static bool is_long_list(struct str name)
{
    size_t commas = 0;
    for (size_t i = 0; i < name.n; i++)
        commas += name.at[i] == ',';
    return commas >= SUBJECTS_MAX;
}

static bool is_taken(const struct naming_judge *judge, struct str name, struct arena *a)
{
    struct str folded = text_fold(a, name);
    for (size_t i = 0; i < judge->taken_count; i++)
        if (str_eq(text_fold(a, judge->taken[i]), folded))
            return true;
    return false;
}

/* What is left of a name without the start that all names have. */
static struct str without_start(struct str name, struct str start)
{
    bool begins =
        start.n && name.n > start.n && name.at[start.n] == ' ' && strncasecmp(name.at, start.at, start.n) == 0;
    return begins ? (struct str){name.at + start.n, name.n - start.n} : name;
}

/*
 * Whether half of the words that say something stand in the texts of enough members. What a small model makes up for a
 * group without a theme, or takes from one member, has too few. Short words say nothing for or against: a name of
 * "SQL" alone passes.
 */
static bool is_shared(const struct naming_judge *judge, struct str name)
{
    enum { WORD_LETTERS = 4, MEMBERS = 2, CHILDREN = 1 };
    struct support wanted = judge->support;
    size_t words = 0, shared = 0;
    wanted.accounts = NULL; /* members, not accounts: whose words may be told is support_has's business */
    wanted.k = judge->any ? CHILDREN : MEMBERS;
    name = without_start(name, judge->start);
    for (struct str word; (word = support_word(&name)).n;) {
        if (text_chars(word) < WORD_LETTERS || (word.n == 4 && strncasecmp(word.at, "help", 4) == 0) ||
            str_eqz(word, "with"))
            continue;
        words++;
        shared += support_has_word(&wanted, word);
    }
    return 2 * shared >= words;
}

struct candidate {
    struct str text;
    float score;
    bool unshared; /* then it has to be enough like the members, however little they are like one another */
};

struct candidates {
    struct candidate at[2 + SUBJECTS_MAX + 1]; /* two by the model, the subjects, one to fall back on */
    size_t n;
};

static struct candidate *add_candidate(struct candidates *c, struct str text, float advantage)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->at[i].text, text))
            return &c->at[i];
    if (text.n == 0 || c->n == sizeof c->at / sizeof *c->at)
        return NULL;
    c->at[c->n] = (struct candidate){.text = text, .score = advantage};
    return &c->at[c->n++];
}

static void add_checked(struct candidates *c, const struct naming_judge *judge, struct str text, float advantage,
                        bool small)
{
    struct candidate *added = add_candidate(c, text, advantage);
    if (added)
        added->unshared = small && !is_shared(judge, text);
}

struct likeness {
    float inside;  /* to the members, the one it is most like left out: the name may quote it */
    float special; /* how much more it is like that one than like all */
    float outside; /* to those nearest to the members */
};

static float mean_likeness(struct mat rows, const float *name, float *most)
{
    float sum = 0;
    *most = -1;
    for (size_t i = 0; i < rows.n; i++) {
        float s = dist_dot(mat_row(rows, i), name, rows.d);
        sum += s;
        *most = s > *most ? s : *most;
    }
    return rows.n ? sum / (float)rows.n : 0;
}

static struct likeness likeness_of(const struct naming_judge *judge, const float *name)
{
    float most, unused, mean = mean_likeness(judge->members, name, &most), n = (float)judge->members.n;
    return (struct likeness){.inside = n > 1 ? (mean * n - most) / (n - 1) : mean,
                             .special = most - mean,
                             .outside = mean_likeness(judge->contrast, name, &unused)};
}

/* How like one another the members are: the mean over all pairs, from the length of their sum. */
static float cohesion(struct mat members)
{
    struct arena a = {0};
    float *sum = arena_zero(&a, members.d, sizeof *sum), n = (float)members.n;
    for (size_t i = 0; i < members.n; i++)
        for (size_t j = 0; j < members.d; j++)
            sum[j] += mat_row(members, i)[j];
    float pairs = n > 1 ? (dist_dot(sum, sum, members.d) - n) / (n * (n - 1)) : 1;
    arena_release(&a);
    return pairs;
}

/* Scores the candidates and puts the best in front, equals in their order: like the members on the whole, less like
 * those nearest to them, and not like one member alone. Those that say nothing about the members go, unless
 * any name is better than none. */
static enum err rank(struct stage_context *c, const struct naming_judge *judge, struct candidates *x, struct arena *a,
                     struct error *e)
{
    struct model *m;
    enum err result = x->n ? stage_model(c, ROLE_EMBED, &m, e) : ERR_OK;
    if (result != ERR_OK || x->n == 0)
        return result;
    struct str texts[sizeof x->at / sizeof *x->at];
    struct usage ignored = {0};
    for (size_t i = 0; i < x->n; i++)
        texts[i] = x->at[i].text;
    struct mat vectors = {arena_new(a, x->n * m->info.width, sizeof(float)), x->n, m->info.width};
    result = m->ops->embed(m->ctx, texts, x->n, vectors, &ignored, e);
    bool compares = !m->info.apart; /* where names and members do not compare, the model's order stays */
    float least = compares ? SAYS_SOMETHING * cohesion(judge->members) : 0;
    least = least < SAYS_ENOUGH ? least : SAYS_ENOUGH;
    size_t n = 0;
    for (size_t i = 0; i < x->n && result == ERR_OK; i++) {
        struct likeness like = compares ? likeness_of(judge, mat_row(vectors, i)) : (struct likeness){0};
        struct candidate moved = x->at[i];
        size_t at = n;
        float wanted = compares && moved.unshared ? SAYS_ENOUGH : least;
        if (!judge->any && judge->members.n && like.inside < wanted)
            continue;
        moved.score += like.inside - like.outside - TOO_SPECIAL * like.special;
        for (n++; at > 0 && x->at[at - 1].score < moved.score; at--)
            x->at[at] = x->at[at - 1];
        x->at[at] = moved;
    }
    x->n = n;
    return result;
}

/* What the model proposed, as far as it may stand: free of private details and supported. Returns a child's name that
 * was repeated, if one was. */
static struct str add_proposals(const struct field_value *v, const struct naming_judge *judge, bool small,
                                struct arena *a, struct candidates *out)
{
    struct str repeated = {0};
    const struct str proposed[] = {
        v[F_NAME].text,
        str_trim(str_printf(a, STR_FMT " " STR_FMT, STR_ARG(judge->start), STR_ARG(v[F_GENERAL].text))),
    };
    const float advantage[] = {small ? -OFTEN_QUOTED : READS_BETTER, small ? READS_BETTER : 0};
    for (size_t i = 0; i < sizeof proposed / sizeof *proposed; i++) {
        struct str name = usable(proposed[i]) ? wording_name(proposed[i], judge->support.common, a) : (struct str){0};
        /* Checked as it was written: a small letter must not hide a name. The first word may be a verb with a capital.
         */
        if (name.n == 0 || is_long_list(name) || str_has_prefix(name, STR(DESCRIPTION_START)) ||
            !support_has(&judge->support, str_trim(proposed[i]), true))
            continue;
        if (is_taken(judge, name, a))
            repeated = name;
        else
            add_checked(out, judge, name, advantage[i], small);
    }
    return repeated;
}

static void add_subjects(const struct naming_judge *judge, const struct str *subjects, size_t n, bool small,
                         struct arena *a, struct candidates *out)
{
    for (size_t i = 0; i < n; i++) {
        struct str name = str_trim(str_printf(a, STR_FMT " " STR_FMT, STR_ARG(judge->start), STR_ARG(subjects[i])));
        name = wording_sentence_case(wording_capitalised(name, a), judge->support.common, a);
        if (wording_count(name) <= NAME_WORDS_MAX && text_chars(name) <= NAME_CHARS_MAX && !is_taken(judge, name, a))
            add_checked(out, judge, name, 0, small);
    }
}

static void choose_name(const struct candidates *x, struct arena *a, struct naming *out)
{
    out->name = str_dup(a, x->at[0].text);
    for (size_t i = 1; i < x->n && out->others_count < NAMES_OTHER; i++)
        out->others[out->others_count++] = str_dup(a, x->at[i].text);
}

/* The short name for the map: the model's, or the subjects, whichever fits the members better. */
static enum err choose_short(struct stage_context *c, const struct field_value *v, const struct naming_judge *judge,
                             const struct str *subjects, size_t n, struct arena *scratch, struct arena *a,
                             struct naming *out, struct error *e)
{
    struct candidates x = {0};
    struct str own = wording_capitalised(
        wording_without_dangling(wording_line(v[F_SHORT].text, SHORT_NAME_CHARS_MAX, scratch)), scratch);
    if (support_has(&judge->support, own, false))
        add_candidate(&x, wording_sentence_case(own, judge->support.common, scratch), READS_BETTER);
    for (size_t i = 0; i < n; i++)
        if (text_chars(subjects[i]) <= SHORT_NAME_CHARS_MAX)
            add_candidate(&x, wording_capitalised(subjects[i], scratch), 0);
    enum err result = rank(c, judge, &x, scratch, e);
    out->short_name = x.n ? str_dup(a, x.at[0].text) : (struct str){0};
    return result;
}

/* Without sentences that name what has no support; a beginning that had none says the subjects instead. */
static struct str description_of(const struct field_value *v, const struct naming_judge *judge, struct str about,
                                 struct arena *a)
{
    struct str said = str_printf(a, DESCRIPTION_START " " STR_FMT, STR_ARG(v[F_DESCRIPTION].text));
    struct str kept = support_sentences(&judge->support, wording_line(said, DESCRIPTION_CHARS_MAX, a), a);
    if (!str_has_prefix(kept, STR(DESCRIPTION_START)))
        kept = str_printf(a, DESCRIPTION_START " about " STR_FMT ". " STR_FMT, STR_ARG(about), STR_ARG(kept));
    return str_trim(kept);
}

static size_t usable_subjects(const struct field_value *v, struct str *out, struct arena *a)
{
    size_t n = 0;
    for (size_t i = 0; i < v[F_SUBJECTS].items_count; i++)
        if (usable(v[F_SUBJECTS].items[i]))
            out[n++] = wording_line(v[F_SUBJECTS].items[i], SHORT_NAME_CHARS_MAX, a);
    return n;
}

static enum err read_into(struct stage_context *c, const struct field_value *v, const struct naming_judge *judge,
                          struct arena *scratch, struct arena *a, struct naming *out, struct error *e)
{
    struct candidates x = {0};
    struct str subjects[SUBJECTS_MAX];
    size_t n;
    struct str *more = arena_new(scratch, v[F_SUBJECTS].items_count, sizeof *more);
    struct about about = {.support = judge->support,
                          .members = judge->members,
                          .have_leads = judge->have_leads,
                          .more = more,
                          .more_count = usable_subjects(v, more, scratch)};
    enum err result = subjects_of(c, &about, scratch, subjects, &n, e);
    if (result == ERR_OK)
        result = choose_short(c, v, judge, subjects, n, scratch, a, out, e);
    if (result != ERR_OK)
        return result;
    struct model *m;
    result = stage_model(c, ROLE_STRONG, &m, e);
    if (result != ERR_OK)
        return result;
    bool small = is_small(m);
    struct str repeated = add_proposals(v, judge, small, scratch, &x);
    add_subjects(judge, subjects, n, small, scratch, &x);
    if (x.n == 0 && judge->fallback.n && support_has(&judge->support, judge->fallback, true))
        add_candidate(&x, wording_name(judge->fallback, judge->support.common, scratch), 0);
    if (x.n == 0)
        add_candidate(&x, repeated.n ? repeated : out->short_name, 0);
    result = rank(c, judge, &x, scratch, e);
    if (result != ERR_OK || x.n == 0) {
        out->short_name = (struct str){0};
        return result;
    }
    choose_name(&x, a, out);
    if (out->short_name.n == 0)
        out->short_name = str_dup(a, wording_without_dangling(wording_line(out->name, SHORT_NAME_CHARS_MAX, scratch)));
    struct str topic = n ? subjects[n - 1] : str_printf(scratch, "this: " STR_FMT, STR_ARG(out->name));
    out->description = str_dup(a, description_of(v, judge, topic, scratch));
    return ERR_OK;
}

enum err naming_read(struct stage_context *c, const struct asked *answer, const struct naming_judge *judge,
                     struct arena *a, struct naming *out, struct error *e)
{
    struct arena scratch = {0};
    *out = (struct naming){0};
    enum err result = read_into(c, answer->values[0], judge, &scratch, a, out, e);
    arena_release(&scratch);
    return result;
}

static bool is_earlier_name(const struct naming *all, size_t i, struct str name)
{
    for (size_t k = 0; k < i; k++)
        if (all[k].name.n == name.n && strncasecmp(all[k].name.at, name.at, name.n) == 0)
            return true;
    return false;
}

void naming_tell_apart(struct naming *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].name.n == 0 || !is_earlier_name(all, i, all[i].name))
            continue;
        for (size_t k = 0; k < all[i].others_count; k++)
            if (!is_earlier_name(all, i, all[i].others[k])) {
                all[i].name = all[i].others[k];
                break;
            }
    }
}
