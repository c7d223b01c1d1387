/* Sign-in at a provider of OpenID Connect, of `auth`. */
#include "base/url.h"
#include "config/directives_tokens.h"

#define OWN_PATH_MAX 128
#define OWN_PATH(member, of, usual)                                                                \
    .name = of, .type = DIRECTIVE_TEXT, SLOT(oidc_settings, member), .min = 2,                     \
    .max = OWN_PATH_MAX, .check = rule_own_path, .fallback = usual,                                \
    .pattern = "^/[A-Za-z0-9/._~-]+$"

static const struct directive session_directives[] = {
    {.name = "idle",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_session_settings, idle_ms),
     .fallback = "1h",
     .min = MINUTE,
     .max = 30 * DAY,
     .doc = "How long nothing may come from a browser before it has to sign in again.",
     .example = "idle: 8h"},
    {.name = "total",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_session_settings, total_ms),
     .fallback = "12h",
     .min = MINUTE,
     .max = 30 * DAY,
     .doc = "How long after signing in everybody has to do it again.",
     .example = "total: 7d"},
    {.name = "size",
     .type = DIRECTIVE_SIZE,
     SLOT(oidc_session_settings, bytes),
     .fallback = "12k",
     .min = 2 * KIBI,
     .max = 32 * KIBI,
     .doc = "How large a session may be, of all of its cookies together; who gets a larger one "
            "cannot sign in.",
     .more = "Each cookie has up to 3,800 bytes. Browsers send all of them with each request: "
             "`limits.head` has to be larger.",
     .example = "size: 16k"},
    {.name = "keys",
     .type = DIRECTIVE_PATH,
     SLOT(oidc_session_settings, keys),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with a secret in each line, of which the first one seals cookies and all of "
            "them open these.",
     .more = "For several gateways of one site, and for sessions that outlive a start of the "
             "gateway. 16 to 255 random bytes a line, at most 8 lines: `openssl rand -base64 32`. "
             "The file is followed: put a new secret on top, and remove the old one once `total` "
             "has passed. Without a file the secret is made at the start and in memory alone.",
     .example = "keys: session.keys"},
    {.name = "rotate",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_session_settings, rotate_ms),
     .fallback = "1h",
     .min = MINUTE,
     .max = DAY,
     .doc = "How often another key is derived from the secret; older ones open what they have "
            "sealed for as long as sessions last.",
     .example = "rotate: 1d"},
};

const struct section section_oidc_session = {
    .name = "session",
    .title = "oidc_session",
    .doc = "What a browser has once somebody has signed in: cookies that are encrypted and "
           "authenticated (AES-256-GCM). Nothing of a session is kept in the gateway.",
    .directives = session_directives,
    .count = ARRAY_LEN(session_directives),
    .size = sizeof(struct oidc_session_settings),
    .place_offset = offsetof(struct oidc_session_settings, place),
};

static const char *const client_auths[] = {"basic", "post", NULL};

static const struct directive oidc_directives[] = {
    {.name = "issuer",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(oidc_settings, issuer),
     .min = 1,
     .max = URL_MAX - 64,
     .check = rule_issuer_url,
     .pattern = "^https?://[^ ?]+$",
     .doc = "The provider, as its documents call it, to the last letter.",
     .more = "Where people sign in, where codes are exchanged and which keys sign is read from "
             "`/.well-known/openid-configuration` behind it (OpenID Connect Discovery), by a "
             "thread of its own; while that cannot be had, the last good one is used.",
     .example = "issuer: https://id.example.com/realms/shop"},
    {.name = "client_id",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(oidc_settings, client_id),
     .min = 1,
     .max = 255,
     .check = rule_token_word,
     .doc = "Who the gateway is to the provider.",
     .example = "client_id: gateway"},
    {.name = "client_secret",
     .type = DIRECTIVE_PATH,
     SLOT(oidc_settings, client_secret),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file with the secret of `client_id` in one line. It is followed. Without it, the "
            "gateway is a public client.",
     .more =
         "The secret itself has no place in the configuration, nor in the environment, which "
         "the control socket tells of: `${NAME}` can be the file's path, or a part of it, as in "
         "`${CREDENTIALS_DIRECTORY}/oidc`.",
     .example = "client_secret: oidc.secret"},
    {.name = "client_auth",
     .type = DIRECTIVE_ENUM,
     SLOT(oidc_settings, client_auth),
     .fallback = "basic",
     .words = client_auths,
     .doc = "How the secret is shown: in Authorization (client_secret_basic), or in the form that "
            "is posted (client_secret_post).",
     .example = "client_auth: post"},
    {.name = "scopes",
     .type = DIRECTIVE_TEXTS,
     SLOT(oidc_settings, scopes),
     .min = 1,
     .max = 32,
     .check = rule_token_word,
     .doc = "What is asked for besides `openid`; without it, `profile` and `email`.",
     .more = "Many providers give a refresh token for `offline_access` alone.",
     .example = "scopes: [email, groups, offline_access]"},
    {.name = "ca",
     .type = DIRECTIVE_PATH,
     SLOT(oidc_settings, ca),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "PEM file: the authorities that may vouch for the provider's hosts; without it, the "
            "system's.",
     .example = "ca: internal-ca.pem"},
    {OWN_PATH(callback, "callback", "/.tidegate/callback"),
     .doc = "The path of the site that the provider sends browsers back to. The provider has to "
            "know it, with the site's scheme and host, as a redirect URI.",
     .example = "callback: /oauth2/callback"},
    {OWN_PATH(sign_out, "sign_out", "/.tidegate/sign-out"),
     .doc = "The path of the site that signs whoever asks for it out, here and at the provider "
            "(OpenID Connect RP-Initiated Logout).",
     .example = "sign_out: /logout"},
    {OWN_PATH(back_channel, "back_channel", "/.tidegate/back-channel"),
     .doc = "The path of the site where the provider says who has signed out elsewhere (OpenID "
            "Connect Back-Channel Logout).",
     .more = "What it says is kept in memory, for as long as sessions last; it goes over in an "
             "upgrade, and is forgotten with a restart.",
     .example = "back_channel: /oidc/logout"},
    {.name = "signed_out",
     .type = DIRECTIVE_TEXT,
     SLOT(oidc_settings, signed_out),
     .min = 1,
     .max = URL_MAX,
     .check = rule_target,
     .fallback = "/",
     .doc = "Where browsers go once they are signed out: a path of the site, which the provider "
            "has to know as a post-logout redirect URI.",
     .example = "signed_out: /goodbye"},
    {.name = "cookie",
     .type = DIRECTIVE_TEXT,
     SLOT(oidc_settings, cookie),
     .min = 1,
     .max = 64,
     .check = rule_cookie_name,
     .fallback = "tidegate",
     .doc = "What cookies are called, behind `__Host-` where the site has https.",
     .more = "All that begin so, and go on with `.` or `-in-`, are the gateway's own: servers and "
             "logs of the site do not get them.",
     .example = "cookie: shop"},
    {.name = "session",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(oidc_settings, session),
     .section = &section_oidc_session,
     .doc = "How long somebody who has signed in stays so.",
     .example = "session: { idle: 1h, total: 12h }"},
    {.name = "sign_in",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_settings, sign_in_ms),
     .fallback = "10m",
     .min = 10 * SECOND,
     .max = HOUR,
     .doc = "How long signing in may take, from being sent to the provider to being back.",
     .example = "sign_in: 30m"},
    {.name = "leeway",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_settings, leeway_ms),
     .flags = DIRECTIVE_OFF,
     .fallback = "30s",
     .min = SECOND,
     .max = 10 * MINUTE,
     .doc = "How far the provider's clock may be from this machine's.",
     .example = "leeway: 5s"},
    {.name = "userinfo",
     .type = DIRECTIVE_BOOL,
     SLOT(oidc_settings, userinfo),
     .fallback = "false",
     .doc = "Whether the provider is asked for more claims (its userinfo endpoint, OpenID Connect "
            "Core section 5.3): at each sign-in, and with each refresh of tokens.",
     .more = "What the ID token has says the ID token; `sub` has to be the same. An answer is "
             "JSON of at most 64 KiB, and is part of the session: see `size`. Without a right one "
             "nobody signs in; a session that is refreshed waits for one as it does for tokens.",
     .example = "userinfo: on"},
    {.name = "pass_token",
     .type = DIRECTIVE_TEXT,
     SLOT(oidc_settings, pass_token),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_auth_field,
     .doc = "The field in which servers get the access token, which else they do not.",
     .more = "In `Authorization` it stands behind `Bearer`, in others alone. What the client has "
             "sent in that field, in any spelling and in trailers, is taken out, also where nobody "
             "has signed in; an `Authorization` by which another method of the same `auth` has let "
             "it pass stays where that has `pass_credentials`. The token is in the session, "
             "sealed, and is refreshed with it, before it expires. Texts with variables, as of "
             "logs, do not have it.",
     .example = "pass_token: Authorization"},
    {CLAIM(oidc_settings, user, "user", "sub", "preferred_username"),
     .doc = "The claim that is the user's name, of the ID token or of `userinfo`."},
    {CLAIM(oidc_settings, groups, "groups", "groups", "realm_access.roles"),
     .doc = "The claim that has the user's groups."},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_settings, timeout_ms),
     .fallback = "5s",
     .min = 10,
     .max = MINUTE,
     .doc = "How long one question to the provider may take.",
     .example = "timeout: 10s"},
    {.name = "every",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_settings, every_ms),
     .fallback = "1h",
     .min = SECOND,
     .max = DAY,
     .doc = "How often the provider's document and its keys are fetched.",
     .example = "every: 10m"},
    {.name = "pause",
     .type = DIRECTIVE_DURATION,
     SLOT(oidc_settings, pause_ms),
     .fallback = "10s",
     .min = 100,
     .max = HOUR,
     .doc = "How soon after a fetch a token with an unknown key may cause another one.",
     .example = "pause: 1m"},
    {.name = "at_once",
     .type = DIRECTIVE_INTEGER,
     SLOT(oidc_settings, at_once),
     .fallback = "256",
     .min = 1,
     .max = 4096,
     .doc = "How many codes and refresh tokens may be on their way to providers; more get 503.",
     .example = "at_once: 64"},
    {.name = "waiting",
     .type = DIRECTIVE_INTEGER,
     SLOT(oidc_settings, waiting),
     .fallback = "256",
     .min = 1,
     .max = 65536,
     .doc =
         "How many requests may wait while the tokens of one session are refreshed; more get 503 "
         "where the tokens of before have expired.",
     .example = "waiting: 64"},
};

const struct section section_oidc = {
    .name = "oidc",
    .title = "oidc",
    .doc = "People sign in at a provider (OpenID Connect, authorization code with PKCE): a browser "
           "that asks for a page is sent there and comes back to it. What is no such question (a "
           "method other than GET and HEAD, no `text/html` in Accept, X-Requested-With, "
           "Sec-Fetch-Mode other than navigate) gets 401. What the ID token says is "
           "`{claim.NAME}`. The session ends as `session` says, with its tokens where the provider "
           "gives no refresh token, or where it refuses that; tokens are refreshed shortly before "
           "they expire. The three paths are answered by the gateway in the site, whichever routes "
           "it has.",
    .directives = oidc_directives,
    .count = ARRAY_LEN(oidc_directives),
    .size = sizeof(struct oidc_settings),
    .place_offset = offsetof(struct oidc_settings, place),
};
