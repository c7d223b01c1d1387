/* Which requests a route takes. */
#include "config/directives_match.h"
#include "config/identity_rules.h"

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

const char *const match_schemes[] = {"http", "https", NULL};

static const struct directive match_directives[] = {
    {PATH("/*"),
     .doc = "The path: exact, with a `*` at its end everything that begins so, with one at its "
            "beginning everything that ends so.",
     .more =
         "`/v1/*` matches `/v1/` and all below it, but not `/v1`; `*.php` each path that ends so. "
         "Case counts. Paths are compared "
         "in one normal form (RFC 3986 section 6.2.2): printable characters are decoded but for "
         "`/ \\ ? # % ;`, all others are written as `%` and two capital hex digits, `.` and "
         "`..` are resolved, runs of slashes count as one. Patterns are brought to the same form, "
         "so "
         "`/a:b` and `/a%3Ab` are one. The server gets the path as it came, byte for byte, but for "
         "two things: bytes that no URL may have (`\" < > \\ ^ ` { | }` and those "
         "above 127) are percent-encoded, and a path with `.` or `..` segments is sent "
         "resolved. What servers may read in "
         "different ways is the matter of `paths` of the site. A query is never compared here.",
     .example = "path: /v1/*"},
    {REGEX,
     .doc = "A regular expression (Perl's, by PCRE2) that is found in the path, besides `path`.",
     .more = "It is looked for anywhere in the path: `^` is its beginning, `$` its end. Paths are "
             "compared in the same form as by `path`; they are bytes, without letters of more than "
             "one byte, and case counts (`(?i)` at the beginning: it does not). What its captures "
             "found are variables: `{match.1}`, or `{match.id}` of `(?<id>[0-9]+)`.\n\n"
             "Each search is bounded by its steps, and so are all those for one request. Where one "
             "comes to its bound nobody knows which route was meant, so the answer is 400 "
             "(`match_undecided`).",
     .example = "regex: \"^/users/(?<id>[0-9]+)/avatar$\""},
    {METHODS, .doc = "The methods; without it, all but TRACE. GET allows HEAD too.",
     .more = "When only the path of some route fits, the answer is 405. TRACE is refused unless a "
             "route names it; CONNECT always.",
     .example = "methods: [GET, POST]"},
    {HEADERS, .doc = "Fields that the request has, with these values.",
     .more =
         "A value is compared as a whole, and case counts; `\"text*\"` is what begins so, "
         "`\"*text\"` what ends so, `\"*\"` whatever it is, and `\"re:...\"` a regular expression "
         "that is found in it. Each line of a field counts by itself, and a name stands for its "
         "other spellings, which servers may take for it: `X-Debug` for `x_debug`. Fields by which "
         "proxies tell of clients (`X-Forwarded-For`, ...) are seen of peers in `trusted_proxies` "
         "alone.",
     .example = "headers: { X-Canary: \"on\", User-Agent: \"re:(?i)bot\" }"},
    {QUERY, .doc = "Parameters of the query, with these values, written as in `headers`.",
     .more = "Names and values are compared when they are decoded, and each of a name counts, "
             "wherever it stands; what some servers find behind `;` counts besides what others "
             "find between two `&`.",
     .example = "query: { version: \"2\" }"},
    {COOKIE_VALUES,
     .doc = "Cookies, with these values, written as in `headers`; each of a name counts, as it is, "
            "without its quotes, and decoded as in URLs.",
     .example = "cookies: { beta: \"*\" }"},
    {CLIENT_ADDRESS,
     .doc = "Networks or addresses, in one of which the client's address lies, as "
            "`trusted_proxies` say it; `unix` is a peer on a Unix socket.",
     .more = "To keep all others off, add `else: deny` to the route.",
     .example = "client_address: [10.0.0.0/8, \"2001:db8::/32\"]"},
    {SCHEME, .doc = "`https` or `http`, as the client sees it.", .example = "scheme: https"},
    {NOT(section_match_part), .doc = "What must not hold: all that is in it together.",
     .example = "not: { path: /public/* }"},
    {ANY(section_match_part), .doc = "Of these one must hold.",
     .example = "any: [ { path: \"*.css\" }, { path: \"*.js\" } ]"},
    {ALL(section_match_part),
     .doc = "Each of these must hold, as all that stands beside them; for two `any`, or two `not`.",
     .example = "all: [ { not: { path: /a/* } }, { not: { path: /b/* } } ]"},
    {.name = "client",
     .type = DIRECTIVE_SECTION,
     SLOT(match_settings, client),
     .section = &section_match_client,
     .doc = "Which clients, by their certificates; the site needs `tls.clients` for it.",
     .example = "client: { uri: [\"spiffe://example.org/shop/*\"] }"},
};

const struct section section_match = {
    .name = "match",
    .title = "match",
    .doc = "Which requests a route takes; without it, all. Whatever is given must hold.",
    .directives = match_directives,
    .count = ARRAY_LEN(match_directives),
    .size = sizeof(struct match_settings),
    .place_offset = offsetof(struct match_settings, place),
};

static const struct directive part_directives[] = {
    {PATH(NULL), .doc = "The path, as in `match`.", .example = "path: /public/*"},
    {REGEX, .doc = "A regular expression, as in `match`; what its captures found is no variable.",
     .example = "regex: \"\\\\.(css|js)$\""},
    {METHODS, .doc = "The methods. GET allows HEAD too.", .example = "methods: [GET, POST]"},
    {HEADERS, .doc = "Fields of the request, as in `match`.",
     .example = "headers: { X-Canary: \"on\" }"},
    {QUERY, .doc = "Parameters of the query.", .example = "query: { version: \"2\" }"},
    {COOKIE_VALUES, .doc = "Cookies.", .example = "cookies: { beta: \"*\" }"},
    {CLIENT_ADDRESS, .doc = "Networks or addresses of clients.",
     .example = "client_address: [10.0.0.0/8]"},
    {SCHEME, .doc = "`https` or `http`.", .example = "scheme: http"},
    {NOT(section_match_part), .doc = "What must not hold.", .example = "not: { path: /public/* }"},
    {ANY(section_match_part), .doc = "Of these one must hold.",
     .example = "any: [ { path: /a }, { path: /b } ]"},
    {ALL(section_match_part), .doc = "Each of these must hold.",
     .example = "all: [ { path: /a* }, { path: \"*.css\" } ]"},
};

const struct section section_match_part = {
    .name = "a part of match",
    .title = "match_part",
    .doc = "What stands in `not`, and in the lists of `any` and `all`: all of it must hold. They "
           "go into each other up to 4 deep, with at most 100 conditions in a route.",
    .directives = part_directives,
    .count = ARRAY_LEN(part_directives),
    .size = sizeof(struct match_settings),
    .place_offset = offsetof(struct match_settings, place),
};
