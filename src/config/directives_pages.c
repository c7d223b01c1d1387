/* What sites and routes answer with in place of errors, and while nobody is served. */
#include "config/directives_internal.h"
#include "config/text_rules.h"

/* ---- errors ---- */

#define PAGE(index, status, what)                                                                  \
    {                                                                                              \
        .name = status, .type = DIRECTIVE_PATH, SLOT(errors_settings, pages[index]), .min = 1,     \
        .max = PATH_BYTES_MAX, .check = rule_path, .doc = "The page for " what,                    \
        .example = status ": page.html"                                                            \
    }

/* In the order of error_page_statuses (edge/error_pages.c). */
static const struct directive errors_directives[] = {
    PAGE(0, "400", "a request that is none."),
    PAGE(1, "401", "who has to log in."),
    PAGE(2, "403", "who may not."),
    PAGE(3, "404", "what is not there."),
    PAGE(4, "405", "a method that is not taken."),
    PAGE(5, "406", "what is there in no form that is asked for."),
    PAGE(6, "408", "who takes too long."),
    PAGE(7, "410", "what is gone."),
    PAGE(8, "413", "bodies that are too large."),
    PAGE(9, "414", "targets that are too long."),
    PAGE(10, "415", "bodies of a kind that is not taken."),
    PAGE(11, "421", "requests that are somewhere else's."),
    PAGE(12, "422", "bodies that make no sense."),
    PAGE(13, "429", "who asks too often."),
    PAGE(14, "431", "heads that are too large."),
    PAGE(15, "451", "what the law forbids."),
    PAGE(16, "500", "a server's error."),
    PAGE(17, "501", "what nobody can."),
    PAGE(18, "502", "servers that cannot be reached, or make no sense."),
    PAGE(19, "503", "servers that are not there at the moment."),
    PAGE(20, "504", "servers that take too long."),
    PAGE(21, "4xx", "what else the client did wrong."),
    PAGE(22, "5xx", "what else went wrong here."),
    {.name = "from_servers",
     .type = DIRECTIVE_BOOL,
     SLOT(errors_settings, from_servers),
     .fallback = "false",
     .doc = "Whether they stand in for what servers answer with such a status, too.",
     .more = "The status and the fields stay, but for those that describe the body. What a server "
             "says to a program rather than to a person stays as it is: a body of JSON, XML or a "
             "gRPC call's.",
     .example = "from_servers: true"},
};

const struct section section_errors = {
    .name = "errors",
    .title = "errors",
    .doc =
        "Pages of HTML in place of the line of text that an error has here: of the gateway's own "
        "errors and of a `respond` without a body. The status stays. They are files of up to "
        "256 KiB, which are read when the configuration is loaded, and again when they have "
        "changed. [Variables](#variables) in them (`{request.id}`, `{status}`, `{host}`) are put "
        "in escaped, so that no value can be markup; braces around anything else stay. gRPC "
        "calls get a grpc-status as ever.",
    .directives = errors_directives,
    .count = ARRAY_LEN(errors_directives),
    .size = sizeof(struct errors_settings),
    .place_offset = offsetof(struct errors_settings, place),
};

/* ---- maintenance ---- */

static const struct directive maintenance_directives[] = {
    {.name = "file",
     .type = DIRECTIVE_PATH,
     SLOT(maintenance_settings, file),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "The page that all get, as those of `errors`; without it, a line of text, or the page "
            "for 503.",
     .example = "file: down.html"},
    {.name = "except",
     .type = DIRECTIVE_NETWORKS,
     SLOT(maintenance_settings, except),
     .min = 0,
     .max = 1000,
     .doc = "Clients that are served all the same: who has to see whether it works again.",
     .more = "By the client's address, as `trusted_proxies` say it.",
     .example = "except: [10.0.0.0/8]"},
    {.name = "retry_after",
     .type = DIRECTIVE_DURATION,
     SLOT(maintenance_settings, retry_after_ms),
     .fallback = "10m",
     .min = SECOND,
     .max = 30 * DAY,
     .doc = "When clients should come again (Retry-After).",
     .example = "retry_after: 30m"},
};

const struct section section_maintenance = {
    .name = "maintenance",
    .title = "maintenance",
    .doc =
        "Everything is answered 503 while this is written. `maintenance: down.html` is short for "
        "`maintenance: { file: down.html }`; `maintenance: {}` has no page.",
    .directives = maintenance_directives,
    .count = ARRAY_LEN(maintenance_directives),
    .size = sizeof(struct maintenance_settings),
    .place_offset = offsetof(struct maintenance_settings, place),
    .scalar_name = "file",
};
