/* The published file's schema and its reader. */
#include "store/bundle.h"
#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "scratch.h"

static void publish(const char *path)
{
    struct db *d;
    struct error e = {0};
    OK(db_open(path, DB_BUILD, &d, &e));
    OK(db_begin(d, &e));
    OK(db_exec(d, bundle_schema, &e));
    OK(db_exec(d,
               "INSERT INTO meta VALUES('conversations', '1200');"
               "INSERT INTO facet(name, kind, position, clustered, several)"
               " VALUES('concern','text',2,1,0), ('language','categorical',1,0,0), ('request','text',0,1,0);"
               "INSERT INTO node(id, facet, level, parent, position, name, description, short_name, conversations,"
               " accounts, rating, x, y, radius) VALUES"
               " (1,'request',0,9,1,'b','','',40,30,4,0.25,0.5,0.125), (2,'request',0,9,0,'a','','',50,30,5,0,0,0),"
               " (9,'request',1,-1,0,'top','all of it','t',90,60,3,NULL,NULL,NULL),"
               " (1000,'concern',0,-1,0,'other','','',20,20,3,0,0,0);",
               &e));
    OK(db_commit(d, &e));
    db_close(d);
}

static void test_reading(void **state)
{
    char path[256];
    struct db *d;
    struct error e = {0};
    struct arena a = {0};
    struct str json, *names;
    struct bundle_node *nodes;
    size_t n;
    assert_int_equal(bundle_open(*state, &d, &e), ERR_IO);
    assert_null(d);
    assert_true(e.hint[0]);
    OK(file_make_folder(scratch_path(state, "published", path), &e));
    publish(scratch_path(state, "published/clio.db", path));
    OK(bundle_open(*state, &d, &e));
    OK(bundle_meta(d, "conversations", &a, &json, &e));
    assert_true(str_eqz(json, "1200"));
    OK(bundle_meta(d, "none", &a, &json, &e));
    assert_int_equal(json.n, 0);
    OK(bundle_facets(d, &a, &names, &n, &e));
    assert_int_equal(n, 2);
    assert_true(str_eqz(names[0], "request") && str_eqz(names[1], "concern"));
    OK(bundle_nodes(d, STR("request"), &a, &nodes, &n, &e));
    assert_int_equal(n, 3);
    assert_true(nodes[0].id == 9 && nodes[1].id == 2 && nodes[2].id == 1);
    assert_true(nodes[0].radius < 0 && nodes[2].radius == 0.125); /* not on the map, and on it */
    assert_true(nodes[2].parent == 9 && nodes[2].x == 0.25 && nodes[2].y == 0.5 && nodes[2].rating == 4);
    assert_true(nodes[0].conversations == 90 && nodes[0].accounts == 60 && nodes[0].level == 1);
    assert_true(str_eqz(nodes[0].name, "top") && str_eqz(nodes[0].description, "all of it"));
    assert_int_equal(db_exec(d, "DELETE FROM node", &e), ERR_IO); /* nothing can be changed through it */
    arena_release(&a);
    db_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SCRATCH_TEST(test_reading)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
