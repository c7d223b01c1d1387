/* Sites and their routes. */
#include "config/address.h"
#include "config/answer_rules.h"
#include "config/directives_internal.h"
#include "config/directives_share.h"
#include "config/match_rules.h"
#include "config/message_rules.h"
#include "config/text_rules.h"
#include "edge/split.h"

/* In the order of enum security_fields and enum site_paths. */
const char *const security_levels[] = {"off", "basic", "strict", NULL};
const char *const site_paths[] = {"strict", "as_sent", NULL};
/* In the order of enum otherwise, enum starttls, enum site_www and enum plain_http. */
static const char *const otherwises[] = {"next", "deny", NULL};
static const char *const starttlses[] = {"off", "postgres", NULL};
static const char *const wwws[] = {"as_is", "add", "remove", NULL};
static const char *const plain_https[] = {"redirect", "serve", "refuse", NULL};

static const struct directive respond_directives[] = {
    {.name = "status",
     .type = DIRECTIVE_INTEGER,
     SLOT(respond_settings, status),
     .fallback = "200",
     .min = 200,
     .max = 599,
     .doc = "The status code.",
     .example = "status: 404"},
    {.name = "body",
     .type = DIRECTIVE_TEXT,
     SLOT(respond_settings, body),
     .fallback = "",
     .min = 0,
     .max = MEBI,
     .doc = "The text of the answer.",
     .example = "body: \"no such thing\\n\""},
    {.name = "file",
     .type = DIRECTIVE_PATH,
     SLOT(respond_settings, file),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file of up to 256 KiB whose bytes are the answer, by its name of the right type.",
     .more = "It is read when the configuration is loaded, and again when it has changed.",
     .example = "file: robots.txt"},
    {.name = "json",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_JSON,
     SLOT(respond_settings, json),
     .min = 0,
     .max = MEBI,
     .doc = "The answer as JSON: whatever is written here, in YAML or JSON.",
     .more = "What is in quotes is a text; numbers, `true`, `false` and `null` without them are "
             "what they look like.",
     .example = "json: { status: ok, version: 3 }"},
    {.name = "type",
     .type = DIRECTIVE_TEXT,
     SLOT(respond_settings, type),
     .min = 3,
     .max = NAME_BYTES_MAX,
     .check = rule_media_type,
     .doc = "Its Content-Type, in place of what its kind suggests.",
     .example = "type: text/html; charset=utf-8"},
    {.name = "retry_after",
     .type = DIRECTIVE_DURATION,
     SLOT(respond_settings, retry_after_ms),
     .min = SECOND,
     .max = 30 * DAY,
     .doc = "When clients should come again (Retry-After).",
     .example = "retry_after: 30s"},
    {.name = "echo",
     .type = DIRECTIVE_BOOL,
     SLOT(respond_settings, echo),
     .fallback = "false",
     .doc = "Answer with a JSON description of the request instead of a body.",
     .more = "It shows what arrived here, field by field: for trying things out, not for the "
             "public.",
     .example = "echo: true"},
    {.name = "close",
     .type = DIRECTIVE_BOOL,
     SLOT(respond_settings, close),
     .fallback = "false",
     .doc = "No answer at all: the connection is reset, in HTTP/2 the request's stream.",
     .more =
         "For scanners and whoever comes by a name that is nobody's, as nginx's 444. The access "
         "log has the request without a status, with `closed_unanswered`.",
     .example = "close: true"},
    {.name = "fields",
     .type = DIRECTIVE_FIELDS,
     SLOT(respond_settings, fields),
     COUNT(respond_settings, field_count),
     .min = 0,
     .max = 100,
     .doc = "Header fields of the answer.",
     .example = "fields: { Content-Type: text/html }"},
};

const struct section section_respond = {
    .name = "respond",
    .title = "respond",
    .doc = "An answer that the gateway gives itself.",
    .directives = respond_directives,
    .count = ARRAY_LEN(respond_directives),
    .size = sizeof(struct respond_settings),
    .place_offset = offsetof(struct respond_settings, place),
};

#define ACCESS_LOG(object, what, whose)                                                            \
    .name = "access_log", .type = DIRECTIVE_BOOL, SLOT(object, access_log),                        \
    .doc =                                                                                         \
        "Whether the " what "'s requests have lines in the access log: probes of health may do "   \
        "without." whose,                                                                          \
    .more = "What went wrong is written all the same: a line that has a `reason`, or a status of " \
            "500 and above.",                                                                      \
    .example = "access_log: false"

#define BACKEND_DOC                                                                                \
    "The name of one of `backends`; or an address, a list of addresses or a whole backend "        \
    "section, "                                                                                    \
    "right here."

static const struct directive route_directives[] = {
    {.name = "match",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(route_settings, match),
     .section = &section_match,
     .doc = "Which requests the route takes; without it, all.",
     .example = "match: { path: /v1/*, methods: [GET, POST] }"},
    {.name = "else",
     .type = DIRECTIVE_ENUM,
     SLOT(route_settings, otherwise),
     .fallback = "next",
     .words = otherwises,
     .doc = "Whether requests that only the rule about clients keeps off the route go on to the "
            "next routes, or are denied.",
     .more =
         "`deny` answers requests of the route's path and methods from clients that "
         "`match.client` does not fit with 403, whatever routes come behind; in a route without "
         "`match.client`, those of the path whose method is not in `methods` with 405. With "
         "`next` they are tried on the routes behind, which may let them in: so where a route "
         "with `match.client` is followed by one for everybody that takes its path, the choice "
         "must be written down, and is an error otherwise.",
     .example = "else: deny"},
    {.name = "backend",
     .type = DIRECTIVE_BACKEND,
     SLOT(route_settings, backend),
     .section = &section_backend,
     .doc = "Where requests are sent.",
     .more = BACKEND_DOC,
     .example = "backend: 127.0.0.1:8080"},
    {.flags = DIRECTIVE_OFF, SPLIT(route_settings, "the route's", ROUTE_SPLIT)},
    {SPLIT_BY(route_settings)},
    {SPLIT_STICKY(route_settings)},
    {.flags = DIRECTIVE_OFF,
     MIRROR(route_settings, " In place of what the site says; `off`: none.")},
    {.name = "respond",
     .type = DIRECTIVE_SECTION,
     SLOT(route_settings, respond),
     .section = &section_respond,
     .doc = "An answer that the gateway gives itself.",
     .example = "respond: { status: 404, body: \"no such thing\\n\" }"},
    {.name = "files",
     .type = DIRECTIVE_SECTION,
     SLOT(route_settings, files),
     .section = &section_files,
     .doc = "Files from a folder.",
     .example = "files: public"},
    {.name = "redirect",
     .type = DIRECTIVE_SECTION,
     SLOT(route_settings, redirect),
     .section = &section_redirect,
     .doc = "Another URL in place of an answer.",
     .example = "redirect: \"https://www.example.com{path}{?query}\""},
    {.name = "rewrite",
     .type = DIRECTIVE_SECTION,
     SLOT(route_settings, rewrite),
     .section = &section_rewrite,
     .doc = "Another path for the server, or for `files`, than the one that was asked for.",
     .example = "rewrite: { strip_prefix: /api }"},
    {REQUEST_FIELDS(route_settings, ", after what the site says.")},
    {RESPONSE_FIELDS(route_settings, ", after what the site says.")},
    {COMPRESS(route_settings, "; what it leaves out is as the site says.")},
    {AUTH(route_settings, ", in place of what the site says.")},
    {ACCESS(route_settings, "; they come behind the site's, which have to let it pass, too.")},
    {RATES(route_settings, ", besides what the site says.")},
    {.name = "site_access",
     .type = DIRECTIVE_BOOL,
     SLOT(route_settings, site_access),
     .fallback = "true",
     .doc = "Whether the site's `access` counts for this route; without it, the route's own does "
            "alone, or whoever asks may pass.",
     .example = "site_access: false"},
    {SECURITY_FIELDS(route_settings, " In place of what the site says.")},
    {HSTS(route_settings, OF_ROUTE)},
    {.flags = DIRECTIVE_OFF, CORS(route_settings, OF_ROUTE)},
    {.flags = DIRECTIVE_OFF, ERRORS(route_settings, OF_ROUTE)},
    {.flags = DIRECTIVE_OFF, MAINTENANCE(route_settings, OF_ROUTE)},
    {LOCATIONS(route_settings, OF_ROUTE)},
    {.flags = DIRECTIVE_OFF, COOKIES(route_settings, OF_ROUTE)},
    {.name = "early_hints",
     .type = DIRECTIVE_TEXTS,
     SLOT(route_settings, early_hints),
     .min = 1,
     .max = 16,
     .check = rule_link,
     .doc = "Links that browsers are told of in a 103 (Early Hints) before a server has answered.",
     .more = "Each is a value of Link (RFC 8288). To GET alone; in HTTP/2 to all, in HTTP/1.1 to "
             "whoever sends `Sec-Fetch-Mode: navigate`, as browsers that know of interim responses "
             "do, since older programs take a 103 for the answer (RFC 8297 section 3). A 103 of a "
             "server's own is passed on besides, to all but HTTP/1.0.",
     .example = "early_hints: [\"</app.css>; rel=preload; as=style\"]"},
    {.name = "timeouts",
     .type = DIRECTIVE_SECTION,
     SLOT(route_settings, timeouts),
     .section = &section_route_timeouts,
     .doc = "How long things may take, in place of what `timeouts` of the file says.",
     .example = "timeouts: { tunnel_idle: 1d }"},
    {ACCESS_LOG(route_settings, "route", " In place of what the site says.")},
    {LOG_OF(route_settings, ", besides what the site says.")},
    {GRPC_WEB(route_settings, " In place of what the site says.")},
    {CACHE_OF(route_settings, ", in place of what the site says.")},
    {.name = "upgrade",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_LOWER,
     SLOT(route_settings, upgrade),
     .fallback = "websocket",
     .min = 0,
     .max = 16,
     .check = rule_protocol,
     .doc = "Protocols that a client may switch to with `Upgrade`.",
     .more =
         "An empty list allows none. Of a list that a client offers, those named here are passed "
         "on, whether the request has a body (which goes first) or not; others are left out, "
         "and the access log says `upgrade_dropped`. A response with status 426 keeps its "
         "Upgrade, any other the protocols named here.\n\nA backend with `protocol: h2` or `h2c` "
         "is asked by extended CONNECT (RFC 8441), whichever version the client speaks, if the "
         "server announces it, and the client is answered 101 in HTTP/1.1, 200 in HTTP/2. If it "
         "does not announce it, the client is answered 501 with `upgrade_needs_h1`, so that no "
         "server takes the request for an ordinary one. Only GET without a body becomes CONNECT, "
         "with the first of the protocols offered; other requests pass without their Upgrade, as "
         "`upgrade_dropped`. With `protocol: auto` a request with an Upgrade gets a connection of "
         "HTTP/1.1.",
     .example = "upgrade: [websocket]"},
    {.name = "body_limit",
     .type = DIRECTIVE_SIZE,
     .flags = DIRECTIVE_UNLIMITED,
     SLOT(route_settings, body_limit),
     .min = 0,
     .max = 1024 * TEBI,
     .doc = "Bytes of a request's body here, in place of `limits.body`.",
     .example = "body_limit: 1M"},
    {.name = "response_limit",
     .type = DIRECTIVE_SIZE,
     .flags = DIRECTIVE_UNLIMITED,
     SLOT(route_settings, response_limit),
     .min = 0,
     .max = 1024 * TEBI,
     .doc = "Bytes of the body of a server's response; without it, any number.",
     .more = "Where a server announces more (Content-Length), the client gets 502 with "
             "`response_too_large` in place of the response; where it sends more than it has "
             "announced nothing of, the response breaks off there, which the client can tell. "
             "What the gateway answers itself, and tunnels, are not counted.",
     .example = "response_limit: 100M"},
    {.name = "delay",
     .type = DIRECTIVE_DURATION,
     SLOT(route_settings, delay_ms),
     .min = 0,
     .max = HOUR,
     .doc = "A request of the route waits so long before anything is done with it.",
     .more = "Before `respond: { status: 404 }` it costs scanners their time; before a backend it "
             "shows what clients make of a slow service. A request that waits counts as one under "
             "way: it holds its connection (of `limits.connections`) or stream, and its body is "
             "not read. A client that leaves meanwhile costs the backend nothing.",
     .example = "delay: 3s"},
    {RETRIES(route_settings, "; without it, what the site says")},
    {.name = "replay_limit",
     .type = DIRECTIVE_SIZE,
     SLOT(route_settings, replay_limit),
     .fallback = "256k",
     .min = 0,
     .max = 16 * MEBI,
     .doc =
         "Bytes of a request's body that are kept until the server is seen to be at work on it, so "
         "that the request can be sent again.",
     .more =
         "A request is sent again, to another server if there is one, when none of it was sent, "
         "when the server says that it has not looked at it (HTTP/2), or when its connection was "
         "lost without an answer and doing it twice is harmless. One whose body has become longer "
         "than this is not. A worker keeps 64 MiB at most.",
     .example = "replay_limit: 1M"},
    {ON_CLIENT_CLOSE(route_settings, ", in place of what the site says.")},
    {PRIORITY(route_settings, ", in place of what the site says.")},
    {.name = "name",
     .type = DIRECTIVE_TEXT,
     SLOT(route_settings, name),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .doc = "What logs call the route; without it, the site's name, '/' and the route's number.",
     .example = "name: orders"},
};

const struct section section_route = {
    .name = "a route",
    .title = "route",
    .doc = "A rule for some of a site's requests: one of `backend`, `respond` and `files`. Routes "
           "are tried in order; the first that matches is taken.",
    .directives = route_directives,
    .count = ARRAY_LEN(route_directives),
    .size = sizeof(struct route_settings),
    .place_offset = offsetof(struct route_settings, place),
};

static const struct directive by_alpn_directives[] = {
    {.name = "alpn",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(by_alpn_settings, protocols),
     .min = 1,
     .max = 64,
     .check = rule_alpn,
     .pattern = "^[!-~]{1,255}$",
     .doc = "The protocols, as clients offer them: `h2`, `http/1.1`, `postgresql`.",
     .example = "alpn: [h2]"},
    {.name = "backend",
     .type = DIRECTIVE_BACKEND,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(by_alpn_settings, backend),
     .section = &section_backend,
     .doc = "Where the connections are relayed to, byte for byte.",
     .more = BACKEND_DOC,
     .example = "backend: 10.0.0.6:443"},
};

const struct section section_by_alpn = {
    .name = "an entry of passthrough_by_alpn",
    .title = "passthrough_by_alpn",
    .doc = "TLS connections that are relayed, undecrypted, by the protocol that the client offers "
           "in its ClientHello (ALPN).",
    .directives = by_alpn_directives,
    .count = ARRAY_LEN(by_alpn_directives),
    .size = sizeof(struct by_alpn_settings),
    .place_offset = offsetof(struct by_alpn_settings, place),
};

static const struct directive site_directives[] = {
    {.name = "hosts",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_REQUIRED | DIRECTIVE_LOWER,
     SLOT(site_settings, hosts),
     .min = 1,
     .max = 100000,
     .check = rule_host,
     .pattern = "^(\\*|re:.+|(\\*{1,2}\\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\\[[0-9A-Fa-"
                "f:.]+\\]|"
                "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$",
     .doc = "The host names.",
     .more =
         "`\"*.example.com\"` stands for any one part in front of `example.com`, "
         "`\"**.example.com\"` for one or more, `\"re:[a-z]+[0-9]\\.example\\.com\"` for what "
         "the regular expression fits as a whole, and `\"*\"` "
         "for every host that no other site has (they need the quotes). A connection's site is "
         "found by its TLS server name (SNI), a request's by its authority: an exact name wins "
         "over `*.`, that over `**.`, among which the longest wins, that over expressions, which "
         "are tried in the file's order, and all over `\"*\"`. What a certificate covers is one "
         "part alone: for deeper names it needs names of their own. International names are "
         "written in their `xn--` form. Several sites may "
         "have the same host "
         "where no listener serves two of them.\n\n"
         "IP addresses are hosts, too: `192.0.2.1`, `\"2001:db8::1\"`. A client that sends no "
         "server name, as all do that were given an address in place of a name, gets the site "
         "that has the address which it connected to (behind a PROXY header: the one that "
         "the header names), and the default site where there is none. Where something in "
         "between translates addresses, the gateway sees its own: name that one, too.\n\n"
         "A browser asks for several names on one connection when the certificate has them all. "
         "Sites with the same certificates, `clients` and TLS settings serve such requests; "
         "for others the answer is 421, upon which the client opens a connection of its own.\n\n"
         "A server name that is none (an address, a name with a port, UTF-8) counts as if the "
         "client "
         "had sent none; where TLS ends here, one of more than 255 bytes or with a NUL is refused, "
         "as "
         "the TLS library does not take it.",
     .example = "hosts: [shop.example.com]"},
    {.name = "name",
     .type = DIRECTIVE_TEXT,
     SLOT(site_settings, name),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .pattern = "^[A-Za-z0-9._*-]+$",
     .doc = "What logs and listeners call the site; without it, its first host.",
     .example = "name: shop"},
    {.name = "tls",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_OFF,
     SLOT(site_settings, tls),
     .section = &section_tls,
     .doc = "TLS that ends here; without it, and without `passthrough`, the site is plain HTTP.",
     .more = "`off`: there is none, though `defaults` have it.",
     .example = "tls: { certificate: shop.crt, key: shop.key }"},
    {.name = "passthrough",
     .type = DIRECTIVE_BACKEND,
     SLOT(site_settings, passthrough),
     .section = &section_backend,
     .doc = "Where TLS connections are relayed to, byte for byte, without being decrypted.",
     .more = "Chosen by the TLS server name, and by `passthrough_by_alpn` where there is that; "
             "certificate and key stay on the backend.\n\n" BACKEND_DOC,
     .example = "passthrough: 10.0.0.5:443"},
    {.name = "passthrough_by_alpn",
     .type = DIRECTIVE_SECTIONS,
     SLOT(site_settings, by_alpn),
     COUNT(site_settings, by_alpn_count),
     .min = 1,
     .max = 64,
     .section = &section_by_alpn,
     .doc = "Where TLS connections are relayed to, undecrypted, by what the client offers (ALPN).",
     .more = "The first entry is taken that has one of the protocols that the client offers, "
             "whichever of them it would rather speak: browsers offer `h2` and `http/1.1` "
             "together. Its server should speak those. All other connections go on as the rest of "
             "the site says: `passthrough`, `tls`, or a refusal where there is neither. Of more "
             "than 16 protocols in one ClientHello the first 16 are looked at. Connections that "
             "began with `starttls` are `passthrough`'s.",
     .example = "passthrough_by_alpn: [ { alpn: [h2], backend: 10.0.0.6:443 } ]"},
    {.name = "acme_passthrough",
     .type = DIRECTIVE_BACKEND,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(site_settings, acme_passthrough),
     .section = &section_backend,
     .doc = "Where TLS connections are relayed to, undecrypted, that ask for the protocol "
            "`acme-tls/1` (ALPN).",
     .more = "So an ACME client proves that the site's names are its own (TLS-ALPN-01, RFC 8737), "
             "while all other connections go on as the rest of the site says. It is the same as a "
             "first entry of `passthrough_by_alpn` with `alpn: [acme-tls/1]`.",
     .example = "acme_passthrough: 127.0.0.1:10443"},
    {.name = "tcp",
     .type = DIRECTIVE_BACKEND,
     SLOT(site_settings, tcp),
     .section = &section_backend,
     .doc = "Where what is inside the site's TLS is relayed to, whatever protocol it is.",
     .more = "TLS ends here, with `clients` and all else that `tls` says; the bytes within go to a "
             "server as they are, and back: MQTT, Redis, LDAP, SMTP, a database. A backend with "
             "`tls` gets TLS again. The end of one direction is carried across while the other "
             "goes on, and so is a reset. Servers are balanced, checked (`health_check: { tcp: {} "
             "}`), tried one after another until one can be reached, and told of the client by "
             "`proxy_protocol`: `v2_tls` says what its certificate is, too. "
             "`timeouts.tunnel_idle` and `tunnel_total` count. Connections live on when the "
             "configuration changes, with the server that they have.\n\n"
             "HTTP is never spoken on such a site, nor in plain with its hosts. With `starttls: "
             "postgres` TLS of PostgreSQL's clients ends here.\n\n" BACKEND_DOC,
     .example = "tcp: 10.0.0.7:1883"},
    {.name = "alpn",
     .type = DIRECTIVE_TEXTS,
     SLOT(site_settings, alpn),
     .min = 1,
     .max = 64,
     .check = rule_alpn,
     .pattern = "^[!-~]{1,255}$",
     .doc = "The protocols that are spoken inside the TLS of a site with `tcp`, best first (ALPN).",
     .more = "The first one that a client offers is agreed on. A client that offers protocols, "
             "but none of these, is refused with no_application_protocol (RFC 7301); one that "
             "offers nothing is let in, unless `alpn_required` is on. Without `alpn`, what "
             "clients offer is not answered. With `starttls: postgres` it is `postgresql`.",
     .example = "alpn: [mqtt]"},
    {.name = "alpn_required",
     .type = DIRECTIVE_BOOL,
     SLOT(site_settings, alpn_required),
     .fallback = "false",
     .doc = "Whether clients that offer no protocol (ALPN) are refused, too.",
     .example = "alpn_required: true"},
    {.name = "starttls",
     .type = DIRECTIVE_ENUM,
     SLOT(site_settings, starttls),
     .fallback = "off",
     .words = starttlses,
     .doc = "What clients of `passthrough`, or `tcp`, say before their TLS begins: `postgres` for "
            "servers of PostgreSQL.",
     .more =
         "Such a client asks for TLS in plain (SSLRequest). The gateway says yes, the server name "
         "(SNI) of the ClientHello that follows decides which site it is, and the gateway asks the "
         "site's server for TLS in the same way before it relays the rest. Clients that begin "
         "with TLS at once (`sslnegotiation=direct` since PostgreSQL 17) are known by the protocol "
         "that they offer (ALPN `postgresql`), and their servers need not know of it. So several "
         "databases share an address and a port with each other, and with sites of HTTP. With "
         "`passthrough` TLS and passwords stay between client and server; with `tcp` TLS ends "
         "here, and the server, which gets no SSLRequest, sees a client without TLS.\n\n"
         "A client that asks for Kerberos encryption (GSSENCRequest) is told to go on without. One "
         "that begins a session without TLS, or wants a query cancelled without it (libpq before "
         "17 does so always, and nothing in such a request says for which server it is), gets an "
         "error of PostgreSQL's kind. libpq sends a server name since 14, and none where `host` "
         "is an address: then the site that has the address gets it, else the default one.",
     .example = "starttls: postgres"},
    {.name = "plain_http",
     .type = DIRECTIVE_ENUM,
     SLOT(site_settings, plain_http),
     .words = plain_https,
     .doc = "What a plain HTTP request gets: a redirect to https, the site itself, or a refusal.",
     .more = "Without it, `redirect` where the site has `tls` or `passthrough` (`refuse` with "
             "`starttls`), else `serve`. What "
             "counts is how the client came: behind one of `trusted_proxies` that says so, a "
             "request in plain HTTP is one by https, and the reverse. Only where the site's TLS "
             "passes through, or requires a certificate of the client, is it refused.",
     .example = "plain_http: redirect"},
    {.name = "www",
     .type = DIRECTIVE_ENUM,
     SLOT(site_settings, www),
     .fallback = "as_is",
     .words = wwws,
     .doc = "Which form of its names clients are sent to: with `www.` in front (`add`), or without "
            "(`remove`).",
     .more =
         "Both forms of each name in `hosts` are then the site's, whichever is written there, and "
         "whoever asks for the one that is not meant gets a 308 to the other: the same path, query "
         "and port, and the same scheme; so clients keep their method and body. Plain HTTP goes to "
         "https under its own name first, since Strict-Transport-Security counts for the name that "
         "said it. With `tls` the certificates must cover both forms, as a client sees the "
         "redirect only behind a handshake; `check` warns where they do not. Patterns and "
         "addresses have one form, and stay as they are.",
     .example = "www: remove"},
    {RETRIES(site_settings, "; without it, what the backend says")},
    {PRIORITY(site_settings, "; its routes may say otherwise."), .fallback = "normal",
     .more = "It counts in the `queue` of backends, in which the higher stand in front and have "
             "the last of the lower pushed out where it is full, and in how much of the limit of "
             "`concurrency` may be filled. Connections that pass through wait by it, too. What is "
             "turned away gets 503 with Retry-After, and is `shed` in the log. Copies of `mirror`, "
             "and responses that the cache renews by itself, are `low`: see "
             "[docs/overload.md](overload.md)."},
    {ON_CLIENT_CLOSE(site_settings, ", in place of what the file says.")},
    {.flags = DIRECTIVE_OFF, REQUEST_FIELDS(site_settings, "" OF_SITE)},
    {.flags = DIRECTIVE_OFF, RESPONSE_FIELDS(site_settings, "" OF_SITE)},
    {COMPRESS(site_settings, ".")},
    {AUTH(site_settings, ".")},
    {ACCESS(site_settings, "; where none does, it is refused.")},
    {.flags = DIRECTIVE_OFF, RATES(site_settings, ", of all its routes together." OF_SITE)},
    {SECURITY_FIELDS(site_settings, ""), .fallback = "off"},
    {HSTS(site_settings, "")},
    {.flags = DIRECTIVE_OFF, CORS(site_settings, OF_SITE)},
    {.flags = DIRECTIVE_OFF, ERRORS(site_settings, OF_SITE)},
    {.flags = DIRECTIVE_OFF, MAINTENANCE(site_settings, OF_SITE)},
    {LOCATIONS(site_settings, ""), .fallback = "auto"},
    {.flags = DIRECTIVE_OFF, COOKIES(site_settings, OF_SITE)},
    {ACCESS_LOG(site_settings, "site", ""), .fallback = "true"},
    {LOG_OF(site_settings, ".")},
    {GRPC_WEB(site_settings, ""), .fallback = "false"},
    {CACHE_OF(site_settings, "; routes may say otherwise.")},
    {.name = "paths",
     .type = DIRECTIVE_ENUM,
     SLOT(site_settings, paths),
     .words = site_paths,
     .doc =
         "What becomes of paths that servers read in different ways: refused, or sent on as they "
         "came.",
     .more =
         "Whoever can write one path in two ways can pass a rule about it, where the server behind "
         "reads it otherwise than the gateway. `strict` refuses (400, with the bytes in the log "
         "and "
         "in the answer) an encoded slash (`%2F`), a backslash and `%5C`, parameters (`;` and "
         "`%3B`), what is encoded twice (`%25` before two hex digits), and bytes that are never in "
         "UTF-8, before any rule is asked. It is what counts where the site has a route with any "
         "condition but `methods` and a `path` of `/*`, or with a `respond` of 400 and "
         "above.\n\n"
         "`as_sent` sends such paths on, and asks the routes about every reading: each of `%2F`, "
         "`%5C` and `\\` as a separator or not, parameters kept or dropped, decoded once or up to "
         "four times, dot segments resolved and parameters dropped before, between or after, in "
         "any order. The strictest answer counts: 403 by `match.client`, a "
         "`respond` of 400 and above, 405, 404, a route for some clients alone, and only then the "
         "route of the path as it was sent. Bytes that are never in UTF-8, what is encoded "
         "more often, and paths of more than 256 readings, or whose readings together exceed "
         "256 KiB, are refused here too. It is what counts in sites without such "
         "rules, where there is nothing to pass by.\n\n"
         "In every site an encoded NUL, a malformed `%`, overlong UTF-8 (`%C0%AF`) and dot "
         "segments "
         "that hide behind `%2F`, `%5C` or `;` are refused. What is left to the operator: "
         "case counts here, and some servers do not mind it; some file systems drop a dot or blank "
         "at the end of a name. In front of such servers (IIS, files on Windows) name what may "
         "be reached, and let the rest be refused, rather than the other way round.",
     .example = "paths: strict"},
    {.name = "routes",
     .type = DIRECTIVE_SECTIONS,
     SLOT(site_settings, routes),
     COUNT(site_settings, route_count),
     .min = 1,
     .max = 2000,
     .section = &section_route,
     .doc = "Rules for some of the requests, tried in order.",
     .example = "routes: [ { match: { path: /v1/* }, backend: api } ]"},
    {.name = "backend",
     .type = DIRECTIVE_BACKEND,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(site_settings, backend),
     .section = &section_backend,
     .doc = "Where requests are sent that no route takes.",
     .more = BACKEND_DOC,
     .example = "backend: 127.0.0.1:8080"},
    {SPLIT(site_settings, "the site's", SITE_SPLIT)},
    {SPLIT_BY(site_settings)},
    {SPLIT_STICKY(site_settings)},
    {MIRROR(site_settings, " Of all routes that have a `backend` of HTTP, but for those that say "
                           "`mirror` themselves.")},
    {.name = "respond",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(site_settings, respond),
     .section = &section_respond,
     .doc = "What the gateway itself answers to requests that no route takes.",
     .example = "respond: { status: 404, body: \"no such thing\\n\" }"},
    {.name = "redirect",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(site_settings, redirect),
     .section = &section_redirect,
     .doc = "Where requests are sent that no route takes.",
     .example = "redirect: \"https://www.example.com{path}{?query}\""},
    {.name = "files",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(site_settings, files),
     .section = &section_files,
     .doc = "The files that requests get that no route takes.",
     .example = "files: public"},
};

const struct section section_site = {
    .name = "a site",
    .title = "site",
    .doc = "A set of host names and what to do with them: relay their TLS untouched "
           "(`passthrough`), relay what is inside it (`tcp`), or serve them by `routes`, "
           "`backend`, `respond` or `files`, over TLS "
           "(`tls`) or plain.",
    .directives = site_directives,
    .count = ARRAY_LEN(site_directives),
    .size = sizeof(struct site_settings),
    .place_offset = offsetof(struct site_settings, place),
};
