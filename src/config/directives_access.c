/* Which requests may pass. */
#include "config/access_words.h"
#include "config/directives_match.h"

#define NAMES(member, word)                                                                        \
    .name = word, .type = DIRECTIVE_TEXTS, SLOT(match_settings, access.member), .min = 1,          \
    .max = 1000, .check = rule_access_name

static const char *const whos[] = {"all", "known", NULL};

static const struct directive when_directives[] = {
    {.name = "who",
     .type = DIRECTIVE_WORD,
     SLOT(match_settings, access.who),
     .words = whos,
     .doc = "`all`, or those of whom `auth` has found who they are: `known`.",
     .example = "who: known"},
    {NAMES(users, "user"),
     .doc =
         "Users, as `auth` has found them. With regard to case; `\"ci-*\"` is all that begin so.",
     .example = "user: [ann, bob]"},
    {NAMES(groups, "group"), .doc = "Groups, in one of which the user is.",
     .example = "group: staff"},
    {NAMES(scopes, "scope"), .doc = "Scopes, one of which the key or the token has.",
     .example = "scope: orders:write"},
    {.name = "claims",
     .type = DIRECTIVE_FIELDS,
     SLOT(match_settings, access.claims),
     COUNT(match_settings, access.claim_count),
     .min = 1,
     .max = 16,
     .check_field = rule_claim_value,
     .doc = "What a token or a certificate says of who sends the request, with these values.",
     .more = "A name is the path of a claim (`realm_access.roles`). A value is a text as in "
             "`headers` of `match`, or a number with `>=`, `>`, `<=` or `<` before it, which "
             "numbers alone fit. Of an array one must fit; a claim that is not there does not.",
     .example = "claims: { tenant: \"acme\", level: \">= 3\" }"},
    {CLIENT_ADDRESS, .doc = "Networks or addresses of clients, as `trusted_proxies` say them.",
     .example = "client_address: [10.0.0.0/8]"},
    {.name = "address_file",
     .type = DIRECTIVE_PATH,
     SLOT(match_settings, access.address_file),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with a network or an address in each line, in one of which the client's lies.",
     .more = "What stands behind `#` or `;` is a comment. Up to 1,000,000 lines and 16 MiB; they "
             "are looked up in about 20 steps. The file is followed: a version with a mistake in "
             "it is told of, and the last good one is used on.",
     .example = "address_file: /etc/tidegate/blocked.txt"},
    {.name = "country",
     .type = DIRECTIVE_TEXTS,
     SLOT(match_settings, access.countries),
     .min = 1,
     .max = 300,
     .check = rule_country,
     .pattern = "^([A-Z]{2}|unknown)$",
     .doc = "Countries (ISO 3166-1, two capital letters) in which the client's address is, by "
            "`countries` of the file; `unknown` is an address of which that says nothing.",
     .example = "country: [DE, AT, CH]"},
    {.name = "client",
     .type = DIRECTIVE_SECTION,
     SLOT(match_settings, client),
     .section = &section_match_client,
     .doc = "Clients by their certificates; the site needs `tls.clients` for it.",
     .example = "client: { uri: [\"spiffe://example.org/shop/*\"] }"},
    {.name = "hours",
     .type = DIRECTIVE_SECTION,
     SLOT(match_settings, access.hours),
     .section = &section_hours,
     .doc = "A part of the day, or of some days.",
     .example = "hours: { from: \"08:00\", until: \"18:00\", days: [mon-fri], zone: utc }"},
    {PATH(NULL), .doc = "The path, as in `match`.", .example = "path: /admin/*"},
    {REGEX, .doc = "A regular expression, as in `match`; what its captures found is no variable.",
     .example = "regex: \"^/v[0-9]+/admin/\""},
    {METHODS, .doc = "The methods. GET allows HEAD too.", .example = "methods: [GET, POST]"},
    {HEADERS, .doc = "Fields of the request, as in `match`.",
     .example = "headers: { X-Canary: \"on\" }"},
    {QUERY, .doc = "Parameters of the query.", .example = "query: { version: \"2\" }"},
    {COOKIE_VALUES, .doc = "Cookies.", .example = "cookies: { beta: \"*\" }"},
    {SCHEME, .doc = "`https` or `http`.", .example = "scheme: http"},
    {NOT(section_access_when), .doc = "What must not hold: all that is in it together.",
     .example = "not: { client_address: [10.0.0.0/8] }"},
    {ANY(section_access_when), .doc = "Of these one must hold.",
     .example = "any: [ { user: ann }, { group: staff } ]"},
    {ALL(section_access_when), .doc = "Each of these must hold.",
     .example = "all: [ { group: staff }, { group: germany } ]"},
};

const struct section section_access_when = {
    .name = "a rule's condition",
    .title = "access_when",
    .doc = "Whom and what a rule is for: all that is given must hold. `not`, `any` and `all` go "
           "into each other up to 4 deep, with at most 100 conditions in a rule. `allow: all` is "
           "short for `allow: { who: all }`.",
    .directives = when_directives,
    .count = ARRAY_LEN(when_directives),
    .size = sizeof(struct match_settings),
    .place_offset = offsetof(struct match_settings, place),
    .scalar_name = "who",
};

#define ALLOW                                                                                      \
    {                                                                                              \
        .name = "allow", .type = DIRECTIVE_SECTION, SLOT(access_rule_settings, allow),             \
        .section = &section_access_when, .doc = "What may pass.",                                  \
        .example = "allow: { group: staff }"                                                       \
    }
#define DENY                                                                                       \
    {                                                                                              \
        .name = "deny", .type = DIRECTIVE_SECTION, SLOT(access_rule_settings, deny),               \
        .section = &section_access_when, .doc = "What is refused.",                                \
        .example = "deny: { address_file: blocked.txt }"                                           \
    }
#define RULE_NAME                                                                                  \
    {                                                                                              \
        .name = "name", .type = DIRECTIVE_TEXT, SLOT(access_rule_settings, name), .min = 1,        \
        .max = NAME_BYTES_MAX, .check = rule_name,                                                 \
        .doc = "What logs and `tidegate status` call the rule; without it, where it stands: "      \
               "`shop.example.com/access/2`.",                                                     \
        .example = "name: no-bots"                                                                 \
    }

static const struct directive rule_directives[] = {
    ALLOW,
    DENY,
    {.name = "policy",
     .type = DIRECTIVE_TEXT,
     SLOT(access_rule_settings, policy),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .doc = "The rules of that policy stand in place of this one. Where none of them fits, the "
            "next rule is asked.",
     .example = "policy: staff"},
    RULE_NAME,
};

const struct section section_access_rule = {
    .name = "a rule",
    .title = "access_rule",
    .doc = "One of `allow`, `deny` and `policy`. The rules are asked in their order, once `auth` "
           "has found who sends the request, and the first whose condition holds decides. Where "
           "none does, and where there is none (`access: []`), the request is refused: with 403, "
           "or with 401 where nobody has said who it is and a rule that lets known ones pass was "
           "asked. The rule is `rule` in the access log. A path is compared in the form in which "
           "routes compare it, so no spelling is a way past a rule. `access: staff` is short for "
           "`access: [ { policy: staff } ]`. See [access.md](access.md).",
    .directives = rule_directives,
    .count = ARRAY_LEN(rule_directives),
    .size = sizeof(struct access_rule_settings),
    .place_offset = offsetof(struct access_rule_settings, place),
    .scalar_name = "policy",
};

static const struct directive policy_rule_directives[] = {ALLOW, DENY, RULE_NAME};

const struct section section_policy_rule = {
    .name = "a policy's rule",
    .title = "policy_rule",
    .doc = "One of `allow` and `deny`, as in `access`.",
    .directives = policy_rule_directives,
    .count = ARRAY_LEN(policy_rule_directives),
    .size = sizeof(struct access_rule_settings),
    .place_offset = offsetof(struct access_rule_settings, place),
};

static const struct directive policy_directives[] = {
    {.name = "name",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(policy_settings, name),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .doc = "What rules call it.",
     .example = "name: staff"},
    {.name = "rules",
     .flags = DIRECTIVE_REQUIRED,
     .type = DIRECTIVE_SECTIONS,
     SLOT(policy_settings, rules),
     COUNT(policy_settings, rule_count),
     .min = 1,
     .max = 1000,
     .section = &section_policy_rule,
     .doc = "Its rules, in their order.",
     .example = "rules: [ { deny: { country: unknown } }, { allow: { group: staff } } ]"},
};

const struct section section_policy = {
    .name = "a policy",
    .title = "policy",
    .doc = "Rules that several sites and routes share: `access: [ { policy: NAME }, ... ]`.",
    .directives = policy_directives,
    .count = ARRAY_LEN(policy_directives),
    .size = sizeof(struct policy_settings),
    .place_offset = offsetof(struct policy_settings, place),
};

static const char *const zones[] = {"utc", "local", NULL};

static const struct directive hours_directives[] = {
    {.name = "from",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(hours_settings, from),
     .min = 1,
     .max = 5,
     .check = rule_time_of_day,
     .pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$",
     .doc = "When it begins.",
     .example = "from: \"08:00\""},
    {.name = "until",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(hours_settings, until),
     .min = 1,
     .max = 5,
     .check = rule_time_of_day_end,
     .pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
     .doc = "The minute in which it has ended. Before `from`: of the next day.",
     .example = "until: \"18:00\""},
    {.name = "days",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_LOWER,
     SLOT(hours_settings, days),
     .min = 1,
     .max = 7,
     .check = rule_days,
     .pattern = "^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$",
     .doc = "The days on which it begins, or ranges of them; without it, every day.",
     .example = "days: [mon-thu, sat]"},
    {.name = "zone",
     .type = DIRECTIVE_ENUM,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(hours_settings, zone),
     .words = zones,
     .doc = "By `utc`, or by the machine's `local` time.",
     .example = "zone: local"},
};

const struct section section_hours = {
    .name = "hours",
    .title = "hours",
    .doc = "A part of the day. Each request is asked at its own time: what began before goes on.",
    .directives = hours_directives,
    .count = ARRAY_LEN(hours_directives),
    .size = sizeof(struct hours_settings),
    .place_offset = offsetof(struct hours_settings, place),
};
