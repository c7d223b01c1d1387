/* What is done to requests and responses on their way: fields, redirects, rewrites. */
#include "config/directives_internal.h"
#include "config/match_rules.h"
#include "config/message_rules.h"

#define FIELDS(member, number, rule)                                                               \
    .type = DIRECTIVE_FIELDS, SLOT(field_rules_settings, member),                                  \
    COUNT(field_rules_settings, number), .min = 1, .max = 100, .check_field = (rule)
#define REMOVE(rule)                                                                               \
    .name = "remove", .type = DIRECTIVE_TEXTS, SLOT(field_rules_settings, remove), .min = 1,       \
    .max = 100, .check = (rule), .pattern = "^[!#$%&'+.^_`|~0-9A-Za-z-]+\\*?$"

static const struct directive request_directives[] = {
    {REMOVE(rule_request_field_pattern),
     .doc = "Fields that servers do not get; with a `*` at the end, all that begin so.",
     .example = "remove: [Cookie, \"X-Debug-*\"]"},
    {.name = "set",
     FIELDS(set, set_count, rule_request_field),
     .doc = "Fields in place of those of the same name.",
     .example = "set: { X-Tenant: \"{path.1}\" }"},
    {.name = "add",
     FIELDS(add, add_count, rule_request_field),
     .doc = "Fields beside those of the same name.",
     .example = "add: { X-Seen-By: edge }"},
    {.name = "default",
     FIELDS(defaults, default_count, rule_request_field),
     .doc = "Fields where there is none of the same name.",
     .example = "default: { Accept-Language: en }"},
};

const struct section section_request_fields = {
    .name = "request_fields",
    .title = "request_fields",
    .doc =
        "What is done to the fields of requests before a server gets them: removed, set, added, "
        "and given where they are missing, in this order; first what the site says, then what "
        "the route says, both after what the gateway says of the client itself. Values may have "
        "[variables](#variables), which are of the request as it came: a field that is removed can "
        "be given on by another name. A value that comes out empty makes no field, and `set` with "
        "such a value removes one. A name stands for its other spellings, too: whoever sets "
        "`X-Tenant` rids servers of a client's `x_tenant`.",
    .directives = request_directives,
    .count = ARRAY_LEN(request_directives),
    .size = sizeof(struct field_rules_settings),
    .place_offset = offsetof(struct field_rules_settings, place),
};

static const struct directive response_directives[] = {
    {REMOVE(rule_response_field_pattern),
     .doc = "Fields that clients do not get, in trailers neither; with a `*` at the end, all that "
            "begin so.",
     .example = "remove: [Server, \"X-Powered-*\"]"},
    {.name = "set",
     FIELDS(set, set_count, rule_response_field),
     .doc = "Fields in place of those of the same name.",
     .example = "set: { Cache-Control: no-store }"},
    {.name = "add",
     FIELDS(add, add_count, rule_response_field),
     .doc = "Fields beside those of the same name.",
     .example = "add: { X-Request-Id: \"{request.id}\" }"},
    {.name = "default",
     FIELDS(defaults, default_count, rule_response_field),
     .doc = "Fields where there is none of the same name.",
     .example = "default: { Cache-Control: private }"},
};

const struct section section_response_fields = {
    .name = "response_fields",
    .title = "response_fields",
    .doc = "The same for responses: those of servers, files, `respond`, redirects, and the "
           "gateway's own errors, once it is known which site they are of. Not for interim "
           "responses (1xx).",
    .directives = response_directives,
    .count = ARRAY_LEN(response_directives),
    .size = sizeof(struct field_rules_settings),
    .place_offset = offsetof(struct field_rules_settings, place),
};

static const struct directive redirect_directives[] = {
    {.name = "to",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(redirect_settings, to),
     .min = 1,
     .max = 4096,
     .check = rule_redirect_target,
     .doc = "Where to: a URL, or a path of the same site, with [variables](#variables).",
     .more = "Parts of a URL (`{host}`, `{path}`, `{?query}`) are put in as they are, all other "
             "values percent-encoded.",
     .example = "to: \"https://www.example.com{path}{?query}\""},
    {.name = "status",
     .type = DIRECTIVE_INTEGER,
     SLOT(redirect_settings, status),
     .fallback = "308",
     .min = 301,
     .max = 308,
     .doc = "301, 302, 303, 307 or 308. 301 and 308 are for ever, 302 and 307 for now; with 307 "
            "and 308 the method and the "
            "body stay (RFC 9110 section 15.4).",
     .example = "status: 302"},
};

const struct section section_redirect = {
    .name = "redirect",
    .title = "redirect",
    .doc = "Another URL in place of an answer. `redirect: https://www.example.com/` is short for "
           "`redirect: { to: https://www.example.com/ }`.",
    .directives = redirect_directives,
    .count = ARRAY_LEN(redirect_directives),
    .size = sizeof(struct redirect_settings),
    .place_offset = offsetof(struct redirect_settings, place),
    .scalar_name = "to",
};

static const struct directive replace_directives[] = {
    {.name = "regex",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(rewrite_replace_settings, regex),
     .min = 1,
     .max = PATTERN_BYTES_MAX,
     .check = rule_regex,
     .doc = "The regular expression (see `match.regex`) whose first find is replaced.",
     .example = "regex: \"^/users/([0-9]+)$\""},
    {.name = "with",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(rewrite_replace_settings, with),
     .max = PATH_BYTES_MAX,
     .check = rule_replacement,
     .doc = "What stands there instead, with [variables](#variables); `{match.1}` and "
            "`{match.NAME}` are captures of this `regex`.",
     .example = "with: \"/u/{match.1}\""},
};

const struct section section_rewrite_replace = {
    .name = "replace",
    .title = "rewrite_replace",
    .doc = "Another text in place of what a regular expression finds in the path. Where it finds "
           "nothing, the path stays as it is. Where the outcome is no path that could be sent on "
           "(it has no `/` first, has `.` or `..` segments, or what servers read in different "
           "ways), or the search was given up, the answer is 400.",
    .directives = replace_directives,
    .count = ARRAY_LEN(replace_directives),
    .size = sizeof(struct rewrite_replace_settings),
    .place_offset = offsetof(struct rewrite_replace_settings, place),
};

static const struct directive rewrite_directives[] = {
    {.name = "strip_prefix",
     .type = DIRECTIVE_TEXT,
     SLOT(rewrite_settings, strip_prefix),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path_prefix,
     .pattern = "^/",
     .doc = "What is taken off the path's beginning, in whole segments.",
     .more = "`/api` makes `/v1` of `/api/v1`, `/` of `/api`, and leaves `/apis` alone. It is "
             "compared as routes are, so it is found in every spelling of the path; what is left "
             "goes on byte for byte.",
     .example = "strip_prefix: /api"},
    {.name = "prefix",
     .type = DIRECTIVE_TEXT,
     SLOT(rewrite_settings, prefix),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path_prefix,
     .pattern = "^/",
     .doc = "What is put before the path, after that.",
     .example = "prefix: /internal"},
    {.name = "replace",
     .type = DIRECTIVE_SECTION,
     SLOT(rewrite_settings, replace),
     .section = &section_rewrite_replace,
     .doc = "What is replaced in the path, after both.",
     .example = "replace: { regex: \"^/users/([0-9]+)$\", with: \"/u/{match.1}\" }"},
    {.name = "query",
     .type = DIRECTIVE_TEXT,
     SLOT(rewrite_settings, query),
     .min = 0,
     .max = 2048,
     .check = rule_rewrite_query,
     .doc = "The query that a server gets, in place of the client's; with [variables](#variables).",
     .more = "`{query}` is the client's own, `{match.1}` a capture of `match.regex` of the route: "
             "`query: \"page={match.1}&{query}\"`. An `&` at its beginning or end is left out, and "
             "so is the question mark where nothing is left. Scripts (FastCGI) get it as "
             "QUERY_STRING, and the URL as it came as REQUEST_URI.",
     .example = "query: \"q={path}&{query}\""},
};

const struct section section_rewrite = {
    .name = "rewrite",
    .title = "rewrite",
    .doc = "Another path in place of the one that was asked for: for the server, or below the "
           "folder of `files`. The query stays, unless `query` is said. Routes and rules are asked "
           "before, of the path as it came.",
    .directives = rewrite_directives,
    .count = ARRAY_LEN(rewrite_directives),
    .size = sizeof(struct rewrite_settings),
    .place_offset = offsetof(struct rewrite_settings, place),
};
