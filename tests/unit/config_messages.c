#include "config_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings *load_part(const char *yaml, size_t len, struct config_report *report)
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

void check_config_message(const struct message_case *expected, const struct config_report *report,
                          enum config_severity severity)
{
    const struct config_message *got = &report->messages[0];

    if (report->count != 1 || got->severity != severity || got->place.line != expected->line ||
        got->place.column != expected->column || strstr(got->text, expected->text) == NULL ||
        got->hint == NULL ||
        (expected->hint != NULL && strstr(got->hint, expected->hint) == NULL)) {
        fprintf(stderr, "--- expected %d:%d '%s' ('%s') of:\n%s--- got:\n", expected->line,
                expected->column, expected->text, expected->hint != NULL ? expected->hint : "",
                expected->yaml);
        config_report_print(report, stderr, false);
        fail_msg("not the message expected");
    }
}
