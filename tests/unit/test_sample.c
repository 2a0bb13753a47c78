/* Sampling: the right number, every item with the same chance, and the same draw whatever the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "ingest/sample.h"
#include "ingest/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_MAX = 64 };

static const struct turn user = {{"user", 4}, {"q", 1}}, assistant = {{"assistant", 9}, {"a", 1}};

/* A conversation with `answers` completions, user first. */
static size_t make_turns(struct turn *turns, size_t answers)
{
    for (size_t i = 0; i < answers; i++) {
        turns[2 * i] = user;
        turns[2 * i + 1] = assistant;
    }
    return 2 * answers;
}

static bool offer(struct sample *s, size_t i, size_t answers)
{
    struct turn turns[TURNS_MAX];
    char id[32];
    int n = snprintf(id, sizeof id, "conversation %zu", i);
    return sample_offer(s, (int64_t)i, (struct str){id, (size_t)n}, turns, make_turns(turns, answers));
}

/* Offers 0..total-1 in a shuffled order while keeping the set a store would hold; checks it against the result. */
static void draw(enum sample_by by, size_t want, size_t total, uint64_t seed, uint64_t order, struct arena *a,
                 struct sample_kept **kept, size_t *n)
{
    struct sample s;
    uint32_t *ids = arena_new(a, total, sizeof *ids);
    bool *stored = arena_zero(a, total, sizeof *stored);
    struct rng rng = rng_seed(order, 0);
    size_t held = 0;
    for (size_t i = 0; i < total; i++)
        ids[i] = (uint32_t)i;
    if (order)
        rng_shuffle(&rng, ids, total);
    sample_init(&s, by, want, seed);
    for (size_t i = 0; i < total; i++) {
        stored[ids[i]] = offer(&s, ids[i], 1 + ids[i] % 5);
        for (size_t j = 0; j < s.evicted_count; j++) {
            assert_true(stored[s.evicted[j]]);
            stored[s.evicted[j]] = false;
        }
    }
    sample_result(&s, a, kept, n);
    for (size_t i = 0; i < total; i++)
        held += stored[i];
    assert_int_equal(held, *n);
    for (size_t i = 0; i < *n; i++) {
        assert_true(stored[(*kept)[i].rec]);
        assert_true(i == 0 || (*kept)[i].rec > (*kept)[i - 1].rec);
    }
    sample_release(&s);
}

static void counts(void **state)
{
    (void)state;
    struct arena a = {0};
    struct sample_kept *kept;
    size_t n;
    draw(SAMPLE_CONVERSATIONS, 50, 1000, 1, 0, &a, &kept, &n);
    assert_int_equal(n, 50);
    assert_true(kept[0].turns == SIZE_MAX);
    draw(SAMPLE_CONVERSATIONS, 50, 20, 1, 0, &a, &kept, &n);
    assert_int_equal(n, 20);
    draw(SAMPLE_COMPLETIONS, 300, 1000, 1, 0, &a, &kept, &n);
    assert_true(n < 300 && n > 200); /* some conversations have two of the 300 */
    draw(SAMPLE_COMPLETIONS, 1000000, 100, 1, 0, &a, &kept, &n);
    assert_int_equal(n, 100);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(kept[i].turns, 2 * (1 + i % 5)); /* all drawn: the newest is the last */
    arena_release(&a);
}

static void any_order(void **state)
{
    (void)state;
    for (int by = SAMPLE_CONVERSATIONS; by <= SAMPLE_COMPLETIONS; by++) {
        struct arena a = {0};
        struct sample_kept *first, *again, *other;
        size_t first_n, again_n, other_n;
        draw((enum sample_by)by, 200, 3000, 9, 0, &a, &first, &first_n);
        for (uint64_t order = 1; order < 20; order++) {
            draw((enum sample_by)by, 200, 3000, 9, order, &a, &again, &again_n);
            assert_int_equal(first_n, again_n);
            for (size_t i = 0; i < first_n; i++) {
                assert_int_equal(first[i].rec, again[i].rec);
                assert_int_equal(first[i].turns, again[i].turns);
            }
        }
        draw((enum sample_by)by, 200, 3000, 10, 0, &a, &other, &other_n);
        assert_true(other_n != first_n || memcmp(first, other, first_n * sizeof *first) != 0); /* another seed */
        arena_release(&a);
    }
}

/*
 * 4,000 draws of 10 out of 100: each conversation is expected 400 times. The sum of (seen - 400)^2 / 360 is about
 * chi-square with 99 degrees of freedom: 148 is its 99.9th percentile.
 */
static void fair_by_conversation(void **state)
{
    (void)state;
    enum { DRAWS = 4000, TOTAL = 100, WANT = 10 };
    size_t seen[TOTAL] = {0};
    double sum = 0, expected = (double)DRAWS * WANT / TOTAL;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct arena a = {0};
        struct sample_kept *kept;
        size_t n;
        draw(SAMPLE_CONVERSATIONS, WANT, TOTAL, seed, 0, &a, &kept, &n);
        for (size_t i = 0; i < n; i++)
            seen[kept[i].rec]++;
        arena_release(&a);
    }
    for (size_t i = 0; i < TOTAL; i++)
        sum += ((double)seen[i] - expected) * ((double)seen[i] - expected) / (expected * (1 - (double)WANT / TOTAL));
    if (sum > 148)
        fail_msg("chi-square %.1f, above 148", sum);
}

/* One completion out of all (300 in 100 conversations of 1 to 5): a conversation's chance is its share of completions.
 */
static void fair_by_completion(void **state)
{
    (void)state;
    enum { DRAWS = 30000, TOTAL = 100, COMPLETIONS = 300 };
    size_t seen[5] = {0};
    double sum = 0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct arena a = {0};
        struct sample_kept *kept;
        size_t n;
        draw(SAMPLE_COMPLETIONS, 1, TOTAL, seed, 0, &a, &kept, &n);
        assert_int_equal(n, 1);
        assert_true(kept[0].turns % 2 == 0 && kept[0].turns <= 2 * (1 + (size_t)kept[0].rec % 5));
        seen[kept[0].rec % 5]++;
        arena_release(&a);
    }
    for (size_t i = 0; i < 5; i++) {
        double expected = (double)DRAWS * 20 * (double)(i + 1) / COMPLETIONS;
        sum += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    }
    if (sum > 18.5) /* four degrees of freedom, 99.9% */
        fail_msg("chi-square %.1f, above 18.5", sum);
}

static void no_completion(void **state)
{
    (void)state;
    struct sample s;
    struct turn turns[3] = {assistant, user, user};
    sample_init(&s, SAMPLE_COMPLETIONS, 5, 1);
    assert_false(sample_offer(&s, 0, STR("a"), turns + 1, 2));
    assert_true(sample_offer(&s, 1, STR("b"), turns, 3));
    sample_release(&s);
    assert_int_equal(sample_last_completion(turns, 3), 1);
    assert_int_equal(sample_last_completion(turns + 1, 2), 0);
}

static void seen_ids(void **state)
{
    (void)state;
    struct seen s = {0};
    char id[32];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 100000; i++) {
            int n = snprintf(id, sizeof id, "id-%d", i);
            assert_int_equal(seen_add(&s, (struct str){id, (size_t)n}), pass == 0);
        }
    seen_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(any_order),
        cmocka_unit_test(fair_by_conversation),
        cmocka_unit_test(fair_by_completion),
        cmocka_unit_test(no_completion),
        cmocka_unit_test(seen_ids),
    };
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
