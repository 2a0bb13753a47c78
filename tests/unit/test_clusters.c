/* The tree of a facet, its members and its points. */
#include "store/clusters.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

static struct node make(int level, size_t index, int64_t parent)
{
    return (struct node){.id = cluster_id(1, level, index),
                         .facet = STR("request"),
                         .level = level,
                         .parent = parent,
                         .name = STR("Fix web pages"),
                         .description = STR("People ask why a page looks wrong."),
                         .short_name = STR("Web pages"),
                         .conversations = 40,
                         .accounts = 25,
                         .large_enough = true,
                         .rating = 4,
                         .rating_reason = STR("general")};
}

static void test_ids(void **state)
{
    (void)state;
    assert_int_equal(cluster_id(1, 2, 34), 1020000034);
    for (size_t facet = 0; facet < 3; facet++)
        for (int level = 0; level < 3; level++)
            for (size_t index = 0; index < 10000000; index += 999999) {
                size_t f, i;
                int l;
                cluster_parts(cluster_id(facet, level, index), &f, &l, &i);
                assert_true(f == facet && l == level && i == index);
            }
}

static void test_nodes(void **state)
{
    struct run r;
    struct error e = {0};
    struct node *nodes;
    size_t n;
    OK(run_open(*state, RUN_CREATE, &r, &e));
    struct node top = make(1, 0, -1), a = make(0, 1, top.id), b = make(0, 0, -1), other = make(0, 5, -1);
    other.facet = STR("concern");
    OK(clusters_put(&r, &top, &e));
    OK(clusters_put(&r, &a, &e));
    OK(clusters_put(&r, &b, &e));
    OK(clusters_put(&r, &other, &e));
    OK(clusters_load(&r, STR("request"), -1, &r.arena, &nodes, &n, &e));
    assert_int_equal(n, 3);
    assert_true(nodes[0].id == b.id && nodes[1].id == a.id && nodes[2].id == top.id);
    assert_true(nodes[1].parent == top.id && nodes[1].conversations == 40 && nodes[1].accounts == 25);
    assert_true(nodes[1].large_enough && nodes[1].rating == 4 && nodes[1].level == 0);
    assert_true(str_eq(nodes[1].name, a.name) && str_eq(nodes[1].description, a.description) &&
                str_eq(nodes[1].short_name, a.short_name) && str_eq(nodes[1].rating_reason, a.rating_reason));
    OK(clusters_set_parent(&r, b.id, top.id, &e));
    OK(clusters_set_rating(&r, b.id, 2, STR("names a place"), &e));
    a.name = STR("Repair pages");
    OK(clusters_put(&r, &a, &e));
    OK(clusters_load(&r, STR("request"), 0, &r.arena, &nodes, &n, &e));
    assert_int_equal(n, 2);
    assert_true(nodes[0].parent == top.id && nodes[0].rating == 2 && str_eqz(nodes[0].rating_reason, "names a place"));
    assert_true(str_eqz(nodes[1].name, "Repair pages"));

    OK(members_put(&r, STR("request"), 1, a.id, &e));
    OK(clusters_clear(&r, STR("request"), 1, &e));
    OK(clusters_load(&r, STR("request"), -1, &r.arena, &nodes, &n, &e));
    assert_int_equal(n, 2);
    assert_true(nodes[0].parent == -1 && nodes[1].parent == -1); /* no one points to what is gone */
    OK(clusters_clear(&r, STR("request"), 0, &e));
    OK(clusters_load(&r, STR("request"), -1, &r.arena, &nodes, &n, &e));
    assert_int_equal(n, 0);
    int64_t members;
    OK(db_get_int(r.db, &e, &members, -1, "SELECT count(*) FROM member", ""));
    assert_int_equal(members, 0);
    OK(clusters_load(&r, STR("concern"), -1, &r.arena, &nodes, &n, &e));
    assert_int_equal(n, 1);
    run_close(&r);
}

struct seen {
    int64_t recs[8], leaves[8];
    float x[8], y[8];
    size_t n;
};

static enum err see_member(void *arg, int64_t rec, int64_t leaf, struct error *e)
{
    struct seen *s = arg;
    if (rec == 100)
        return error_set(e, ERR_FAILED, "stop");
    s->recs[s->n] = rec;
    s->leaves[s->n++] = leaf;
    return ERR_OK;
}

static enum err see_point(void *arg, int64_t rec, float x, float y, struct error *e)
{
    (void)e;
    struct seen *s = arg;
    s->recs[s->n] = rec;
    s->x[s->n] = x;
    s->y[s->n++] = y;
    return ERR_OK;
}

static void test_members_and_points(void **state)
{
    struct run r;
    struct error e = {0};
    struct seen s = {0};
    OK(run_open(*state, RUN_CREATE, &r, &e));
    OK(members_put(&r, STR("request"), 9, 70, &e));
    OK(members_put(&r, STR("request"), 2, 71, &e));
    OK(members_put(&r, STR("request"), 9, 72, &e)); /* moved */
    OK(members_put(&r, STR("concern"), 3, 73, &e));
    OK(members_each(&r, STR("request"), see_member, &s, &e));
    assert_true(s.n == 2 && s.recs[0] == 2 && s.leaves[0] == 71 && s.recs[1] == 9 && s.leaves[1] == 72);
    OK(members_put(&r, STR("request"), 100, 70, &e));
    s.n = 0;
    assert_int_equal(members_each(&r, STR("request"), see_member, &s, &e), ERR_FAILED);
    assert_string_equal(e.text, "stop");

    OK(points_put(&r, STR("request"), 9, 0.1f, -1e-30f, &e));
    OK(points_put(&r, STR("request"), 2, 3.5f, 1.0f / 3, &e));
    OK(points_put(&r, STR("concern"), 2, 1, 1, &e));
    s.n = 0;
    OK(points_each(&r, STR("request"), see_point, &s, &e));
    assert_true(s.n == 2 && s.recs[0] == 2 && s.recs[1] == 9);
    assert_true(s.x[1] == 0.1f && s.y[1] == -1e-30f && s.y[0] == 1.0f / 3); /* to the bit */
    OK(points_clear(&r, STR("request"), &e));
    s.n = 0;
    OK(points_each(&r, STR("request"), see_point, &s, &e));
    assert_int_equal(s.n, 0);
    OK(points_each(&r, STR("concern"), see_point, &s, &e));
    assert_int_equal(s.n, 1);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        SCRATCH_TEST(test_nodes),
        SCRATCH_TEST(test_members_and_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
