/* Transcripts: what is shown, what is marked, that the budget holds, and that no text can pose as a tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"
#include "ingest/render.h"

#include <stdlib.h>
#include <string.h>

/* Tags and markers: what a cut transcript may take beyond a tiny budget. From ENOUGH on the budget holds exactly. */
enum { SLACK = 64, ENOUGH = 100 };

static struct turn turn(const char *role, const char *text)
{
    return (struct turn){str_of(role), str_of(text)};
}

static struct buf render(struct turn *turns, size_t n, size_t budget)
{
    struct conversation c = {.turns = turns, .turns_count = n};
    struct buf out = {0};
    render_transcript(&c, budget, &out);
    return out;
}

static void expect(struct turn *turns, size_t n, size_t budget, const char *text)
{
    struct buf out = render(turns, n, budget);
    assert_string_equal(out.at, text);
    buf_release(&out);
}

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_of(text)) != SIZE_MAX;
}

static size_t count(const struct buf *b, const char *what)
{
    size_t n = 0;
    for (const char *p = b->at; p && (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void whole(void **state)
{
    (void)state;
    struct turn turns[] = {turn("system", "Be brief, always."), turn("user", " How deep do I plant tulips?\n"),
                           turn("assistant", "[tool call]"), turn("tool", "depth: 15 cm"),
                           turn("assistant", "About 15 cm.\nPoint upwards.")};
    const char *text = "[system prompt, 17 characters]\n<user>\nHow deep do I plant tulips?\n</user>\n"
                       "<assistant>\n[tool call]\n</assistant>\n[tool result, 12 characters]\n"
                       "<assistant>\nAbout 15 cm.\nPoint upwards.\n</assistant>\n";
    expect(turns, 5, 0, text);
    expect(turns, 5, 1000, text);
    struct buf none = render(turns, 0, 100);
    assert_int_equal(none.n, 0);
    buf_release(&none);
}

static void harmless_tags(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "</user>",    "< / USER >",          "<assistant>",         "</User x=1>",   "<\t/\nassistant>",
        "<|im_end|>", "</us\342\200\213er>", "<\xef\xbb\xbf/user>", "</transcript>", "<system",
        "<<user>>",   "</conversation>",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct turn turns[] = {turn("user", texts[i])};
        struct buf out = render(turns, 1, 0);
        if (count(&out, "<") > 2 + (i == 10)) /* "<<user>>" keeps its outer bracket, which opens nothing */
            fail_msg("case %zu keeps its bracket", i);
        assert_true(has(&out, "\xe2\x80\xb9"));
        buf_release(&out);
    }
    struct turn turns[] = {turn("user", "if (a<b) { <div>users</div> <username> 1 < 2 <3 }")};
    expect(turns, 1, 0, "<user>\nif (a<b) { <div>users</div> <username> 1 < 2 <3 }\n</user>\n");
}

static void dangerous_characters(void **state)
{
    (void)state;
    struct turn turns[] = {{{"user", 4}, {"a\0b\x1b[31m\xe2\x80\xae\xff", 12}}};
    expect(turns, 1, 0, "<user>\nab[31m\xef\xbf\xbd\n</user>\n");
}

static void ends_are_kept(void **state)
{
    (void)state;
    struct turn turns[40];
    for (int i = 0; i < 40; i++)
        turns[i] = turn(i % 2 ? "assistant" : "user", "A sentence in the middle of a long conversation.");
    turns[0] = turn("user", "First.");
    turns[39] = turn("assistant", "Last.");
    struct buf out = render(turns, 40, 200);
    assert_true(str_has_prefix(buf_str(&out), STR("<user>\nFirst.\n</user>\n<assistant>\nA sentence")));
    assert_true(has(&out, "<assistant>\nLast.\n</assistant>\n"));
    assert_int_equal(count(&out, "turns left out ...]"), 1);
    assert_int_equal(count(&out, "<user>") + count(&out, "<assistant>"),
                     count(&out, "</user>") + count(&out, "</assistant>"));
    size_t shown = count(&out, "<user>") + count(&out, "<assistant>"), left_out = 0;
    left_out = strtoul(strstr(out.at, "[... ") + 5, NULL, 10);
    assert_int_equal(shown + left_out, 40);
    assert_true(shown > 4); /* the budget is used */
    buf_release(&out);
}

static void cut_inside(void **state)
{
    (void)state;
    struct buf longest = {0};
    buf_addz(&longest, "Head of it. ");
    for (int i = 0; i < 3000; i++)
        buf_addz(&longest, "words in between ");
    buf_addz(&longest, "tail of it.");
    struct turn only[] = {turn("user", longest.at)};
    struct buf out = render(only, 1, 100);
    assert_true(str_has_prefix(buf_str(&out), STR("<user>\nHead of it. words")));
    assert_true(has(&out, "characters left out ...]") && has(&out, "tail of it.\n</user>\n"));
    assert_true(text_tokens(buf_str(&out)) <= 100 + SLACK);
    buf_release(&out);

    struct turn both[] = {turn("user", longest.at), turn("assistant", "x"), turn("assistant", longest.at)};
    out = render(both, 3, 100);
    assert_true(str_has_prefix(buf_str(&out), STR("<user>\nHead of it. words")));
    assert_true(has(&out, "tail of it.\n</assistant>\n"));
    assert_int_equal(count(&out, "characters left out ...]"), 2);
    buf_release(&out);

    struct turn uneven[] = {turn("user", "Short."), turn("assistant", longest.at)};
    out = render(uneven, 2, 200); /* what the short one does not need is the long one's */
    assert_true(has(&out, "Short.") && has(&out, "tail of it."));
    assert_true(text_tokens(buf_str(&out)) > 150);
    buf_release(&out);
    buf_release(&longest);
}

/* The head is the first *user* turn's, also behind a system prompt and a greeting. */
static void first_user_turn(void **state)
{
    (void)state;
    struct buf longest = {0};
    for (int i = 0; i < 500; i++)
        buf_addz(&longest, "greeting ");
    struct turn turns[] = {turn("system", "x"), turn("assistant", longest.at), turn("user", "The question."),
                           turn("assistant", longest.at), turn("user", "The end.")};
    struct buf out = render(turns, 5, 60);
    assert_true(has(&out, "<user>\nThe question.\n</user>") && has(&out, "<user>\nThe end.\n</user>"));
    assert_true(has(&out, "[... 2 turns left out ...]") && has(&out, "[... 1 turn left out ...]"));
    assert_true(text_tokens(buf_str(&out)) <= 60 + SLACK);
    buf_release(&out);
    buf_release(&longest);
}

static void add_random_text(struct buf *b, struct rng *rng, size_t n)
{
    static const char *const pieces[] = {"word ",        "\n",   "</user>",          "<",    "\xe6\xbc\xa2\xe5\xad\x97",
                                         "\xd0\xb4",     "<|",   "\xf0\x9f\x8c\xb2", "\xff", "</assistant >",
                                         "\xe2\x80\x8b", "|user"};
    for (size_t i = 0; i < n; i++)
        buf_addz(b, pieces[rng_below(rng, sizeof pieces / sizeof *pieces)]);
}

/* Whatever the turns: the budget holds, tags balance and are ours, the ends are there, and a cut is marked. */
static void properties(void **state)
{
    (void)state;
    static const char *const roles[] = {"user", "assistant", "system", "tool"};
    for (uint64_t seed = 0; seed < 1500; seed++) {
        struct rng rng = rng_seed(seed, 3);
        struct buf texts[12] = {0};
        struct turn turns[12];
        size_t n = 1 + rng_below(&rng, 12), budget = 1 + rng_below(&rng, 400), shown = 0;
        for (size_t i = 0; i < n; i++) {
            add_random_text(&texts[i], &rng, 1 + rng_below(&rng, rng_below(&rng, 4) ? 20 : 800));
            turns[i] = (struct turn){str_of(roles[rng_below(&rng, 4) * rng_below(&rng, 2)]), buf_str(&texts[i])};
            shown += str_eqz(turns[i].role, "user") || str_eqz(turns[i].role, "assistant");
        }
        struct buf whole_text = render(turns, n, 0), out = render(turns, n, budget);
        if (text_tokens(buf_str(&out)) > budget + (budget < ENOUGH ? SLACK : 0))
            fail_msg("seed %llu: %zu tokens for %zu", (unsigned long long)seed, text_tokens(buf_str(&out)), budget);
        assert_true(text_is_utf8(buf_str(&out)));
        assert_int_equal(count(&whole_text, "<user>\n") + count(&whole_text, "<assistant>\n"), shown);
        assert_int_equal(count(&whole_text, "</user>") + count(&whole_text, "</assistant"), shown);
        assert_int_equal(count(&out, "<user>\n"), count(&out, "</user>"));
        assert_int_equal(count(&out, "<assistant>\n"), count(&out, "</assistant"));
        assert_int_equal(count(&out, "<|"), 0);
        if (!str_eq(buf_str(&out), buf_str(&whole_text)))
            assert_true(has(&out, " left out ...]"));
        buf_release(&whole_text);
        buf_release(&out);
        for (size_t i = 0; i < n; i++)
            buf_release(&texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),         cmocka_unit_test(harmless_tags), cmocka_unit_test(dangerous_characters),
        cmocka_unit_test(ends_are_kept), cmocka_unit_test(cut_inside),    cmocka_unit_test(first_user_turn),
        cmocka_unit_test(properties),
    };
    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
