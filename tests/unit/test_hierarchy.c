/* The tree above the base clusters, grown with the scripted model and hashed words: its shape, its names, its
 * repetition. */
#include "hierarchy/hierarchy.h"

#include "hierarchy/plan.h"
#include "store/clusters.h"
#include "store/records.h"
#include "store/vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

struct fixture {
    struct run run;
    struct facet_def facet;
    struct config config;
    struct stage_context c;
    struct par *par;
    struct arena a;
    struct error e;
};

static const char *const topics[] = {
    "balcony tomatoes", "python functions", "lentil soup",   "train journeys",  "covering letters",
    "linear equations", "bicycle brakes",   "guitar chords", "roman roads",     "household money",
    "nervous puppies",  "marathon running", "piano sonatas", "database tables", "holiday photographs",
};
static const char *const verbs[] = {"plan", "repair", "explain", "improve", "compare", "choose", "learn", "write"};
enum { TOPICS = sizeof topics / sizeof *topics, VERBS = sizeof verbs / sizeof *verbs };

/* Three conversations a leaf, whose texts say its topic, with their vectors. */
static void add_members(struct fixture *f, size_t leaves)
{
    enum { EACH = 3 };
    struct model *m;
    struct usage usage = {0};
    size_t n = EACH * leaves;
    OK(stage_model(&f->c, ROLE_EMBED, &m, &f->e));
    struct str *texts = arena_new(&f->a, n + 1, sizeof *texts);
    int64_t *recs = arena_new(&f->a, n + 1, sizeof *recs);
    struct mat vectors = {arena_new(&f->a, (n + 1) * m->info.width, sizeof(float)), n, m->info.width};
    for (size_t i = 0; i < n; i++) {
        const char *topic = topics[i / EACH % TOPICS];
        texts[i] = str_printf(&f->a, "%s: %s %s", topic, verbs[i % VERBS], topic);
        recs[i] = (int64_t)i + 1;
        OK(facet_put(&f->run, recs[i], f->facet.name, 0, texts[i], 0, &f->e));
        OK(members_put(&f->run, f->facet.name, recs[i], cluster_id(0, 0, i / EACH), &f->e));
    }
    if (n)
        OK(m->ops->embed(m->ctx, texts, n, vectors, &usage, &f->e));
    OK(vectors_write(&f->run, f->facet.name, vectors, recs, &f->e));
}

/* n leaves with names; of every ten one is too small and one got no name, as threshold and label may leave them. */
static void open_fixture(void **state, const char *name, size_t n, bool gaps, struct fixture *f)
{
    char path[256];
    *f = (struct fixture){.facet = {.name = STR("request"), .kind = FACET_TEXT, .cluster = true}};
    f->facet.name_form = STR("an imperative sentence");
    f->config = (struct config){.facets = &f->facet,
                                .facets_count = 1,
                                .model_fast = STR("script:"),
                                .model_strong = STR("script:"),
                                .model_embed = STR("hash:256"),
                                .neighbourhood = 40,
                                .name_members = 50,
                                .name_contrast = 50,
                                .max_failed_share = 0.2,
                                .seed = 3};
    OK(run_open(scratch_path(state, name, path), RUN_CREATE, &f->run, &f->e));
    f->par = par_new(2);
    f->c = (struct stage_context){.run = &f->run, .config = &f->config, .par = f->par, .stage = "hierarchy"};
    f->c.model_opts.par = f->par;
    for (size_t i = 0; i < n; i++) {
        struct node leaf = {.id = cluster_id(0, 0, i),
                            .facet = f->facet.name,
                            .parent = -1,
                            .conversations = (int64_t)(20 + i % 7),
                            .accounts = 20,
                            .large_enough = !gaps || i % 10 != 3};
        if (!gaps || i % 10 != 7) {
            leaf.name = str_printf(&f->a, "%c%s %s number%c%c", verbs[i / TOPICS % VERBS][0] - 32,
                                   verbs[i / TOPICS % VERBS] + 1, topics[i % TOPICS], (int)('a' + i % 26),
                                   (int)('a' + i / 26 % 26));
            leaf.description = str_printf(&f->a, "People asked for help with %s. They had begun.", topics[i % TOPICS]);
            leaf.short_name = str_of(topics[i % TOPICS]);
        }
        OK(clusters_put(&f->run, &leaf, &f->e));
    }
    add_members(f, n);
}

static void close_fixture(struct fixture *f)
{
    stage_close_models(&f->c);
    run_close(&f->run);
    par_free(f->par);
    arena_release(&f->a);
}

static const struct node *find(const struct node *nodes, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (nodes[i].id == id)
            return &nodes[i];
    return NULL;
}

/* Every named leaf hangs on a chain up to the top; nobody else hangs on anything. */
static void check_chains(const struct node *nodes, size_t n, int top)
{
    for (size_t i = 0; i < n; i++) {
        const struct node *node = &nodes[i];
        if (!node->large_enough || node->name.n == 0) {
            assert_int_equal(node->parent, -1);
            assert_int_equal(node->level, 0);
            continue;
        }
        for (int level = node->level; level < top; level++) {
            node = find(nodes, n, node->parent);
            assert_non_null(node);
            assert_int_equal(node->level, level + 1);
        }
        assert_int_equal(node->parent, -1);
    }
}

/* A parent has children, as many conversations as they have together, a name, and no sibling of that name. */
static void check_parents(const struct node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t children = 0, conversations = 0;
        if (nodes[i].level == 0)
            continue;
        for (size_t k = 0; k < n; k++) {
            bool child = nodes[k].parent == nodes[i].id;
            children += child;
            conversations += child ? nodes[k].conversations : 0;
        }
        assert_true(children > 0);
        assert_int_equal(conversations, nodes[i].conversations);
        assert_true(nodes[i].large_enough);
        assert_true(nodes[i].name.n && nodes[i].description.n && nodes[i].short_name.n);
    }
}

static size_t same_named_siblings(const struct node *nodes, size_t n)
{
    size_t same = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            same += nodes[i].level > 0 && nodes[i].level == nodes[k].level && nodes[i].parent == nodes[k].parent &&
                    str_eq(nodes[i].name, nodes[k].name);
    return same;
}

static size_t on_level(const struct node *nodes, size_t n, int level)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += nodes[i].level == level && nodes[i].large_enough && nodes[i].name.n;
    return count;
}

static struct node *grow(struct fixture *f, size_t *n)
{
    struct node *nodes;
    f->c.done = f->c.total = f->c.quarantined = 0;
    OK(hierarchy_run(&f->c, &f->e));
    OK(clusters_load(&f->run, f->facet.name, -1, &f->a, &nodes, n, &f->e));
    return nodes;
}

static void check_tree(struct fixture *f, const struct node *nodes, size_t n)
{
    size_t sizes[HIERARCHY_LEVELS_MAX];
    size_t levels = hierarchy_plan(on_level(nodes, n, 0), f->config.levels, f->config.top, sizes);
    for (size_t l = 1; l < levels; l++) {
        size_t there = on_level(nodes, n, (int)l);
        assert_in_range(there, 1, sizes[l] + sizes[l] / 2); /* "about": up to half more; who got nobody is gone */
        assert_true(there <= on_level(nodes, n, (int)l - 1));
    }
    assert_int_equal(on_level(nodes, n, (int)levels), 0);
    check_chains(nodes, n, (int)levels - 1);
    check_parents(nodes, n);
}

static void test_shape(void **state)
{
    static const struct {
        const char *name;
        size_t leaves;
        uint64_t levels, top;
        bool gaps;
        int wanted; /* levels */
    } cases[] = {
        {"by-rule", 100, 0, 0, false, 2}, {"three", 120, 3, 4, false, 3}, {"gaps", 60, 0, 5, true, 2},
        {"few", 3, 0, 0, false, 1},       {"flat", 40, 1, 0, false, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        size_t n;
        open_fixture(state, cases[i].name, cases[i].leaves, cases[i].gaps, &f);
        f.config.levels = cases[i].levels;
        f.config.top = cases[i].top;
        struct node *nodes = grow(&f, &n);
        assert_true(on_level(nodes, n, cases[i].wanted - 1) > 0);
        assert_int_equal(on_level(nodes, n, cases[i].wanted), 0);
        check_tree(&f, nodes, n);
        close_fixture(&f);
    }
}

static void test_siblings_have_different_names(void **state)
{
    struct fixture f;
    size_t n;
    open_fixture(state, "siblings", 120, false, &f);
    f.config.levels = 3;
    struct node *nodes = grow(&f, &n);
    assert_int_equal(same_named_siblings(nodes, n), 0);
    close_fixture(&f);
}

/* Growing again replaces the tree by the same one, and asks nothing. */
static void test_again(void **state)
{
    struct fixture f;
    size_t n, again_n;
    open_fixture(state, "again", 80, true, &f);
    struct node *nodes = grow(&f, &n);
    assert_true(f.c.usage.calls > 0);
    f.c.usage = (struct usage){0};
    struct node *again = grow(&f, &again_n);
    assert_int_equal(f.c.usage.calls, 0);
    assert_int_equal(n, again_n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(nodes[i].id, again[i].id);
        assert_int_equal(nodes[i].parent, again[i].parent);
        assert_true(str_eq(nodes[i].name, again[i].name));
    }
    close_fixture(&f);
}

static void test_nothing_to_do(void **state)
{
    struct fixture f;
    size_t n;
    open_fixture(state, "nothing", 0, false, &f);
    grow(&f, &n);
    assert_int_equal(n, 0);
    close_fixture(&f);
}

static void test_plan(void **state)
{
    (void)state;
    size_t s[HIERARCHY_LEVELS_MAX];
    assert_int_equal(hierarchy_plan(0, 0, 0, s), 1);
    assert_int_equal(hierarchy_plan(3, 0, 0, s), 1);
    assert_int_equal(hierarchy_plan(100, 1, 0, s), 1);
    assert_int_equal(hierarchy_plan(100, 0, 0, s), 2);
    assert_int_equal(s[0], 100);
    assert_int_equal(s[1], 10);
    assert_int_equal(hierarchy_plan(1000, 0, 0, s), 3);
    assert_int_equal(s[1], 100);
    assert_int_equal(s[2], 10);
    assert_int_equal(hierarchy_plan(16, 0, 0, s), 2);
    assert_int_equal(s[1], 4);
    assert_int_equal(hierarchy_plan(4, 12, 2, s), 3); /* sizes fall strictly, so not all twelve levels fit */
    for (size_t n = 4; n < 3000; n += 13)
        for (uint64_t levels = 0; levels < 8; levels++) {
            size_t count = hierarchy_plan(n, levels, 0, s);
            assert_in_range(count, 1, levels ? levels : HIERARCHY_LEVELS_MAX);
            for (size_t l = 1; l < count; l++)
                assert_true(s[l] < s[l - 1] && s[l] > 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan), SCRATCH_TEST(test_shape),         SCRATCH_TEST(test_siblings_have_different_names),
        SCRATCH_TEST(test_again),    SCRATCH_TEST(test_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
