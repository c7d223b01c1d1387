/* The log. */
#include "config/directives_internal.h"
#include "config/message_rules.h"
#include "config/text_rules.h"

static const char *const log_formats[] = {"json", "combined", "logfmt", "template", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_targets[] = {"-", "off", NULL};

static const struct directive exclude_directives[] = {
    {.name = "paths",
     .type = DIRECTIVE_TEXTS,
     SLOT(log_exclude_settings, paths),
     .min = 1,
     .max = 100,
     .check = rule_log_path,
     .doc = "Paths: exact, or with a `*` at the beginning or the end. A query is not looked at.",
     .example = "paths: [/healthz, /static/*, \"*.ico\"]"},
    {.name = "methods",
     .type = DIRECTIVE_TEXTS,
     SLOT(log_exclude_settings, methods),
     .min = 1,
     .max = 64,
     .check = rule_method,
     .doc = "Methods.",
     .example = "methods: [HEAD, OPTIONS]"},
    {.name = "statuses",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_NUMERIC,
     SLOT(log_exclude_settings, statuses),
     .min = 1,
     .max = 64,
     .check = rule_statuses,
     .pattern = "^[1-5]([0-9][0-9]|xx)$",
     .doc = "Statuses that the client got.",
     .example = "statuses: [2xx, 304]"},
    {.name = "clients",
     .type = DIRECTIVE_NETWORKS,
     SLOT(log_exclude_settings, clients),
     .min = 1,
     .max = 1000,
     .doc = "Networks that the client is in: the real one, as `trusted_proxies` tell it.",
     .example = "clients: [10.0.0.0/8]"},
};

const struct section section_log_exclude = {
    .name = "an exclusion from the log",
    .title = "log_exclusion",
    .doc = "Requests that have no line: those that fit one of each list that is there. What went "
           "wrong (a line that would have a `reason`, a status of 500 and above) is written all "
           "the same, unless `statuses` name it.",
    .directives = exclude_directives,
    .count = ARRAY_LEN(exclude_directives),
    .size = sizeof(struct log_exclude_settings),
    .place_offset = offsetof(struct log_exclude_settings, place),
};

#define LOG_RULES(object, member)                                                                  \
    {.name = "fields",                                                                             \
     .type = DIRECTIVE_FIELDS,                                                                     \
     SLOT(object, member fields),                                                                  \
     COUNT(object, member field_count),                                                            \
     .min = 1,                                                                                     \
     .max = 32,                                                                                    \
     .check_field = rule_log_field,                                                                \
     .doc = "Further members of a request's line, by names of one's own.",                         \
     .more = "Values have [variables](#variables), those of the response too. In JSON they are "   \
             "members of the line, left out where they are empty; in the combined format they "    \
             "stand at its end, in quotes, in their order, `-` where they are empty.",             \
     .example = "fields: { tenant: \"{request.X-Tenant}\", cache: \"{response.X-Cache}\" }"},      \
        {.name = "redact",                                                                         \
         .type = DIRECTIVE_TEXTS,                                                                  \
         .flags = DIRECTIVE_LOWER,                                                                 \
         SLOT(object, member redact),                                                              \
         .min = 1,                                                                                 \
         .max = 100,                                                                               \
         .check = rule_parameter,                                                                  \
         .doc = "Parameters of queries whose values are not written.",                             \
         .more = "In `target`, `referer`, and where a variable gives the query. Names count in "   \
                 "any case and any spelling (`%74oken` is `token`). `(redacted)` stands for the "  \
                 "value.",                                                                         \
         .example = "redact: [token, password]"},                                                  \
        {.name = "exclude",                                                                        \
         .type = DIRECTIVE_SECTIONS,                                                               \
         SLOT(object, member exclude),                                                             \
         COUNT(object, member exclude_count),                                                      \
         .min = 1,                                                                                 \
         .max = 100,                                                                               \
         .section = &section_log_exclude,                                                          \
         .doc = "Requests that have no line: probes of health, for example.",                      \
         .example = "exclude: [ { paths: [/healthz], statuses: [200] } ]"},                        \
    {                                                                                              \
        .name = "sample", .type = DIRECTIVE_TEXT, SLOT(object, member sample), .min = 6,           \
        .max = 20, .check = rule_sample, .pattern = "^[1-9][0-9]* of [1-9][0-9]*$",                \
        .doc = "How many of the requests have a line.",                                            \
        .more = "Which ones is decided by the request's id, so that gateways in a row choose the " \
                "same. What went wrong is always written: a line that has a `reason`, or a "       \
                "status of 500 and above.",                                                        \
        .example = "sample: 1 of 100"                                                              \
    }

static const struct directive log_rules_directives[] = {
    LOG_RULES(log_rules_settings, ),
};

const struct section section_log_rules = {
    .name = "a site's log",
    .title = "log_rules",
    .doc = "What is different in the lines of a site's or a route's requests: `fields`, `redact` "
           "and `exclude` are added to what stands above (a field of the same name replaces it), "
           "`sample` replaces it.",
    .directives = log_rules_directives,
    .count = ARRAY_LEN(log_rules_directives),
    .size = sizeof(struct log_rules_settings),
    .place_offset = offsetof(struct log_rules_settings, place),
};

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
    {.name = "to",
     .type = DIRECTIVE_TEXTS,
     SLOT(log_settings, to),
     .min = 1,
     .max = 8,
     .check = rule_log_place,
     .doc = "Where the access log is written: one or several of `file`, `stdout`, `syslog`, "
            "`journal`. Without it, `file`.",
     .more =
         "`file` is what `access` names. `syslog` sends a datagram of RFC 5424 (facility daemon) "
         "for each line to /dev/log, `syslog:127.0.0.1:514` to that address by UDP, "
         "`syslog:/a/socket` to another socket. `journal` is systemd's, by its own protocol: the "
         "line is the message, and each member a field besides, so that `journalctl "
         "TIDEGATE_STATUS=502` finds it. Each place has a queue of 4 MiB and a thread of its own: "
         "one that is slow, full or missing holds up nobody, and loses its own lines alone, which "
         "are counted, told of on standard error, and shown by `tidegate status`.",
     .example = "to: [file, journal]"},
    {.name = "format",
     .type = DIRECTIVE_ENUM,
     SLOT(log_settings, format),
     .fallback = "json",
     .words = log_formats,
     .doc = "One JSON object a line, the combined format of Apache and nginx, `name=value` pairs "
            "(logfmt), or a `template` of one's own.",
     .more =
         "No value can end a line or a member of it: in JSON and logfmt they are escaped as JSON "
         "says, in the combined format and in templates quotes, backslashes, controls and bytes "
         "above 126 are written `\\xHH`.",
     .example = "format: json"},
    {.name = "template",
     .type = DIRECTIVE_TEXT,
     SLOT(log_settings, template),
     .min = 1,
     .max = 8192,
     .check = rule_log_template,
     .doc = "The line, with `format: template`: a text with [variables](#variables).",
     .more = "`{log.NAME}` is a member that the JSON line would have, with `ms_total` and the like "
             "for those of `ms`. `-` stands for a value that is empty. A value may hold blanks: "
             "put quotes around it, as no value can hold one. Lines of connections have the "
             "variables of the client, of TLS, `{site}` and those of `{log.NAME}` alone.",
     .example = "template: '{log.time} {client.address} \"{method} {target}\" {log.status}'"},
    LOG_RULES(log_settings, rules.),
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
