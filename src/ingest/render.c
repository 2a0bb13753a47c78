#include "ingest/render.h"

#include "base/text.h"

#include <string.h>

/* What a turn costs beside its text, what a marker line costs, and the least worth keeping of a turn that is cut. */
enum { TAGS_COST = 8, MARKER_COST = 12, PIECE_MIN = 8 };

/* No character is cheaper than four bytes for two thirds of a token: a longer text is above the budget for certain. */
enum { BYTES_PER_TOKEN_MAX = 6 };

/* Names of tags that prompts wrap texts in: text from a conversation may not open or close them. */
static const char *const tags[] = {
    "user",          "assistant", "system",  "tool",     "transcript", "conversation",
    "conversations", "member",    "members", "summary",  "summaries",  "instructions",
    "answer",        "contrast",  "example", "examples", "cluster",    "clusters",
};

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* Does s, which starts with '<', look like a tag of ours, or like a model's control token, <|...|>? Case and blanks do
 * not help. */
static bool is_tag(struct str s)
{
    size_t i = 1;
    while (i < s.n && (s.at[i] == ' ' || s.at[i] == '\t' || s.at[i] == '\n' || s.at[i] == '/'))
        i++;
    if (i < s.n && s.at[i] == '|')
        return true;
    for (size_t t = 0; t < sizeof tags / sizeof *tags; t++) {
        size_t n = strlen(tags[t]);
        if (s.n - i < n || strncasecmp(s.at + i, tags[t], n) != 0)
            continue;
        char next = i + n < s.n ? s.at[i + n] : '>';
        if (!(next >= 'a' && next <= 'z') && !(next >= 'A' && next <= 'Z'))
            return true;
    }
    return false;
}

/* Appends the text, cleaned, with harmless brackets: U+2039 looks the same to a reader and is no tag to a model. */
static void add_text(struct buf *out, struct str text)
{
    struct buf clean = {0};
    text_add_clean(&clean, text);
    size_t from = 0;
    for (size_t i = 0; i < clean.n; i++) {
        if (clean.at[i] != '<' || !is_tag((struct str){clean.at + i, clean.n - i}))
            continue;
        buf_add(out, (struct str){clean.at + from, i - from});
        buf_addz(out, "\xe2\x80\xb9");
        from = i + 1;
    }
    buf_add(out, (struct str){clean.at + from, clean.n - from});
    buf_release(&clean);
}

static bool inside_character(struct str s, size_t i)
{
    return i < s.n && ((unsigned char)s.at[i] & 0xc0) == 0x80;
}

/* The longest head of at most `tokens`. */
static struct str head_of(struct str s, size_t tokens)
{
    size_t low = 0, high = s.n;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (text_tokens((struct str){s.at, middle}) <= tokens)
            low = middle;
        else
            high = middle - 1;
    }
    while (inside_character(s, low))
        low--;
    return (struct str){s.at, low};
}

static struct str tail_of(struct str s, size_t tokens)
{
    size_t low = 0, high = s.n; /* where the tail starts */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text_tokens((struct str){s.at + middle, s.n - middle}) <= tokens)
            high = middle;
        else
            low = middle + 1;
    }
    while (inside_character(s, low))
        low++;
    return low ? (struct str){s.at + low, s.n - low} : s;
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

enum part { PART_WHOLE, PART_HEAD, PART_TAIL, PART_BOTH };

static bool is_shown(const struct turn *t)
{
    return str_eqz(t->role, "user") || str_eqz(t->role, "assistant");
}

/* Long texts are not walked to the end: what counts is that they are above the budget. */
static size_t turn_cost(const struct turn *t, size_t budget)
{
    if (!is_shown(t))
        return MARKER_COST;
    struct str text = str_trim(t->text);
    if (text.n / BYTES_PER_TOKEN_MAX > budget + TAGS_COST)
        return budget + 2 * TAGS_COST;
    struct buf rendered = {0};
    add_text(&rendered, text);
    size_t cost = text_tokens(buf_str(&rendered)) + TAGS_COST;
    buf_release(&rendered);
    return cost;
}

static void add_left_out(struct buf *out, size_t n, const char *what)
{
    buf_printf(out, "[... %zu %s%s left out ...]\n", n, what, n == 1 ? "" : "s");
}

/*
 * The text cut to about `tokens`: head, tail or both. Only as much of it is cleaned as can be shown; the cut itself is
 * made on rendered text, because cleaning and harmless brackets change its length.
 */
static void add_cut(struct buf *out, struct str text, enum part part, size_t tokens)
{
    size_t each = part == PART_BOTH ? tokens / 2 : tokens;
    size_t span = each * BYTES_PER_TOKEN_MAX < text.n ? each * BYTES_PER_TOKEN_MAX : text.n, start = text.n - span;
    while (inside_character(text, span))
        span++;
    while (inside_character(text, start))
        start++;
    struct buf head = {0}, tail = {0};
    if (part != PART_TAIL)
        add_text(&head, (struct str){text.at, span});
    if (part != PART_HEAD)
        add_text(&tail, (struct str){text.at + start, text.n - start});
    struct str before = head_of(buf_str(&head), each), behind = tail_of(buf_str(&tail), each);
    size_t shown = text_chars(before) + text_chars(behind), all = text_chars(text);
    buf_add(out, before);
    buf_addz(out, before.n ? "\n" : "");
    add_left_out(out, all > shown ? all - shown : 1, "character");
    buf_add(out, behind);
    buf_release(&head);
    buf_release(&tail);
}

static void add_turn(struct buf *out, const struct turn *t, enum part part, size_t tokens)
{
    if (!is_shown(t)) {
        const char *what = str_eqz(t->role, "system") ? "system prompt" : "tool result";
        buf_printf(out, "[%s, %zu characters]\n", what, text_chars(t->text));
        return;
    }
    const char *tag = str_eqz(t->role, "user") ? "user" : "assistant";
    struct str text = str_trim(t->text);
    buf_printf(out, "<%s>\n", tag);
    if (part == PART_WHOLE)
        add_text(out, text);
    else
        add_cut(out, text, part, tokens > PIECE_MIN ? tokens : PIECE_MIN);
    buf_printf(out, "\n</%s>\n", tag);
}

/* ---- the cut ---------------------------------------------------------------------------------------------------- */

struct plan {
    size_t *cost;       /* of every turn, whole */
    size_t head, tail;  /* turns 0..head and tail..n-1 are kept (head < n, tail > head unless there is only one) */
    size_t first, last; /* the turns that are there in any case: the first user turn and the last turn */
    size_t first_tokens, last_tokens; /* room for them; SIZE_MAX: whole */
    bool gap_before;                  /* what comes before `first` is left out */
};

static size_t first_user_turn(const struct conversation *c)
{
    for (size_t i = 0; i < c->turns_count; i++)
        if (str_eqz(c->turns[i].role, "user"))
            return i;
    return 0;
}

/* Gives the two turns that must be there their room: each its half, and what the other does not need. Returns what is
 * left. */
static size_t reserve(struct plan *p, size_t room)
{
    size_t a = p->cost[p->first], b = p->cost[p->last], half = room / 2;
    p->first_tokens = p->last_tokens = SIZE_MAX;
    if (p->first == p->last) {
        if (a > room)
            p->first_tokens = p->last_tokens = room > TAGS_COST + MARKER_COST ? room - TAGS_COST - MARKER_COST : 0;
        return a > room ? 0 : room - a;
    }
    if (a + b <= room)
        return room - a - b;
    size_t for_a = a <= half ? a : b <= half ? room - b : half;
    size_t for_b = room - for_a, extra = TAGS_COST + MARKER_COST;
    if (a > for_a)
        p->first_tokens = for_a > extra ? for_a - extra : 0;
    if (b > for_b)
        p->last_tokens = for_b > extra ? for_b - extra : 0;
    return 0;
}

/* Keeps turns from both ends while they fit, the head up to half of what is left, then the tail, then the head again.
 */
static void plan_cut(struct plan *p, size_t budget)
{
    size_t room = budget > 2 * MARKER_COST ? budget - 2 * MARKER_COST : 0;
    room = reserve(p, room);
    size_t before = 0;
    for (size_t i = 0; i < p->first; i++)
        before += p->cost[i];
    p->gap_before = before > room;
    room -= p->gap_before ? 0 : before;
    p->head = p->first;
    p->tail = p->last;
    for (size_t share = room / 2; p->head + 1 < p->tail && p->cost[p->head + 1] <= share;) {
        size_t cost = p->cost[++p->head];
        share -= cost;
        room -= cost;
    }
    while (p->tail > p->head + 1 && p->cost[p->tail - 1] <= room)
        room -= p->cost[--p->tail];
    while (p->head + 1 < p->tail && p->cost[p->head + 1] <= room)
        room -= p->cost[++p->head];
}

static void add_planned(const struct conversation *c, const struct plan *p, struct buf *out)
{
    if (p->gap_before)
        add_left_out(out, p->first, "turn");
    for (size_t i = p->gap_before ? p->first : 0; i < c->turns_count; i++) {
        if (i > p->head && i < p->tail) {
            add_left_out(out, p->tail - i, "turn");
            i = p->tail;
        }
        enum part part = PART_WHOLE;
        size_t tokens = SIZE_MAX;
        if (i == p->first && p->first_tokens != SIZE_MAX) {
            part = i == p->last ? PART_BOTH : PART_HEAD;
            tokens = p->first_tokens;
        } else if (i == p->last && p->last_tokens != SIZE_MAX) {
            part = PART_TAIL;
            tokens = p->last_tokens;
        }
        add_turn(out, &c->turns[i], part, tokens);
    }
}

void render_transcript(const struct conversation *c, size_t budget_tokens, struct buf *out)
{
    size_t n = c->turns_count, total = 0;
    struct arena scratch = {0};
    struct plan p = {
        .cost = arena_new(&scratch, n, sizeof *p.cost), .last = n ? n - 1 : 0, .first = first_user_turn(c)};
    for (size_t i = 0; i < n && budget_tokens; i++)
        total += p.cost[i] = turn_cost(&c->turns[i], budget_tokens);
    if (total > budget_tokens) {
        plan_cut(&p, budget_tokens);
        add_planned(c, &p, out);
    } else {
        for (size_t i = 0; i < n; i++)
            add_turn(out, &c->turns[i], PART_WHOLE, SIZE_MAX);
    }
    arena_release(&scratch);
}
