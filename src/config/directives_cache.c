/* What is kept of responses. */
#include "config/directives_internal.h"
#include "config/message_rules.h"
#include "config/text_rules.h"

/* In the order of enum cache_mode. */
static const char *const modes[] = {"off", "on", NULL};

static const struct directive cache_directives[] = {
    {.name = "mode",
     .type = DIRECTIVE_ENUM,
     SLOT(cache_settings, mode),
     .fallback = "on",
     .words = modes,
     .doc = "Whether there is one: `cache: on` and `cache: off` are short for it, the latter for a "
            "route of a site that has one.",
     .example = "mode: on"},
    {.name = "max_entry",
     .type = DIRECTIVE_SIZE,
     SLOT(cache_settings, max_entry),
     .fallback = "1M",
     .min = KIBI,
     .max = GIBI,
     .doc = "The largest response that is kept; others pass as they do without a cache.",
     .example = "max_entry: 1M"},
    {.name = "default_ttl",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(cache_settings, default_ttl_ms),
     .fallback = "off",
     .min = SECOND,
     .max = 365 * DAY,
     .doc = "How long responses are fresh that do not say it themselves.",
     .more = "Without it, a tenth of the time since Last-Modified, a day at most (RFC 9111 section "
             "4.2.2), and not at all where there is no Last-Modified or the URL has a query.",
     .example = "default_ttl: 10s"},
    {.name = "stale_while_revalidate",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(cache_settings, stale_revalidate_ms),
     .fallback = "off",
     .min = SECOND,
     .max = 365 * DAY,
     .doc = "How long a response is given on once it is stale, while one request asks for another "
            "(RFC 5861), where it does not say that itself.",
     .example = "stale_while_revalidate: 10s"},
    {.name = "stale_if_error",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(cache_settings, stale_error_ms),
     .fallback = "off",
     .min = SECOND,
     .max = 365 * DAY,
     .doc = "How long a stale response is given in place of an error: no server can be reached, or "
            "it answers 500, 502, 503 or 504 (RFC 5861), where it does not say that itself.",
     .example = "stale_if_error: 1h"},
    {.name = "wait",
     .type = DIRECTIVE_DURATION,
     SLOT(cache_settings, wait_ms),
     .fallback = "5s",
     .min = 10,
     .max = 10 * MINUTE,
     .doc = "How long requests wait for the response to the first of those that ask the same, "
            "before they are sent to a server themselves.",
     .example = "wait: 5s"},
    {.name = "key",
     .type = DIRECTIVE_TEXTS,
     SLOT(cache_settings, key),
     .min = 1,
     .max = 8,
     .check = rule_cache_key,
     .doc = "What else makes requests different, besides the URL and what the response's Vary "
            "names: texts with [variables](#variables).",
     .example = "key: [\"{cookie.lang}\"]"},
    {.name = "ignore_query",
     .type = DIRECTIVE_TEXTS,
     SLOT(cache_settings, ignore_query),
     .min = 1,
     .max = 100,
     .check = rule_cache_parameter,
     .doc = "Parameters of the query that make no difference, or beginnings of their names with "
            "`*` behind; `*` alone: the whole query. The server gets them all the same.",
     .more = "Only what servers do not look at: the response to one request is given to all "
             "others.",
     .example = "ignore_query: [\"utm_*\", fbclid]"},
    {.name = "status_field",
     .type = DIRECTIVE_BOOL,
     SLOT(cache_settings, cache_status),
     .fallback = "true",
     .doc = "Whether clients are told by Cache-Status (RFC 9211) what was done.",
     .example = "status_field: false"},
};

const struct section section_cache = {
    .name = "a cache",
    .title = "cache",
    .doc = "Responses that are kept and given to others who ask the same (RFC 9111).",
    .directives = cache_directives,
    .count = ARRAY_LEN(cache_directives),
    .size = sizeof(struct cache_settings),
    .place_offset = offsetof(struct cache_settings, place),
    .scalar_name = "mode",
};
