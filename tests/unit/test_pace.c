#include "plugin/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Runs calls that take so long with all threads and with one; says how many used one. */
static int run(struct pace *p, int calls, double all, double one)
{
    int singles = 0;
    for (int i = 0; i < calls; i++) {
        int32_t threads = pace_threads(p);
        singles += threads == 1;
        pace_took(p, threads, threads == 1 ? one : all);
    }
    return singles;
}

static void follows_what_is_faster(void **state)
{
    (void)state;
    struct pace p = {.all = 2};
    assert_in_range(run(&p, 240, 1.0, 1.9), 1, 20);    /* quiet: both threads, with a look now and then */
    assert_in_range(run(&p, 240, 9.0, 2.0), 180, 240); /* another program came: one */
    assert_in_range(run(&p, 240, 1.0, 1.9), 0, 60);    /* it went: both again */
}

static void has_no_choice_with_one_thread(void **state)
{
    (void)state;
    struct pace p = {.all = 1};
    assert_int_equal(run(&p, 100, 5.0, 5.0), 100);
    assert_false(p.single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_what_is_faster),
        cmocka_unit_test(has_no_choice_with_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
