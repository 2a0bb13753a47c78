#include "stage/lead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_lead_goes_in_front_and_comes_off_again(void **state)
{
    (void)state;
    struct buf b = {0};
    lead_add(&b, STR(" web\ndevelopment "));
    buf_addz(&b, "fix a page: it is blank");
    assert_string_equal(b.at, "web development: fix a page: it is blank");
    struct str rest, lead = lead_of(buf_str(&b), &rest);
    assert_true(str_eqz(lead, "web development"));
    assert_true(str_eqz(rest, "fix a page: it is blank"));
    buf_release(&b);
}

static void without_a_lead_all_is_rest(void **state)
{
    (void)state;
    struct buf b = {0};
    lead_add(&b, STR("  "));
    assert_int_equal(b.n, 0);
    struct str rest, lead = lead_of(STR("fix a page"), &rest);
    assert_int_equal(lead.n, 0);
    assert_true(str_eqz(rest, "fix a page"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_lead_goes_in_front_and_comes_off_again),
                                       cmocka_unit_test(without_a_lead_all_is_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
