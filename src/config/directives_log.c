/* The log. */
#include "config/directives_internal.h"
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
         "The supervisor opens it, at the start and after SIGHUP, with the rights of the start; so "
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
