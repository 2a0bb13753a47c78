/* The threshold: k-1, k and k+1 accounts, records without an account, and data that contradicts itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "made_run.h"

#define RUN_PATH "/tmp/clio-test-threshold"

static struct node leaf_of(struct made *m, struct arena *a, size_t index)
{
    struct node *nodes;
    size_t n;
    MADE(m, clusters_load(&m->run, STR("request"), 0, a, &nodes, &n, &m->e));
    assert_true(index < n);
    return nodes[index];
}

static void accounts_around_k(void **state)
{
    (void)state;
    struct made m;
    struct arena a = {0};
    made_open(&m, RUN_PATH);
    for (size_t i = 0; i < 3; i++) {
        char who[16];
        int64_t leaf = made_node(&m, 0, i, -1, "Do something", "Something", 0);
        snprintf(who, sizeof who, "g%zu", i);
        made_group(&m, leaf, who, 19 + (int)i, 0, "English");
    }
    MADE(&m, threshold_run(&m.c, &m.e));
    for (size_t i = 0; i < 3; i++) {
        struct node leaf = leaf_of(&m, &a, i);
        assert_int_equal(leaf.accounts, 19 + (int)i);
        assert_int_equal(leaf.conversations, 19 + (int)i);
        assert_int_equal(leaf.large_enough, i > 0);
        assert_true(str_eqz(leaf.name, "Do something")); /* the rest of the row is kept */
    }
    made_close(&m);
    arena_release(&a);
}

static void both_thresholds_count(void **state)
{
    (void)state;
    struct made m;
    struct arena a = {0};
    made_open(&m, RUN_PATH);
    m.config.min_conversations = 30;
    int64_t few_talks = made_node(&m, 0, 0, -1, "A", "A", 0), one_account = made_node(&m, 0, 1, -1, "B", "B", 0),
            enough = made_node(&m, 0, 2, -1, "C", "C", 0), empty = made_node(&m, 0, 3, -1, "D", "D", 0);
    (void)empty;
    made_group(&m, few_talks, "x", 29, 0, NULL);
    for (int i = 0; i < 500; i++)
        made_talk(&m, one_account, "busy", 0, NULL, 1, 1);
    made_group(&m, enough, "y", 20, 0, NULL);
    made_group(&m, enough, "y", 20, 1, NULL); /* the same twenty again */
    MADE(&m, threshold_run(&m.c, &m.e));
    assert_false(leaf_of(&m, &a, 0).large_enough);
    assert_false(leaf_of(&m, &a, 1).large_enough);
    assert_int_equal(leaf_of(&m, &a, 1).accounts, 1);
    assert_true(leaf_of(&m, &a, 2).large_enough);
    assert_int_equal(leaf_of(&m, &a, 2).accounts, 20);
    assert_int_equal(leaf_of(&m, &a, 2).conversations, 40);
    assert_false(leaf_of(&m, &a, 3).large_enough);
    made_close(&m);
    arena_release(&a);
}

static void no_account_is_one_account(void **state)
{
    (void)state;
    struct made m;
    struct arena a = {0};
    made_open(&m, RUN_PATH);
    int64_t leaf = made_node(&m, 0, 0, -1, "A", "A", 0);
    for (int i = 0; i < 100; i++)
        made_talk(&m, leaf, "", 0, "English", 1, 1);
    made_group(&m, leaf, "z", 18, 0, "English");
    MADE(&m, threshold_run(&m.c, &m.e));
    assert_int_equal(leaf_of(&m, &a, 0).accounts, 19);
    assert_false(leaf_of(&m, &a, 0).large_enough);
    made_group(&m, leaf, "one-more", 1, 0, "English");
    MADE(&m, threshold_run(&m.c, &m.e));
    assert_true(leaf_of(&m, &a, 0).large_enough);
    made_close(&m);
    arena_release(&a);
}

static void dropped_conversations_do_not_count(void **state)
{
    (void)state;
    struct made m;
    struct arena a = {0};
    made_open(&m, RUN_PATH);
    int64_t leaf = made_node(&m, 0, 0, -1, "A", "A", 0);
    made_group(&m, leaf, "z", 20, 0, "English");
    MADE(&m, records_drop(&m.run, 3, "screener", &m.e));
    MADE(&m, threshold_run(&m.c, &m.e));
    assert_int_equal(leaf_of(&m, &a, 0).accounts, 19);
    assert_false(leaf_of(&m, &a, 0).large_enough);
    made_close(&m);
    arena_release(&a);
}

/* A member of nothing: no count can be trusted, so what was open before is not opened wider. */
static void damaged_data_fails_closed(void **state)
{
    (void)state;
    struct made m;
    struct arena a = {0};
    made_open(&m, RUN_PATH);
    int64_t leaf = made_node(&m, 0, 0, -1, "A", "A", 0);
    made_group(&m, leaf, "z", 25, 0, "English");
    made_talk(&m, cluster_id(0, 0, 77), "stray", 0, "English", 1, 1);
    assert_int_equal(threshold_run(&m.c, &m.e), ERR_PRIVACY);
    assert_false(leaf_of(&m, &a, 0).large_enough);
    made_close(&m);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_around_k),         cmocka_unit_test(both_thresholds_count),
        cmocka_unit_test(no_account_is_one_account), cmocka_unit_test(dropped_conversations_do_not_count),
        cmocka_unit_test(damaged_data_fails_closed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    file_remove_tree(RUN_PATH);
    return failed;
}
