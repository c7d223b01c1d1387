/* How much may come. */
#include "config/directives_internal.h"
#include "config/rate_rules.h"
#include "config/text_rules.h"

static const char *const kinds[] = {"bucket", "window", NULL};

static const struct directive rate_directives[] = {
    {.name = "requests",
     .type = DIRECTIVE_INTEGER,
     SLOT(rate_settings, requests),
     .min = 1,
     .max = 1000000000,
     .doc = "How many requests of a key may come in `per`.",
     .example = "requests: 100"},
    {.name = "per",
     .type = DIRECTIVE_DURATION,
     SLOT(rate_settings, per_ms),
     .fallback = "1s",
     .min = 10,
     .max = 31 * DAY,
     .doc = "The time that `requests` is about.",
     .example = "per: 1m"},
    {.name = "by",
     .type = DIRECTIVE_TEXT,
     SLOT(rate_settings, by),
     .fallback = "address",
     .min = 1,
     .max = 1000,
     .check = rule_rate_by,
     .doc = "What requests have in common that are counted together.",
     .more = "`address`: the client's address, of IPv6 its /64, as `trusted_proxies` say it; "
             "`exact_address`: the address as it is; or a text with [variables](#variables): "
             "`\"{user}\"`, `\"{claim.tenant}\"`, `\"{request.X-Api-Key}\"`, `\"{route}\"`, or "
             "`all` for everybody together. Where nothing is in it (nobody has said who he is, "
             "there is no such field), it is the address. What asks who sends the request "
             "(`{user}`, `{claim.NAME}`) is counted behind `auth` and `access`, all else before "
             "them.",
     .example = "by: \"{user}\""},
    {.name = "kind",
     .type = DIRECTIVE_ENUM,
     SLOT(rate_settings, kind),
     .fallback = "bucket",
     .words = kinds,
     .doc = "How they are counted.",
     .more = "`bucket`: each key has an allowance of `burst`, which comes back evenly, "
             "`requests` in `per`. `window`: never more than `requests` in the last `per`, where "
             "what came in the time before counts as if it had come evenly; up to 1,048,575.",
     .example = "kind: window"},
    {.name = "burst",
     .type = DIRECTIVE_INTEGER,
     SLOT(rate_settings, burst),
     .min = 1,
     .max = 1000000000,
     .doc = "How many may come at once, with `kind: bucket`; without it, as many as `requests`.",
     .example = "burst: 20"},
    {.name = "at_once",
     .type = DIRECTIVE_INTEGER,
     SLOT(rate_settings, at_once),
     .min = 1,
     .max = 1000000,
     .doc = "How many requests of a key may be in hand at a time, of all workers.",
     .more = "A request is in hand until its response has ended; a WebSocket, until it does.",
     .example = "at_once: 10"},
    {.name = "queue",
     .type = DIRECTIVE_INTEGER,
     SLOT(rate_settings, queue),
     .min = 1,
     .max = 100000,
     .doc = "How many of a key's requests above `at_once` wait until others have ended, each for "
            "`wait`; more are refused.",
     .example = "queue: 20"},
    {.name = "wait",
     .type = DIRECTIVE_DURATION,
     SLOT(rate_settings, wait_ms),
     .min = 1,
     .max = 10 * MINUTE,
     .doc = "What comes too early waits for so long at most, in place of being refused.",
     .more = "With `requests` it goes on when its time has come, in the order of coming; with "
             "`queue` when another one has ended.",
     .example = "wait: 2s"},
    {.name = "only",
     .type = DIRECTIVE_SECTION,
     SLOT(rate_settings, only),
     .section = &section_access_when,
     .doc = "Which requests are counted, by the conditions of rules; without it, all.",
     .example = "only: { methods: [POST] }"},
    {.name = "keys",
     .type = DIRECTIVE_INTEGER,
     SLOT(rate_settings, keys),
     .fallback = "65536",
     .min = 64,
     .max = 100000000,
     .doc = "How many keys are told apart; each takes 18 bytes.",
     .more = "Where more come, those that have used the least of their allowance are forgotten, so "
             "that a flood of keys does not free those who ask much.",
     .example = "keys: 1000000"},
    {.name = "fields",
     .type = DIRECTIVE_BOOL,
     SLOT(rate_settings, fields),
     .fallback = "true",
     .doc = "Whether responses tell of a rate, in `RateLimit` and `RateLimit-Policy` "
            "(draft-ietf-httpapi-ratelimit-headers).",
     .example = "fields: false"},
    {.name = "dry_run",
     .type = DIRECTIVE_BOOL,
     SLOT(rate_settings, dry_run),
     .fallback = "false",
     .doc = "Nothing is refused and nothing waits: what would be is counted in `tidegate status`, "
            "and is `limit_dry_run` in the access log.",
     .example = "dry_run: true"},
    {.name = "name",
     .type = DIRECTIVE_TEXT,
     SLOT(rate_settings, name),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .doc = "What logs, `tidegate status` and clients call it; without it, where it stands: "
            "`shop.example.com/rate/1`.",
     .example = "name: per-client"},
};

const struct section section_rate = {
    .name = "a rate",
    .title = "rate",
    .doc = "How many requests of a key may come in a time (`requests`, `per`), or be in hand at "
           "once (`at_once`), counted by all workers together. What is over it gets 429 with "
           "`Retry-After`; the rate is `limit` in the access log. Rates of a site count the "
           "requests of all its routes; a route's come besides. What was counted stays when the "
           "configuration is loaded anew, by the rate's name. See [access.md](access.md).",
    .directives = rate_directives,
    .count = ARRAY_LEN(rate_directives),
    .size = sizeof(struct rate_settings),
    .place_offset = offsetof(struct rate_settings, place),
};

static const struct directive ban_directives[] = {
    {.name = "after",
     .type = DIRECTIVE_INTEGER,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(ban_settings, after),
     .min = 1,
     .max = 100000,
     .doc = "How often a client has to do one of `of`, in `within`.",
     .example = "after: 10"},
    {.name = "of",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_REQUIRED | DIRECTIVE_NUMERIC,
     SLOT(ban_settings, of),
     .min = 1,
     .max = 64,
     .check = rule_ban_of,
     .pattern = "^([1-5]([0-9][0-9]|xx)|bad_request|handshake)$",
     .doc = "What counts: statuses of answers (`404`, `4xx`), whoever gave them; `bad_request`, "
            "what came is no HTTP; `handshake`, TLS that failed by the client's doing.",
     .example = "of: [401, 403, 404, 429, bad_request]"},
    {.name = "within",
     .type = DIRECTIVE_DURATION,
     SLOT(ban_settings, within_ms),
     .fallback = "1m",
     .min = SECOND,
     .max = DAY,
     .doc = "The time in which that has to be.",
     .example = "within: 1m"},
    {.name = "for",
     .type = DIRECTIVE_DURATION,
     SLOT(ban_settings, for_ms),
     .fallback = "10m",
     .min = SECOND,
     .max = 31 * DAY,
     .doc = "How long the client is kept off then.",
     .example = "for: 10m"},
    {.name = "except",
     .type = DIRECTIVE_NETWORKS,
     SLOT(ban_settings, except),
     .min = 1,
     .max = 1000,
     .doc = "Clients that are never kept off.",
     .example = "except: [10.0.0.0/8]"},
    {.name = "dry_run",
     .type = DIRECTIVE_BOOL,
     SLOT(ban_settings, dry_run),
     .fallback = "false",
     .doc = "Nobody is kept off: the log and `tidegate status` say who would be.",
     .example = "dry_run: true"},
    {.name = "name",
     .type = DIRECTIVE_TEXT,
     SLOT(ban_settings, name),
     .min = 1,
     .max = 60,
     .check = rule_name,
     .doc = "What the log, `tidegate bans` and `tidegate status` call it; without it, `ban/1`, "
            "`ban/2`, ...",
     .example = "name: scanners"},
};

const struct section section_ban = {
    .name = "a ban",
    .title = "ban",
    .doc = "Clients that do something too often are kept off for a while, by their address (of "
           "IPv6: the /64), as `trusted_proxies` say it: their connections are closed as soon as "
           "they are accepted, and requests on connections that are open, or that a trusted proxy "
           "brings, get 403. `tidegate bans` shows who is, and lifts it; the log has a line for "
           "each. What was counted and who is kept off stays when the configuration is loaded "
           "anew. See [access.md](access.md).",
    .directives = ban_directives,
    .count = ARRAY_LEN(ban_directives),
    .size = sizeof(struct ban_settings),
    .place_offset = offsetof(struct ban_settings, place),
};
