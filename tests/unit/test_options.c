/* The command line: options in every spelling, and slips that are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "cli/options.h"

struct result {
    int status;
    const char *config;
    const char *sni;
    bool json;
    const char *words[2];
};

static struct result parse(int argc, const char **argv)
{
    struct result r = {0};
    const struct option_spec specs[] = {{"--config", "-c", &r.config, NULL},
                                        {"--sni", NULL, &r.sni, NULL},
                                        {"--json", NULL, NULL, &r.json}};

    r.status = options_parse(argc, (char **)argv, specs, ARRAY_LEN(specs), r.words, 2);
    return r;
}

#define PARSE(...)                                                                                 \
    parse((int)ARRAY_LEN(((const char *[]){"route", __VA_ARGS__})),                                \
          (const char *[]){"route", __VA_ARGS__})

static void values_come_in_every_spelling_and_order(void **state)
{
    struct result r = PARSE("-c", "a.yaml", "url", "--json");

    (void)state;
    assert_int_equal(r.status, OPTIONS_OK);
    assert_string_equal(r.config, "a.yaml");
    assert_true(r.json);
    assert_string_equal(r.words[0], "url");
    assert_null(r.words[1]);
    r = PARSE("x", "--config=b=c", "--sni", "", "y");
    assert_string_equal(r.config, "b=c");
    assert_string_equal(r.sni, "");
    assert_string_equal(r.words[1], "y");
    r = PARSE("--", "--json", "-c");
    assert_int_equal(r.status, OPTIONS_OK);
    assert_false(r.json);
    assert_string_equal(r.words[0], "--json");
    r = PARSE("-");
    assert_string_equal(r.words[0], "-");
}

static void slips_end_with_status_2(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--jsno").status, 2);
    assert_int_equal(PARSE("-c").status, 2);
    assert_int_equal(PARSE("--sni").status, 2);
    assert_int_equal(PARSE("--json=yes").status, 2);
    assert_int_equal(PARSE("--conf=x").status, 2);
    assert_int_equal(PARSE("-x").status, 2);
    assert_int_equal(PARSE("a", "b", "c").status, 2);
}

static void help_is_shown_with_status_0(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help").status, 0);
    assert_int_equal(PARSE("--json", "-h").status, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_in_every_spelling_and_order),
        cmocka_unit_test(slips_end_with_status_2),
        cmocka_unit_test(help_is_shown_with_status_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
