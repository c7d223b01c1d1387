/* The log. */
#include "config/directives_internal.h"
#include "config/message_rules.h"
#include "config/text_rules.h"

static const char *const log_formats[] = {"json", "combined", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_targets[] = {"-", "off", NULL};

static const struct directive log_directives[] = {
    {.name = "access",
     .type = DIRECTIVE_PATH,
     SLOT(log_settings, access),
     .fallback = "-",
     .min = 1,
     .max = PATH_BYTES_MAX,
     .words = log_targets,
     .check = rule_path,
     .doc = "The file of the access log, `-` for standard output, or `off`.",
     .more =
         "The supervisor opens it, at the start and after SIGUSR1, with the rights of the start; "
         "so "
         "the folder may be root's, and under the systemd unit that comes with Tidegate has to be: "
         "it leaves root no right to write in folders of others. The unit makes "
         "`/var/log/tidegate`.",
     .example = "access: /var/log/tidegate/access.log"},
    {.name = "format",
     .type = DIRECTIVE_ENUM,
     SLOT(log_settings, format),
     .fallback = "json",
     .words = log_formats,
     .doc = "One JSON object a line, or the combined format of Apache and nginx.",
     .example = "format: json"},
    {.name = "fields",
     .type = DIRECTIVE_FIELDS,
     SLOT(log_settings, fields),
     COUNT(log_settings, field_count),
     .min = 1,
     .max = 32,
     .check_field = rule_log_field,
     .doc = "Further members of a request's line, by names of one's own.",
     .more =
         "Values have [variables](#variables), those of the response too. In JSON they are "
         "members of the line, left out where they are empty; in the combined format they stand "
         "at its end, in quotes, in their order, `-` where they are empty.",
     .example = "fields: { tenant: \"{request.X-Tenant}\", cache: \"{response.X-Cache}\" }"},
    {.name = "redact",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_LOWER,
     SLOT(log_settings, redact),
     .min = 1,
     .max = 100,
     .check = rule_parameter,
     .doc = "Parameters of queries whose values are not written.",
     .more =
         "In `target`, `referer`, and where a variable gives the query. Names count in any case "
         "and any spelling (`%74oken` is `token`). `(redacted)` stands for the value.",
     .example = "redact: [token, password]"},
    {.name = "level",
     .type = DIRECTIVE_WORD,
     SLOT(log_settings, level),
     .fallback = "info",
     .words = log_levels,
     .doc = "Which messages about the gateway itself go to standard error.",
     .example = "level: info"},
};

const struct section section_log = {
    .name = "log",
    .title = "log",
    .doc = "What is written down.",
    .directives = log_directives,
    .count = ARRAY_LEN(log_directives),
    .size = sizeof(struct log_settings),
    .place_offset = NO_PLACE,
};
