/* Who may send requests. */
#include "config/directives_internal.h"
#include "config/text_rules.h"

#define PASS_CREDENTIALS(object)                                                                   \
    .name = "pass_credentials", .type = DIRECTIVE_BOOL, SLOT(object, pass_credentials),            \
    .fallback = "false", .example = "pass_credentials: true"

static const struct directive basic_directives[] = {
    {.name = "users",
     .type = DIRECTIVE_PATH,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(basic_settings, users),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with a line NAME:HASH for each user, as `tidegate passwd` and `htpasswd -B` "
            "write them.",
     .more =
         "Hashes are bcrypt (of a cost up to 14), SHA-crypt (up to 2,000,000 rounds) or yescrypt "
         "(cost 1 to 8); what is quicker to guess is refused. The file is followed: a version "
         "with a mistake in it is told of, and the last good one is used on.",
     .example = "users: users.htpasswd"},
    {.name = "realm",
     .type = DIRECTIVE_TEXT,
     SLOT(basic_settings, realm),
     .fallback = "restricted",
     .min = 1,
     .max = 200,
     .check = rule_realm,
     .pattern = "^[ !#-[\\]-~]+$",
     .doc = "What browsers show with the question for a password.",
     .example = "realm: Staging"},
    {.name = "remember",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(basic_settings, remember_ms),
     .fallback = "1m",
     .min = SECOND,
     .max = DAY,
     .doc = "How long a password that was right is not checked again, which takes 50 ms or more of "
            "a processor.",
     .more =
         "What is remembered is a keyed hash of user, password and the line in the file: another "
         "password, or another line, is checked at once.",
     .example = "remember: 10m"},
    {.name = "waiting",
     .type = DIRECTIVE_INTEGER,
     SLOT(basic_settings, waiting),
     .fallback = "64",
     .min = 1,
     .max = 10000,
     .doc = "How many passwords may wait to be checked, of all clients; more get 503.",
     .more = "They wait in one line, whichever route they are for: each route looks at how long "
             "that is.",
     .example = "waiting: 200"},
    {.name = "waiting_per_client",
     .type = DIRECTIVE_INTEGER,
     SLOT(basic_settings, waiting_per_client),
     .fallback = "4",
     .min = 1,
     .max = 1000,
     .doc = "How many of one client's address, or of the /64 of its IPv6 address; more get 429.",
     .example = "waiting_per_client: 20"},
    {PASS_CREDENTIALS(basic_settings),
     .doc = "Servers get the `Authorization` that was checked here, too."},
};

const struct section section_basic = {
    .name = "basic",
    .title = "basic",
    .doc =
        "A name and a password (RFC 7617), which browsers ask people for. `basic: FILE` is short "
        "for `basic: { users: FILE }`. Passwords are checked on threads of their own, with less of "
        "the processor than requests have. What is wrong takes as long whoever it is for: where a "
        "file has hashes of several kinds and costs, one of each (of the first four) is computed, "
        "for users that there are not, too; so a file of one kind and cost is checked soonest.",
    .directives = basic_directives,
    .count = ARRAY_LEN(basic_directives),
    .size = sizeof(struct basic_settings),
    .place_offset = offsetof(struct basic_settings, place),
    .scalar_name = "users",
};

static const struct directive api_key_directives[] = {
    {.name = "keys",
     .type = DIRECTIVE_PATH,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(api_key_settings, keys),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with a line for each key, as `tidegate key new` prints them.",
     .more = "`NAME SHA256`, and behind these where wanted `scopes=read,write` and "
             "`expires=2027-01-31`. A name may have several lines, while one key takes another's "
             "place. The file is followed, as `users` of `basic` is.",
     .example = "keys: partners.keys"},
    {.name = "field",
     .type = DIRECTIVE_TEXT,
     SLOT(api_key_settings, field),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_field_name,
     .doc = "The field that has the key; `X-Api-Key` where neither `query` nor `cookie` is named.",
     .example = "field: X-Api-Key"},
    {.name = "query",
     .type = DIRECTIVE_TEXT,
     SLOT(api_key_settings, query),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_query_name,
     .doc = "The parameter of the query that has it.",
     .more = "Servers do not get it, and the access log has it as `(redacted)`.",
     .example = "query: api_key"},
    {.name = "cookie",
     .type = DIRECTIVE_TEXT,
     SLOT(api_key_settings, cookie),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_cookie_name,
     .doc = "The cookie that has it.",
     .example = "cookie: api_key"},
    {PASS_CREDENTIALS(api_key_settings), .doc = "Servers get the key, too."},
};

const struct section section_api_key = {
    .name = "api_key",
    .title = "api_key",
    .doc = "A key of a program, in a field, in the query or in a cookie. The file has the keys' "
           "hashes "
           "(SHA-256) alone. `api_key: FILE` is short for `api_key: { keys: FILE }`.",
    .directives = api_key_directives,
    .count = ARRAY_LEN(api_key_directives),
    .size = sizeof(struct api_key_settings),
    .place_offset = offsetof(struct api_key_settings, place),
    .scalar_name = "keys",
};

/* In the order of enum certificate_user. */
static const char *const certificate_users[] = {"subject", "dns",         "uri",
                                                "email",   "fingerprint", NULL};

static const struct directive certificate_directives[] = {
    {.name = "user",
     .type = DIRECTIVE_ENUM,
     SLOT(auth_certificate_settings, user),
     .fallback = "subject",
     .words = certificate_users,
     .doc = "Which part of the certificate is the user's name: the subject (RFC 4514), a name of "
            "its subjectAltName, or the SHA-256 of the certificate.",
     .more = "Of several names of a kind it is the first; a certificate that has none is refused.",
     .example = "user: uri"},
};

const struct section section_auth_certificate = {
    .name = "client_certificate",
    .title = "auth_certificate",
    .doc =
        "The certificate that the client showed in the TLS handshake and that `tls.clients` of the "
        "site has verified. With `verify: optional` there, routes that ask for it and others can "
        "be of one site. A client without one gets 403, as no other request on its connection "
        "could "
        "change that, or what other methods ask for. What it says is `{claim.NAME}`: `subject`, "
        "`issuer`, `dns`, `uri`, `email`, `ip` (several with commas), `fingerprint`, and `spiffe` "
        "where the only URI is a SPIFFE id. `client_certificate: uri` is short for "
        "`client_certificate: { user: uri }`. Who may come in by its names is `match.client`.",
    .directives = certificate_directives,
    .count = ARRAY_LEN(certificate_directives),
    .size = sizeof(struct auth_certificate_settings),
    .place_offset = offsetof(struct auth_certificate_settings, place),
    .scalar_name = "user",
};

static const char *const modes[] = {"any", "all", "off", "optional", NULL};

static const struct directive auth_directives[] = {
    {.name = "basic",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, basic),
     .section = &section_basic,
     .doc = "By a name and a password.",
     .example = "basic: users.htpasswd"},
    {.name = "api_key",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, api_key),
     .section = &section_api_key,
     .doc = "By a program's key.",
     .example = "api_key: partners.keys"},
    {.name = "client_certificate",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, client_certificate),
     .section = &section_auth_certificate,
     .doc = "By the certificate of the TLS handshake.",
     .example = "client_certificate: subject"},
    {.name = "jwt",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, jwt),
     .section = &section_jwt,
     .doc = "By a token that an issuer has signed.",
     .example = "jwt: { issuers: [ { issuer: https://id.example.com, audience: shop, keys: id.jwks "
                "} ] }"},
    {.name = "introspection",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, introspection),
     .section = &section_auth_introspection,
     .doc = "By a token of which its issuer is asked.",
     .example = "introspection: { backend: 127.0.0.1:8080, path: /introspect, client_id: gateway, "
                "client_secret: introspection.secret }"},
    {.name = "oidc",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, oidc),
     .section = &section_oidc,
     .doc = "By signing in at a provider of OpenID Connect.",
     .example = "oidc: { issuer: https://id.example.com, client_id: gateway, client_secret: "
                "oidc.secret }"},
    {.name = "forward",
     .type = DIRECTIVE_SECTION,
     SLOT(auth_settings, forward),
     .section = &section_auth_forward,
     .doc = "As somebody else decides.",
     .example = "forward: { backend: 127.0.0.1:9091, path: /api/authz/forward-auth }"},
    {.name = "mode",
     .type = DIRECTIVE_ENUM,
     SLOT(auth_settings, mode),
     .fallback = "any",
     .words = modes,
     .doc =
         "Whether `any` of the methods that are named is enough, or `all` of them have to say who "
         "it is; `off` is for a route whose site has an `auth`. `optional`: as `any`, but who says "
         "nothing of himself passes as nobody, and `access` decides what he may.",
     .example = "mode: all"},
};

const struct section section_auth = {
    .name = "auth",
    .title = "auth",
    .doc =
        "Who may send requests, and how they say who they are. A route has its site's, unless it "
        "has its own, or says `auth: off`. Whoever does not say it gets 401 with "
        "`WWW-Authenticate`, "
        "before anything else is done: before a redirect, a file, or `respond`. What was found is "
        "`user` and `auth` in the access log, and `{user}` for fields; servers do not get the "
        "credentials.",
    .directives = auth_directives,
    .count = ARRAY_LEN(auth_directives),
    .size = sizeof(struct auth_settings),
    .place_offset = offsetof(struct auth_settings, place),
    .scalar_name = "mode",
};
