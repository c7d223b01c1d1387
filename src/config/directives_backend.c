#include "base/url.h"
#include "config/address.h"
#include "config/directives_internal.h"
#include "config/identity_rules.h"
#include "config/message_rules.h"
#include "config/text_rules.h"

/* In the order of enum backend_proxy_protocol, enum backend_min_version and enum
 * backend_protocol. */
static const char *const proxy_protocols[] = {"off", "v1", "v2", "v2_tls", NULL};
static const char *const min_versions[] = {"1.2", "1.3", NULL};
static const char *const protocols[] = {"h1", "h2", "auto", "h2c", "fastcgi", NULL};
/* In the order of enum script_files. */
static const char *const script_files[] = {"checked", "trusted", NULL};

#define PEM_FILE .type = DIRECTIVE_PATH, .min = 1, .max = PATH_BYTES_MAX, .check = rule_path

static const struct directive backend_tls_directives[] = {
    {.name = "ca",
     PEM_FILE,
     SLOT(backend_tls_settings, ca),
     .doc = "PEM file: the authorities that may vouch for the servers; without it, the system's.",
     .more = "They need not be roots: an intermediate, or the server's own certificate, is enough "
             "(RFC 5280 section 6.1.1).",
     .example = "ca: internal-ca.pem"},
    {.name = "server_name",
     .type = DIRECTIVE_TEXT,
     SLOT(backend_tls_settings, server_name),
     .min = 1,
     .max = 253,
     .check = rule_server_name,
     .pattern = "^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+)$",
     .doc = "The name that is asked for (SNI) and that the servers' certificates must carry.",
     .more =
         "Without it, the host of the server's address. An IP address must be among the "
         "certificate's addresses, and is not sent. Servers by a Unix socket have no host, so "
         "their certificate's name, or address, has to be given.\n\n`client` is the host of each "
         "request, without its port, as the gateway got it: for servers that have the sites' own "
         "certificates. Connections and TLS sessions are then kept by name, and none that was "
         "made for one name carries a request for another. That a server has no certificate for "
         "a name is told of that request alone (502), and puts no server out, since clients choose "
         "the name. Checks of health know no client: they ask with `health_check.http.host`, else "
         "with the host of the server's address, and where that is a number they send no name and "
         "verify the chain alone.",
     .example = "server_name: api.internal"},
    {SHOWN_CERTIFICATE(backend_tls_settings, "servers")},
    {SHOWN_KEY(backend_tls_settings)},
    {.name = "verify",
     .type = DIRECTIVE_BOOL,
     SLOT(backend_tls_settings, verify),
     .fallback = "true",
     .doc = "Whether the servers' certificates are verified.",
     .more = "`false` accepts any certificate, an attacker's too.",
     .example = "verify: true"},
    {.name = "crl",
     PEM_FILE,
     SLOT(backend_tls_settings, crl),
     .doc = "File of revocation lists (CRL): one of each CA above the servers' certificates, the "
            "root's too.",
     .more = "PEM with any number of lists, or DER with lists one behind the other; read again "
             "when it has changed.",
     .example = "crl: internal.crl"},
    {.name = "pins",
     .type = DIRECTIVE_TEXTS,
     SLOT(backend_tls_settings, pins),
     .min = 1,
     .max = 64,
     .check = rule_pin,
     .pattern = "^sha256/[A-Za-z0-9+/]{43}=$",
     .doc = "Public keys, one of which must be in the verified chain: `sha256/` and the base64 "
            "SHA-256 of a SubjectPublicKeyInfo.",
     .more = "With `verify: false` the server's own key must be one of them. Name a spare key too, "
             "or the day the server gets a new one it cannot be reached.",
     .example = "pins: [sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=]"},
    {.name = "min_version",
     .type = DIRECTIVE_ENUM,
     SLOT(backend_tls_settings, min_version),
     .flags = DIRECTIVE_TLS_VERSION,
     .fallback = "1.2",
     .words = min_versions,
     .doc = "The oldest TLS version that is spoken with the servers.",
     .more = "`1.3`, `\"1.3\"` and `TLSv1.3` are the same.",
     .example = "min_version: 1.3"},
    {.name = "policy", .type = DIRECTIVE_LATER, .doc = "TLS versions towards servers"},
};

const struct section section_backend_tls = {
    .name = "tls of a backend",
    .title = "backend_tls",
    .doc = "TLS from the gateway to the servers. `tls: {}` is TLS with the system's authorities.",
    .directives = backend_tls_directives,
    .count = ARRAY_LEN(backend_tls_directives),
    .size = sizeof(struct backend_tls_settings),
    .place_offset = offsetof(struct backend_tls_settings, place),
};

static const struct directive servers_from_directives[] = {
    {.name = "file",
     .type = DIRECTIVE_PATH,
     SLOT(servers_from_settings, file),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "The file. It need not be there yet, and may have up to 1 MiB.",
     .example = "file: /run/servers.yaml"},
    {.name = "every",
     .type = DIRECTIVE_DURATION,
     SLOT(servers_from_settings, every_ms),
     .min = 50,
     .max = DAY,
     .doc =
         "How often it is looked whether the list has changed; by default a file every second, a "
         "URL every ten.",
     .example = "every: 5s"},
    {.name = "url",
     .type = DIRECTIVE_TEXT,
     SLOT(servers_from_settings, url),
     .min = 1,
     .max = URL_MAX,
     .check = rule_url,
     .pattern = "^https?://[^ ]+$",
     .doc = "Where the list is fetched from, in place of a file: `http://` or `https://`.",
     .more = "With GET, and If-None-Match where the last response had an ETag (RFC 9110 section "
             "13.1.2). A certificate is verified by `ca`, and its name is looked up "
             "as the backend's `resolve` says. Redirects are not followed, and the list may have "
             "up to 1 MiB.",
     .example = "url: http://127.0.0.1:8500/servers"},
    {.name = "ca",
     PEM_FILE,
     SLOT(servers_from_settings, ca),
     .doc = "PEM file: the authorities that may vouch for the host of `url`; without it, the "
            "system's. It is read again when it has changed.",
     .example = "ca: internal-ca.pem"},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(servers_from_settings, timeout_ms),
     .fallback = "5s",
     .min = 10,
     .max = MINUTE,
     .doc = "How long one fetch of `url` may take.",
     .example = "timeout: 2s"},
};

const struct section section_servers_from = {
    .name = "servers_from",
    .title = "servers_from",
    .doc =
        "Servers of a backend that a file, or what a URL gives, lists. A text alone is short for a "
        "section with that file.",
    .directives = servers_from_directives,
    .count = ARRAY_LEN(servers_from_directives),
    .size = sizeof(struct servers_from_settings),
    .place_offset = offsetof(struct servers_from_settings, place),
    .scalar_name = "file",
};

/* In the order of enum resolve_family. */
static const char *const families[] = {"any", "ipv4", "ipv6", NULL};

static const struct directive resolve_directives[] = {
    {.name = "servers",
     .type = DIRECTIVE_TEXTS,
     SLOT(resolve_settings, servers),
     .min = 1,
     .max = 8,
     .check = name_server_check,
     .pattern = "^([0-9.]+(:[0-9]+)?|[0-9A-Fa-f:.]+|\\[[0-9A-Fa-f:.]+\\](:[0-9]+)?)$",
     .doc = "The name servers that are asked; without it, those of /etc/resolv.conf.",
     .more = "Addresses, with a port where that is not 53. /etc/resolv.conf is read again when it "
             "has changed; its `search` and `ndots` hold either way.",
     .example = "servers: [10.0.0.53, \"10.0.1.53:5353\"]"},
    {.name = "family",
     .type = DIRECTIVE_ENUM,
     SLOT(resolve_settings, family),
     .fallback = "any",
     .words = families,
     .doc = "Which addresses of a name are used.",
     .more = "With `any`, IPv6 addresses are passed over where this machine has no way to them.",
     .example = "family: ipv4"},
    {.name = "every",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(resolve_settings, every_ms),
     .fallback = "off",
     .min = 100,
     .max = DAY,
     .doc = "How often names are looked up; `off`: as the TTLs of their records say.",
     .example = "every: 10s"},
    {.name = "ttl_min",
     .type = DIRECTIVE_DURATION,
     SLOT(resolve_settings, ttl_min_ms),
     .fallback = "1s",
     .min = 100,
     .max = DAY,
     .doc = "A shorter TTL counts as this.",
     .example = "ttl_min: 5s"},
    {.name = "ttl_max",
     .type = DIRECTIVE_DURATION,
     SLOT(resolve_settings, ttl_max_ms),
     .fallback = "30s",
     .min = 100,
     .max = 7 * DAY,
     .doc = "A longer TTL counts as this.",
     .more = "Names of containers have long ones, though their addresses change with each start. "
             "When a server cannot be reached, its name is looked up at once, whatever its TTL "
             "says, and at most once a second.",
     .example = "ttl_max: 5m"},
    {.name = "keep",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(resolve_settings, keep_ms),
     .fallback = "1h",
     .min = 1000,
     .max = 30 * DAY,
     .doc = "How long the last good answer is used while no other comes.",
     .more = "Whether name servers do not answer, fail, or say that there is no such name. `off`: "
             "the servers are gone with the first such answer.",
     .example = "keep: 10m"},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(resolve_settings, timeout_ms),
     .fallback = "2s",
     .min = 50,
     .max = MINUTE,
     .doc =
         "How long a name server has for its answer; then the next one is asked, and each twice.",
     .example = "timeout: 1s"},
};

const struct section section_resolve = {
    .name = "resolve",
    .title = "resolve",
    .doc =
        "How the names of servers are looked up. /etc/hosts comes first, and is followed. A name "
        "that cannot be resolved holds up neither the start nor other servers.",
    .directives = resolve_directives,
    .count = ARRAY_LEN(resolve_directives),
    .size = sizeof(struct resolve_settings),
    .place_offset = offsetof(struct resolve_settings, place),
};

static const struct directive backend_directives[] = {
    {.name = "name",
     .type = DIRECTIVE_TEXT,
     SLOT(backend_settings, name),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .pattern = "^[A-Za-z0-9._*-]+$",
     .doc = "What sites and routes call it. Required, but for a backend written in place.",
     .example = "name: api"},
    {.name = "servers",
     .type = DIRECTIVE_SECTIONS,
     SLOT(backend_settings, servers),
     COUNT(backend_settings, server_count),
     .min = 1,
     .max = 1000,
     .section = &section_server,
     .doc = "The servers; requests are spread over them.",
     .example = "servers: [10.0.1.1:8080, { address: 10.0.1.2:8080, weight: 2 }]"},
    {.name = "servers_from",
     .type = DIRECTIVE_SECTION,
     SLOT(backend_settings, servers_from),
     .section = &section_servers_from,
     .doc = "A file, or a URL, with more servers, which is read again when it has changed.",
     .more = "For whatever knows which servers there are, and writes it down: a list of "
             "addresses, or of sections as under `servers`, in YAML or JSON; the same below a key "
             "`servers`; or text with an address on each line. Write it under another name and "
             "rename it. When there is something wrong with it, that is told, and the last list "
             "that was right is used on.",
     .example = "servers_from: /run/servers.yaml"},
    {.name = "balance",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(backend_settings, balance),
     .section = &section_balance,
     .doc = "How a server is chosen; in turn, as often as its weight says, where nothing is said.",
     .example = "balance: least_requests"},
    {.name = "slow_start",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(backend_settings, slow_start_ms),
     .fallback = "off",
     .min = SECOND,
     .max = DAY,
     .doc = "How long a server that came back takes to get its whole share, from almost nothing.",
     .more = "For servers that are slow until their caches are filled. It does not count at the "
             "start, where nobody else is ahead, nor where the others are down.",
     .example = "slow_start: 30s"},
    {.name = "queue",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(backend_settings, queue),
     .section = &section_queue,
     .doc = "What waits while all servers are full, or the backend is (`concurrency`).",
     .example = "queue: { size: 1000, timeout: 2s }"},
    {.name = "concurrency",
     .type = DIRECTIVE_SECTION,
     SLOT(backend_settings, concurrency),
     .section = &section_concurrency,
     .doc = "How many requests the backend has at once, of all workers; without it, as many as "
            "come.",
     .more = "What is above waits in `queue`. It counts requests until the head of their answer: "
             "downloads, event streams and WebSocket need no place. For servers one by one there "
             "is `max_requests`.",
     .example = "concurrency: { adapt: latency, max: 500 }"},
    {.name = "tls",
     .type = DIRECTIVE_SECTION,
     SLOT(backend_settings, tls),
     .section = &section_backend_tls,
     .doc = "TLS to the servers; without it they get plain HTTP.",
     .example = "tls: { ca: internal-ca.pem, server_name: api.internal }"},
    {.name = "protocol",
     .type = DIRECTIVE_ENUM,
     SLOT(backend_settings, protocol),
     .fallback = "h1",
     .words = protocols,
     .doc =
         "What the servers speak: `h1` HTTP/1.1; `h2` HTTP/2 over `tls`; `auto` either of them, "
         "as the server chooses in the TLS handshake (ALPN); `h2c` HTTP/2 without `tls`; `fastcgi` "
         "FastCGI, as php-fpm does.",
     .more =
         "Bodies are passed on as they come, both ways, and are not gathered first: a slow "
         "client holds its server's connection, and a server sees the first bytes of an upload at "
         "once. WebSocket reaches servers of HTTP/1.1 from clients of HTTP/2 too (RFC 8441). "
         "gRPC needs `h2` or `h2c`; Upgrade (WebSocket) needs `h1` or `auto`, or servers of `h2` "
         "or `h2c` that announce extended CONNECT (RFC 8441), whatever the client speaks. HTTP/2 "
         "connections are shared by many requests, so they do not go with `proxy_protocol`, "
         "which names one client. A request with a longer head than any that the server has "
         "answered (8 KiB, or a field of 4 KiB, count as answered) gets a connection of its "
         "own, so that a server that ends its connection over it harms nobody else; a head "
         "above the limit that the server announces (SETTINGS_MAX_HEADER_LIST_SIZE) is "
         "answered 431.",
     .example = "protocol: h2c"},
    {.name = "host",
     .type = DIRECTIVE_TEXT,
     SLOT(backend_settings, host),
     .fallback = "client",
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_authority,
     .pattern = "^[A-Za-z0-9._:\\[\\]-]+$",
     .doc = "Which Host (`:authority` in HTTP/2) the servers get: the `client`'s, the `server`'s "
            "own, or the one that is written here.",
     .more = "`server` is the server's address as it is written under `servers`, without a port "
             "that its scheme has anyway: for servers out there that have many sites, and know "
             "their own by its name. Of a Unix socket, and of what `srv:` finds, it is the name "
             "that TLS asks for, else `localhost` or the number. What the client asked for goes on "
             "in X-Forwarded-Host and Forwarded (`forwarded`). A Location that names the host "
             "that was sent is put right on the way back (`locations` of a route). Checks of "
             "servers ask with it, too, unless they have a `host` of their own.",
     .example = "host: server"},
    {.name = "root",
     .type = DIRECTIVE_PATH,
     SLOT(backend_settings, root),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "The folder in which the scripts of a FastCGI backend are, as its servers see it.",
     .more =
         "The script is found in the request's path, as a route's `rewrite` leaves it: its name "
         "ends with the first segment that ends in `split_path`, and what is behind it is its "
         "PATH_INFO. A path that ends in a slash is the folder's `index`. **Only a script that is "
         "there, as a regular file below the root, is run**; so a request for "
         "`/upload.jpg/x.php` finds nothing, though PHP (`cgi.fix_pathinfo`) would run the "
         "picture. "
         "Names with a segment that begins with a dot are not there either. All else is 404, and "
         "403 where the gateway's user may not look.\n\n"
         "With `files` beside it in the route, files are served that are there, and whatever they "
         "or `files.try` find that is a script is run, for any method, never served: `files: { "
         "root: /srv/www, try: [\"{path}\", /index.php] }` is what most applications want (a file, "
         "else the front controller). A `try` without a script, such as `{path}`, is for GET and "
         "HEAD alone.\n\n"
         "Scripts are told of the client as the gateway sees it, with `trusted_proxies` "
         "(REMOTE_ADDR, HTTPS), and of the request as it came (REQUEST_URI). A field named Proxy "
         "is never told, nor one with an underscore or a dot in its name, which would be another "
         "one's (HTTP_X_A is X-A). An answer with a Location and no Status is a 302, also where "
         "RFC 3875 would have the server fetch it (a path alone).",
     .example = "root: /srv/www"},
    {.name = "index",
     .type = DIRECTIVE_TEXT,
     SLOT(backend_settings, index),
     .fallback = "index.php",
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_file_name,
     .pattern = "^[^./][^/]*$",
     .doc = "The script of a folder, of a FastCGI backend.",
     .example = "index: app.php"},
    {.name = "split_path",
     .type = DIRECTIVE_TEXT,
     SLOT(backend_settings, split_path),
     .fallback = ".php",
     .min = 2,
     .max = 32,
     .pattern = "^[^/]+$",
     .check = rule_split_path,
     .doc = "How the names of scripts end, of a FastCGI backend; case does not count.",
     .example = "split_path: .cgi"},
    {.name = "params",
     .type = DIRECTIVE_FIELDS,
     SLOT(backend_settings, params),
     COUNT(backend_settings, param_count),
     .min = 1,
     .max = 100,
     .check_field = rule_fastcgi_param,
     .pattern = "^[A-Za-z_][A-Za-z0-9_]*$",
     .doc = "Further parameters that scripts of a FastCGI backend get, by name.",
     .more =
         "Values have [variables](#variables); one that is empty is not sent. What the gateway "
         "says itself (`SCRIPT_FILENAME`, `REMOTE_ADDR`, `HTTPS`, ...) cannot be said here, nor "
         "`HTTP_...`, which are the request's fields: those are for `request_fields`. "
         "`REMOTE_USER` is what applications know people by: say it with `{user}`, which is who "
         "`auth` found, and with nothing that a client could write.",
     .example = "params: { REMOTE_USER: \"{user}\", APP_ENV: production }"},
    {.name = "script_files",
     .type = DIRECTIVE_ENUM,
     SLOT(backend_settings, script_files),
     .fallback = "checked",
     .words = script_files,
     .doc = "Whether the gateway looks for a script before a FastCGI server is asked to run it.",
     .more = "`trusted` is for servers whose files the gateway does not see, in a container or on "
             "another machine: every path that names a script is sent on. Then see to it that the "
             "server runs nothing but scripts: with PHP `security.limit_extensions = .php` and "
             "`cgi.fix_pathinfo = 0`.",
     .example = "script_files: trusted"},
    {.name = "body_buffer",
     .type = DIRECTIVE_SIZE,
     SLOT(backend_settings, body_buffer),
     .fallback = "1M",
     .min = 0,
     .max = 64 * MEBI,
     .doc = "Bytes of a request's body that are gathered where it does not say how long it is, of "
            "a FastCGI backend.",
     .more = "Scripts must know beforehand (CONTENT_LENGTH), so such a body is sent on when it is "
             "whole; a longer one is answered 411. Bodies with a Content-Length pass as they come. "
             "A worker keeps 64 MiB of them at most.",
     .example = "body_buffer: 4M"},
    {.name = "proxy_protocol",
     .type = DIRECTIVE_ENUM,
     SLOT(backend_settings, proxy_protocol),
     .fallback = "off",
     .words = proxy_protocols,
     .doc = "Tell the servers the client's address in a PROXY protocol header.",
     .more = "`v2` tells the name that the client asked for, too (PP2_TYPE_AUTHORITY). `v2_tls` "
             "adds, where TLS ended here, its version, cipher and ALPN protocol, whether the "
             "client showed a certificate and whether that was verified, and the common name in "
             "it (PP2_TYPE_ALPN, PP2_TYPE_SSL).",
     .example = "proxy_protocol: v2"},
    {.name = "forwarded",
     .type = DIRECTIVE_BOOL,
     SLOT(backend_settings, forwarded),
     .fallback = "true",
     .doc = "Tell the servers of each request's client and way: X-Forwarded-For, -Proto, -Host, "
            "-Port, X-Real-IP, Forwarded and X-Request-Id.",
     .more =
         "They say what the client sees: X-Real-IP its address, X-Forwarded-Port the port that "
         "it wrote in Host, else its scheme's, not the one bound here; X-Forwarded-For every "
         "hop, the peer last. Host itself is passed on as the client wrote it, and a Location "
         "in a response as the server wrote it: a server that makes URLs of these fields, or "
         "of Host and relative paths, makes them right. Destination of WebDAV's COPY and MOVE "
         "gets the scheme and host that the server sees, with `forwarded: false` too; the routes "
         "hold for its path as for the request's.\n\n"
         "What clients themselves send under these names is removed either way, unless they "
         "are in `trusted_proxies`.",
     .example = "forwarded: false"},
    {.name = "via",
     .type = DIRECTIVE_BOOL,
     SLOT(backend_settings, via),
     .fallback = "false",
     .doc = "Say in Via that the request came through a gateway (RFC 9110 section 7.6.3).",
     .more = "Off, since servers take Via for a reason to hold back: nginx does not compress for "
             "proxies unless its `gzip_proxied any` says so, and others neither. Via of earlier "
             "hops is passed on as it is. What Via is for, to end a request that goes in circles, "
             "is done by CDN-Loop (RFC 8586), which is always sent: it gets a mark of the route, "
             "and a request that comes to the same route of the same gateway again, were it "
             "through other proxies, is answered with 508. The mark is random, so what others "
             "write into the field means nothing. OPTIONS and TRACE go no further than their "
             "Max-Forwards says (RFC 9110 section 7.6.2).",
     .example = "via: true"},
    {.name = "client_certificate",
     .type = DIRECTIVE_BOOL,
     SLOT(backend_settings, client_certificate),
     .fallback = "false",
     .doc = "Send the servers the certificate that the client showed, and its chain: Client-Cert "
            "and Client-Cert-Chain (RFC 9440).",
     .more = "Only certificates that were verified. What clients themselves send under these names "
             "is always removed.",
     .example = "client_certificate: true"},
    {.name = "forwarded_client_certificate",
     .type = DIRECTIVE_BOOL,
     SLOT(backend_settings, forwarded_client_certificate),
     .fallback = "false",
     .doc = "Send the servers who the client is in X-Forwarded-Client-Cert: hash, subject, URIs "
            "and DNS names of its certificate.",
     .more = "For servers that know this field from other proxies. What clients themselves send "
             "under this name is always removed.",
     .example = "forwarded_client_certificate: true"},
    {.name = "connect_timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(backend_settings, connect_timeout_ms),
     .fallback = "3s",
     .min = 10,
     .max = HOUR,
     .doc = "Until a connection (and its TLS) stands; then the next server is tried, then 504.",
     .example = "connect_timeout: 3s"},
    {.name = "response_timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(backend_settings, response_timeout_ms),
     .fallback = "60s",
     .min = 10,
     .max = 30 * DAY,
     .doc = "From the request's end to the head of the response; then 504.",
     .more =
         "What follows the head has `timeouts.stream_idle`. gRPC calls, on which both sides may "
         "be silent, have `timeouts.tunnel_idle` where that is longer.",
     .example = "response_timeout: 60s"},
    {.name = "idle_timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(backend_settings, idle_timeout_ms),
     .fallback = "4s",
     .min = 10,
     .max = 30 * DAY,
     .doc = "How long an unused connection to a server is kept for the next request.",
     .more = "Keep it below what the servers themselves allow, so that they never close a "
             "connection at the moment it is used: Node and uvicorn do after 5 s. What a server "
             "says in Keep-Alive (`timeout=5`) counts where it is less, less a second. Where one "
             "does, the request is sent again if "
             "nothing of it was sent, or the server says that it did not look at it; and once if "
             "its method is registered as idempotent (GET, PUT, DELETE, PROPFIND, ...) and its "
             "body was no longer than 256 KiB. A POST that may have arrived is answered 502, and "
             "nothing is sent again after an interim response.",
     .example = "idle_timeout: 30s"},
    {.name = "ack_timeout",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(backend_settings, ack_timeout_ms),
     .fallback = "500ms",
     .min = 100,
     .max = HOUR,
     .doc = "How long a server's host may acknowledge nothing of a request; then the connection is "
            "lost.",
     .more = "It has gone, or packets are dropped on the way: nothing says so, and without this a "
             "request would wait for all of `response_timeout`. It is the operating system of the "
             "server that acknowledges, so a server that is slow, or busy, or stopped, is never "
             "meant. On a way that is slow or loses packets it takes longer: until two losses in a "
             "row would have been repaired. What waits is sent again as after a reset (`retries`), "
             "or answered 502 `server_lost`; the server counts as one that cannot be reached until "
             "the gateway has reached it, and its other connections are asked.",
     .example = "ack_timeout: 500ms"},
    {.name = "ping_timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(backend_settings, ping_timeout_ms),
     .fallback = "10s",
     .min = 100,
     .max = HOUR,
     .doc = "How long a server may leave an HTTP/2 PING unanswered.",
     .more = "One is sent when a request waits on a connection that has been silent for 3 s: the "
             "server, or a firewall on the way, may have forgotten it. Until the answer comes, new "
             "requests go over other connections; if it does not, the connection ends, and what "
             "waits on it is sent again where that does no harm.",
     .example = "ping_timeout: 10s"},
    {.name = "idle_connections",
     .type = DIRECTIVE_INTEGER,
     SLOT(backend_settings, idle_connections),
     .fallback = "256",
     .min = 0,
     .max = 100000,
     .doc = "How many unused connections are kept, for each worker and server.",
     .more =
         "With `protocol: fastcgi` it is 0 where nothing is said: a process of php-fpm that keeps "
         "a connection serves nobody else.\n\n"
         "NTLM, and Negotiate as Windows servers do it, authenticate the connection instead of "
         "each request. One on which a client or a server speaks them is kept for that client "
         "connection alone, besides these, and ends with it (at most four to a client).",
     .example = "idle_connections: 256"},
    {.name = "health_check",
     .type = DIRECTIVE_SECTION,
     SLOT(backend_settings, health_check),
     .section = &section_health_check,
     .doc = "Ask the servers now and then whether they are well, and pass over those that are not.",
     .more = "`health_check: /healthz` is short for a check by HTTP of that path. Without it, "
             "servers are judged by their traffic alone (`outliers`).",
     .example = "health_check: { path: /healthz, interval: 5s }"},
    {.name = "outliers",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(backend_settings, outliers),
     .section = &section_outliers,
     .doc = "When the traffic to a server puts it out for a while.",
     .example = "outliers: { failures: 3, eject: 30s }"},
    {.name = "resolve",
     .type = DIRECTIVE_SECTION,
     SLOT(backend_settings, resolve),
     .section = &section_resolve,
     .doc = "How the names of its servers are looked up; without it, as the file's `resolve` says.",
     .example = "resolve: { servers: [10.0.0.53], family: ipv4 }"},
    {RETRIES(backend_settings, "")},
    {.name = "limits", .type = DIRECTIVE_LATER, .doc = "how many requests a server gets at once"},
};

const struct section section_backend = {
    .name = "a backend",
    .title = "backend",
    .doc = "A group of servers that can stand in for each other.",
    .directives = backend_directives,
    .count = ARRAY_LEN(backend_directives),
    .size = sizeof(struct backend_settings),
    .place_offset = offsetof(struct backend_settings, place),
};
