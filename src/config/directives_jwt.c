/* Tokens that issuers have signed, of `auth`. */
#include "base/url.h"
#include "config/directives_tokens.h"

static const struct directive issuer_directives[] = {
    {.name = "issuer",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(jwt_issuer_settings, issuer),
     .min = 1,
     .max = URL_MAX,
     .check = rule_token_word,
     .doc = "Who it is, as `iss` of its tokens says, to the last letter.",
     .example = "issuer: https://id.example.com"},
    {.name = "audience",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(jwt_issuer_settings, audience),
     .min = 1,
     .max = 32,
     .check = rule_token_word,
     .doc = "Whom its tokens are for: one of these must be in `aud`.",
     .more =
         "`\"*\"` takes tokens for anybody, also those that do not say it: whoever gets a token "
         "for another service of this issuer can use it here then.",
     .example = "audience: shop"},
    {.name = "keys",
     .type = DIRECTIVE_PATH,
     SLOT(jwt_issuer_settings, keys),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with its public keys: a JWK set (RFC 7517), or public keys and certificates in "
            "PEM.",
     .more = "The file is followed, as `users` of `basic` is. RSA keys have 2048 to 4096 bits; "
             "others are of P-256, P-384, P-521, Ed25519 or Ed448. What is not for signatures is "
             "passed over.",
     .example = "keys: issuer.jwks"},
    {.name = "keys_url",
     .type = DIRECTIVE_TEXT,
     SLOT(jwt_issuer_settings, keys_url),
     .min = 1,
     .max = URL_MAX,
     .check = rule_url,
     .pattern = "^https?://[^ ]+$",
     .doc = "Where the JWK set is fetched, in place of a file.",
     .more =
         "By a thread of its own; requests wait for the first keys, for at most `timeout`, and get "
         "503 where there are none. While the issuer is down, the last good keys are used. A token "
         "with a key (`kid`) that is not there has them fetched once more, at most once in "
         "`pause`, and waits for that. Redirects are not followed, and a set may have 256 KiB and "
         "64 keys.",
     .example = "keys_url: https://id.example.com/jwks.json"},
    {.name = "ca",
     .type = DIRECTIVE_PATH,
     SLOT(jwt_issuer_settings, ca),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "PEM file: the authorities that may vouch for the host of `keys_url`; without it, the "
            "system's.",
     .example = "ca: internal-ca.pem"},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(jwt_issuer_settings, timeout_ms),
     .fallback = "5s",
     .min = 10,
     .max = MINUTE,
     .doc = "How long one fetch of `keys_url` may take.",
     .example = "timeout: 2s"},
    {.name = "every",
     .type = DIRECTIVE_DURATION,
     SLOT(jwt_issuer_settings, every_ms),
     .fallback = "1h",
     .min = SECOND,
     .max = DAY,
     .doc = "How often `keys_url` is fetched; more often where its Cache-Control says so, down to "
            "once a minute.",
     .example = "every: 10m"},
    {.name = "pause",
     .type = DIRECTIVE_DURATION,
     SLOT(jwt_issuer_settings, pause_ms),
     .fallback = "10s",
     .min = 100,
     .max = HOUR,
     .doc = "How soon after a fetch a token with an unknown key may cause another one.",
     .example = "pause: 1m"},
    {.name = "algorithms",
     .type = DIRECTIVE_TEXTS,
     SLOT(jwt_issuer_settings, algorithms),
     .min = 1,
     .max = 10,
     .check = rule_algorithm,
     .doc = "Which signatures are taken; without it, those that the keys are for.",
     .more = "A key is for its `alg`, where it has one, else for all of its kind. `none` and "
             "signatures with a shared secret are never taken.",
     .example = "algorithms: [ES256]"},
    {.name = "types",
     .type = DIRECTIVE_TEXTS,
     SLOT(jwt_issuer_settings, types),
     .min = 1,
     .max = 16,
     .check = rule_token_word,
     .doc = "Which `typ` tokens must have; without it, `JWT`, `at+jwt` or none.",
     .example = "types: [at+jwt]"},
    {.name = "leeway",
     .type = DIRECTIVE_DURATION,
     SLOT(jwt_issuer_settings, leeway_ms),
     .flags = DIRECTIVE_OFF,
     .fallback = "30s",
     .min = SECOND,
     .max = 10 * MINUTE,
     .doc = "How far the issuer's clock may be from this machine's, for `exp`, `nbf` and `iat`.",
     .example = "leeway: 5s"},
    {CLAIM(jwt_issuer_settings, user, "user", "sub", "email"),
     .doc = "The claim that is the user's name."},
    {CLAIM(jwt_issuer_settings, groups, "groups", "groups", "realm_access.roles"),
     .doc = "The claim that has the user's groups."},
    {CLAIM(jwt_issuer_settings, scopes, "scopes", "scope", "scp"),
     .doc = "The claim that has the token's scopes, in an array or with blanks between."},
};

const struct section section_jwt_issuer = {
    .name = "an issuer",
    .title = "issuer",
    .doc = "One who signs tokens, and what they must say to be taken. `exp` they must have.",
    .directives = issuer_directives,
    .count = ARRAY_LEN(issuer_directives),
    .size = sizeof(struct jwt_issuer_settings),
    .place_offset = offsetof(struct jwt_issuer_settings, place),
};

static const struct directive jwt_directives[] = {
    {.name = "issuers",
     .type = DIRECTIVE_SECTIONS,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(jwt_settings, issuers),
     COUNT(jwt_settings, issuer_count),
     .min = 1,
     .max = 32,
     .section = &section_jwt_issuer,
     .doc = "Whose tokens are taken.",
     .example = "issuers: [ { issuer: https://id.example.com, audience: shop, keys: id.jwks } ]"},
    BEARER_ROWS(jwt_settings),
    {.name = "token_size",
     .type = DIRECTIVE_SIZE,
     SLOT(jwt_settings, bearer.token_bytes),
     .fallback = "16k",
     .min = 256,
     .max = 64 * KIBI,
     .doc = "How long a token may be.",
     .more =
         "Besides, it may be nested 10 deep and have 1,024 values, and its header 2 KiB: this "
         "is looked at before its signature. What one verification takes of the processor is "
         "bounded by the keys that are taken: 20 us with RSA of 2048 bits, 75 us with 4096, 60 us "
         "with P-256, 90 us with Ed25519, up to 650 us with P-384 and P-521 (see `waiting`).",
     .example = "token_size: 4k"},
    {.name = "remember",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(jwt_settings, remember_ms),
     .fallback = "1h",
     .min = SECOND,
     .max = DAY,
     .doc = "How long a token that was verified is not verified again; never longer than it is "
            "good.",
     .more = "What is kept is a keyed hash of the token, and what it says: of 16,384 tokens and "
             "64 MiB at most, for all workers together. Other keys of its issuer, or other words "
             "in `issuers`, have it verified anew at once.",
     .example = "remember: 5m"},
    {.name = "waiting",
     .type = DIRECTIVE_INTEGER,
     SLOT(jwt_settings, waiting),
     .fallback = "512",
     .min = 1,
     .max = 10000,
     .doc = "How many tokens may wait for their signatures to be verified, of all clients; more "
            "get 503.",
     .more = "Signatures that cost little are verified at once. The others (keys of P-384, "
             "P-521 and Ed448; tokens without a `kid` where several keys are tried) are on threads "
             "of their "
             "own, with less of the processor than requests have, so that made-up tokens take "
             "nothing from others. They wait in one line, whichever route they are for.",
     .example = "waiting: 100"},
    {.name = "waiting_per_client",
     .type = DIRECTIVE_INTEGER,
     SLOT(jwt_settings, waiting_per_client),
     .fallback = "128",
     .min = 1,
     .max = 10000,
     .doc = "How many of one client's address, or of the /64 of its IPv6 address; more get 429.",
     .example = "waiting_per_client: 20"},
};

const struct section section_jwt = {
    .name = "jwt",
    .title = "jwt",
    .doc =
        "A token that an issuer has signed (JWT, RFC 7519), in `Authorization: Bearer` (RFC 6750), "
        "a field or a cookie. Its signature, `iss`, `aud`, `exp`, `nbf`, `iat` and `typ` are "
        "looked at; keys that a token brings itself (`jwk`, `jku`, `x5c`, `x5u`) are not. What it "
        "says is `{claim.NAME}` in texts: `request_fields: { set: { X-Email: \"{claim.email}\" } "
        "}` "
        "passes it on, and takes the client's own copies out. Nested claims have dots between, "
        "`{claim.realm_access.roles}`, and the values of an array commas.",
    .directives = jwt_directives,
    .count = ARRAY_LEN(jwt_directives),
    .size = sizeof(struct jwt_settings),
    .place_offset = offsetof(struct jwt_settings, place),
};
