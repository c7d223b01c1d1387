/* Which requests a route takes. */
#include "config/directives_internal.h"
#include "config/identity_rules.h"
#include "config/match_rules.h"
#include "config/text_rules.h"

#define CLIENT_NAMES(member, word, rule)                                                           \
    .name = word, .type = DIRECTIVE_TEXTS, SLOT(match_client_settings, member), .min = 1,          \
    .max = 1000, .check = (rule)

static const struct directive match_client_directives[] = {
    {CLIENT_NAMES(dns, "dns", rule_client_dns),
     .pattern = "^(\\*\\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$",
     .doc = "DNS names of the subjectAltName; `\"*.example.com\"` stands for one label before it.",
     .example = "dns: [billing.example.com]"},
    {CLIENT_NAMES(uri, "uri", rule_client_uri), .pattern = "^[^:*\\s]+:[^*\\s]*\\*?$",
     .doc =
         "URIs of the subjectAltName, such as SPIFFE IDs; with a `*` at the end, what begins so.",
     .example = "uri: [\"spiffe://example.org/shop/*\"]"},
    {CLIENT_NAMES(email, "email", rule_client_email), .pattern = "^(\\*|[^@*\\s]+)@[^@\\s]+$",
     .doc = "Email addresses of the subjectAltName; `\"*@example.com\"` is everybody there.",
     .example = "email: [\"*@example.com\"]"},
    {CLIENT_NAMES(subject, "subject", NULL),
     .doc = "The subject as a whole, as the access log writes it (`client_subject`, RFC 4514).",
     .example = "subject: [\"CN=billing,O=Partners\"]"},
    {CLIENT_NAMES(issuer, "issuer", NULL),
     .doc = "The CA that issued the client's certificate, by its subject as a whole (RFC 4514): "
            "only this CA's clients.",
     .more = "The name is that of a CA of the verified chain. Where other CAs under the same root "
             "could bear the same name, trust the one that is meant alone: "
             "`tls: { clients: { ca: ... } }` may name an intermediate.",
     .example = "issuer: [\"CN=Partners CA,O=Example\"]"},
};

const struct section section_match_client = {
    .name = "client",
    .title = "match_client",
    .doc = "Which clients a route is for, by the certificate they showed: one entry of each list "
           "that is given must fit. When a request fits only routes that are for others, the "
           "answer is 403.",
    .directives = match_client_directives,
    .count = ARRAY_LEN(match_client_directives),
    .size = sizeof(struct match_client_settings),
    .place_offset = offsetof(struct match_client_settings, place),
};

static const struct directive match_directives[] = {
    {.name = "path",
     .type = DIRECTIVE_TEXT,
     SLOT(match_settings, path),
     .fallback = "/*",
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path_pattern,
     .pattern = "^/[^*?#]*\\*?$",
     .doc = "The path: exact, or with a `*` at its end everything that begins so.",
     .more =
         "`/v1/*` matches `/v1/` and all below it, but not `/v1`. Case counts. Paths are compared "
         "in one normal form (RFC 3986 section 6.2.2): printable characters are decoded but for "
         "`/ \\ ? # % ;`, all others are written as `%` and two capital hex digits, `.` and "
         "`..` are resolved, runs of slashes count as one. Patterns are brought to the same form, "
         "so "
         "`/a:b` and `/a%3Ab` are one. The server gets the path as it came, byte for byte, but for "
         "two things: bytes that no URL may have (`\" < > \\ ^ ` { | }` and those "
         "above 127) are percent-encoded, and a path with `.` or `..` segments is sent "
         "resolved. What servers may read in "
         "different ways is the matter of `paths` of the site. A query is never compared.",
     .example = "path: /v1/*"},
    {.name = "regex",
     .type = DIRECTIVE_TEXT,
     SLOT(match_settings, regex),
     .min = 1,
     .max = PATTERN_BYTES_MAX,
     .check = rule_regex,
     .doc = "A regular expression (Perl's, by PCRE2) that is found in the path, besides `path`.",
     .more = "It is looked for anywhere in the path: `^` is its beginning, `$` its end. Paths are "
             "compared in the same form as by `path`; they are bytes, without letters of more than "
             "one byte, and case counts (`(?i)` at the beginning: it does not). Each search is "
             "bounded by its steps; what is given up counts as not found, and is told in the log.",
     .example = "regex: \"^/users/[0-9]+/avatar$\""},
    {.name = "methods",
     .type = DIRECTIVE_TEXTS,
     SLOT(match_settings, methods),
     .min = 1,
     .max = 64,
     .check = rule_method,
     .pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
     .doc = "The methods; without it, all but TRACE. GET allows HEAD too.",
     .more = "When only the path of some route fits, the answer is 405. TRACE is refused unless a "
             "route names it; CONNECT always.",
     .example = "methods: [GET, POST]"},
    {.name = "client",
     .type = DIRECTIVE_SECTION,
     SLOT(match_settings, client),
     .section = &section_match_client,
     .doc = "Which clients, by their certificates; the site needs `tls.clients` for it.",
     .example = "client: { uri: [\"spiffe://example.org/shop/*\"] }"},
    {.name = "fields", .type = DIRECTIVE_LATER, .doc = "routes by header fields"},
    {.name = "query", .type = DIRECTIVE_LATER, .doc = "routes by query parameters"},
};

const struct section section_match = {
    .name = "match",
    .title = "match",
    .doc = "Which requests a route takes; without it, all.",
    .directives = match_directives,
    .count = ARRAY_LEN(match_directives),
    .size = sizeof(struct match_settings),
    .place_offset = offsetof(struct match_settings, place),
};
