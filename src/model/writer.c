#include "model/writer.h"

#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TOP_P = 0.9;

enum { TEXT_CHARS = 400 };

static size_t text_limit(const struct field *f)
{
    return f->max_chars ? f->max_chars : TEXT_CHARS;
}

/* ---- choosing a token ---- */

static int by_logit(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* How many of the sorted candidates make up TOP_P of the probability. */
static size_t nucleus(const struct candidate *c, size_t n)
{
    double sum = 0, part = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)c[i].logit - (double)c[0].logit);
    for (size_t i = 0; i < n; i++) {
        part += exp((double)c[i].logit - (double)c[0].logit);
        if (part >= TOP_P * sum)
            return i + 1;
    }
    return n;
}

int32_t writer_sample(struct candidate *c, size_t n, double temperature, struct rng *rng)
{
    assert(n > 0);
    qsort(c, n, sizeof *c, by_logit);
    if (temperature <= 0)
        return c[0].id;
    n = nucleus(c, n < CANDIDATES_MAX ? n : CANDIDATES_MAX);
    double weights[CANDIDATES_MAX], sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weights[i] = exp(((double)c[i].logit - (double)c[0].logit) / temperature);
    double left = rng_unit(rng) * sum;
    for (size_t i = 0; i + 1 < n; i++)
        if ((left -= weights[i]) < 0)
            return c[i].id;
    return c[n - 1].id;
}

/* Restores the heap below i; the least of the kept candidates stands on top. */
static void sift(struct candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        if (left < n && by_logit(&heap[left], &heap[least]) > 0)
            least = left;
        if (right < n && by_logit(&heap[right], &heap[least]) > 0)
            least = right;
        if (least == i)
            return;
        struct candidate t = heap[i];
        heap[i] = heap[least];
        heap[least] = t;
        i = least;
    }
}

size_t writer_top(const struct vocab *v, const float *logits, size_t n, struct candidate out[CANDIDATES_MAX])
{
    size_t kept = 0;
    for (size_t id = 0; id < n; id++) {
        if (v && v->classes[id] == VOCAB_NEVER)
            continue;
        if (!(logits[id] > -INFINITY) || (kept == CANDIDATES_MAX && logits[id] <= out[0].logit))
            continue; /* NaN is never taken */
        struct candidate c = {(int32_t)id, logits[id]};
        if (kept < CANDIDATES_MAX) {
            out[kept++] = c;
            if (kept == CANDIDATES_MAX)
                for (size_t i = kept / 2; i-- > 0;)
                    sift(out, kept, i);
            continue;
        }
        out[0] = c;
        sift(out, kept, 0);
    }
    return kept;
}

/* ---- the fixed parts ---- */

static const struct field *field_of(const struct writer *w)
{
    return &w->schema->fields[w->field];
}

static void append(struct writer *w, int32_t id)
{
    tokens_add(&w->tokens, id);
    buf_add(&w->json, vocab_piece(w->vocab, id));
}

static void flush_literal(struct writer *w)
{
    if (w->literal.n == 0)
        return;
    vocab_tokenize(w->vocab, buf_str(&w->literal), false, &w->tokens);
    buf_add(&w->json, buf_str(&w->literal));
    buf_clear(&w->literal);
    w->value_from = w->json.n;
    w->value_token = w->tokens.n;
}

/* The inside of a JSON string, with or without the closing quote. */
static void add_inside(struct buf *out, struct str s, bool closed)
{
    struct buf json = {0};
    schema_add_string(&json, s);
    buf_add(out, (struct str){json.at + 1, json.n - (closed ? 1 : 2)});
    buf_release(&json);
}

/* A trailing space would keep the model from its usual tokens, which begin with one. */
static struct str without_end_blanks(struct str s)
{
    while (s.n && s.at[s.n - 1] == ' ')
        s.n--;
    return s;
}

static void open_text(struct writer *w)
{
    add_inside(&w->literal, without_end_blanks(field_of(w)->start), false);
    w->phase = WRITER_TEXT;
}

static void offer(struct writer *w, const struct str *options, size_t n)
{
    w->options = arena_new(&w->arena, n, sizeof *w->options);
    memcpy(w->options, options, n * sizeof *options);
    w->options_n = n;
    w->matched = 0;
    w->phase = WRITER_OPTIONS;
}

static const struct str more_items[] = {{", \"", 3}, {"]", 1}};
static const struct str first_item[] = {{"\"", 1}, {"]", 1}};

static bool open_choice(struct writer *w, const struct field *f)
{
    assert(f->values_count > 0);
    buf_addz(&w->literal, "\"");
    if (f->values_count == 1) {
        add_inside(&w->literal, f->values[0], true);
        return false;
    }
    arena_clear(&w->arena);
    struct str *options = arena_new(&w->arena, f->values_count, sizeof *options);
    for (size_t i = 0; i < f->values_count; i++) {
        struct buf b = {0};
        add_inside(&b, f->values[i], true);
        options[i] = str_dup(&w->arena, buf_str(&b));
        buf_release(&b);
    }
    offer(w, options, f->values_count);
    return true;
}

static bool open_int(struct writer *w, const struct field *f)
{
    assert(f->min <= f->max);
    w->phase = WRITER_INT;
    if (f->min == f->max)
        buf_printf(&w->literal, "%" PRId64, f->min);
    return f->min != f->max;
}

static bool open_list(struct writer *w, const struct field *f)
{
    w->items = 0;
    if (f->max <= 0) {
        buf_addz(&w->literal, "[]");
        return false;
    }
    buf_addz(&w->literal, "[");
    if (f->min <= 0) {
        offer(w, first_item, 2);
        return true;
    }
    buf_addz(&w->literal, "\"");
    open_text(w);
    return true;
}

/* Writes what is fixed up to the next place where the model has a say. False: the schema fixes the whole value. */
static bool open_field(struct writer *w)
{
    const struct field *f = field_of(w);
    buf_addz(&w->literal, w->field ? ", " : "{");
    schema_add_string(&w->literal, str_of(f->name));
    buf_addz(&w->literal, ": ");
    switch (f->kind) {
    case FIELD_TEXT:
        buf_addz(&w->literal, "\"");
        open_text(w);
        return true;
    case FIELD_CHOICE:
        return open_choice(w, f);
    case FIELD_INT:
        return open_int(w, f);
    case FIELD_LIST:
        return open_list(w, f);
    }
    return false;
}

static void open_fields(struct writer *w)
{
    for (; w->field < w->schema->fields_count; w->field++)
        if (open_field(w))
            return;
    buf_addz(&w->literal, w->schema->fields_count ? "}" : "{}");
    w->phase = WRITER_DONE;
}

static void next_field(struct writer *w)
{
    w->field++;
    open_fields(w);
}

/* ---- free text ---- */

static struct str text_so_far(const struct writer *w)
{
    return (struct str){w->json.at + w->value_from, w->json.n - w->value_from};
}

/* The part of an ending token that still belongs to the text. */
static struct str before_end(struct str piece)
{
    for (size_t i = 0; i < piece.n; i++)
        if (piece.at[i] == '"' || piece.at[i] == '\n')
            return (struct str){piece.at, i};
    return piece;
}

/* Bytes that would need an escape, in the part of an ending token that counts. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.at[i] == '\\' || (unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return true;
}

/* May this token follow? Characters stay whole, and a value is never empty. */
static bool may_follow(const struct writer *w, int32_t id)
{
    enum vocab_class class = w->vocab->classes[id];
    if (class == VOCAB_NEVER)
        return false;
    bool ends = class == VOCAB_ENDS;
    struct str text = text_so_far(w), piece = vocab_piece(w->vocab, id);
    if (ends)
        piece = before_end(piece);
    if (str_trim(text).n == 0 && str_trim(piece).n == 0)
        return false;
    size_t open = vocab_open_bytes(text);
    if (class == VOCAB_TEXT)
        return open == 0;
    if (!is_plain(piece))
        return false;
    struct buf joined = {0};
    buf_add(&joined, (struct str){text.at + text.n - open, open});
    buf_add(&joined, piece);
    struct str whole = buf_str(&joined);
    size_t left_open = vocab_open_bytes(whole);
    bool fits = text_is_utf8((struct str){whole.at, whole.n - left_open}) && (!ends || left_open == 0);
    buf_release(&joined);
    return fits;
}

/* When none of the likeliest fits (a character is half written, say), every token is looked at. */
static int32_t best_that_follows(const struct writer *w, const float *logits)
{
    int32_t best = -1;
    for (size_t id = 0; id < w->vocab->n; id++)
        if ((best < 0 || logits[id] > logits[best]) && may_follow(w, (int32_t)id))
            best = (int32_t)id;
    return best;
}

static int32_t pick_text(struct writer *w, const float *logits)
{
    struct candidate top[CANDIDATES_MAX];
    size_t n = writer_top(w->vocab, logits, w->vocab->n, top), kept = 0;
    for (size_t i = 0; i < n; i++)
        if (may_follow(w, top[i].id))
            top[kept++] = top[i];
    return kept ? writer_sample(top, kept, w->temperature, &w->rng) : best_that_follows(w, logits);
}

static void next_item(struct writer *w)
{
    buf_addz(&w->literal, ", \"");
    open_text(w);
}

/* rest: what the ending token holds behind its quote; in a list it says whether another item follows. */
static void close_text(struct writer *w, struct str rest, bool turn_ended)
{
    const struct field *f = field_of(w);
    buf_addz(&w->literal, "\"");
    if (f->kind == FIELD_TEXT) {
        next_field(w);
        return;
    }
    w->items++;
    bool may_end = (int64_t)w->items >= f->min, may_go_on = (int64_t)w->items < f->max;
    rest = str_trim(rest);
    if (may_go_on && (!may_end || (rest.n && rest.at[0] == ','))) {
        next_item(w);
    } else if (!may_go_on || turn_ended || (rest.n && rest.at[0] == ']')) {
        buf_addz(&w->literal, "]");
        next_field(w);
    } else {
        arena_clear(&w->arena);
        offer(w, more_items, 2);
    }
}

/* Where text that is too long is best ended: behind its last sentence, else behind its last word, if that keeps half of
 * it. */
static struct str end_well(struct str body)
{
    for (size_t end = body.n; end > body.n / 2; end--)
        if (strchr(".!?", body.at[end - 1]) && (end == body.n || body.at[end] == ' '))
            return (struct str){body.at, end};
    for (size_t end = body.n; end > body.n / 2; end--)
        if (body.at[end - 1] == ' ') {
            body.n = end;
            break;
        }
    while (body.n > 1 && strchr(" ,;:", body.at[body.n - 1]))
        body.n--;
    return body;
}

/* Too long: back to the field's beginning, and as much of it as fits is appended in one go. */
static void cut_text(struct writer *w, struct str piece)
{
    struct buf full = {0};
    buf_add(&full, text_so_far(w));
    buf_add(&full, piece);
    struct str body = buf_str(&full);
    size_t limit = text_limit(field_of(w));
    bool blank = body.at[0] == ' ' && limit > 1;
    body = str_trim((struct str){body.at, body.n - vocab_open_bytes(body)});
    if (text_chars(body) > limit - blank)
        body = end_well(text_prefix(body, limit - blank));
    w->json.n = w->value_from;
    w->tokens.n = w->value_token;
    w->kept = w->kept < w->value_token ? w->kept : w->value_token;
    buf_addz(&w->literal, blank ? " " : "");
    buf_add(&w->literal, body);
    buf_release(&full);
    close_text(w, (struct str){0}, false);
}

static void step_text(struct writer *w, const float *logits)
{
    int32_t id = pick_text(w, logits);
    if (id < 0) { /* a vocabulary without single bytes: give up the half character */
        cut_text(w, STR("."));
        return;
    }
    bool ends = w->vocab->classes[id] == VOCAB_ENDS;
    struct str piece = vocab_piece(w->vocab, id), text = ends ? before_end(piece) : piece;
    size_t chars = 0;
    for (size_t i = w->value_from; i < w->json.n; i++)
        chars += ((unsigned char)w->json.at[i] & 0xc0) != 0x80;
    for (size_t i = 0; i < text.n; i++)
        chars += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    if (chars > text_limit(field_of(w))) {
        cut_text(w, text);
    } else if (ends) {
        struct str rest = {piece.at + text.n, piece.n - text.n};
        buf_add(&w->literal, text);
        if (rest.n && rest.at[0] == '"')
            rest.at++, rest.n--;
        close_text(w, rest, piece.n == 0);
    } else {
        append(w, id);
    }
}

/* ---- one of several given strings ---- */

static void option_done(struct writer *w, struct str option)
{
    w->options_n = 0;
    if (field_of(w)->kind == FIELD_CHOICE || option.at[option.n - 1] == ']')
        next_field(w);
    else
        open_text(w);
}

static int by_id(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Every token that is a beginning of what is left of some option, once. */
static size_t option_tokens(const struct writer *w, const float *logits, struct candidate **out)
{
    size_t room = 0, n = 0;
    for (size_t i = 0; i < w->options_n; i++)
        room += w->options[i].n - w->matched;
    struct candidate *c = mem_new(room + 1, sizeof *c);
    for (size_t i = 0; i < w->options_n; i++)
        for (size_t length = 1; length <= w->options[i].n - w->matched; length++) {
            int32_t id = vocab_find(w->vocab, (struct str){w->options[i].at + w->matched, length});
            if (id >= 0)
                c[n++] = (struct candidate){id, logits[id]};
        }
    qsort(c, n, sizeof *c, by_id);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || c[kept - 1].id != c[i].id)
            c[kept++] = c[i];
    *out = c;
    return kept;
}

static void step_options(struct writer *w, const float *logits)
{
    struct candidate *c;
    size_t n = option_tokens(w, logits, &c), kept = 0;
    struct str piece = {0};
    if (n) {
        int32_t id = writer_sample(c, n, w->temperature, &w->rng);
        piece = vocab_piece(w->vocab, id);
        append(w, id);
    }
    free(c);
    for (size_t i = 0; i < w->options_n; i++) {
        struct str left = {w->options[i].at + w->matched, w->options[i].n - w->matched};
        if (str_has_prefix(left, piece))
            w->options[kept++] = w->options[i];
    }
    w->options_n = kept;
    w->matched += piece.n;
    for (size_t i = 0; i < kept; i++)
        if (w->options[i].n == w->matched) {
            option_done(w, w->options[i]);
            return;
        }
    if (kept == 1 || n == 0) { /* the rest goes without saying */
        struct str option = w->options[0];
        buf_add(&w->literal, (struct str){option.at + w->matched, option.n - w->matched});
        option_done(w, option);
    }
}

/* ---- whole numbers ---- */

/* Could "-" (negative) and these digits grow into, or already be, a number of the range? */
static bool digits_fit(const struct field *f, bool negative, struct str digits, bool whole)
{
    if (negative ? f->min >= 0 : f->max < 0)
        return false;
    uint64_t low = negative ? (f->max < 0 ? (uint64_t) - (f->max + 1) + 1 : 1) : (f->min > 0 ? (uint64_t)f->min : 0);
    uint64_t high = negative ? (uint64_t) - (f->min + 1) + 1 : (uint64_t)f->max;
    if (digits.n == 0)
        return !whole;
    uint64_t from = 0;
    for (size_t i = 0; i < digits.n; i++) {
        if (from > UINT64_MAX / 10 - 1)
            return false;
        from = from * 10 + (uint64_t)(digits.at[i] - '0');
    }
    if (whole || digits.at[0] == '0') /* nothing may follow a leading zero */
        return from >= low && from <= high && (digits.n == 1 || digits.at[0] != '0');
    for (uint64_t to = from; from <= high; from *= 10, to = to * 10 + 9) {
        if (to >= low)
            return true;
        if (to > UINT64_MAX / 10 - 1)
            return false;
    }
    return false;
}

static bool number_fits(const struct field *f, struct str s, bool whole)
{
    bool negative = s.n && s.at[0] == '-';
    return digits_fit(f, negative, (struct str){s.at + negative, s.n - negative}, whole);
}

static void step_int(struct writer *w, const float *logits)
{
    const struct field *f = field_of(w);
    char text[32];
    size_t n = w->json.n - w->value_from;
    assert(n + 1 < sizeof text);
    memcpy(text, w->json.at + w->value_from, n);
    struct candidate c[13];
    size_t count = 0;
    const char *last = w->field + 1 < w->schema->fields_count ? "," : "}";
    int32_t end = vocab_find(w->vocab, str_of(last));
    if (end >= 0 && number_fits(f, (struct str){text, n}, true))
        c[count++] = (struct candidate){end, logits[end]};
    for (const char *p = "-0123456789"; *p; p++) {
        text[n] = *p;
        int32_t id = vocab_find(w->vocab, (struct str){p, 1});
        if (id >= 0 && (*p != '-' || n == 0) && number_fits(f, (struct str){text, n + 1}, false))
            c[count++] = (struct candidate){id, logits[id]};
    }
    int32_t id = count ? writer_sample(c, count, w->temperature, &w->rng) : end;
    if (id == end) {
        next_field(w);
        return;
    }
    append(w, id);
    text[n] = vocab_piece(w->vocab, id).at[0];
    for (const char *p = "0123456789"; *p; p++) {
        text[n + 1] = *p;
        if (number_fits(f, (struct str){text, n + 2}, false))
            return;
    }
    next_field(w); /* no digit can follow */
}

/* ---- the whole ---- */

void writer_begin(struct writer *w, const struct vocab *v, const struct schema *s, double temperature, struct rng rng)
{
    *w = (struct writer){.vocab = v, .schema = s, .temperature = temperature, .rng = rng};
}

void writer_release(struct writer *w)
{
    tokens_release(&w->tokens);
    buf_release(&w->json);
    buf_release(&w->literal);
    arena_release(&w->arena);
}

bool writer_step(struct writer *w, const float *logits)
{
    w->kept = w->tokens.n;
    switch (w->phase) {
    case WRITER_START:
        open_fields(w);
        break;
    case WRITER_TEXT:
        step_text(w, logits);
        break;
    case WRITER_OPTIONS:
        step_options(w, logits);
        break;
    case WRITER_INT:
        step_int(w, logits);
        break;
    case WRITER_DONE:
        break;
    }
    flush_literal(w);
    return w->phase != WRITER_DONE;
}
