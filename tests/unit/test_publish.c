/*
 * What leaves the run: the gate, planted secrets, numbers that add up, small cells, an attacker who subtracts, the same
 * bytes again, and a failure that leaves the old bundle alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "made_run.h"
#include "store/bundle_views.h"

#include <sys/stat.h>

#define RUN_PATH "/tmp/clio-test-publish"

static struct str bundle_bytes(struct made *m, struct buf *b)
{
    MADE(m, file_read(run_path(&m->run, "published/clio.db"), 1u << 30, b, &m->e));
    return buf_str(b);
}

static struct db *bundle_of(struct made *m)
{
    struct db *d;
    MADE(m, bundle_open(m->path, &d, &m->e));
    return d;
}

static int64_t ask(struct made *m, struct db *d, const char *sql)
{
    int64_t v;
    MADE(m, db_get_int(d, &m->e, &v, -1, sql, ""));
    return v;
}

/* Two shown leaves under one parent, a small leaf and one that the auditor refused. */
static void make_plain(struct made *m)
{
    int64_t top = made_node(m, 1, 0, -1, "Improve texts", "Improve texts", 4);
    int64_t letters = made_node(m, 0, 0, top, "Polish a letter", "Letters", 4);
    int64_t essays = made_node(m, 0, 1, top, "Shorten an essay", "Essays", 3);
    int64_t small = made_node(m, 0, 2, top, "Zanzibarquux small", "Quuxsmall", 5);
    int64_t risky = made_node(m, 0, 3, top, "Zanzibarquux risky", "Quuxrisky", 2);
    int64_t unrated = made_node(m, 0, 4, top, "Zanzibarquux unrated", "Quuxunrated", 0);
    made_group(m, letters, "l", 40, 0, "English");
    made_group(m, letters, "ls", 15, 1, "Spanish");
    made_group(m, essays, "e", 25, 0, "English");
    made_group(m, essays, "eg", 14, 0, "German");
    made_group(m, essays, "es", 4, 1, "Klingon");
    made_group(m, small, "s", 19, 0, "English");
    made_group(m, risky, "r", 30, 0, "English");
    made_group(m, unrated, "u", 30, 1, "English");
    made_talk(m, -1, "nobody", -1, "English", 5, 40);
}

static void gate_and_totals(void **state)
{
    (void)state;
    struct made m;
    made_open(&m, RUN_PATH);
    make_plain(&m);
    made_finish(&m);
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM node"), 3);
    assert_int_equal(ask(&m, d, "SELECT conversations FROM node WHERE level = 1"), 55 + 43);
    assert_int_equal(ask(&m, d, "SELECT accounts FROM node WHERE level = 1"), 55 + 43);
    assert_int_equal(ask(&m, d, "SELECT sum(conversations) FROM node WHERE level = 0"), 55 + 43);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.kept' FROM meta WHERE key = 'totals'"), 178);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.request.withheld.too_small.clusters' FROM meta WHERE key='trees'"),
                     1);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.request.withheld.audit.clusters' FROM meta WHERE key='trees'"), 2);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.request.shown' FROM meta WHERE key = 'trees'"), 98);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.request.placed' FROM meta WHERE key = 'trees'"), -1);
    assert_int_equal(ask(&m, d, "SELECT value FROM meta WHERE key = 'scripted'"), 0); /* "true" reads as 0 */
    assert_int_equal(ask(&m, d, "SELECT value = 'true' FROM meta WHERE key = 'scripted'"), 1);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM point"), 0);
    db_close(d);
    made_close(&m);
}

static void nothing_withheld_is_in_the_bytes(void **state)
{
    (void)state;
    static const char *const planted[] = {"anzibarquux", "Quux",         "planted",         "secret-id", "Klingon",
                                          "nobody",      "ls-3",         "/home",           "someone",   RUN_PATH,
                                          "auditor",     "private turn", "one conversation"};
    struct made m;
    struct buf b = {0};
    made_open(&m, RUN_PATH);
    make_plain(&m);
    made_finish(&m);
    struct str bytes = bundle_bytes(&m, &b);
    assert_true(bytes.n > 4096);
    assert_true(str_find(bytes, STR("Polish a letter")) != SIZE_MAX); /* the search itself works */
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++)
        if (str_find(bytes, str_of(planted[i])) != SIZE_MAX)
            fail_msg("published: %s", planted[i]);
    buf_release(&b);
    made_close(&m);
}

static void small_cells_are_withheld(void **state)
{
    (void)state;
    struct made m;
    made_open(&m, RUN_PATH);
    make_plain(&m);
    made_finish(&m);
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE accounts < 10"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM total WHERE accounts < 10"), 0);
    assert_int_equal(ask(&m, d,
                         "SELECT c.conversations FROM cell c JOIN node n ON n.id = c.node WHERE value = 'Spanish' "
                         "AND n.level = 0 AND week IS NULL"),
                     15);
    /* Essays: with 25 English and 14 German of 43 shown, the other 4 would be known to be something else. */
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE value = 'Klingon'"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE value = 'German' AND node >= 0"), 0);
    assert_int_equal(ask(&m, d,
                         "SELECT c.conversations FROM cell c JOIN node n ON n.id = c.node WHERE value = 'English' "
                         "AND n.name = 'Shorten an essay' AND week IS NULL"),
                     25);
    db_close(d);

    m.config.public_data = true; /* declared public, but the number was given all the same: it counts */
    made_finish(&m);
    d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE accounts < 10"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE value = 'Klingon'"), 0);
    db_close(d);

    m.config.min_cell_accounts = 1; /* the default of public data: everything is there */
    made_finish(&m);
    d = bundle_of(&m);
    assert_int_equal(ask(&m, d,
                         "SELECT c.conversations FROM cell c JOIN node n ON n.id = c.node WHERE value = 'Klingon' "
                         "AND n.level = 0 AND week IS NULL"),
                     4);
    db_close(d);
    made_close(&m);
}

static void withheld_parents_pass_their_children_up(void **state)
{
    (void)state;
    struct made m;
    made_open(&m, RUN_PATH);
    int64_t top = made_node(&m, 2, 0, -1, "Top", "Top", 4), refused = made_node(&m, 1, 0, top, "Refused", "R", 2),
            kept = made_node(&m, 1, 1, top, "Kept", "K", 4), barren = made_node(&m, 1, 2, top, "Barren", "B", 5),
            lonely = made_node(&m, 1, 3, -1, "Refused top", "RT", 1);
    const int64_t parents[] = {refused, kept, barren, lonely};
    for (size_t i = 0; i < 4; i++) {
        int64_t leaf = made_node(&m, 0, i, parents[i], "A leaf", "Leaf", 4);
        char who[8];
        snprintf(who, sizeof who, "w%zu", i);
        made_group(&m, leaf, who, i == 2 ? 5 : 20 + (int)i, 0, "English");
    }
    made_finish(&m);
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM node"), 5);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM node WHERE name IN ('Refused', 'Barren', 'Refused top')"), 0);
    assert_int_equal(ask(&m, d, "SELECT parent FROM node WHERE level = 0 AND conversations = 20"), top);
    assert_int_equal(ask(&m, d, "SELECT parent FROM node WHERE level = 0 AND conversations = 21"), kept);
    assert_int_equal(ask(&m, d, "SELECT parent FROM node WHERE level = 0 AND conversations = 23"), -1);
    assert_int_equal(ask(&m, d, "SELECT conversations FROM node WHERE level = 2"), 41);
    db_close(d);
    made_close(&m);
}

/* The marks in run.db are not taken on trust: the gate counts again. */
static void a_forged_mark_does_not_open_the_gate(void **state)
{
    (void)state;
    struct made m;
    made_open(&m, RUN_PATH);
    int64_t leaf = made_node(&m, 0, 0, -1, "Forged", "Forged", 5);
    made_group(&m, leaf, "f", 19, 0, "English");
    MADE(&m, threshold_run(&m.c, &m.e));
    MADE(&m, db_exec(m.run.db, "UPDATE node SET large_enough = 1, accounts = 900, conversations = 900", &m.e));
    MADE(&m, publish_run(&m.c, &m.e));
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM node"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM meta"), 10); /* empty, but it says so */
    db_close(d);
    made_close(&m);
}

/* ---- An attacker who subtracts ---- */

/* Random groups around the limits, two levels, several weeks and languages, people with several conversations. */
static void make_random(struct made *m, uint64_t seed)
{
    static const char *const languages[] = {"English", "Spanish", "German", "Tagalog", "Welsh"};
    struct rng r = rng_seed(seed, 0);
    int64_t tops[2];
    for (size_t i = 0; i < 2; i++)
        tops[i] = made_node(m, 1, i, -1, "A top", "Top", 4);
    for (size_t i = 0; i < 6; i++) {
        int64_t leaf = made_node(m, 0, i, tops[i % 2], "A leaf", "Leaf", i == 5 ? 1 : 4);
        for (uint64_t n = 18 + rng_below(&r, 60); n > 0; n--) {
            char account[24];
            size_t skew = rng_below(&r, 5), language = rng_below(&r, skew + 1);
            snprintf(account, sizeof account, "p%zu-%llu", i, (unsigned long long)rng_below(&r, 70));
            made_talk(m, leaf, account, rng_below(&r, 9) ? (int)rng_below(&r, 3) : -1,
                      rng_below(&r, 30) ? languages[language] : NULL, 1 + (int)rng_below(&r, 2), 1);
        }
    }
}

/*
 * Every sum the bundle lets one form, with at least one part withheld: the remainder must rest on nothing, or on at
 * least ten accounts' worth of conversations. (Conversations bound accounts from above, so this is the weaker half of
 * the rule, but it is the half an attacker without other knowledge can check.)
 */
static void remainders_are_large(void **state)
{
    (void)state;
    static const char *const sums[] = {
        /* children against their parent */
        ("SELECT min(p.conversations - (SELECT total(c.conversations) FROM cell c JOIN node n ON n.id = c.node "
         " WHERE n.parent = p.node AND c.facet = p.facet AND c.value = p.value AND c.week IS p.week)) "
         "FROM cell p WHERE p.node >= 0 AND EXISTS(SELECT 1 FROM node n WHERE n.parent = p.node) AND "
         "p.conversations > (SELECT total(c.conversations) FROM cell c JOIN node n ON n.id = c.node "
         " WHERE n.parent = p.node AND c.facet = p.facet AND c.value = p.value AND c.week IS p.week)"),
        /* shown tops against the whole run */
        ("SELECT min(p.conversations - (SELECT total(c.conversations) FROM cell c JOIN node n ON n.id = c.node "
         " WHERE n.parent = -1 AND c.facet = p.facet AND c.value = p.value AND c.week IS p.week)) "
         "FROM cell p WHERE p.node = -1 AND "
         "p.conversations > (SELECT total(c.conversations) FROM cell c JOIN node n ON n.id = c.node "
         " WHERE n.parent = -1 AND c.facet = p.facet AND c.value = p.value AND c.week IS p.week)"),
        /* values of the ordinal facet, which every conversation has, against the node */
        ("SELECT min(n.conversations - s.c) FROM node n JOIN (SELECT node, sum(conversations) c FROM cell "
         "WHERE facet = 'concern' AND week IS NULL GROUP BY node) s ON s.node = n.id WHERE n.conversations > s.c"),
    };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct made m;
        made_open(&m, RUN_PATH);
        MADE(&m, db_begin(m.run.db, &m.e));
        make_random(&m, seed);
        MADE(&m, db_commit(m.run.db, &m.e));
        made_finish(&m);
        struct db *d = bundle_of(&m);
        assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE accounts < 10"), 0);
        assert_true(ask(&m, d, "SELECT count(*) FROM cell") > 10); /* not simply everything withheld */
        for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
            int64_t least = ask(&m, d, sums[i]);
            if (least != -1 && least < 10)
                fail_msg("seed %llu: sum %zu leaves a remainder of %lld", (unsigned long long)seed, i,
                         (long long)least);
        }
        db_close(d);
        made_close(&m);
    }
}

/* ---- The totals ---- */

/* A shown leaf of 40 people and a rest: `small` in a cluster that is too small, `refused` in one the audit refused. */
static void make_rest(struct made *m, int small, int refused)
{
    int64_t leaf = made_node(m, 0, 0, -1, "Polish a letter", "Letters", 4);
    int64_t tiny = made_node(m, 0, 1, -1, "Tiny", "Tiny", 4), risky = made_node(m, 0, 2, -1, "Risky", "Risky", 1);
    made_group(m, leaf, "l", 40, 0, "English");
    made_group(m, tiny, "t", small, 1, "English");
    made_group(m, risky, "r", refused, 1, "English");
}

static void the_size_of_a_small_rest_is_not_told(void **state)
{
    (void)state;
    struct made m;
    made_open(&m, RUN_PATH);
    make_rest(&m, 2, 0);
    made_finish(&m);
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.kept' FROM meta WHERE key = 'totals'"), 50);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.accounts' FROM meta WHERE key = 'totals'"), 50);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.dated' FROM meta WHERE key = 'totals'"), 50);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.imported' FROM meta WHERE key = 'totals'"), 50);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.rounded' FROM meta WHERE key = 'totals'"), 1);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.accounts_rounded' FROM meta WHERE key = 'totals'"), 1);
    assert_int_equal(
        ask(&m, d, "SELECT value->>'$.request.withheld.too_small.conversations' IS NULL FROM meta WHERE key='trees'"),
        1);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.request.placed' IS NULL FROM meta WHERE key = 'trees'"), 1);
    /* Nor by adding up what the run's cells hold: every conversation has a concern, a turn count and a week. */
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM cell WHERE node = -1 AND conversations = 42"), 0);
    assert_int_equal(ask(&m, d,
                         "SELECT count(*) FROM (SELECT sum(conversations) s FROM cell WHERE node = -1 AND week IS NULL "
                         "GROUP BY facet) WHERE s BETWEEN 41 AND 49"),
                     0);
    db_close(d);
    made_close(&m);

    made_open(&m, RUN_PATH); /* the rest is large, a part of it is not */
    make_rest(&m, 2, 30);
    made_finish(&m);
    d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.kept' FROM meta WHERE key = 'totals'"), 72);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.rounded' FROM meta WHERE key = 'totals'"), 0);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.accounts_rounded' FROM meta WHERE key = 'totals'"), 0);
    assert_int_equal(
        ask(&m, d, "SELECT value->>'$.request.withheld.audit.conversations' IS NULL FROM meta WHERE key='trees'"), 1);
    db_close(d);
    made_close(&m);

    made_open(&m, RUN_PATH); /* nothing small anywhere */
    make_rest(&m, 15, 30);
    made_finish(&m);
    d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.kept' FROM meta WHERE key = 'totals'"), 85);
    assert_int_equal(
        ask(&m, d, "SELECT value->>'$.request.withheld.too_small.conversations' FROM meta WHERE key='trees'"), 15);
    assert_int_equal(ask(&m, d, "SELECT value->>'$.request.placed' FROM meta WHERE key = 'trees'"), 85);
    db_close(d);
    made_close(&m);
}

/* ---- Facet values ---- */

static void values_are_cleaned_before_they_are_counted(void **state)
{
    (void)state;
    static const char long_tail[] = "a value that goes on and on for more than eighty characters, so that its end is "
                                    "cut away and nothing tells it from the other: %c";
    struct made m;
    made_open(&m, RUN_PATH);
    int64_t leaf = made_node(&m, 0, 0, -1, "Polish a letter", "Letters", 4);
    for (int i = 0; i < 60; i++) {
        char account[24], language[200];
        snprintf(account, sizeof account, "v-%d", i);
        snprintf(language, sizeof language, long_tail, 'a' + i % 2);
        made_talk(&m, leaf, account, 0, i < 40 ? language : "write to quux@example.org", 1, 2);
    }
    made_finish(&m);
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM value WHERE facet = 'language'"), 1);
    assert_int_equal(ask(&m, d, "SELECT length(value) FROM value WHERE facet = 'language'"), 80);
    assert_int_equal(
        ask(&m, d, "SELECT conversations FROM cell WHERE facet = 'language' AND node >= 0 AND week IS NULL"), 40);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM value WHERE value LIKE '%quux%'"), 0);
    db_close(d);
    made_close(&m);
}

/* ---- The models ---- */

static void models_are_named_without_their_places(void **state)
{
    (void)state;
    static const struct {
        const char *note, *label;
    } cases[] = {
        {"openai:qwen2.5@127.0.0.1:8080", "openai:qwen2.5"},
        {"openai:someone/qwen2.5@http://127.0.0.1:8080/v1", "openai:qwen2.5"},
        {"local:/home/someone/models/x.gguf", "local:x.gguf"},
        {"encoder:/home/someone/mpnet/", "encoder:mpnet"},
        {"local:qwen2.5-1.5b", "local:qwen2.5-1.5b"},
        {"replay:monday", "replay:monday"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made m;
        char note[200], sql[200];
        made_open(&m, RUN_PATH);
        m.config.model_fast = m.config.model_strong = STR("openai:other@http://192.0.2.7:8080/v1?timeout=5");
        m.config.model_embed = STR("encoder:somewhere/mpnet");
        snprintf(note, sizeof note, "{\"name\":\"%s\",\"identity\":\"x\",\"scripted\":%s}", cases[i].note,
                 cases[i].note[0] == 'r' ? "true" : "false");
        MADE(&m, run_note(&m.run, "model.strong", str_of(note), &m.e));
        make_rest(&m, 0, 0);
        made_finish(&m);
        struct db *d = bundle_of(&m);
        snprintf(sql, sizeof sql, "SELECT value->>'$.strong' = '%s' FROM meta WHERE key = 'models'", cases[i].label);
        if (ask(&m, d, sql) != 1)
            fail_msg("%s is not called %s", cases[i].note, cases[i].label);
        /* Not noted: as the config names it. */
        assert_int_equal(ask(&m, d, "SELECT value->>'$.fast' = 'openai:other' FROM meta WHERE key = 'models'"), 1);
        assert_int_equal(ask(&m, d, "SELECT value = 'true' FROM meta WHERE key = 'scripted'"), cases[i].note[0] == 'r');
        db_close(d);
        made_close(&m);
    }
}

/* ---- The map ---- */

static void the_map_shows_no_single_points(void **state)
{
    (void)state;
    struct made m;
    made_open(&m, RUN_PATH);
    make_plain(&m);
    for (int64_t rec = 0; rec < m.next; rec++)
        MADE(&m,
             points_put(&m.run, STR("request"), rec, rec == 7 ? 900.0f : (float)(rec % 10), (float)(rec % 7), &m.e));
    made_finish(&m);
    struct db *d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM point"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM density WHERE conversations < 10"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM node WHERE x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1"), 3);
    db_close(d);
    m.config.public_data = true;
    made_finish(&m);
    d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM point"), 0);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM density WHERE conversations < 10"), 0);
    db_close(d);
    m.config.min_cell_accounts = 1;
    made_finish(&m);
    d = bundle_of(&m);
    assert_int_equal(ask(&m, d, "SELECT count(*) FROM point"), 98);
    assert_int_equal(ask(&m, d, "SELECT total(conversations) FROM density"), 98);
    db_close(d);
    made_close(&m);
}

/* ---- The file ---- */

static void same_contents_same_bytes(void **state)
{
    (void)state;
    struct made m;
    struct buf first = {0}, second = {0};
    made_open(&m, RUN_PATH);
    make_random(&m, 99);
    made_finish(&m);
    bundle_bytes(&m, &first);
    made_finish(&m);
    bundle_bytes(&m, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    made_close(&m);

    made_open(&m, RUN_PATH "-again");
    make_random(&m, 99);
    m.config.threads = 7; /* not a result */
    made_finish(&m);
    buf_clear(&second);
    bundle_bytes(&m, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    made_close(&m);
    file_remove_tree(RUN_PATH "-again");
    buf_release(&first);
    buf_release(&second);
}

/* The new file can't be made: its place is taken by a folder. What was published before stays, byte for byte. */
static void a_failing_write_leaves_the_old_bundle(void **state)
{
    (void)state;
    struct made m;
    struct buf before = {0}, after = {0};
    made_open(&m, RUN_PATH);
    make_plain(&m);
    made_finish(&m);
    bundle_bytes(&m, &before);
    made_group(&m, cluster_id(0, 0, 0), "more", 30, 0, "English");
    assert_int_equal(mkdir(run_path(&m.run, "published/clio.db.new"), 0700), 0);
    assert_int_equal(publish_run(&m.c, &m.e), ERR_IO);
    bundle_bytes(&m, &after);
    assert_true(str_eq(buf_str(&before), buf_str(&after)));

    assert_int_equal(rmdir(run_path(&m.run, "published/clio.db.new")), 0);
    /* A member of nothing is found before anything is written. */
    made_talk(&m, cluster_id(0, 0, 55), "stray", 0, "English", 1, 1);
    assert_int_equal(publish_run(&m.c, &m.e), ERR_PRIVACY);
    buf_clear(&after);
    bundle_bytes(&m, &after);
    assert_true(str_eq(buf_str(&before), buf_str(&after)));
    assert_false(file_exists(run_path(&m.run, "published/clio.db.new")));
    made_close(&m);
    buf_release(&before);
    buf_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gate_and_totals),
        cmocka_unit_test(nothing_withheld_is_in_the_bytes),
        cmocka_unit_test(small_cells_are_withheld),
        cmocka_unit_test(withheld_parents_pass_their_children_up),
        cmocka_unit_test(a_forged_mark_does_not_open_the_gate),
        cmocka_unit_test(remainders_are_large),
        cmocka_unit_test(the_size_of_a_small_rest_is_not_told),
        cmocka_unit_test(values_are_cleaned_before_they_are_counted),
        cmocka_unit_test(models_are_named_without_their_places),
        cmocka_unit_test(the_map_shows_no_single_points),
        cmocka_unit_test(same_contents_same_bytes),
        cmocka_unit_test(a_failing_write_leaves_the_old_bundle),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    file_remove_tree(RUN_PATH);
    return failed;
}
