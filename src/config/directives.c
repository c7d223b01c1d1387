#include "config/directives.h"

#include "config/directives_internal.h"
#include "config/message_rules.h"
#include "config/text_rules.h"
#include "settings/token_files.h"

const char *const client_closes[] = {"auto", "finish", "abort", NULL};
static const char *const control_targets[] = {"off", NULL};
/* In the order of enum sandbox_choice and enum key_process, and of enum watch_choice. */
static const char *const on_and_off[] = {"on", "off", NULL};
static const char *const watch_words[] = {"off", "on", NULL};

#define TIMEOUT(member, word, flag, value, least, most)                                            \
    .name = word, .type = DIRECTIVE_DURATION, .flags = (flag), SLOT(timeouts_settings, member),    \
    .fallback = value, .min = (least), .max = (most), .example = word ": " value

static const struct directive timeouts_directives[] = {
    {TIMEOUT(first_byte_ms, "first_byte", 0, "10s", 100, HOUR),
     .doc = "From accepting a connection until its PROXY header, ClientHello or first request line "
            "has come whole."},
    {TIMEOUT(handshake_ms, "handshake", 0, "10s", 100, HOUR),
     .doc = "The TLS handshake with a client, as a whole."},
    {TIMEOUT(head_ms, "head", 0, "15s", 100, HOUR),
     .doc = "A request's head, from its first byte to its last; then 408."},
    {TIMEOUT(body_ms, "body", 0, "30s", 100, DAY),
     .doc =
         "Between two pieces of a request's body; then 408. Of HTTP/2 once the response has begun: "
         "without a byte in either direction."},
    {TIMEOUT(body_total_ms, "body_total", DIRECTIVE_OFF, "1d", 100, 365 * DAY),
     .doc = "A request's body as a whole, from the end of its head; then 408. Not of gRPC calls, "
            "nor once the response has begun."},
    {TIMEOUT(send_ms, "send", 0, "30s", 100, DAY),
     .doc = "Without the client taking a byte of what waits for it."},
    {TIMEOUT(request_ms, "request", DIRECTIVE_OFF, "off", 10, 30 * DAY),
     .doc =
         "A request as a whole that goes to a server: from its head to the last byte of the "
         "response, all tries together; then 504, or the response is cut short. `off`: no limit.",
     .more =
         "A gRPC call has what its client says (grpc-timeout) where that is less; the server is "
         "told what is left of it. WebSocket and other tunnels have `tunnel_total`."},
    {TIMEOUT(stream_idle_ms, "stream_idle", DIRECTIVE_OFF, "60s", 100, 30 * DAY),
     .doc = "Between two pieces of a response from a server, its head having come; then the "
            "response is cut short. `off`: no limit.",
     .more = "Event streams (`text/event-stream`) have no such limit, and gRPC calls have "
             "`tunnel_idle`: that nothing is to be said is no fault there. A client that leaves "
             "is noticed meanwhile, and its server let go."},
    {TIMEOUT(half_closed_ms, "half_closed", 0, "10s", 100, DAY),
     .doc = "Without a byte of a response for an HTTP/1 client that has ended its own direction "
            "(FIN); then it counts as gone.",
     .more =
         "Some clients say so that their request is whole, and wait for the response; most have "
         "closed, and only a byte sent to them would tell. nginx takes both for gone at "
         "once, HAProxy (before 3.0) neither. `on_client_close` says which clients are awaited so, "
         "and whether this limit holds."},
    {TIMEOUT(keep_alive_ms, "keep_alive", 0, "75s", 100, DAY),
     .doc = "Between two requests of a connection."},
    {TIMEOUT(tunnel_idle_ms, "tunnel_idle", 0, "10m", 100, 30 * DAY),
     .doc = "Passthrough and upgraded (WebSocket) connections, and gRPC calls from their "
            "beginning, without a byte in either direction."},
    {TIMEOUT(tunnel_total_ms, "tunnel_total", DIRECTIVE_OFF, "off", 100, 365 * DAY),
     .doc = "Passthrough and upgraded (WebSocket) connections, over whichever version of HTTP, "
            "however busy."},
    {TIMEOUT(ocsp_ms, "ocsp", 0, "10s", 100, HOUR),
     .doc = "One fetch of an OCSP response (`ocsp_fetch`), as a whole; then it is tried again "
            "later."},
    {TIMEOUT(drain_ms, "drain", 0, "30s", 0, DAY),
     .doc = "From being told to stop (SIGTERM) until what still runs is cut off."},
    {TIMEOUT(upgrade_ms, "upgrade", 0, "60s", 1000, UPGRADE_MS_MAX),
     .doc = "Of `tidegate upgrade`: from the start of the new process until it serves. One that "
            "does not by then is ended, and the old one stays in charge."},
};

const struct section section_timeouts = {
    .name = "timeouts",
    .title = "timeouts",
    .doc = "How long is waited for a client, and for OCSP responders. Those for a backend are its "
           "own.",
    .directives = timeouts_directives,
    .count = ARRAY_LEN(timeouts_directives),
    .size = sizeof(struct timeouts_settings),
    .place_offset = NO_PLACE,
};

static const struct directive root_directives[] = {
    {.name = "sites",
     .type = DIRECTIVE_SECTIONS,
     SLOT(settings, sites),
     COUNT(settings, site_count),
     .min = 1,
     .max = 100000,
     .section = &section_site,
     .doc = "What is served: sets of host names, and what to do with them.",
     .more = "A file whose listeners all have `tcp` needs none.",
     .example = "sites: [ { hosts: shop.example.com, backend: 127.0.0.1:8080 } ]"},
    {.name = "defaults",
     .type = DIRECTIVE_SECTION,
     SLOT(settings, defaults),
     .section = &section_defaults,
     .doc = "What all sites have that do not say otherwise.",
     .example =
         "defaults: { tls: { certificate: all.crt, key: all.key }, compress: on, hsts: on }"},
    {.name = "include",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_SHORTHAND,
     SLOT(settings, include),
     .min = 1,
     .max = 16384,
     .check = rule_include,
     .doc = "Other files that are parts of the configuration.",
     .more =
         "Each is a file of the same form, with directives of this section, and may include others "
         "(up to 8 deep). A path is seen from the folder of the file that includes it, and so are "
         "the paths in an included file from its own folder. `*`, `?` and `[...]` in a file's name "
         "take all that fit, in the order of their names (of bytes), but for those that begin "
         "with a dot; that none fits is no error, that a file named without wildcards is not there "
         "is one. Each file is read once.\n\n"
         "Lists (`sites`, `backends`, `listeners`, `trusted_proxies`, ...) go on from file to "
         "file: a file's own come first, then those of the files it includes. Sections "
         "(`limits`, `timeouts`, `log`) may be spread over several files. A directive that is "
         "given twice is an error that names both places. Errors name the file that they are in.",
     .example = "include: [sites.d/*.yaml]"},
    {.name = "listeners",
     .type = DIRECTIVE_SECTIONS,
     SLOT(settings, listeners),
     COUNT(settings, listener_count),
     .min = 1,
     .max = 256,
     .section = &section_listener,
     .doc = "Where connections come in; without it, ports 80 and 443 of every address.",
     .example = "listeners: [ { bind: [\":443\", \":80\"] } ]"},
    {.name = "backends",
     .type = DIRECTIVE_SECTIONS,
     SLOT(settings, backends),
     COUNT(settings, backend_count),
     .min = 0,
     .max = 10000,
     .section = &section_backend,
     .doc = "Groups of servers that sites and routes refer to by name.",
     .example = "backends: [ { name: shop, servers: [10.0.1.1:8080, 10.0.1.2:8080] } ]"},
    {.name = "policies",
     .type = DIRECTIVE_SECTIONS,
     SLOT(settings, policies),
     COUNT(settings, policy_count),
     .min = 0,
     .max = 1000,
     .section = &section_policy,
     .doc = "Rules that the `access` of several sites and routes has.",
     .example = "policies: [ { name: staff, rules: [ { allow: { group: staff } } ] } ]"},
    {.name = "bans",
     .type = DIRECTIVE_SECTIONS,
     SLOT(settings, bans),
     COUNT(settings, ban_count),
     .min = 0,
     .max = 16,
     .section = &section_ban,
     .doc = "For what clients are kept off for a while.",
     .example =
         "bans: [ { after: 10, of: [401, 403, 404, 429, bad_request], within: 1m, for: 10m } "
         "]"},
    {.name = "countries",
     .type = DIRECTIVE_PATH,
     SLOT(settings, countries),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A MaxMind DB file that knows the countries of addresses, for `country` of rules.",
     .more = "GeoLite2-Country.mmdb, DB-IP's country-lite and their like: the country is the "
             "`iso_code` of `country`, or else of `registered_country`. The file is followed: a "
             "version that is not whole is told of, and the last good one is used on.",
     .example = "countries: /var/lib/GeoIP/GeoLite2-Country.mmdb"},
    {.name = "limits",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(settings, limits),
     .section = &section_limits,
     .doc = "How much a peer may send.",
     .example = "limits: { body: 100M }"},
    {.name = "resolve",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(settings, resolve),
     .section = &section_resolve,
     .doc = "How the names of servers are looked up, for backends that do not say it themselves.",
     .example = "resolve: { ttl_max: 5m }"},
    {.name = "memory",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(settings, memory),
     .section = &section_memory,
     .doc = "What is done when the process has much memory; without it, nothing.",
     .more = "See [docs/overload.md](overload.md).",
     .example = "memory: { soft: 2G, hard: 3G }"},
    {.name = "timeouts",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(settings, timeouts),
     .section = &section_timeouts,
     .doc = "How long is waited for a client.",
     .example = "timeouts: { keep_alive: 75s }"},
    {.name = "log",
     .type = DIRECTIVE_SECTION,
     .flags = DIRECTIVE_EMBEDDED,
     SLOT(settings, log),
     .section = &section_log,
     .doc = "What is written down.",
     .example = "log: { access: /var/log/tidegate/access.log }"},
    {ON_CLIENT_CLOSE(settings, "."), .fallback = "auto",
     .more =
         "`auto` goes by the way in which it ends. A plain FIN of HTTP/1 may be half an end, by "
         "which "
         "some clients say that their request is whole (`nc -N`): the response is awaited, and the "
         "client counts as gone when no byte of it has come for `timeouts.half_closed`. Gone at "
         "once is one that says goodbye by TLS (close_notify), that ends a connection of HTTP/2, "
         "on which a client that says nothing any more cannot hear much either, or that was "
         "listening to an event stream (`text/event-stream`).\n\n"
         "With `abort` every end counts so. With `finish` the server is let finish, whatever the "
         "client said, and what it answers is sent for as long as somebody takes it: for requests "
         "that must not stop half-way. Its own limits (`response_timeout`, "
         "`timeouts.stream_idle`) hold.\n\n"
         "Never awaited is a client whose connection is reset, whose request is not whole, also "
         "where the server does not take its body and the end lies behind, that has reset its "
         "stream, or that had a tunnel. The server of a client that is gone is told: by the end "
         "of its connection over HTTP/1, by RST_STREAM over HTTP/2. The access log says "
         "`client_closed`, `client_closed_in_body` or `client_reset`, and such a request counts "
         "for nothing in balancing."},
    {.name = "client_address_from",
     .type = DIRECTIVE_TEXT,
     SLOT(settings, client_address_from),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_address_field,
     .pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
     .doc = "The field in which `trusted_proxies` name the client, in place of X-Forwarded-For and "
            "Forwarded.",
     .more = "For proxies that set one of their own, whatever the client sent: CF-Connecting-IP, "
             "True-Client-IP, Fastly-Client-IP. It counts for all that asks who the client is, and "
             "servers get it by the usual names. Without the field, or with one that is no "
             "address, the client is the peer itself. From anyone but `trusted_proxies` the field "
             "is removed, in each spelling, and in trailers.",
     .example = "client_address_from: CF-Connecting-IP"},
    {.name = "trusted_proxies",
     .type = DIRECTIVE_NETWORKS,
     SLOT(settings, trusted_proxies),
     .min = 1,
     .max = 1024,
     .doc = "Peers whose `Forwarded` and `X-Forwarded-*` fields are believed and added to.",
     .more = "What such a peer says of the client counts everywhere: in what servers are told, in "
             "`plain_http` and its redirect, in the access log (`client`; the peer is `proxy` "
             "there). Lists are read from the right, as far as the addresses are trusted ones "
             "too. Where there is any of X-Forwarded-For, -Proto, -Host, -Port, these are "
             "believed, and a Forwarded that says something else is taken for a stranger's and "
             "written anew; else Forwarded is; X-Real-IP is the client where neither names one. "
             "Servers get both families, and they say the same; X-Forwarded-Ssl, Front-End-Https "
             "and other fields that tell a scheme are left out where they tell another. So such a "
             "peer has to set or "
             "remove each of these fields: what it passes on of its clients counts as its own, "
             "for the host that the redirect to https names too.\n\n"
             "From anyone else these fields are removed, in heads and trailers, over HTTP/1 and "
             "HTTP/2, so that a server can rely on them; with `forwarded: false` too. So are "
             "the others by which gateways tell servers of a client, and they pass from trusted "
             "peers alone: `Ali-CDN-Real-IP`, `CF-Access-Auth*`, `CF-Connecting-*`, "
             "`CF-Pseudo-IPv4`, `CF-Visitor`, `Client-Cert*`, `Client-DN`, `Client-I-DN`, "
             "`Client-IP`, `Client-S-DN`, `Client-Verify`, `Cluster-Client-IP`, "
             "`DO-Connecting-IP`, `Fastly-Client-*`, `Fastly-SSL`, `Fly-Client-IP`, "
             "`Fly-Forwarded-*`, `Forwarded`, `Forwarded-*`, `Front-End-Https`, `HTTP_*`, "
             "`HTTPS`, `Incap-Client-IP`, `IV-*`, `OAM_*`, `OIDC_*`, `PATH_INFO`, "
             "`Proxy-Client-IP`, `Remote-*`, `SCRIPT_NAME`, `SM_*`, `SSL-*`, "
             "`Tailscale-User-*`, `TLS-Client-*`, `True-Client-*`, `WL-Proxy-*`, `X-Accel-*`, "
             "`X-Amzn-Mtls-*`, `X-Amzn-Oidc-*`, `X-Anonymous-Consumer`, `X-Appengine-*`, "
             "`X-ARR-*`, `X-Auth-Request-*`, `X-Authenticated-*`, `X-Authentik-*`, `X-Azure-*`, "
             "`X-Client-Addr*`, `X-Client-Cert*`, `X-Client-DN`, `X-Client-Finger*`, "
             "`X-Client-I-DN`, `X-Client-IP*`, `X-Client-Issuer*`, `X-Client-S-DN`, "
             "`X-Client-Serial*`, `X-Client-SSL-*`, `X-Client-Subject*`, `X-Client-TLS-*`, "
             "`X-Client-Verif*`, `X-Cluster-Client-IP`, `X-Consumer-Custom-ID`, "
             "`X-Consumer-Groups`, `X-Consumer-ID`, `X-Consumer-Username`, "
             "`X-Credential-Identifier`, `X-Credential-Username`, `X-Envoy-*`, `X-External-IP`, "
             "`X-Forward-*`, `X-Forwarded`, `X-Forwarded-*`, `X-Goog-Authenticated-*`, "
             "`X-Host`, `X-HTTP-Host-Override`, `X-HTTPS`, `X-MS-Client-Principal*`, "
             "`X-NF-Client-Connection-IP`, `X-Original-*`, `X-Originating-IP`, `X-Peer-Cert*`, "
             "`X-Pomerium-*`, `X-Proto`, `X-ProxyUser-IP`, `X-Real-*`, `X-Remote-*`, "
             "`X-Request-ID`, `X-Rewrite-URL`, `X-Scheme`, `X-Script-Name`, `X-Sendfile-Type`, "
             "`X-SSL`, `X-SSL-*`, `X-TLS-*`, `X-True-Client-IP`, `X-URL-Scheme`, `X-Vercel-*`, "
             "`X-WebAuth-*`. Removed from everyone are `Client-Cert`, `Client-Cert-Chain`, "
             "`Client-Cert-Unverified`, `Client-Cert-Verify`, "
             "`Proxy`, `X-Forwarded-Client-Cert`. Servers that make variables of fields, as CGI "
             "does, read `X_Forwarded_For` and `X.Forwarded.For` as `X-Forwarded-For`. So a "
             "name that differs from a listed one, or from `CDN-Loop`, `Content-Length`, "
             "`Early-Data`, `Transfer-Encoding`, only in bytes that are neither letters nor "
             "digits is removed from everyone, trusted or not; in trailers, all of them are. "
             "`Connection` cannot take them off a request: what a trusted peer says stays "
             "though it is named there, as a client in front of the peer may have named it, and "
             "where it names one that is read or written here the request is refused (400).",
     .example = "trusted_proxies: [10.0.0.0/8]"},
    {.name = "ocsp_networks",
     .type = DIRECTIVE_NETWORKS,
     SLOT(settings, ocsp_networks),
     .min = 1,
     .max = 1024,
     .doc = "Networks that are not public in which OCSP responders may be (`ocsp_fetch`).",
     .more = "Where its responder is, a certificate says by itself; so somebody who may bring "
             "certificates could have the gateway send requests to any machine that it reaches. "
             "Responders at public addresses are asked, others (of this machine, of private "
             "networks) only where they are in this list.",
     .example = "ocsp_networks: [10.1.0.0/16]"},
    {.name = "workers",
     .type = DIRECTIVE_INTEGER,
     .flags = DIRECTIVE_RESTART,
     SLOT(settings, workers),
     .fallback = "0",
     .min = 0,
     .max = 256,
     .doc = "Threads that serve connections; 0 means one per processor core.",
     .example = "workers: 4"},
    {.name = "zone",
     .type = DIRECTIVE_TEXT,
     SLOT(settings, zone),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_name,
     .pattern = "^[A-Za-z0-9._*-]+$",
     .doc = "Where the gateway is: servers of the same `zone` are preferred.",
     .more = "As long as one of them is well and has room, no other server is chosen. Servers "
             "without a zone count as being elsewhere. Without it zones do not count.",
     .example = "zone: eu-1a"},
    {.name = "control",
     .type = DIRECTIVE_PATH,
     .flags = DIRECTIVE_RESTART,
     SLOT(settings, control),
     .fallback = "off",
     .min = 1,
     .max = 107,
     .words = control_targets,
     .check = rule_path,
     .doc = "The Unix socket on which the running gateway answers `tidegate status` and `tidegate "
            "reload`, or `off`.",
     .more =
         "Only the user that starts the gateway may connect to it. It speaks HTTP/1.1 and JSON: "
         "`curl --unix-socket /run/tidegate/control.sock http://tidegate/` lists what can be "
         "asked.",
     .example = "control: /run/tidegate/control.sock"},
    {.name = "watch",
     .type = DIRECTIVE_ENUM,
     SLOT(settings, watch),
     .fallback = "off",
     .words = watch_words,
     .doc = "Whether a change of this file, or of one that it includes, is taken up at once, as "
            "`tidegate reload` does it.",
     .more =
         "What was changed is loaded a moment later, and checked as a whole: on any error the "
         "configuration in use stays, and the log says what is wrong. The folders that `include` "
         "has patterns for are watched, too, and so is where links lead: a file that is exchanged, "
         "renamed or appears later counts, and a link that is turned to another folder, as "
         "Kubernetes does it with `..data`. What the file system does not tell of is found within "
         "a minute.",
     .example = "watch: on"},
    {.name = "reload_certificates",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(settings, reload_certificates_ms),
     .fallback = "10s",
     .min = SECOND,
     .max = DAY,
     .doc = "How often the sites' certificates, keys, client authorities and OCSP responses, and "
            "the backends' authorities, certificates and keys, are looked at for changes that the "
            "file system does not tell of; or `off`.",
     .more =
         "Where it tells (inotify, on local disks), what has changed is looked at within a second, "
         "wherever links lead (certbot's `live` folder, Kubernetes' `..data`). What has changed "
         "and fits is used for new connections; those that are there are not "
         "touched, but for the idle ones to a backend, which carry one request more at most. What "
         "does not fit leaves the old files in use, and a message says why; each input is taken "
         "for itself, so that a broken key keeps neither new client authorities out, nor a new "
         "OCSP response for the certificate in use. A response that cannot be used takes nothing "
         "away: the one before is sent while it holds, but for the word that the certificate was "
         "revoked. What comes to its end is told of in the log 30, 7 and 1 days before, and when "
         "it "
         "has ended: certificates, and the authorities that are read from files; revocation lists "
         "one day before (`tidegate status --certificates` has all). The "
         "files are read by the user that the gateway becomes (`user`); what only root may read "
         "the supervisor opens for it, unless that user may write to the file's folder, of which "
         "a warning tells at the start. Looking takes at most a hundredth of a processor: with "
         "very many files it is done less often, but at least every 30 s, or at the interval "
         "if that is longer.",
     .example = "reload_certificates: 10s"},
    {.name = "key_process",
     .type = DIRECTIVE_ENUM,
     SLOT(settings, key_process),
     .fallback = "on",
     .words = on_and_off,
     .doc = "Whether private keys are in a process of their own, which does nothing but sign "
            "handshakes.",
     .more =
         "`on`: whoever takes over the process that talks to the network finds no private key in "
         "it. The process (`keyholder`) opens no file and no connection: the supervisor hands it "
         "the files of keys, open. It signs only what a TLS handshake signs, at most "
         "`limits: { signatures: ... }` in a second for each worker; when it dies it is started "
         "again, and handshakes wait meanwhile. Ciphers with RSA key exchange (`AES128-SHA` and "
         "its like, of `policy: old`), which have the server decrypt with its key, are left out. "
         "`off`: keys are read into the process that talks to the network, which saves a few "
         "microseconds a handshake.",
     .example = "key_process: on"},
    {.name = "key_module_files",
     .type = DIRECTIVE_TEXTS,
     SLOT(settings, key_module_files),
     .min = 1,
     .max = KEY_MODULE_FILES_MAX,
     .check = rule_module_file,
     .pattern = "^/.",
     .doc = "Files and folders that a PKCS#11 module reads and writes, for keys in tokens.",
     .more =
         "Whole paths; folders with all that is below them. The process that has the keys "
         "(`keyholder`) is confined to these and to reading what the system has in `/etc`, `/usr`, "
         "`/opt` and its like, once a configuration names such a key (`key: pkcs11:...`); without "
         "one it opens no file at all. It may also connect then, to a daemon for cards or an HSM. "
         "Without this: `/var/lib/softhsm`, `/run/pcscd` and `/run/p11-kit`. With `key_process: "
         "off` the same is the gateway's, and takes a restart.",
     .example = "key_module_files: [/var/lib/softhsm]"},
    {.name = "tls_key_log",
     .type = DIRECTIVE_PATH,
     .flags = DIRECTIVE_RESTART,
     SLOT(settings, tls_key_log),
     .min = 1,
     .max = PATH_BYTES_MAX,
     .check = rule_path,
     .doc = "A file that the secrets of all TLS connections are written to (SSLKEYLOGFILE).",
     .more =
         "For finding errors with Wireshark and the like: whoever has the file can read all the "
         "traffic. A warning at every start says that it is on. The environment variable of "
         "that name does nothing.",
     .example = "tls_key_log: /root/keys.log"},
    {.name = "user",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_RESTART,
     SLOT(settings, user),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_account,
     .pattern = "^[A-Za-z0-9._$@\\\\][A-Za-z0-9._$@\\\\-]*$",
     .doc = "The user that the gateway becomes when it was started as root.",
     .more =
         "Without it, `tidegate` where there is an account of that name (`make install` brings "
         "a file for systemd-sysusers, which makes one), else `nobody`. An account that nothing "
         "else runs under is better: programs of the same user can send each other signals. "
         "`root` is refused: what needs its rights (ports below 1024, keys, the log) is opened "
         "before, "
         "and a fault in what reads the network's bytes must not be root's. Started by somebody "
         "else, the gateway stays who it is, and only `tidegate check` says when there is no such "
         "user.",
     .example = "user: tidegate"},
    {.name = "group",
     .type = DIRECTIVE_TEXT,
     .flags = DIRECTIVE_RESTART,
     SLOT(settings, group),
     .min = 1,
     .max = NAME_BYTES_MAX,
     .check = rule_account,
     .pattern = "^[A-Za-z0-9._$@\\\\][A-Za-z0-9._$@\\\\-]*$",
     .doc = "The group that goes with `user`; without it, the user's own.",
     .example = "group: nogroup"},
    {.name = "sandbox",
     .type = DIRECTIVE_ENUM,
     .flags = DIRECTIVE_RESTART,
     SLOT(settings, sandbox),
     .fallback = "on",
     .words = on_and_off,
     .doc = "Whether the gateway's processes are confined to what they need.",
     .more =
         "Each process has no way to more rights (no_new_privs), the capabilities that it needs "
         "alone, a list of the system calls that it may make (seccomp), and no dump of its memory. "
         "The process that speaks with the network may read the folders of `files` and of "
         "certificates, `/etc` and the system's libraries, and write no file but the log that is "
         "open (Landlock, since Linux 5.13). Of a folder of `files` the one that it is in may be "
         "read, "
         "too, as long as that is not `/`: a folder may be exchanged for another one. "
         "To serve a folder somewhere else takes a restart.\n\n"
         "A system call that is not on the list ends the process, with a line in the log that "
         "names it; the gateway is started again. What the kernel or a container does not give is "
         "left out, with a warning at the start; `tidegate status --sandbox` shows what holds. "
         "`--debug` "
         "allows memory dumps.",
     .example = "sandbox: on"},
    {.name = "admin", .type = DIRECTIVE_LATER, .doc = "status and metrics over HTTP"},
    {.name = "metrics", .type = DIRECTIVE_LATER, .doc = "Prometheus metrics"},
};

const struct section section_root = {
    .name = "the file",
    .title = "file",
    .doc = "The top of a file. Only `sites` is required, in one of the files.",
    .directives = root_directives,
    .count = ARRAY_LEN(root_directives),
    .size = sizeof(struct settings),
    .place_offset = NO_PLACE,
};

const struct section *const all_sections[] = {
    &section_root,
    &section_defaults,
    &section_site,
    &section_by_alpn,
    &section_tls,
    &section_certificate,
    &section_clients,
    &section_route,
    &section_match,
    &section_match_part,
    &section_match_client,
    &section_respond,
    &section_redirect,
    &section_rewrite,
    &section_rewrite_replace,
    &section_request_fields,
    &section_response_fields,
    &section_hsts,
    &section_cors,
    &section_errors,
    &section_maintenance,
    &section_cookies,
    &section_route_timeouts,
    &section_compress,
    &section_files,
    &section_auth,
    &section_basic,
    &section_api_key,
    &section_jwt,
    &section_auth_certificate,
    &section_auth_introspection,
    &section_oidc,
    &section_oidc_session,
    &section_auth_forward,
    &section_jwt_issuer,
    &section_access_rule,
    &section_access_when,
    &section_hours,
    &section_policy,
    &section_policy_rule,
    &section_rate,
    &section_ban,
    &section_backend,
    &section_server,
    &section_backend_tls,
    &section_servers_from,
    &section_resolve,
    &section_queue,
    &section_balance,
    &section_hash,
    &section_concurrency,
    &section_memory,
    &section_sticky,
    &section_retries,
    &section_hedge,
    &section_health_check,
    &section_check_connect,
    &section_check_http,
    &section_check_grpc,
    &section_outliers,
    &section_listener,
    &section_limits,
    &section_timeouts,
    &section_log,
    &section_log_rules,
    &section_log_place,
    &section_log_exclude,
    &section_cache,
    &section_split,
    &section_mirror,
    NULL,
};

const struct directive *section_find(const struct section *section, struct span name)
{
    for (size_t i = 0; i < section->count; i++) {
        if (span_eq_cstr(name, section->directives[i].name)) {
            return &section->directives[i];
        }
    }
    return NULL;
}

bool directive_is_usable(const struct directive *directive)
{
    return directive->type != DIRECTIVE_LATER;
}

bool directive_is_list(const struct directive *directive)
{
    return directive->type == DIRECTIVE_TEXTS || directive->type == DIRECTIVE_LISTEN ||
           directive->type == DIRECTIVE_NETWORKS || directive->type == DIRECTIVE_SECTIONS;
}

static bool has_word(const struct directive *directive, const char *word)
{
    for (size_t i = 0; directive->words != NULL && directive->words[i] != NULL; i++) {
        if (strcmp(directive->words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

bool directive_can_be_off(const struct directive *directive)
{
    return (directive->flags & DIRECTIVE_OFF) != 0 || has_word(directive, "off");
}

bool directive_can_be_on(const struct directive *directive)
{
    return has_word(directive, "on");
}
