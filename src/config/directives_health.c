/* What a backend says of its servers' health. */
#include "config/directives_internal.h"
#include "config/hedge_after.h"
#include "config/match_rules.h"
#include "config/text_rules.h"

/* In the order of enum health_assume. */
static const char *const assumptions[] = {"up", "down", NULL};
static const char *const methods[] = {"GET", "HEAD", "OPTIONS", NULL};

/* ---- checks ---- */

static const struct directive connect_directives[] = {
    {.name = "send",
     .type = DIRECTIVE_TEXT,
     SLOT(check_connect_settings, send),
     .min = 1,
     .max = 1024,
     .doc = "What is sent once the connection stands; without it, the server is listened to.",
     .more = "All at once: in YAML `\\r\\n` within double quotes ends a line.",
     .example = "send: \"PING\\r\\nINFO replication\\r\\n\"\nexpect: role:master"},
    {.name = "expect",
     .type = DIRECTIVE_TEXT,
     SLOT(check_connect_settings, expect),
     .min = 1,
     .max = 256,
     .doc = "What the server must say: somewhere in the first 64 KiB that come from it.",
     .example = "expect: \"220 \""},
};

const struct section section_check_connect = {
    .name = "a check by connecting",
    .title = "check_connect",
    .doc = "A check that makes a connection, looks at what the server says where `expect` asks for "
           "that, and closes it. So servers of Redis, SMTP and their like are asked: "
           "`tcp: { expect: \"220 \" }`.",
    .directives = connect_directives,
    .count = ARRAY_LEN(connect_directives),
    .size = sizeof(struct check_connect_settings),
    .place_offset = offsetof(struct check_connect_settings, place),
};

static const struct directive http_directives[] = {
    {.name = "path",
     .type = DIRECTIVE_TEXT,
     SLOT(check_http_settings, path),
     .fallback = "/",
     .min = 1,
     .max = 1024,
     .check = rule_target,
     .pattern = "^/[!-~]*$",
     .doc = "What is asked for, with its query.",
     .example = "path: /healthz"},
    {.name = "method",
     .type = DIRECTIVE_WORD,
     SLOT(check_http_settings, method),
     .fallback = "GET",
     .words = methods,
     .doc = "How.",
     .example = "method: HEAD"},
    {.name = "host",
     .type = DIRECTIVE_TEXT,
     SLOT(check_http_settings, host),
     .min = 1,
     .max = 255,
     .check = rule_authority,
     .pattern = "^[A-Za-z0-9._:\\[\\]-]+$",
     .doc = "The host of the request; without it, the server's own name or address.",
     .example = "host: shop.example.com"},
    {.name = "fields",
     .type = DIRECTIVE_FIELDS,
     SLOT(check_http_settings, fields),
     COUNT(check_http_settings, field_count),
     .min = 0,
     .max = 20,
     .check_field = rule_field,
     .doc = "Fields of the request besides.",
     .example = "fields: { X-Check: gateway }"},
    {.name = "expect",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_NUMERIC,
     SLOT(check_http_settings, expect),
     .min = 1,
     .max = 20,
     .check = rule_statuses,
     .pattern = "^[1-5]([0-9][0-9]|xx)$",
     .doc = "Statuses of a server that is well; without it, 2xx and 3xx.",
     .example = "expect: [2xx, 401]"},
    {.name = "body",
     .type = DIRECTIVE_TEXT,
     SLOT(check_http_settings, body),
     .min = 1,
     .max = 256,
     .doc = "What the body must hold somewhere in its first 64 KiB.",
     .example = "body: '\"status\":\"ok\"'"},
    {.name = "body_regex",
     .type = DIRECTIVE_TEXT,
     SLOT(check_http_settings, body_regex),
     .min = 1,
     .max = PATTERN_BYTES_MAX,
     .check = rule_regex,
     .doc = "A regular expression (PCRE2) that fits a part of the body's first 16 KiB.",
     .more = "As for `regex` of routes: bytes, `.` fits every one of them, and a search that takes "
             "too many steps has found nothing.",
     .example = "body_regex: '\"status\": *\"(ok|warm)\"'"},
};

const struct section section_check_http = {
    .name = "a check by HTTP",
    .title = "check_http",
    .doc = "A check that asks for something, in the protocol of the backend.",
    .directives = http_directives,
    .count = ARRAY_LEN(http_directives),
    .size = sizeof(struct check_http_settings),
    .place_offset = offsetof(struct check_http_settings, place),
};

static const struct directive grpc_directives[] = {
    {.name = "service",
     .type = DIRECTIVE_TEXT,
     SLOT(check_grpc_settings, service),
     .fallback = "",
     .min = 0,
     .max = 127,
     .doc = "Which service must be serving; without it, the server as a whole.",
     .example = "service: shop.Cart"},
};

const struct section section_check_grpc = {
    .name = "a check by gRPC",
    .title = "check_grpc",
    .doc = "A check by gRPC's health protocol (grpc.health.v1.Health).",
    .directives = grpc_directives,
    .count = ARRAY_LEN(grpc_directives),
    .size = sizeof(struct check_grpc_settings),
    .place_offset = offsetof(struct check_grpc_settings, place),
};

static const struct directive health_check_directives[] = {
    {.name = "path",
     .type = DIRECTIVE_TEXT,
     SLOT(health_check_settings, path),
     .min = 1,
     .max = 1024,
     .check = rule_target,
     .pattern = "^/[!-~]*$",
     .doc = "Short for `http: { path: ... }`.",
     .example = "path: /healthz"},
    {.name = "http",
     .type = DIRECTIVE_SECTION,
     SLOT(health_check_settings, http),
     .section = &section_check_http,
     .doc = "Ask for something by HTTP: a server is well that answers as expected.",
     .example = "http: { path: /healthz, expect: [204] }"},
    {.name = "tcp",
     .type = DIRECTIVE_SECTION,
     SLOT(health_check_settings, tcp),
     .section = &section_check_connect,
     .doc =
         "Connect: a server is well that accepts. For a backend without `tls`, and for servers of "
         "`passthrough`, this is the check that is made if none is named.",
     .example = "tcp: {}"},
    {.name = "tls",
     .type = DIRECTIVE_SECTION,
     SLOT(health_check_settings, tls),
     .section = &section_check_connect,
     .doc = "Connect and shake hands, as requests do, with name and chain: what is made if none is "
            "named and the backend has `tls`.",
     .example = "tls: {}"},
    {.name = "grpc",
     .type = DIRECTIVE_SECTION,
     SLOT(health_check_settings, grpc),
     .section = &section_check_grpc,
     .doc = "Ask by gRPC's health protocol: a server is well that says SERVING.",
     .example = "grpc: { service: shop.Cart }"},
    {.name = "interval",
     .type = DIRECTIVE_DURATION,
     SLOT(health_check_settings, interval_ms),
     .fallback = "10s",
     .min = 100,
     .max = HOUR,
     .doc = "From the end of a check to the next one, more or less: not all servers at once.",
     .more = "While a server's state is changing, a fifth of it.",
     .example = "interval: 5s"},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(health_check_settings, timeout_ms),
     .fallback = "2s",
     .min = 10,
     .max = MINUTE,
     .doc = "For a check as a whole, from connecting to the answer's last byte.",
     .example = "timeout: 2s"},
    {.name = "rise",
     .type = DIRECTIVE_INTEGER,
     SLOT(health_check_settings, rise),
     .fallback = "2",
     .min = 1,
     .max = 100,
     .doc = "After so many good checks in a row a server that was down is up.",
     .example = "rise: 2"},
    {.name = "fall",
     .type = DIRECTIVE_INTEGER,
     SLOT(health_check_settings, fall),
     .fallback = "3",
     .min = 1,
     .max = 100,
     .doc = "After so many bad ones it is down.",
     .example = "fall: 3"},
    {.name = "assume",
     .type = DIRECTIVE_ENUM,
     SLOT(health_check_settings, assume),
     .fallback = "up",
     .words = assumptions,
     .doc = "What a server is taken for before its first check.",
     .more = "With `down` the first good check is enough.",
     .example = "assume: down"},
    {.name = "port",
     .type = DIRECTIVE_INTEGER,
     SLOT(health_check_settings, port),
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .doc = "The port that is asked, where that is not the server's own (0).",
     .more = "For what says of a server how it is beside it: Patroni for PostgreSQL, a script for "
             "MySQL. The rest is as ever: `http` for a backend of `tcp`, too.",
     .example = "port: 8008"},
    {.name = "use_down",
     .type = DIRECTIVE_BOOL,
     SLOT(health_check_settings, use_down),
     .fallback = "true",
     .doc =
         "Whether servers that are down get requests all the same where none is well, or too few "
         "are (`panic` of `outliers`).",
     .more = "`false` is for checks that ask who a server is, not only how: of a primary and its "
             "replicas only the primary may be written to, however few that is. Where none is "
             "well the answer is 503 `no_server`, and connections that are relayed end.",
     .example = "use_down: false"},
    {.name = "close_on_down",
     .type = DIRECTIVE_BOOL,
     SLOT(health_check_settings, close_on_down),
     .fallback = "false",
     .doc = "Whether connections that are relayed to a server (`tcp`, `passthrough`) end when it "
            "goes down.",
     .more = "So clients of a database that is a primary no more come to the new one. Each ends "
             "with a reset both ways, and is `server_down` in the log. Requests of HTTP, and "
             "WebSocket, go on.",
     .example = "close_on_down: true"},
};

const struct section section_health_check = {
    .name = "a health check",
    .title = "health_check",
    .doc = "What servers are asked now and then, by a thread of its own, as requests are: over the "
           "same TLS, with a PROXY header where the backend has one. `health_check: {}` connects.",
    .directives = health_check_directives,
    .count = ARRAY_LEN(health_check_directives),
    .size = sizeof(struct health_check_settings),
    .place_offset = offsetof(struct health_check_settings, place),
    .scalar_name = "path",
};

/* ---- traffic ---- */

static const struct directive outliers_directives[] = {
    {.name = "failures",
     .type = DIRECTIVE_INTEGER,
     SLOT(outliers_settings, failures),
     .fallback = "5",
     .min = 0,
     .max = 1000,
     .doc = "So many requests in a row that fail put a server out, if another one does better. 0: "
            "they do not.",
     .more = "A request fails that is answered with 500, 502, 503 or 504, or whose connection "
             "breaks, or that is not answered in time. A client that leaves counts for nothing. A "
             "server to which no connection can be made is out at once, whatever this says, and "
             "the gateway itself looks, after 1 s and then up to every 10 s, whether it is there "
             "again.",
     .example = "failures: 3"},
    {.name = "errors",
     .type = DIRECTIVE_INTEGER,
     SLOT(outliers_settings, errors),
     .fallback = "50",
     .min = 0,
     .max = 100,
     .doc = "Percent of a server's requests in a `window` that fail and so put it out, if those of "
            "the others fail half as often at most. 0: they do not.",
     .example = "errors: 20"},
    {.name = "slow",
     .type = DIRECTIVE_INTEGER,
     SLOT(outliers_settings, slow),
     .fallback = "0",
     .min = 0,
     .max = 1000,
     .doc = "So many times as long as half of the requests to all other servers take, half of a "
            "server's must take in a `window` to put it out. 0: it does not matter.",
     .more =
         "From a request's end to the first byte of its answer. A server whose half of requests is "
         "answered within 5 ms stays, and nothing is said where it, or the others together, had "
         "fewer than `requests` in the window. `balance: ewma` gives slow servers less instead "
         "of nothing, which is the better choice where they are slow by nature.",
     .example = "slow: 5"},
    {.name = "requests",
     .type = DIRECTIVE_INTEGER,
     SLOT(outliers_settings, requests),
     .fallback = "20",
     .min = 1,
     .max = 1000000,
     .doc = "Fewer requests in a `window` say nothing.",
     .example = "requests: 100"},
    {.name = "window",
     .type = DIRECTIVE_DURATION,
     SLOT(outliers_settings, window_ms),
     .fallback = "10s",
     .min = SECOND,
     .max = HOUR,
     .doc = "How long `errors` and times (`slow`) are counted together.",
     .example = "window: 30s"},
    {.name = "eject",
     .type = DIRECTIVE_DURATION,
     SLOT(outliers_settings, eject_ms),
     .fallback = "10s",
     .min = 100,
     .max = HOUR,
     .doc = "How long a server is out the first time; each time after that, twice as long.",
     .more = "Then it gets one request at a time, until one goes well.",
     .example = "eject: 30s"},
    {.name = "eject_max",
     .type = DIRECTIVE_DURATION,
     SLOT(outliers_settings, eject_max_ms),
     .fallback = "5m",
     .min = 100,
     .max = DAY,
     .doc = "And never longer than this.",
     .example = "eject_max: 10m"},
    {.name = "max_share",
     .type = DIRECTIVE_INTEGER,
     SLOT(outliers_settings, max_share),
     .fallback = "50",
     .min = 0,
     .max = 100,
     .doc = "Percent of the servers that failing requests may put out.",
     .example = "max_share: 30"},
    {.name = "panic",
     .type = DIRECTIVE_INTEGER,
     SLOT(outliers_settings, panic),
     .fallback = "25",
     .min = 0,
     .max = 100,
     .doc = "With fewer percent of the servers well, those that are not are used too, as long as "
            "they can be reached: the few would go down under what all of them carry.",
     .more = "0: only when none is well.",
     .example = "panic: 50"},
};

const struct section section_outliers = {
    .name = "outliers",
    .title = "outliers",
    .doc = "When the traffic to a server puts it out for a while. It holds without being written.",
    .directives = outliers_directives,
    .count = ARRAY_LEN(outliers_directives),
    .size = sizeof(struct outliers_settings),
    .place_offset = offsetof(struct outliers_settings, place),
};

/* ---- retries ---- */

static const struct directive hedge_directives[] = {
    {.name = "after",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(hedge_settings, after),
     .min = 2,
     .max = 8,
     .check = rule_hedge_after,
     .pattern = "^(p[5-9][0-9](\\.[0-9])?|[0-9]+m?s)$",
     .doc = "How long a server has for the head of its answer until another one is asked, too: a "
            "time, or as long as so many percent of the requests take (`p95`).",
     .more =
         "What requests take is what each worker has seen of GET and HEAD to the backend in the "
         "last ten to twenty seconds; with fewer than 50 of them nobody else is asked.",
     .example = "after: p95"},
    {.name = "max",
     .type = DIRECTIVE_INTEGER,
     SLOT(hedge_settings, max),
     .fallback = "100",
     .min = 1,
     .max = 100000,
     .doc = "How many requests to a backend are asked of two servers at once, for each worker.",
     .example = "max: 20"},
};

const struct section section_hedge = {
    .name = "hedge of retries",
    .title = "hedge",
    .doc = "GET and HEAD are asked of a second server, if the first one takes long: the one that "
           "answers first is passed on, and the other one is told to stop (hedging).",
    .directives = hedge_directives,
    .count = ARRAY_LEN(hedge_directives),
    .size = sizeof(struct hedge_settings),
    .place_offset = offsetof(struct hedge_settings, place),
    .scalar_name = "after",
};

static const struct directive retries_directives[] = {
    {.name = "times",
     .type = DIRECTIVE_INTEGER,
     SLOT(retries_settings, times),
     .fallback = "1",
     .min = 0,
     .max = 10,
     .doc = "How often a request is sent again that a server may have acted on.",
     .more =
         "One of which nothing was sent, or that a server says it did not look at, is sent "
         "again whatever this says, three times at most; and one that was lost with a connection "
         "on which nothing had come since it rested, once.",
     .example = "times: 2"},
    {.name = "for",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_NUMERIC,
     SLOT(retries_settings, on),
     .fallback = "connect reset refused_stream",
     .min = 0,
     .max = 7,
     .check = rule_retry_on,
     .pattern = "^(connect|reset|refused_stream|502|503|504|timeout)$",
     .doc = "What it is sent again for: no connection can be made (`connect`: each other server is "
            "tried); the "
            "connection is lost before any answer (`reset`); the server declines it unseen "
            "(`refused_stream`); it answers with `502`, `503` or `504`; it has not answered within "
            "`per_try` (`timeout`).",
     .more =
         "All but `connect` and `refused_stream` is for methods that are idempotent (GET, PUT, "
         "DELETE, PROPFIND, ...), unless `any_method` is true, and for bodies up to the route's "
         "`replay_limit`. Nothing is sent again once a part of an answer has come.",
     .example = "for: [connect, reset, refused_stream, 503]"},
    {.name = "per_try",
     .type = DIRECTIVE_DURATION,
     SLOT(retries_settings, per_try_ms),
     .flags = DIRECTIVE_OFF,
     .fallback = "off",
     .min = 10,
     .max = HOUR,
     .doc =
         "How long a server has, from the request's end, for the head of its answer before another "
         "one is asked; the last one has what `response_timeout` says.",
     .example = "per_try: 2s"},
    {.name = "budget",
     .type = DIRECTIVE_INTEGER,
     SLOT(retries_settings, budget),
     .fallback = "20",
     .min = 0,
     .max = 100,
     .doc =
         "So many retries come to a hundred requests to the backend, so that an outage is not made "
         "worse by them.",
     .more = "Ten may come at once, for each worker. What no server has seen does not count.",
     .example = "budget: 10"},
    {.name = "any_method",
     .type = DIRECTIVE_BOOL,
     SLOT(retries_settings, any_method),
     .fallback = "false",
     .doc = "Whether doing a request twice is harmless, whatever its method.",
     .example = "any_method: true"},
    {.name = "hedge",
     .type = DIRECTIVE_SECTION,
     SLOT(retries_settings, hedge),
     .section = &section_hedge,
     .doc = "When a second server is asked, while the first one has not answered; without it, "
            "never.",
     .more = "Once for a request, without a body, and only where another server is there that is "
             "not full. It is counted in `budget` as a retry is. An answer of the second server "
             "with 500, 502, 503 or 504 does not count: the first one's is waited for. What the "
             "slower server did by then says nothing of its health, and the log has it among "
             "`tries` as `outrun`. With `balance: sticky` no other server would do, so none is "
             "asked.",
     .example = "hedge: p95"},
};

const struct section section_retries = {
    .name = "retries",
    .title = "retries",
    .doc = "When a request is sent to another server. A route's hold in place of its site's, and "
           "these in place of the backend's.",
    .directives = retries_directives,
    .count = ARRAY_LEN(retries_directives),
    .size = sizeof(struct retries_settings),
    .place_offset = offsetof(struct retries_settings, place),
};
