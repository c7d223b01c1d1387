/* Methods of `auth` by which somebody else is asked. */
#include "base/url.h"
#include "config/directives_tokens.h"
#include "config/message_rules.h"

#define BACKEND(object)                                                                            \
    .name = "backend", .type = DIRECTIVE_BACKEND, .flags = DIRECTIVE_REQUIRED,                     \
    SLOT(object, backend), .section = &section_backend
#define TARGET(object)                                                                             \
    .name = "path", .type = DIRECTIVE_TEXT, SLOT(object, path), .min = 1, .max = URL_MAX,          \
    .check = rule_target
#define TIMEOUT(object)                                                                            \
    .name = "timeout", .type = DIRECTIVE_DURATION, SLOT(object, timeout_ms), .fallback = "5s",     \
    .min = 10, .max = MINUTE, .example = "timeout: 2s",                                            \
    .doc = "How long a request waits for the answer; then it gets 503."
#define AT_ONCE(object)                                                                            \
    .name = "at_once", .type = DIRECTIVE_INTEGER, SLOT(object, at_once), .fallback = "256",        \
    .min = 1, .max = 65536, .example = "at_once: 64",                                              \
    .doc = "How many requests may wait for an answer; more get 503."

static const struct directive forward_directives[] = {
    {BACKEND(auth_forward_settings), .doc = "Where it is asked: a backend, as of a route.",
     .example = "backend: 127.0.0.1:9091"},
    {TARGET(auth_forward_settings), .fallback = "/", .doc = "What is asked for there.",
     .example = "path: /api/authz/forward-auth"},
    {.name = "send",
     .type = DIRECTIVE_TEXTS,
     SLOT(auth_forward_settings, send),
     .min = 1,
     .max = 100,
     .check = rule_auth_field,
     .doc = "Which fields of the request are sent along; without it, all that servers would get, "
            "but for those that are about the body.",
     .example = "send: [Cookie, Authorization, Accept]"},
    {.name = "receive",
     .type = DIRECTIVE_TEXTS,
     SLOT(auth_forward_settings, receive),
     .min = 1,
     .max = 32,
     .check = rule_auth_field,
     .doc = "Which fields of an answer with 2xx the request gets, for servers behind; without it, "
            "`Remote-User`, `Remote-Groups`, `Remote-Name` and `Remote-Email`.",
     .more = "What the client sends of these names is taken out, in any spelling and in trailers, "
             "whether the answer has them or not. Each is `{claim.NAME}`, too.",
     .example = "receive: [X-Auth-Request-User, X-Auth-Request-Email]"},
    {.name = "user",
     .type = DIRECTIVE_TEXT,
     SLOT(auth_forward_settings, user),
     .fallback = "Remote-User",
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_field_name,
     .doc = "The field of the answer that is the user's name; without it the user is "
            "`anonymous`.",
     .example = "user: X-Auth-Request-User"},
    {.name = "groups",
     .type = DIRECTIVE_TEXT,
     SLOT(auth_forward_settings, groups),
     .fallback = "Remote-Groups",
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_field_name,
     .doc = "The field of the answer that has the user's groups, with commas between.",
     .example = "groups: X-Auth-Request-Groups"},
    {.name = "page",
     .type = DIRECTIVE_SIZE,
     SLOT(auth_forward_settings, page_bytes),
     .fallback = "64k",
     .min = 0,
     .max = MEBI,
     .doc =
         "How long the body of a 401, 403 or redirect may be that goes on to the client; 0: none "
         "does.",
     .more = "In place of one that is longer the client gets the gateway's own, as with 0: what "
             "`errors` says, or a line of text.",
     .example = "page: 256k"},
    {.name = "sign_in",
     .type = DIRECTIVE_TEXT,
     SLOT(auth_forward_settings, sign_in),
     .min = 1,
     .max = 2048,
     .check = rule_redirect_target,
     .doc = "Where browsers that ask for a page are sent (302) when the answer is 401, with "
            "[variables](#variables).",
     .more =
         "For those that decide but do not lead anywhere: Vouch, and whatever was made for "
         "nginx's `error_page 401`. `{url}` is the page that was asked for. What is no question "
         "for a page, as with `oidc`, gets the 401.",
     .example = "sign_in: \"https://login.example.com/?url={url}\""},
    {TIMEOUT(auth_forward_settings)},
    {AT_ONCE(auth_forward_settings)},
    {.name = "remember",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(auth_forward_settings, remember_ms),
     .fallback = "off",
     .min = 100,
     .max = HOUR,
     .doc = "How long an answer with 2xx is good for other requests of the same URL and method, "
            "with the same fields of `remember_by`.",
     .more = "Answers that set cookies are not remembered. At most 16,384 are, with those of other "
             "methods; a reload asks anew.",
     .example = "remember: 5s"},
    {.name = "remember_by",
     .type = DIRECTIVE_TEXTS,
     SLOT(auth_forward_settings, remember_by),
     .min = 1,
     .max = 32,
     .check = rule_auth_field,
     .doc = "The fields of the request on which the answer depends; without it, `Cookie` and "
            "`Authorization`.",
     .more =
         "Whatever else decides has to be named: if the client's address does, leave `remember` "
         "off.",
     .example = "remember_by: [Cookie]"},
};

const struct section section_auth_forward = {
    .name = "forward",
    .title = "auth_forward",
    .doc =
        "Somebody else decides (as with nginx's auth_request and Traefik's ForwardAuth: Authelia, "
        "Authentik, oauth2-proxy): it is asked with GET before the request goes on, without its "
        "body, and told of it in `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri`, `-For` and "
        "`-Port`, "
        "`X-Real-IP`, `X-Original-URL` and `X-Original-Method`. 2xx: the request may pass; cookies "
        "that the answer sets go to the client. 401, 403, and 301 to 308 with a Location: the "
        "client gets that answer, with its body (`page`) and its fields, but for those of the "
        "connection, of the server (Date, Server, Via) and of caches, which may not keep it. "
        "Anything else, and no answer in time: 503. Methods that are cheaper are asked before.",
    .directives = forward_directives,
    .count = ARRAY_LEN(forward_directives),
    .size = sizeof(struct auth_forward_settings),
    .place_offset = offsetof(struct auth_forward_settings, place),
};

static const struct directive introspection_directives[] = {
    {BACKEND(auth_introspection_settings), .doc = "Where it is asked: a backend, as of a route.",
     .more = "Tokens and the secret go there: let it have `tls` where anybody could listen.",
     .example = "backend: 127.0.0.1:8080"},
    {TARGET(auth_introspection_settings), .flags = DIRECTIVE_REQUIRED,
     .doc = "What is asked for there.", .example = "path: /oauth2/introspect"},
    {.name = "host",
     .type = DIRECTIVE_TEXT,
     SLOT(auth_introspection_settings, host),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_authority,
     .doc = "The Host that is asked for, where the backend does not say it (`host`).",
     .example = "host: id.example.com"},
    {.name = "client_id",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(auth_introspection_settings, client_id),
     .min = 1,
     .max = 255,
     .check = rule_token_word,
     .doc = "Who asks, as the issuer knows it (HTTP Basic, RFC 6749 section 2.3.1).",
     .example = "client_id: gateway"},
    {.name = "client_secret",
     .type = DIRECTIVE_PATH,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(auth_introspection_settings, client_secret),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with the secret of `client_id` in one line. It is followed.",
     .example = "client_secret: introspection.secret"},
    {.name = "audience",
     .type = DIRECTIVE_TEXTS,
     SLOT(auth_introspection_settings, audience),
     .min = 1,
     .max = 32,
     .check = rule_token_word,
     .doc = "Whom tokens are for: one of these must be in `aud` of the answer; without it, that is "
            "not looked at.",
     .example = "audience: shop"},
    {CLAIM(auth_introspection_settings, user, "user", "sub", "username"),
     .doc = "The claim that is the user's name."},
    {CLAIM(auth_introspection_settings, groups, "groups", "groups", "roles"),
     .doc = "The claim that has the user's groups."},
    {CLAIM(auth_introspection_settings, scopes, "scopes", "scope", "scope"),
     .doc = "The claim that has the token's scopes."},
    BEARER_ROWS(auth_introspection_settings),
    {.name = "token_size",
     .type = DIRECTIVE_SIZE,
     SLOT(auth_introspection_settings, bearer.token_bytes),
     .fallback = "4k",
     .min = 16,
     .max = 64 * KIBI,
     .doc = "How long a token may be. The answer may have 64 KiB.",
     .example = "token_size: 512"},
    {TIMEOUT(auth_introspection_settings)},
    {AT_ONCE(auth_introspection_settings)},
    {.name = "remember",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(auth_introspection_settings, remember_ms),
     .fallback = "1m",
     .min = SECOND,
     .max = DAY,
     .doc = "How long a token that is active is not asked about again; never longer than `exp` of "
            "the answer.",
     .more = "For so long a token that was revoked is still taken.",
     .example = "remember: 10s"},
    {.name = "remember_inactive",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(auth_introspection_settings, remember_inactive_ms),
     .fallback = "5s",
     .min = SECOND,
     .max = HOUR,
     .doc = "The same for one that is not.",
     .example = "remember_inactive: 1m"},
};

const struct section section_auth_introspection = {
    .name = "introspection",
    .title = "auth_introspection",
    .doc = "A token of which its issuer is asked (RFC 7662), as it says nothing itself. What the "
           "answer says is `{claim.NAME}`. Where the issuer does not answer, requests with tokens "
           "that are not remembered get 503. Beside `jwt`, it is asked about what is no signed "
           "token, or none that `jwt` takes.",
    .directives = introspection_directives,
    .count = ARRAY_LEN(introspection_directives),
    .size = sizeof(struct auth_introspection_settings),
    .place_offset = offsetof(struct auth_introspection_settings, place),
};
