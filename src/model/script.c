/*
 * script.c: a test double that answers any request at once, the same way every time.
 *
 * `script:` alone makes answers of words from the prompt. `script:RULES.json` puts rules before that:
 *
 *     {"rules": [{"contains": "bicycle", "ask": "rating", "answer": 2},
 *                {"regex": "in (French|German)", "answer": {"request": "translate {{words}}", "language": "French"}}],
 *      "faults": {"fail": 50, "garbage": 50, "cut": 50, "refuse": 50, "down_after": 1000},
 *      "obedient": "ORDER:"}
 *
 * A rule applies when the dialogue so far contains the text (or matches the POSIX expression; neither: always), to the
 * field it names in "ask", or to every field in its answer. The first that gives a field a value wins. {{words}} is
 * what the field would have said without the rule. A value that does not fit the field's kind or range is passed over.
 * faults: one request in that many, chosen by its text and seed (so asking again helps); down_after ends everything
 * after that many answers. obedient: a prompt with such a marker makes every text field say what stands behind it on
 * the line: the model that follows every injected order, against which the privacy layers are measured.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/text.h"
#include "model/provider.h"
#include "model/script_words.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_BYTES_MAX = 16 << 20, VERSION = 2, IN_FLIGHT = 256, CONTEXT_TOKENS = 4096, TEXT_CHARS = 400 };

struct rule {
    struct str contains, ask;
    regex_t regex;
    bool has_regex;
    yyjson_val *answer;
};

enum fault { FAULT_FAIL, FAULT_GARBAGE, FAULT_CUT, FAULT_REFUSE, FAULTS };

static const char *const fault_names[FAULTS] = {"fail", "garbage", "cut", "refuse"};

struct script {
    yyjson_doc *docs[2]; /* the file's rules, then the default ones */
    struct rule *rules;
    size_t rules_n;
    uint64_t one_in[FAULTS]; /* 0: never */
    uint64_t down_after;     /* 0: never */
    uint64_t answered;
    struct str obedient;
};

/* What any pipeline needs so that something comes out at its end. */
static const char default_rules[] =
    "{\"rules\":[{\"ask\":\"circle\",\"answer\":\"many\"},{\"ask\":\"answer\",\"answer\":\"Yes\"},"
    "{\"ask\":\"language\",\"answer\":\"English\"}]}";

/* ---- one field ---- */

/* What an answer is made for. */
struct prompt {
    struct str text; /* of this ask */
    struct material material;
    uint64_t hash;
    struct str order; /* obedient models only */
    struct arena *arena;
};

static size_t text_limit(const struct field *f)
{
    return f->max_chars ? f->max_chars : TEXT_CHARS;
}

static void add_words(struct buf *b, const struct str *words, size_t from, size_t to, const char *between)
{
    for (size_t i = from; i < to; i++) {
        buf_addz(b, i > from ? between : "");
        buf_add(b, words[i]);
    }
}

/* The longer the field may be, the more is said; lines first..last-1 of the material are what it is about. */
static struct str say(const struct prompt *p, const struct field *f, size_t place, size_t first, size_t last)
{
    static const char *const openers[] = {"", "work on ", "explain ", "write about "};
    size_t limit = text_limit(f), want = limit <= 40 ? 2 : limit <= 100 ? 6 : 12;
    struct str words[WORDS_MAX];
    size_t n = material_words(&p->material, first, last, want, p->arena, words);
    struct buf b = {0};
    if (n == 0) {
        buf_addz(&b, "general questions");
    } else if (limit > 260 && p->material.is_list) {
        size_t half = n > 1 ? (n + 1) / 2 : n;
        buf_addz(&b, "Users asked about ");
        add_words(&b, words, 0, half, ", ");
        buf_addz(&b, ". It was set apart by ");
        add_words(&b, words, half < n ? half : 0, n, ", ");
        buf_addz(&b, ".");
    } else {
        buf_addz(&b, p->material.is_list ? "" : openers[place % 4]);
        add_words(&b, words, 0, n, " ");
    }
    if (f->start.n == 0 && b.at[0] >= 'a' && b.at[0] <= 'z')
        b.at[0] = (char)(b.at[0] - 32);
    struct str s = str_dup(p->arena, str_trim(text_prefix(buf_str(&b), limit)));
    buf_release(&b);
    return s;
}

static struct str order_of(const struct script *s, struct str text)
{
    size_t at = s->obedient.n ? str_find(text, s->obedient) : SIZE_MAX;
    if (at == SIZE_MAX)
        return (struct str){0};
    struct str line = {text.at + at + s->obedient.n, text.n - at - s->obedient.n};
    return str_trim(str_cut(&line, '\n'));
}

static struct str text_for(const struct prompt *p, const struct field *f, size_t place, struct str template)
{
    struct str said = p->order.n ? p->order : say(p, f, place, 0, p->material.n);
    if (template.n && !p->order.n) {
        struct buf b = {0};
        size_t at = str_find(template, STR("{{words}}"));
        buf_add(&b, (struct str){template.at, at == SIZE_MAX ? template.n : at});
        if (at != SIZE_MAX) {
            buf_add(&b, said);
            buf_add(&b, (struct str){template.at + at + 9, template.n - at - 9});
        }
        said = str_dup(p->arena, buf_str(&b));
        buf_release(&b);
    }
    struct buf line = {0};
    text_add_line(&line, said);
    said = str_dup(p->arena, str_trim(text_prefix(buf_str(&line), text_limit(f))));
    buf_release(&line);
    return said.n ? said : STR("?");
}

static void add_text(struct buf *out, const struct field *f, struct str text)
{
    struct buf whole = {0};
    struct str start = str_trim(f->start);
    buf_add(&whole, start);
    buf_addz(&whole, start.n ? " " : "");
    buf_add(&whole, text);
    json_add_string(out, buf_str(&whole));
    buf_release(&whole);
}

static bool given_value(const struct field *f, yyjson_val *v, struct buf *out)
{
    struct str s = json_str(v);
    for (size_t i = 0; s.at && f->kind == FIELD_CHOICE && i < f->values_count; i++)
        if (str_eq(s, f->values[i])) {
            json_add_string(out, s);
            return true;
        }
    if (f->kind == FIELD_INT && yyjson_is_int(v) && yyjson_get_sint(v) >= f->min && yyjson_get_sint(v) <= f->max) {
        buf_printf(out, "%" PRId64, yyjson_get_sint(v));
        return true;
    }
    return false;
}

/* The value that shares most words with what stands behind the list; among equals, the prompt's hash decides. */
static void add_choice(struct buf *out, const struct prompt *p, const struct field *f)
{
    size_t best = f->values_count ? p->hash % f->values_count : 0, most = 0;
    for (size_t k = 0; p->material.tail.n && k < f->values_count; k++) {
        size_t i = (p->hash + k) % f->values_count, shared = words_shared(f->values[i], p->material.tail);
        if (shared > most) {
            most = shared;
            best = i;
        }
    }
    json_add_string(out, f->values_count ? f->values[best] : STR("?"));
}

static bool is_among(const struct str *list, size_t n, struct str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], s))
            return true;
    return false;
}

/* As many items as may be, each about its own stretch of the lines, none twice. */
static void add_list(struct buf *out, const struct prompt *p, const struct field *f)
{
    static const char *const kinds[] = {"basics", "advice", "practice", "planning", "problems", "examples"};
    int64_t most = f->max < 0 ? 0 : f->max, wanted = (f->min + most + 1) / 2;
    size_t n = (size_t)(wanted < f->min ? f->min : wanted);
    struct str *items = arena_zero(p->arena, n, sizeof *items);
    buf_addz(out, "[");
    for (size_t i = 0; i < n; i++) {
        size_t first = p->material.n * i / n, last = p->material.n * (i + 1) / n;
        struct str item =
            p->order.n ? text_for(p, f, 0, (struct str){0}) : say(p, f, 0, first, last > first ? last : first + 1);
        for (size_t k = 0; is_among(items, i, item) && k < 1000; k++) {
            struct str suffix = str_printf(p->arena, " %s", kinds[k % 6]);
            item = text_prefix(item, text_limit(f) > suffix.n ? text_limit(f) - suffix.n : 1);
            item = str_printf(p->arena, STR_FMT STR_FMT, STR_ARG(item), STR_ARG(suffix));
            item = text_prefix(item, text_limit(f));
        }
        items[i] = item;
        buf_addz(out, i ? ", " : "");
        add_text(out, f, item);
    }
    buf_addz(out, "]");
}

static void add_given_list(struct buf *out, const struct prompt *p, const struct field *f, yyjson_val *list)
{
    size_t i, count, written = 0;
    yyjson_val *v;
    buf_addz(out, "[");
    yyjson_arr_foreach(list, i, count, v)
    {
        if ((int64_t)written >= f->max)
            break;
        buf_addz(out, written++ ? ", " : "");
        add_text(out, f, text_for(p, f, i, json_str(v)));
    }
    buf_addz(out, "]");
}

/* ---- rules ---- */

static bool rule_applies(const struct rule *r, struct str dialogue)
{
    if (r->contains.n && str_find(dialogue, r->contains) == SIZE_MAX)
        return false;
    if (!r->has_regex)
        return true;
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)dialogue.n};
    return regexec(&r->regex, dialogue.at ? dialogue.at : "", 1, &range, REG_STARTEND) == 0;
}

static yyjson_val *rule_value(const struct rule *r, const struct field *f)
{
    if (r->ask.n)
        return str_eqz(r->ask, f->name) ? r->answer : NULL;
    return yyjson_obj_get(r->answer, f->name);
}

static yyjson_val *find_value(const struct script *s, const struct field *f, struct str dialogue)
{
    for (size_t i = 0; i < s->rules_n; i++) {
        yyjson_val *v = rule_value(&s->rules[i], f);
        if (!v || !rule_applies(&s->rules[i], dialogue))
            continue;
        struct buf scratch = {0};
        bool fits = f->kind == FIELD_TEXT   ? yyjson_is_str(v) && yyjson_get_len(v)
                    : f->kind == FIELD_LIST ? yyjson_is_arr(v) && (int64_t)yyjson_arr_size(v) >= f->min
                                            : given_value(f, v, &scratch);
        buf_release(&scratch);
        if (fits)
            return v;
    }
    return NULL;
}

static void add_field(const struct script *s, const struct prompt *p, struct str dialogue, const struct field *f,
                      size_t place, struct buf *out)
{
    yyjson_val *given = find_value(s, f, dialogue);
    switch (f->kind) {
    case FIELD_TEXT:
        add_text(out, f, text_for(p, f, place, json_str(given)));
        break;
    case FIELD_CHOICE:
        if (!given || !given_value(f, given, out))
            add_choice(out, p, f);
        break;
    case FIELD_INT:
        if (!given || !given_value(f, given, out))
            buf_printf(out, "%" PRId64,
                       f->min + (int64_t)(rng_mix(p->hash, place) % ((uint64_t)(f->max - f->min) + 1)));
        break;
    case FIELD_LIST:
        if (given)
            add_given_list(out, p, f, given);
        else
            add_list(out, p, f);
        break;
    }
}

/* ---- one request ---- */

static uint64_t hash_text(struct str s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a, then mixed: order of bytes matters, quality hardly */
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
    return rng_mix(h, s.n);
}

/* The dialogue up to ask i: what rules look at. Answers are left out. */
static struct str dialogue_until(const struct request *r, size_t i, struct buf *b)
{
    if (i == 0)
        return r->asks[0].user;
    buf_clear(b);
    for (size_t k = 0; k <= i; k++) {
        buf_add(b, r->asks[k].user);
        buf_add_char(b, '\n');
    }
    return buf_str(b);
}

static void answer_ask(const struct script *s, const struct request *r, size_t i, struct arena *a, struct answer *out)
{
    struct buf whole = {0}, json = {0};
    struct str dialogue = dialogue_until(r, i, &whole);
    struct prompt p = {.text = r->asks[i].user, .arena = a};
    p.material = material_of(p.text);
    if (i > 0 && !p.material.is_list)
        p.material = material_of(r->asks[0].user);
    p.hash = hash_text(dialogue);
    p.order = order_of(s, dialogue);
    const struct schema *schema = r->asks[i].answer;
    buf_addz(&json, "{");
    for (size_t f = 0; f < schema->fields_count; f++) {
        buf_addz(&json, f ? ", " : "");
        json_add_string(&json, str_of(schema->fields[f].name));
        buf_addz(&json, ": ");
        add_field(s, &p, dialogue, &schema->fields[f], f, &json);
    }
    buf_addz(&json, "}");
    out->texts[i] = str_dup(a, buf_str(&json));
    out->usage.calls++;
    out->usage.tokens_in += r->asks[i].user.n / 4 + (i ? 0 : r->system.n / 4);
    out->usage.tokens_out += json.n / 4;
    buf_release(&whole);
    buf_release(&json);
}

static void apply_fault(enum fault f, const struct request *r, struct answer *out)
{
    static const struct {
        enum answer_status status;
        const char *reason;
    } faults[FAULTS] = {
        [FAULT_FAIL] = {ANSWER_FAILED, "a fault of the script"},
        [FAULT_CUT] = {ANSWER_CUT, "cut by the script"},
        [FAULT_REFUSE] = {ANSWER_REFUSED, "refused by the script"},
    };
    out->status = faults[f].status;
    out->reason = faults[f].reason;
    for (size_t i = 0; f == FAULT_GARBAGE && i < r->asks_count; i++)
        out->texts[i] = STR("Certainly! Here is the JSON you asked for: {\"nearly\": ");
}

static void answer_request(const struct script *s, const struct request *r, struct arena *a, struct answer *out)
{
    for (size_t i = 0; i < r->asks_count; i++)
        answer_ask(s, r, i, a, out);
    uint64_t dice = rng_mix(hash_text(r->asks[0].user), r->seed);
    for (size_t f = 0; f < FAULTS; f++)
        if (s->one_in[f] && rng_mix(dice, f + 1) % s->one_in[f] == 0) {
            apply_fault((enum fault)f, r, out);
            return;
        }
}

static enum err script_complete(void *ctx, const struct feed *feed, const atomic_bool *stop, struct error *e)
{
    struct script *s = ctx;
    struct arena a = {0};
    size_t index;
    const struct request *r;
    enum err result;
    while ((result = feed->next(feed->arg, &index, &r, e)) == ERR_OK && r) {
        struct answer answer = {0};
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            result = error_set(e, ERR_INTERRUPTED, "stopped while the scripted model was answering");
        else if (s->down_after && s->answered >= s->down_after)
            result = error_set(e, ERR_MODEL, "the scripted model is down, as its rules say");
        if (result != ERR_OK)
            break;
        answer_request(s, r, &a, &answer);
        s->answered++;
        feed->done(feed->arg, index, &answer);
        arena_clear(&a);
    }
    arena_release(&a);
    return result;
}

/* ---- opening ---- */

static void script_close(void *ctx)
{
    struct script *s = ctx;
    for (size_t i = 0; i < s->rules_n; i++)
        if (s->rules[i].has_regex)
            regfree(&s->rules[i].regex);
    for (size_t i = 0; i < sizeof s->docs / sizeof *s->docs; i++)
        yyjson_doc_free(s->docs[i]);
    free(s->rules);
    free(s);
}

static enum err add_rule(struct script *s, yyjson_val *v, struct error *e)
{
    struct rule *r = &s->rules[s->rules_n];
    *r = (struct rule){
        .contains = json_get_str(v, "contains"), .ask = json_get_str(v, "ask"), .answer = yyjson_obj_get(v, "answer")};
    if (!r->answer || (r->ask.n == 0 && !yyjson_is_obj(r->answer)))
        return error_set(e, ERR_CONFIG, "rule %zu of the script has no \"answer\" of the right form", s->rules_n + 1);
    struct str regex = json_get_str(v, "regex");
    if (regex.n) {
        if (regcomp(&r->regex, regex.at, REG_EXTENDED) != 0)
            return error_set(e, ERR_CONFIG, "rule %zu of the script has an expression that does not parse",
                             s->rules_n + 1);
        r->has_regex = true;
    }
    s->rules_n++;
    return ERR_OK;
}

static enum err add_rules(struct script *s, yyjson_val *root, struct error *e)
{
    yyjson_val *list = yyjson_obj_get(root, "rules"), *v;
    size_t i, count;
    s->rules = mem_grow(s->rules, s->rules_n + yyjson_arr_size(list) + 1, sizeof *s->rules);
    yyjson_arr_foreach(list, i, count, v)
    {
        enum err result = add_rule(s, v, e);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

static enum err check_keys(yyjson_val *root, struct error *e)
{
    static const char *const known[] = {"rules", "faults", "obedient"};
    size_t i, count;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(root))
        return error_set(e, ERR_CONFIG, "the script is not a JSON object");
    yyjson_obj_foreach(root, i, count, key, value)
    {
        bool ok = false;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            ok = ok || str_eqz(json_str(key), known[k]);
        if (!ok)
            return error_set(e, ERR_CONFIG, "the script has an unknown member \"" STR_FMT "\"", STR_ARG(json_str(key)));
    }
    return ERR_OK;
}

static enum err read_rules(struct script *s, yyjson_val *root, struct error *e)
{
    enum err result = check_keys(root, e);
    if (result != ERR_OK)
        return result;
    yyjson_val *faults = yyjson_obj_get(root, "faults"), *obedient = yyjson_obj_get(root, "obedient");
    for (size_t f = 0; f < FAULTS; f++)
        s->one_in[f] = yyjson_get_uint(yyjson_obj_get(faults, fault_names[f]));
    s->down_after = yyjson_get_uint(yyjson_obj_get(faults, "down_after"));
    s->obedient = yyjson_is_true(obedient) ? STR("ORDER:") : json_str(obedient);
    return add_rules(s, root, e);
}

static const char *rules_path(struct str rest, const struct model_opts *opts, struct arena *a)
{
    if (rest.at[0] == '/' || opts->base_folder.n == 0)
        return str_dupz(a, rest);
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(opts->base_folder), STR_ARG(rest)).at;
}

bool script_fingerprint(struct str rest, const struct model_opts *opts, struct hasher *h)
{
    struct arena a = {0};
    hash_add_u64(h, VERSION);
    hash_add(h, str_of(default_rules));
    bool there = rest.n == 0 || model_fingerprint_file(rules_path(rest, opts, &a), h);
    arena_release(&a);
    return there;
}

static enum err load(struct script *s, struct str rest, const struct model_opts *opts, struct model_info *info,
                     struct error *e)
{
    struct arena a = {0};
    struct buf text = {0};
    enum err result = ERR_OK;
    if (rest.n) {
        result = file_read(rules_path(rest, opts, &a), RULES_BYTES_MAX, &text, e);
        if (result == ERR_OK)
            result = json_parse(buf_str(&text), true, &s->docs[0], e);
        if (result == ERR_OK)
            result = read_rules(s, yyjson_doc_get_root(s->docs[0]), e);
    }
    if (result == ERR_OK)
        result = json_parse(str_of(default_rules), false, &s->docs[1], e);
    if (result == ERR_OK)
        result = add_rules(s, yyjson_doc_get_root(s->docs[1]), e);
    char hex[HASH_HEX];
    hash_hex(hash_of(buf_str(&text)), hex);
    snprintf(info->identity, sizeof info->identity, "script %d %.32s", VERSION, rest.n ? hex : "default");
    snprintf(info->name, sizeof info->name, "script:" STR_FMT, STR_ARG(rest));
    buf_release(&text);
    arena_release(&a);
    return result;
}

static const struct model_ops ops = {.scheme = "script", .complete = script_complete, .close = script_close};

enum err script_open(struct str rest, const struct model_opts *opts, struct model *out, struct error *e)
{
    struct script *s = mem_zero(1, sizeof *s);
    enum err result = load(s, rest, opts, &out->info, e);
    if (result != ERR_OK) {
        script_close(s);
        return result;
    }
    out->info.scripted = true;
    out->info.in_flight = IN_FLIGHT;
    out->info.context_tokens = CONTEXT_TOKENS;
    out->ops = &ops;
    out->ctx = s;
    return ERR_OK;
}
