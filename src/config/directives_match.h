/* The directives that compare a request, for the tables in which it is compared: those of routes
 * (directives_match.c) and of rules (directives_access.c). Not for others. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_MATCH_H
#define TIDEGATE_CONFIG_DIRECTIVES_MATCH_H

#include "config/directives_internal.h"
#include "config/match_rules.h"
#include "config/text_rules.h"

extern const char *const match_schemes[];

/* What a value must be, of headers, query and cookies. */
#define VALUES(member, number, rule)                                                               \
    .type = DIRECTIVE_FIELDS, SLOT(match_settings, member), COUNT(match_settings, number),         \
    .min = 1, .max = 32, .check_field = (rule)

/* What a route and its `not`, `any` and `all` both compare. */
#define PATH(usual)                                                                                \
    .name = "path", .type = DIRECTIVE_TEXT, SLOT(match_settings, path), .fallback = (usual),       \
    .min = 1, .max = PATH_BYTES_MAX, .check = rule_path_pattern,                                   \
    .pattern = "^(/[^*?#]*\\*?|\\*[^*?#]+)$"
#define REGEX                                                                                      \
    .name = "regex", .type = DIRECTIVE_TEXT, SLOT(match_settings, regex), .min = 1,                \
    .max = PATTERN_BYTES_MAX, .check = rule_regex
#define METHODS                                                                                    \
    .name = "methods", .type = DIRECTIVE_TEXTS, SLOT(match_settings, methods), .min = 1,           \
    .max = 64, .check = rule_method, .pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
#define HEADERS .name = "headers", VALUES(headers, header_count, rule_match_header)
#define QUERY                                                                                      \
    .name = "query", VALUES(query, query_count, rule_match_query),                                 \
    .pattern = "^[^&=# \\u0000-\\u001f]*$"
#define COOKIE_VALUES .name = "cookies", VALUES(cookies, cookie_count, rule_match_cookie)
#define CLIENT_ADDRESS                                                                             \
    .name = "client_address", .type = DIRECTIVE_NETWORKS, SLOT(match_settings, client_address),    \
    .min = 1, .max = 10000
#define SCHEME                                                                                     \
    .name = "scheme", .type = DIRECTIVE_WORD, SLOT(match_settings, scheme), .words = match_schemes
#define NOT(part)                                                                                  \
    .name = "not", .type = DIRECTIVE_SECTION, SLOT(match_settings, negated), .section = &(part)
#define ANY(part)                                                                                  \
    .name = "any", .type = DIRECTIVE_SECTIONS, SLOT(match_settings, any),                          \
    COUNT(match_settings, any_count), .min = 1, .max = 32, .section = &(part)
#define ALL(part)                                                                                  \
    .name = "all", .type = DIRECTIVE_SECTIONS, SLOT(match_settings, all),                          \
    COUNT(match_settings, all_count), .min = 1, .max = 32, .section = &(part)

#endif
