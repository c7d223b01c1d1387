#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "config/message_rules.h"
#include "gateway/log_rules.h"

static struct arena arena;
static const struct log_names no_names;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void samples_are_parsed(void **state)
{
    static const char *const wrong[] = {"",        "1",      "1 of",         "1 of ",   "0 of 10",
                                        "2 of 1",  "1of 10", "1 of 10 ",     " 1 of 2", "-1 of 2",
                                        "1 of 0x", "a of b", "1 of 1000001", "1  of 2"};
    unsigned taken;
    unsigned of;

    (void)state;
    assert_true(sample_parse(SPAN_OF("1 of 100"), &taken, &of));
    assert_int_equal(taken, 1);
    assert_int_equal(of, 100);
    assert_true(sample_parse(SPAN_OF("3 of 3"), &taken, &of));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_false(sample_parse(span_from_cstr(wrong[i]), &taken, &of));
    }
}

static void a_sample_has_its_share_and_all_that_failed(void **state)
{
    const struct log_rules_settings settings = {.sample = "1 of 4"};
    const struct log_rules *rules = log_rules_build(NULL, &settings, &no_names, &arena);
    unsigned count = 0;

    (void)state;
    for (uint32_t i = 0; i < 400; i++) {
        count += log_rules_sample(rules, false, i) ? 1 : 0;
        assert_true(log_rules_sample(rules, true, i));
    }
    assert_int_equal(count, 100);
    assert_true(log_rules_sample(log_rules_build(NULL, NULL, &no_names, &arena), false, 3));
}

static void what_stands_nearer_is_added_or_replaces(void **state)
{
    struct header_setting file_fields[] = {{"a", "1"}, {"b", "{host}"}};
    struct header_setting route_fields[] = {{"b", "2"}, {"c", "3"}};
    static const char *const secret[] = {"token"};
    static const char *const more[] = {"key"};
    struct log_exclude_settings probe = {.place = {0}};
    const struct log_rules_settings file = {.fields = file_fields,
                                            .field_count = 2,
                                            .redact = {(const char **)(uintptr_t)secret, 1},
                                            .sample = "1 of 2"};
    const struct log_rules_settings route = {.fields = route_fields,
                                             .field_count = 2,
                                             .redact = {(const char **)(uintptr_t)more, 1},
                                             .exclude = &probe,
                                             .exclude_count = 1};
    const struct log_rules *above = log_rules_build(NULL, &file, &no_names, &arena);
    const struct log_rules *all = log_rules_build(above, &route, &no_names, &arena);

    (void)state;
    assert_ptr_equal(log_rules_build(above, NULL, &no_names, &arena), above);
    assert_int_equal(above->member_count, 2);
    assert_int_equal(all->member_count, 3);
    assert_true(span_eq(all->members[1].name, SPAN_OF("b")));
    assert_true(span_eq(all->members[1].value.parts[0].text, SPAN_OF("2")));
    assert_true(span_eq(all->members[2].name, SPAN_OF("c")));
    assert_int_equal(all->redact.count, 2);
    assert_string_equal(all->redact.items[0], "token");
    assert_string_equal(all->redact.items[1], "key");
    assert_int_equal(all->exclude_count, 1);
    assert_int_equal(all->of, 2);
}

/* ---- exclusions ---- */

static const struct peer inside = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}};
static const struct peer outside = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}};

static bool excludes(const struct log_exclude_settings *one, const char *path, const char *method,
                     unsigned status, const struct peer *client)
{
    struct log_exclude_settings copy = *one;
    const struct log_rules_settings settings = {.exclude = &copy, .exclude_count = 1};
    const struct log_facts facts = {.path = span_from_cstr(path),
                                    .method = span_from_cstr(method),
                                    .status = status,
                                    .client = client,
                                    .has_failed = status == 0 || status >= 500};

    return log_rules_exclude(log_rules_build(NULL, &settings, &no_names, &arena), &facts);
}

static struct string_list list_of(const char *const *items, size_t count)
{
    return (struct string_list){(const char **)(uintptr_t)items, count};
}

static void paths_are_exact_or_have_a_star(void **state)
{
    static const char *const paths[] = {"/healthz", "/static/*", "*.ico"};
    const struct log_exclude_settings one = {.paths = list_of(paths, 3)};

    (void)state;
    assert_true(excludes(&one, "/healthz", "GET", 200, &outside));
    assert_false(excludes(&one, "/healthz/", "GET", 200, &outside));
    assert_false(excludes(&one, "/health", "GET", 200, &outside));
    assert_true(excludes(&one, "/static/", "GET", 200, &outside));
    assert_true(excludes(&one, "/static/a/b", "GET", 200, &outside));
    assert_false(excludes(&one, "/static", "GET", 200, &outside));
    assert_true(excludes(&one, "/a/favicon.ico", "GET", 200, &outside));
    assert_false(excludes(&one, "/a.ico/b", "GET", 200, &outside));
    assert_false(excludes(&one, "", "GET", 200, &outside));
}

static void each_list_that_is_there_must_fit(void **state)
{
    static const char *const paths[] = {"/healthz"};
    static const char *const methods[] = {"GET", "HEAD"};
    static const char *const statuses[] = {"2xx", "304"};
    struct network network = {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10},
                              .prefix_bits = 104};
    const struct log_exclude_settings one = {.paths = list_of(paths, 1),
                                             .methods = list_of(methods, 2),
                                             .statuses = list_of(statuses, 2),
                                             .clients = {&network, 1}};

    (void)state;
    assert_true(excludes(&one, "/healthz", "HEAD", 204, &inside));
    assert_true(excludes(&one, "/healthz", "GET", 304, &inside));
    assert_false(excludes(&one, "/healthz", "GET", 303, &inside));
    assert_false(excludes(&one, "/healthz", "get", 200, &inside));
    assert_false(excludes(&one, "/", "GET", 200, &inside));
    assert_false(excludes(&one, "/healthz", "GET", 200, &outside));
}

static void what_failed_is_left_out_by_its_status_alone(void **state)
{
    static const char *const paths[] = {"/healthz"};
    static const char *const statuses[] = {"503"};
    const struct log_exclude_settings by_path = {.paths = list_of(paths, 1)};
    const struct log_exclude_settings by_status = {.paths = list_of(paths, 1),
                                                   .statuses = list_of(statuses, 1)};

    (void)state;
    assert_true(excludes(&by_path, "/healthz", "GET", 404, &outside));
    assert_false(excludes(&by_path, "/healthz", "GET", 503, &outside));
    assert_false(excludes(&by_path, "/healthz", "GET", 0, &outside));
    assert_true(excludes(&by_status, "/healthz", "GET", 503, &outside));
    assert_false(excludes(&by_status, "/healthz", "GET", 502, &outside));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(samples_are_parsed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sample_has_its_share_and_all_that_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_stands_nearer_is_added_or_replaces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_are_exact_or_have_a_star, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_list_that_is_there_must_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_failed_is_left_out_by_its_status_alone, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
