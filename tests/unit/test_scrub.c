#include "stage/scrub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void finds_what_has_a_pattern(void **state)
{
    (void)state;
    static const char *const private[] = {
        "Write to ana.lopez@example.org about the rent",
        "Write to ana.lopez @ example.org about the rent",
        "Call +44 20 7946 0958 before noon",
        "Card 4111 1111 1111 1111 was declined",
        "Ask for account "
        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93\xef\xbc\x94\xef\xbc\x95\xef\xbc\x96\xef\xbc\x97\xef\xbc\x98\xef\xbc"
        "\x99", /* full-width digits */
        "The server at 192.168.17.4 does not answer",
        "See https://example.org/a?token=b",
        "Fix the login of www.example.org",
        "Use key sk_live_4eC39HqLyjWDarjtT1zdp7dc in the header",
    };
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (!scrub_find(str_of(private[i])))
            fail_msg("missed: %s", private[i]);
}

static void leaves_general_text_alone(void **state)
{
    (void)state;
    static const char *const general[] = {
        "",
        "Explain how e-mail addresses are validated",
        "Convert 1.5 litres to cups and 2,000 metres to miles",
        "Compare version 3.11.7 of an interpreter with 3.12",
        "Summarise events between 1914 and 1918",
        "Write a function named calculate_average_temperature",
        "Solve x @ y for matrices",
        "Plan a budget of 1 000 000 over 12 months",
    };
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        if (scrub_find(str_of(general[i])))
            fail_msg("false alarm (%s): %s", scrub_find(str_of(general[i])), general[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_has_a_pattern),
        cmocka_unit_test(leaves_general_text_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
