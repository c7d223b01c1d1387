/* The log. */
#include "config/directives_internal.h"
#include "config/log_outlets.h"
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

#define LOG_FORMAT(object, member)                                                                 \
    {.name = "format",                                                                             \
     .type = DIRECTIVE_ENUM,                                                                       \
     SLOT(object, member format),                                                                  \
     .words = log_formats,                                                                         \
     .doc = "One JSON object a line, the combined format of Apache and nginx, `name=value` pairs " \
            "(logfmt), or a `template` of one's own. Without it, as the log above has it; the "    \
            "file's is `json`.",                                                                   \
     .more = "No value can end a line or a member of it: in JSON and logfmt they are escaped as "  \
             "JSON says, in the combined format and in templates quotes, backslashes, controls "   \
             "and bytes above 126 are written `\\xHH`.",                                           \
     .example = "format: json"},                                                                   \
    {                                                                                              \
        .name = "template", .type = DIRECTIVE_TEXT, SLOT(object, member template), .min = 1,       \
        .max = 8192, .check = rule_log_template,                                                   \
        .doc = "The line, with `format: template`: a text with [variables](#variables).",          \
        .more =                                                                                    \
            "`{log.NAME}` is a member that the JSON line would have, with `ms_total` and the "     \
            "like for those of `ms`. `-` stands for a value that is empty. A value may hold "      \
            "blanks: put quotes around it, as no value can hold one. Lines of connections have "   \
            "the variables of the client, of TLS, `{site}` and those of `{log.NAME}` alone.",      \
        .example = "template: '{log.time} {client.address} \"{method} {target}\" {log.status}'"    \
    }

static const struct directive log_place_directives[] = {
    {.name = "to",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(log_place_settings, to),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_log_place,
     .doc = "The place: `file`, `file:/a/file`, `stdout`, `syslog`, `journal` and so on.",
     .example = "to: file:/var/log/tidegate/fail2ban.log"},
    LOG_FORMAT(log_place_settings, ),
    {.name = "ca",
     .type = DIRECTIVE_PATH,
     SLOT(log_place_settings, ca),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A PEM file of the authorities that a collector is verified by, with `syslog+tls`. "
            "Without it, the system's.",
     .more = "It is read at the start and at each reload.",
     .example = "ca: /etc/tidegate/collectors.pem"},
    {.name = "server_name",
     .type = DIRECTIVE_TEXT,
     SLOT(log_place_settings, server_name),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_server_name,
     .doc = "The name that the collector's certificate must have, with `syslog+tls`. Without it, "
            "the name or the address that `to` has.",
     .example = "server_name: logs.example.com"},
    {SHOWN_CERTIFICATE(log_place_settings, "collector"),
     .more = "It is read at the start and at each reload."},
    {SHOWN_KEY(log_place_settings)},
};

const struct section section_log_place = {
    .name = "a place of a log",
    .title = "log_place",
    .doc = "One of the places that lines go to. A text alone is short for a section with that "
           "`to`.",
    .directives = log_place_directives,
    .count = ARRAY_LEN(log_place_directives),
    .size = sizeof(struct log_place_settings),
    .place_offset = offsetof(struct log_place_settings, place),
    .scalar_name = "to",
};

#define LOG_TO(object, member)                                                                     \
    .name = "to", .type = DIRECTIVE_SECTIONS, SLOT(object, member to),                             \
    COUNT(object, member to_count), .min = 1, .max = LOG_OUTLETS_MAX,                              \
    .section = &section_log_place, .example = "to: [file, journal]",                               \
    .doc = "Where lines are written: one or several of `file`, `file:/a/file`, `stdout`, "         \
           "`syslog`, `journal`, each of them in a form of its own where that is said. Without "   \
           "it, `file`."

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
         .more = "In `target`, `referer`, `detail`, and where a variable gives the query. Names "  \
                 "count in any case and any spelling (`%74oken` is `token`), behind `&`, `;` and " \
                 "each `?`. `(redacted)` stands for the value, up to the next `&`.",               \
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
    {.name = "access",
     .type = DIRECTIVE_PATH,
     SLOT(log_rules_settings, access),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .words = log_targets,
     .check = rule_path,
     .doc = "A file for these lines, `-` for standard output, or `off`: no lines at all.",
     .more = "In place of all places above, unless `keep_above` says otherwise. It is opened, and "
             "opened anew after SIGUSR1, as that of the file is.",
     .example = "access: /var/log/tidegate/shop.log"},
    {LOG_TO(log_rules_settings, ),
     .more = "`file` is what `access` names here. In place of all places above, unless "
             "`keep_above` says otherwise."},
    {.name = "keep_above",
     .type = DIRECTIVE_BOOL,
     SLOT(log_rules_settings, keep_above),
     .fallback = "false",
     .doc = "Whether lines go to the places above, too, in the form that they have there.",
     .example = "keep_above: true\naccess: shop.log"},
    LOG_FORMAT(log_rules_settings, ),
    LOG_RULES(log_rules_settings, ),
};

const struct section section_log_rules = {
    .name = "a site's log",
    .title = "log_rules",
    .doc = "What is different in the lines of a site's or a route's requests: `fields`, `redact` "
           "and `exclude` are added to what stands above (a field of the same name replaces it), "
           "`sample` and `format` replace it, and so do the places (`access`, `to`), unless "
           "`keep_above` is said. What is not said is as above.",
    .directives = log_rules_directives,
    .count = ARRAY_LEN(log_rules_directives),
    .size = sizeof(struct log_rules_settings),
    .place_offset = offsetof(struct log_rules_settings, place),
};

static const struct directive log_directives[] = {
    {.name = "access",
     .type = DIRECTIVE_PATH,
     SLOT(log_settings, rules.access),
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
    {LOG_TO(log_settings, rules.),
     .more =
         "`file` is what `access` names. `syslog` sends a datagram of RFC 5424 (facility daemon) "
         "for each line to /dev/log, `syslog:127.0.0.1:514` to that address by UDP, "
         "`syslog:/a/socket` to another socket. `syslog+tcp:192.0.2.1:601` sends the same over "
         "TCP (RFC 6587, with octet counts), `syslog+tls:logs.example.com:6514` over TLS (RFC "
         "5425); these two take names, which are looked up for each connection (`resolve`): while "
         "the collector is away, lines wait, and it is tried again, first after 100 ms, then "
         "after up to 30 s. `journal` is systemd's, by its own protocol: the "
         "line is the message, and each member a field besides, so that `journalctl "
         "TIDEGATE_STATUS=502` finds it. Each place has a thread and a queue of its own: one that "
         "is slow, full or missing holds up nobody, and loses its own lines alone, which are "
         "counted, told of on standard error, and shown by `tidegate status`. All logs of a "
         "configuration together have 128 places at most; a place that several name is one."},
    LOG_FORMAT(log_settings, rules.),
    {.name = "queue",
     .type = DIRECTIVE_SIZE,
     SLOT(log_settings, queue),
     .fallback = "4m",
     .min = 64 << 10,
     .max = (uint64_t)1 << 30,
     .doc = "How much may wait to be written, for each place. More is lost, and counted.",
     .example = "queue: 16m"},
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
