/* config/report: all errors at once and in order, for people and for programs, and what a strange
 * file does to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static struct settings *load(const char *yaml, size_t len, struct config_report *report)
{
    char *copy = malloc(len != 0 ? len : 1);
    struct settings *settings;

    assert_non_null(copy);
    memcpy(copy, yaml, len);
    config_report_init(report);
    settings = config_load_text(span_make(copy, len), "tidegate.yaml", report);
    free(copy);
    return settings;
}

static char *printed(const struct config_report *report, bool json, bool color)
{
    char *text = NULL;
    size_t size = 0;
    char *copy;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    if (json) {
        config_report_print_json(report, out);
    } else {
        config_report_print(report, out, color);
    }
    fclose(out);
    copy = xstrdup(text);
    free(text);
    return copy;
}

static void all_errors_are_printed_at_once_in_order(void **state)
{
    static const char yaml[] = "workers: none\n"
                               "sites:\n"
                               "  - hosts: [a.example]\n"
                               "    tls: { certficate: shop.crt, key: shop.key }\n"
                               "    backend: 127.0.0.1:99999\n";
    struct config_report report;
    char *text;

    (void)state;
    assert_null(load(yaml, strlen(yaml), &report));
    text = printed(&report, false, false);
    assert_string_equal(
        text, "tidegate.yaml:1:10: error: 'workers' needs a whole number, not 'none'\n"
              "     1 | workers: none\n"
              "       |          ^~~~\n"
              "  = help: for example workers: 4\n"
              "tidegate.yaml:4:12: error: unknown key 'certficate'; did you mean 'certificate'?\n"
              "     4 |     tls: { certficate: shop.crt, key: shop.key }\n"
              "       |            ^~~~~~~~~~\n"
              "  = help: tls of a site can have: certificate, key, certificates, ocsp, "
              "certificates_from, certificates_loaded, ocsp_fetch, policy, min_version, "
              "max_version, ciphers, cipher_suites, groups, signature_algorithms, prefer, "
              "protocols, clients, ticket_rotation, session_cache, early_data, early_data_limit\n"
              "tidegate.yaml:5:14: error: port '99999' of '127.0.0.1:99999' is not a number from "
              "1 to 65535\n"
              "     5 |     backend: 127.0.0.1:99999\n"
              "       |              ^~~~~~~~~~~~~~~\n"
              "  = help: for example 127.0.0.1:8080\n"
              "3 errors, 0 warnings\n");
    free(text);
    text = printed(&report, false, true);
    assert_non_null(strstr(text, "\x1b[1;31m"));
    free(text);
    config_report_free(&report);
}

static void the_report_as_json(void **state)
{
    struct config_report report;
    char *text;

    (void)state;
    assert_null(load("a\": [\n", 6, &report));
    config_report_add(&report, CONFIG_WARNING, (struct place){0}, "said \"%s\"", "so");
    text = printed(&report, true, false);
    assert_non_null(strstr(
        text, "{\"file\":\"tidegate.yaml\",\"files\":[\"tidegate.yaml\"],"
              "\"ok\":false,\"errors\":1,"
              "\"warnings\":1,\"messages\":[{\"severity\":\"warning\","
              "\"file\":\"tidegate.yaml\",\"line\":0,\"column\":0,\"text\":\"said \\\"so\\\"\","
              "\"hint\":null},"));
    free(text);
    config_report_free(&report);
}

static void a_terminal_is_never_sent_control_bytes(void **state)
{
    struct config_report report;
    char *text;

    (void)state;
    assert_null(load("a: \x1b[31m\xff\n", 9, &report));
    config_report_add(&report, CONFIG_ERROR, (struct place){1, 4, 0}, "odd \x1b]0;x\a text");
    text = printed(&report, false, false);
    for (size_t i = 0; text[i] != '\0'; i++) {
        assert_true(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
    }
    free(text);
    config_report_free(&report);
}

static void long_lines_are_shown_around_the_place(void **state)
{
    char yaml[4200];
    struct config_report report;
    char *text;

    (void)state;
    memset(yaml, ' ', sizeof(yaml));
    memcpy(yaml, "workers: ", 9);
    memcpy(yaml + sizeof(yaml) - 6, "maybe\n", 6);
    assert_null(load(yaml, sizeof(yaml), &report));
    text = printed(&report, false, false);
    assert_non_null(strstr(text, "maybe\n"));
    assert_non_null(strstr(text, "^~~~~\n"));
    assert_true(strlen(text) < 800);
    free(text);
    config_report_free(&report);
}

static void messages_are_bounded(void **state)
{
    char *yaml = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&yaml, &len);
    struct config_report report;
    char *text;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        fprintf(out, "key%d: x\n", i);
    }
    fclose(out);
    assert_null(load(yaml, len, &report));
    assert_int_equal(report.count, CONFIG_MESSAGES_MAX);
    assert_int_equal(report.errors, 1000);
    text = printed(&report, false, false);
    assert_non_null(strstr(text, "1000 errors, 0 warnings (the first 200 are shown)\n"));
    free(text);
    free(yaml);
    config_report_free(&report);
}

/* Counting columns from the line's start for each value took minutes here. */
static void a_line_of_a_megabyte_is_read_in_a_moment(void **state)
{
    struct config_report report;
    char *yaml = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&yaml, &len);

    (void)state;
    assert_non_null(out);
    fputs("sites: [", out);
    for (int i = 0; i < 1 << 18; i++) {
        fputs("a: b, ", out);
    }
    fputs("]\n", out);
    fclose(out);
    assert_null(load(yaml, len, &report));
    assert_non_null(strstr(report.messages[0].text, "has 262144 entries"));
    config_report_free(&report);
    free(yaml);
}

static void what_is_too_large_or_missing_is_said_without_a_place(void **state)
{
    size_t len = CONFIG_FILE_BYTES_MAX + 1;
    char *large = malloc(len);
    struct config_report report;

    (void)state;
    assert_non_null(large);
    memset(large, '#', len);
    config_report_init(&report);
    assert_null(config_load_text(span_make(large, len), "large.yaml", &report));
    assert_non_null(strstr(report.messages[0].text, "larger than 4 MiB"));
    config_report_free(&report);
    free(large);
    assert_null(config_load_file("no/such/file.yaml", &report));
    assert_non_null(strstr(report.messages[0].text, "cannot be read: No such file"));
    config_report_free(&report);
    assert_null(config_load_file("/", &report));
    assert_non_null(strstr(report.messages[0].text, "cannot be read: Is a directory"));
    config_report_free(&report);
}

static void what_is_complained_of_again_at_the_same_place_is_one_message(void **state)
{
    struct place here = {.line = 3, .column = 5};
    struct place there = {.line = 4, .column = 5};
    struct config_report report;

    (void)state;
    config_report_init(&report);
    config_report_add(&report, CONFIG_ERROR, here, "no %s", "key");
    config_report_hint(&report, "add it");
    config_report_add(&report, CONFIG_ERROR, there, "no %s", "key");
    config_report_add(&report, CONFIG_ERROR, here, "no %s", "key");
    config_report_hint(&report, "another hint, of a message that is not kept");
    config_report_add(&report, CONFIG_WARNING, here, "no %s", "key");
    assert_int_equal(report.count, 3);
    assert_int_equal(report.errors, 2);
    assert_int_equal(report.warnings, 1);
    assert_string_equal(report.messages[0].hint, "add it");
    assert_null(report.messages[1].hint);
    config_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_errors_are_printed_at_once_in_order),
        cmocka_unit_test(the_report_as_json),
        cmocka_unit_test(a_terminal_is_never_sent_control_bytes),
        cmocka_unit_test(long_lines_are_shown_around_the_place),
        cmocka_unit_test(messages_are_bounded),
        cmocka_unit_test(what_is_complained_of_again_at_the_same_place_is_one_message),
        cmocka_unit_test(a_line_of_a_megabyte_is_read_in_a_moment),
        cmocka_unit_test(what_is_too_large_or_missing_is_said_without_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
