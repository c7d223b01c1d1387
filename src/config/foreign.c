#include "config/foreign.h"

#include <stdbool.h>
#include <string.h>

#define FIELDS_MEND                                                                                \
    "fields of responses are in 'response_fields' of a site or route: response_fields: { set: { "  \
    "Cache-Control: no-store }, remove: [Server] }; those for a site's safety in "                 \
    "'security_fields: basic'"
#define REQUEST_FIELDS_MEND                                                                        \
    "fields that servers get are in 'request_fields' of a site or route: request_fields: { set: "  \
    "{ X-Tenant: acme } }; X-Forwarded-*, Forwarded and X-Real-IP are sent by themselves "         \
    "('forwarded' of the backend), and Host as the client sent it ('host' of the backend)"
#define REWRITE_MEND                                                                               \
    "another path for the server is 'rewrite' of a route: rewrite: { strip_prefix: /api }"
#define BACKEND_MEND "say where requests go: backend: 127.0.0.1:8080"
#define HOSTS_MEND "name the hosts of the site: hosts: [shop.example.com]"
#define LISTEN_MEND                                                                                \
    "ports are bound by listeners, beside 'sites': listeners: [ { bind: \":443\" } ]"
#define TLS_MEND                                                                                   \
    "TLS is in its own section of the site: tls: { certificate: shop.crt, key: shop.key }"
#define PATH_MEND                                                                                  \
    "paths are matched by routes: routes: [ { match: { path: /api/* }, backend: 127.0.0.1:8080 } " \
    "]"
#define REDIRECT_MEND                                                                              \
    "to https: 'plain_http: redirect', which is what a site with 'tls' does; elsewhere: "          \
    "redirect: "                                                                                   \
    "\"https://www.example.com{path}{?query}\""
#define FILES_MEND "a folder of files is served by: files: { root: /srv/www }"
#define RATES_MEND                                                                                 \
    "how often a client may ask is 'rates' of a site or route: rates: [ { requests: 100, per: 1m " \
    "} ]"
#define ACCESS_MEND                                                                                \
    "who may pass is 'access' of a site or route: access: [ { deny: { client_address: "            \
    "[192.0.2.0/24] } }, { allow: all } ]"
#define AUTH_MEND "who may ask is 'auth' of a site or route: auth: { basic: users.htpasswd }"
#define COMPRESS_MEND "bodies are compressed by 'compress: on' of a site or route"
#define CACHE_MEND "responses are kept by 'cache: on' of a route"
#define FORWARD_MEND                                                                               \
    "another server is asked by 'auth' of a site or route: auth: { forward: { backend: "           \
    "127.0.0.1:9091, path: /api/authz/forward-auth } }"
#define JWT_MEND "signed tokens are 'jwt' of 'auth' of a site or route"
#define LATER_MEND "Tidegate does not do this; let the server behind it, or leave it out"
#define TIMEOUT_MEND                                                                               \
    "limits of time towards clients are in 'timeouts' (head, body, keep_alive, ...), those of a "  \
    "backend in it: connect_timeout, response_timeout, idle_timeout"
#define BODY_MEND "the largest body is limits.body, or body_limit of a route"
#define BALANCE_MEND                                                                               \
    "how a server is chosen is 'balance' of the backend: backends: [ { name: app, servers: "       \
    "[10.0.0.1:80, 10.0.0.2:80], balance: least_requests } ], or source, or sticky"
#define LOG_MEND                                                                                   \
    "logs are in their own section of the file: log: { access: /var/log/tidegate/access.log }"
#define UPGRADE_MEND "WebSocket passes by itself; other protocols: 'upgrade' of the route"
#define PROXY_MEND                                                                                 \
    "who may send PROXY headers: proxy_protocol_from of a listener; to servers: proxy_protocol "   \
    "of "                                                                                          \
    "the backend; whose X-Forwarded-For counts: trusted_proxies; another field: "                  \
    "client_address_from"
#define FORWARDED_MEND                                                                             \
    "X-Forwarded-*, Forwarded and Via are sent by themselves ('forwarded' of the backend), and "   \
    "Host "                                                                                        \
    "as the client sent it ('host' of the backend)"
#define CLIENTS_MEND                                                                               \
    "two-way TLS is in the site's tls: clients: { verify: required, ca: partners.pem }"
#define VERIFY_MEND                                                                                \
    "servers are verified by default: tls of a backend has 'ca', 'server_name' and 'verify'"

#define GUIDE "docs/migrating-caddy-traefik-envoy.md has both side by side"
#define ENVOY_MEND                                                                                 \
    "listeners are 'listeners' here, virtual hosts 'sites', clusters 'backends', and filters "     \
    "keys "                                                                                        \
    "of sites and routes: " GUIDE
#define MIDDLEWARES_MEND                                                                           \
    "what a middleware does is written in the site or route itself, and what all sites have in "   \
    "'defaults': " GUIDE
#define KUBERNETES_MEND                                                                            \
    "objects of Kubernetes are not read: write a site for each host, 'routes' for its paths, and " \
    "the annotations as keys of these: " GUIDE
#define DISCOVERY_MEND                                                                             \
    "nothing is discovered from Docker or Kubernetes: name the servers, by names that are looked " \
    "up again (app.internal:8080), or by 'servers_from' of a backend; 'include' and 'watch: on' "  \
    "are for files that programs write"
#define CERTIFICATES_MEND                                                                          \
    "Tidegate does not fetch certificates yet: name the files of one that does (certbot, "         \
    "acme.sh); they are read again when they change"
#define HOST_MEND                                                                                  \
    "which Host servers get is 'host' of the backend: the 'client's, the 'server's own, or a name"
#define RETRIES_MEND                                                                               \
    "when a request is sent to another server is 'retries' of a backend, site or route: retries: " \
    "{ times: 2, for: [connect, reset, 503] }"
#define OUTLIERS_MEND                                                                              \
    "servers that fail are left out by 'outliers' of the backend; how many requests it gets at "   \
    "once is its 'concurrency', and what waits its 'queue'"
#define REPLACE_MEND                                                                               \
    "another path is 'rewrite' of a route: rewrite: { replace: { regex: \"^/v1/(.*)$\", with: "    \
    "\"/{match.1}\" } }"
#define SHARES_MEND                                                                                \
    "requests are shared by 'split' of a site or route: split: [ { backend: app, weight: 90 }, { " \
    "backend: api, weight: 10 } ]"
#define COPIES_MEND                                                                                \
    "copies are sent by 'mirror' of a site or route: mirror: { backend: api, share: 10 }"
#define SKIP_LOG_MEND                                                                              \
    "requests without a line in the log are those of routes with 'access_log: false'"
#define CHECKS_MEND                                                                                \
    "servers are checked by 'health_check' of a backend: health_check: { http: { path: /healthz, " \
    "expect: [200] } }, tcp: { send: ..., expect: ... }, with 'port', interval, rise and fall"
#define COOKIES_MEND "what servers' cookies become is 'cookies' and 'locations' of a site or route"
#define BODIES_MEND "bodies are not changed here, but for 'compress': let the server do it"
#define LISTED_MEND                                                                                \
    "lists of networks are files: access: [ { deny: { address_file: blocked.txt } }, { allow: "    \
    "all } ]; other lists are written out as routes or rules"
#define CHOICE_MEND                                                                                \
    "what goes by a request's fields is 'match' of routes: match: { headers: { X-Canary: \"on\" "  \
    "}, query: { v: \"2\" }, cookies: { beta: \"*\" } }"
#define SYSTEM_MEND "Tidegate sees to this by itself: leave it out"
#define CLOSE_MEND "to close a connection without an answer: respond: { close: true }"
#define OCSP_MEND "the site's tls has 'ocsp_fetch: always', or 'ocsp' for a file"
#define TICKETS_MEND "the site's tls has 'ticket_rotation' and 'session_cache'"

static const struct {
    const char *key;
    const char *mend;
} words[] = {
#define FOREIGN(key, mend) {key, mend},
#include "config/foreign_table.h"
#undef FOREIGN
    {"add_header", FIELDS_MEND},
    {"header", FIELDS_MEND},
    {"headers", FIELDS_MEND},
    {"http_response", FIELDS_MEND},
    {"response_headers", FIELDS_MEND},
    {"more_set_headers", FIELDS_MEND},
    {"security_headers", FIELDS_MEND},
    {"custom_headers", FIELDS_MEND},
    {"proxy_hide_header", FIELDS_MEND},
    {"cors", "which origins may read answers is 'cors' of a site or route: cors: { origins: "
             "[\"https://app.example\"] }"},
    {"csp", FIELDS_MEND},
    {"expires", FIELDS_MEND},
    {"cache", CACHE_MEND},
    {"cache_control", FIELDS_MEND},
    {"caching", CACHE_MEND},
    {"proxy_cache", CACHE_MEND},
    {"gzip", COMPRESS_MEND},
    {"brotli", COMPRESS_MEND},
    {"compress", COMPRESS_MEND},
    {"compression", COMPRESS_MEND},
    {"encode", COMPRESS_MEND},
    {"buffering", "bodies are passed on as they come, without being gathered: leave it out"},
    {"proxy_buffering", "bodies are passed on as they come, without being gathered: leave it out"},
    {"proxy_request_buffering",
     "bodies are passed on as they come, without being gathered: leave it out"},
    {"proxy_pass", BACKEND_MEND},
    {"proxypass", BACKEND_MEND},
    {"grpc_pass", "say where requests go, and that it is HTTP/2: backend: { servers: "
                  "127.0.0.1:50051, protocol: h2c }"},
    {"fastcgi_pass", "a backend with scripts: backend: { servers: \"unix:/run/php/php-fpm.sock\", "
                     "protocol: fastcgi, root: /srv/www }"},
    {"uwsgi_pass", "Tidegate speaks HTTP to servers: put one that does in front of the program"},
    {"reverse_proxy", BACKEND_MEND},
    {"proxy", BACKEND_MEND},
    {"target", BACKEND_MEND},
    {"origin", BACKEND_MEND},
    {"service", BACKEND_MEND},
    {"services", "servers with a name are 'backends', beside 'sites'"},
    {"upstream",
     "servers with a name are 'backends', beside 'sites'; a site names one: backend: app"},
    {"upstreams", "servers with a name are 'backends', beside 'sites'"},
    {"default_backend", BACKEND_MEND},
    {"use_backend", PATH_MEND},
    {"frontend", "what clients reach are 'listeners' and 'sites'"},
    {"frontends", "what clients reach are 'listeners' and 'sites'"},
    {"entrypoints", LISTEN_MEND},
    {"http", "the file begins with 'sites:', then '  - hosts: [shop.example.com]' below it"},
    {"https", "the file begins with 'sites:', then '  - hosts: [shop.example.com]' below it"},
    {"server", "a set of hosts is an entry of 'sites'; servers behind it are in 'backend'"},
    {"virtualhost", HOSTS_MEND},
    {"vhost", HOSTS_MEND},
    {"domain", HOSTS_MEND},
    {"domains", HOSTS_MEND},
    {"hostname", HOSTS_MEND},
    {"hostnames", HOSTS_MEND},
    {"rule", "a site has 'hosts', and 'routes' for paths: match: { path: /api/* }"},
    {"routers", "a site has 'hosts', and 'routes' for paths: match: { path: /api/* }"},
    {"server_alias", HOSTS_MEND},
    {"listen", LISTEN_MEND},
    {"port", LISTEN_MEND},
    {"ports", LISTEN_MEND},
    {"ssl", TLS_MEND},
    {"ssl_certificate", TLS_MEND},
    {"ssl_certificate_key", TLS_MEND},
    {"sslcertificatefile", TLS_MEND},
    {"cert", TLS_MEND},
    {"crt", TLS_MEND},
    {"certfile", TLS_MEND},
    {"keyfile", TLS_MEND},
    {"ssl_protocols", "the site's tls has min_version and max_version, or 'policy: modern'"},
    {"ssl_ciphers", "the site's tls has 'policy', 'ciphers' and 'cipher_suites'"},
    {"minversion", "the site's tls has 'min_version'"},
    {"ssl_client_certificate", CLIENTS_MEND},
    {"ssl_verify_client", CLIENTS_MEND},
    {"client_ca", CLIENTS_MEND},
    {"clientauth", CLIENTS_MEND},
    {"client_auth", CLIENTS_MEND},
    {"mtls", CLIENTS_MEND},
    {"proxy_ssl_verify", VERIFY_MEND},
    {"insecureskipverify", VERIFY_MEND},
    {"tls_insecure_skip_verify", VERIFY_MEND},
    {"certresolver", "Tidegate does not fetch certificates yet: name the files of one that does "
                     "(certbot, acme.sh); they are read again when they change"},
    {"letsencrypt", "Tidegate does not fetch certificates yet: name the files of one that does "
                    "(certbot, acme.sh); they are read again when they change"},
    {"location", PATH_MEND},
    {"locations", PATH_MEND},
    {"handle", PATH_MEND},
    {"handle_path", PATH_MEND},
    {"path", PATH_MEND},
    {"path_prefix", PATH_MEND},
    {"pathprefix", PATH_MEND},
    {"acl", "rules are 'routes', tried in order: match: { path: /api/*, methods: [GET] }"},
    {"try_files", FILES_MEND},
    {"file_server", FILES_MEND},
    {"document_root", FILES_MEND},
    {"documentroot", FILES_MEND},
    {"alias", FILES_MEND},
    {"static", FILES_MEND},
    {"autoindex", "lists of folders: files: { root: /srv/www, listing: true }"},
    {"redirects", REDIRECT_MEND},
    {"redir", REDIRECT_MEND},
    {"return", "an answer of the gateway's own is: respond: { status: 404, body: \"no such thing\" "
               "}; " REDIRECT_MEND},
    {"force_ssl", REDIRECT_MEND},
    {"force_https", REDIRECT_MEND},
    {"error_page", "pages in place of errors: errors: { 404: 404.html, 5xx: down.html }"},
    {"strip_prefix", REWRITE_MEND},
    {"stripprefix", REWRITE_MEND},
    {"url_rewrite", REWRITE_MEND},
    {"middleware", MIDDLEWARES_MEND},
    {"middlewares", MIDDLEWARES_MEND},
    {"chain", MIDDLEWARES_MEND},
    {"snippet", MIDDLEWARES_MEND},
    {"snippets", MIDDLEWARES_MEND},
    {"import", "other files are parts of this one by 'include'; what sites share is 'defaults'"},
    {"plugin", LATER_MEND},
    {"plugins", LATER_MEND},
    {"wasm", LATER_MEND},
    {"templates", LATER_MEND},
    {"tracing", LATER_MEND},
    {"dashboard", "what runs is shown by `tidegate status`: name its socket by 'control'"},
    {"api", "what runs is shown by `tidegate status`: name its socket by 'control'"},
    {"ping", "a route answers it: match: { path: /ping }, respond: { body: OK }"},
    {"providers", DISCOVERY_MEND},
    {"labels", DISCOVERY_MEND},
    {"certificatesresolvers", CERTIFICATES_MEND},
    {"acme", CERTIFICATES_MEND},
    {"acme_ca", CERTIFICATES_MEND},
    {"email", CERTIFICATES_MEND},
    {"on_demand_tls", CERTIFICATES_MEND},
    {"auto_https", "what plain HTTP gets is 'plain_http' of a site: redirect, serve or refuse"},
    {"ssl_redirect", REDIRECT_MEND},
    {"force_ssl_redirect", REDIRECT_MEND},
    {"redirectscheme", REDIRECT_MEND},
    {"redirections", REDIRECT_MEND},
    {"redirectregex",
     "match: { regex: \"^/old/(.*)$\" }, redirect: { to: \"/new/{match.1}{?query}\", "
     "status: 301 } in a route"},
    {"permanent_redirect", REDIRECT_MEND},
    {"app_root", "a route: match: { path: / }, redirect: { to: /app, status: 302 }"},
    {"serverstransport", "how servers are spoken to is in the backend: tls, connect_timeout, "
                         "response_timeout, idle_timeout"},
    {"transport", "how servers are spoken to is in the backend: tls, protocol, connect_timeout, "
                  "response_timeout, idle_timeout"},
    {"transport_socket", "TLS is 'tls' of a site, and to servers 'tls' of a backend"},
    {"forwardingtimeouts", TIMEOUT_MEND},
    {"respondingtimeouts", TIMEOUT_MEND},
    {"replacepath", REPLACE_MEND},
    {"replacepathregex", REPLACE_MEND},
    {"stripprefixregex", REPLACE_MEND},
    {"regex_rewrite", REPLACE_MEND},
    {"rewrite_target", REPLACE_MEND},
    {"uri", REPLACE_MEND},
    {"addprefix", REWRITE_MEND},
    {"prefix_rewrite", REWRITE_MEND},
    {"inflightreq",
     "how many requests may be in hand is 'at_once' of rates: rates: [ { at_once: 10 } ]"},
    {"limit_connections",
     "how many requests may be in hand is 'at_once' of rates: rates: [ { at_once: 10 } ]"},
    {"limit_rps", RATES_MEND},
    {"local_ratelimit", RATES_MEND},
    {"circuitbreaker", OUTLIERS_MEND},
    {"circuit_breakers", OUTLIERS_MEND},
    {"outlier_detection", OUTLIERS_MEND},
    {"fail_duration", OUTLIERS_MEND},
    {"max_fails", OUTLIERS_MEND},
    {"retry", RETRIES_MEND},
    {"retry_policy", RETRIES_MEND},
    {"lb_retries", RETRIES_MEND},
    {"lb_try_duration", RETRIES_MEND},
    {"health_checks", CHECKS_MEND},
    {"health_uri", CHECKS_MEND},
    {"weighted", SHARES_MEND},
    {"weighted_clusters", SHARES_MEND},
    {"canary", SHARES_MEND},
    {"canary_weight", SHARES_MEND},
    {"mirroring", COPIES_MEND},
    {"mirror_target", COPIES_MEND},
    {"request_mirror_policies", COPIES_MEND},
    {"customrequestheaders", REQUEST_FIELDS_MEND},
    {"request_headers_to_add", REQUEST_FIELDS_MEND},
    {"request_headers_to_remove", REQUEST_FIELDS_MEND},
    {"customresponseheaders", FIELDS_MEND},
    {"response_headers_to_add", FIELDS_MEND},
    {"response_headers_to_remove", FIELDS_MEND},
    {"header_down", FIELDS_MEND},
    {"stsseconds", "hsts: { max_age: 365d, subdomains: true } of a site"},
    {"framedeny", FIELDS_MEND},
    {"host_rewrite_literal", HOST_MEND},
    {"auto_host_rewrite", HOST_MEND},
    {"upstream_vhost", HOST_MEND},
    {"grpcweb", "gRPC-Web is translated by 'grpc_web: on' of a site or route"},
    {"backend_protocol", "what servers speak is 'protocol' of the backend, and 'tls'"},
    {"http2_protocol_options",
     "HTTP/2 to servers is 'protocol: h2c' of the backend, 'h2' with 'tls'"},
    {"passtlsclientcert", "servers get it by 'client_certificate: true' of the backend (RFC 9440)"},
    {"direct_response", "an answer of the gateway's own is: respond: { status: 404 }"},
    {"handle_errors", "pages in place of errors: errors: { 404: 404.html, 5xx: down.html }"},
    {"custom_http_errors",
     "pages in place of errors: errors: { 404: 404.html, from_servers: true }"},
    {"php_fastcgi", "files of a route, and behind them a backend with 'protocol: fastcgi'"},
    {"skip_log", SKIP_LOG_MEND},
    {"log_skip", SKIP_LOG_MEND},
    {"accesslog", LOG_MEND},
    {"copy_headers", "the fields of the answer that servers get are 'receive' of forward"},
    {"authresponseheaders", "the fields of the answer that servers get are 'receive' of forward"},
    {"auth_url", FORWARD_MEND},
    {"ext_authz", FORWARD_MEND},
    {"jwt_authn", JWT_MEND},
    {"rbac", ACCESS_MEND},
    {"remote_ip",
     "clients are told apart by 'client_address': match: { client_address: [10.0.0.0/8] }"},
    {"client_ip",
     "clients are told apart by 'client_address': match: { client_address: [10.0.0.0/8] }"},
    {"whitelist_source_range", ACCESS_MEND},
    {"denylist_source_range", ACCESS_MEND},
    {"path_regexp", "match: { regex: \"^/u/[0-9]+$\" }"},
    {"safe_regex", "match: { regex: \"^/u/[0-9]+$\" }"},
    {"header_regexp", "match: { headers: { X-A: \"re:^b\" } }"},
    {"proxy_body_size", BODY_MEND},
    {"static_resources", ENVOY_MEND},
    {"dynamic_resources", ENVOY_MEND},
    {"virtual_hosts", ENVOY_MEND},
    {"clusters", ENVOY_MEND},
    {"route_config", ENVOY_MEND},
    {"filter_chains", ENVOY_MEND},
    {"http_filters", ENVOY_MEND},
    {"load_assignment", ENVOY_MEND},
    {"layered_runtime", ENVOY_MEND},
    {"overload_manager", "what is done when there is much memory in use is 'memory'"},
    {"apiversion", KUBERNETES_MEND},
    {"kind", KUBERNETES_MEND},
    {"metadata", KUBERNETES_MEND},
    {"spec", KUBERNETES_MEND},
    {"annotations", KUBERNETES_MEND},
    {"ingressclassname", KUBERNETES_MEND},
    {"apps", "Caddy's JSON is not read: the file begins with 'sites:', then '  - hosts: "
             "[shop.example.com]'; " GUIDE},
    {"lua", LATER_MEND},
    {"waf", LATER_MEND},
    {"allow", ACCESS_MEND},
    {"deny", ACCESS_MEND},
    {"whitelist", ACCESS_MEND},
    {"ipallowlist", ACCESS_MEND},
    {"ipwhitelist", ACCESS_MEND},
    {"auth_basic", AUTH_MEND},
    {"auth_request", FORWARD_MEND},
    {"basic_auth", AUTH_MEND},
    {"basicauth", AUTH_MEND},
    {"forward_auth", FORWARD_MEND},
    {"forwardauth", FORWARD_MEND},
    {"auth_jwt", JWT_MEND},
    {"limit_req", RATES_MEND},
    {"ratelimit", RATES_MEND},
    {"rate_limit", RATES_MEND},
    {"limit_conn", "connections of a worker are limits.connections"},
    {"maxconn", "connections of a worker are limits.connections"},
    {"worker_connections", "connections of a worker are limits.connections"},
    {"worker_processes", "write workers: 4; without it there is one for each core"},
    {"threads", "write workers: 4; without it there is one for each core"},
    {"nbthread", "write workers: 4; without it there is one for each core"},
    {"client_max_body_size", BODY_MEND},
    {"max_body_size", BODY_MEND},
    {"request_body", BODY_MEND},
    {"timeout", TIMEOUT_MEND},
    {"proxy_read_timeout", TIMEOUT_MEND},
    {"proxy_connect_timeout", TIMEOUT_MEND},
    {"proxy_send_timeout", TIMEOUT_MEND},
    {"keepalive_timeout", TIMEOUT_MEND},
    {"read_timeout", TIMEOUT_MEND},
    {"keepalive", "connections to servers are kept by themselves: idle_connections and "
                  "idle_timeout of the backend"},
    {"lb_policy", BALANCE_MEND},
    {"load_balancing", BALANCE_MEND},
    {"loadbalancer", BALANCE_MEND},
    {"least_conn", BALANCE_MEND},
    {"ip_hash", BALANCE_MEND},
    {"sticky", BALANCE_MEND},
    {"health_check",
     "servers are checked by 'health_check' of a backend: health_check: { path: /healthz }"},
    {"healthcheck",
     "servers are checked by 'health_check' of a backend: health_check: { path: /healthz }"},
    {"access_log", LOG_MEND},
    {"error_log", "messages go to standard error; how many is log.level"},
    {"logs", LOG_MEND},
    {"websocket", UPGRADE_MEND},
    {"websockets", UPGRADE_MEND},
    {"http2", "HTTP/2 is spoken to clients that know it; tls.protocols of a site changes that"},
    {"http3", "Tidegate speaks no HTTP/3: leave it out"},
    {"quic", "Tidegate speaks no HTTP/3: leave it out"},
    {"proxy_http_version",
     "backends are spoken to in HTTP/1.1; 'protocol: h2' of a backend changes that"},
    {"proxy_set_header", REQUEST_FIELDS_MEND},
    {"request_headers", REQUEST_FIELDS_MEND},
    {"header_up", REQUEST_FIELDS_MEND},
    {"pass_host_header", HOST_MEND},
    {"passhostheader", HOST_MEND},
    {"preserve_host", FORWARDED_MEND},
    {"set_real_ip_from", PROXY_MEND},
    {"real_ip_header", PROXY_MEND},
    {"accept_proxy", PROXY_MEND},
    {"send_proxy", PROXY_MEND},
    {"send_proxy_v2", PROXY_MEND},
    {"proxyprotocol", PROXY_MEND},
    {"forwardedheaders", PROXY_MEND},
    {"<<", "Tidegate reads no anchors and merges: write the keys out"},
    {"version", "the file has no version: leave it out"},
    {"daemon", "Tidegate stays in the foreground, for systemd or another supervisor: leave it out"},
    {"pid", "Tidegate stays in the foreground, for systemd or another supervisor: leave it out"},
    {"admin", "the local socket for `tidegate status` is 'control'"},
};

/* Words that mean something else, or have a nearer answer, in one section. They go first. */
static const struct {
    const char *section;
    const char *key;
    const char *mend;
} section_words[] = {
    {"the file", "http",
     "the file begins with 'sites:', then '  - hosts: [shop.example.com]' below it; " GUIDE},
    {"the file", "kind", KUBERNETES_MEND},
    {"the file", "tls",
     "TLS is of a site, or of all of them: defaults: { tls: { certificate: all.crt, key: all.key } "
     "}"},
    {"a site", "headers", FIELDS_MEND},
    {"a site", "header", FIELDS_MEND},
    {"a site", "path", PATH_MEND},
    {"a site", "match", PATH_MEND},
    {"a site", "method", PATH_MEND},
    {"a site", "root", FILES_MEND},
    {"a site", "uri", REPLACE_MEND},
    {"a site", "strip_prefix", REWRITE_MEND},
    {"a site", "service", BACKEND_MEND},
    {"a site", "servers", BACKEND_MEND},
    {"a site", "url", BACKEND_MEND},
    {"a site", "timeout", TIMEOUT_MEND},
    {"a site", "timeouts",
     "times of a site's requests are 'timeouts' of its routes: routes: [ { timeouts: { response: "
     "5m }, backend: app } ], or of the file"},
    {"defaults", "headers", FIELDS_MEND},
    {"a route", "headers",
     "fields that a request must have are in 'match'; those that are set for servers are "
     "'request_fields', for clients 'response_fields'"},
    {"a route", "header",
     "fields that a request must have are in 'match'; those that are set for servers are "
     "'request_fields', for clients 'response_fields'"},
    {"a route", "host", HOSTS_MEND},
    {"a route", "prefix", "paths that begin so are in 'match': match: { path: /api/* }"},
    {"a route", "method", "methods are in 'match': match: { methods: [GET] }"},
    {"a route", "uri", REPLACE_MEND},
    {"a route", "tls", TLS_MEND "; that to servers is 'tls' of the backend"},
    {"match", "prefix", "what begins so ends in a star: path: /api/*, or /api* with /apis, too"},
    {"match", "host", HOSTS_MEND},
    {"a backend", "url",
     "servers: [ 127.0.0.1:8080 ]; https:// is 'tls: {}' of the backend, and a path 'rewrite' of "
     "the route"},
    {"a backend", "to",
     "servers: [ 127.0.0.1:8080 ]; https:// is 'tls: {}' of the backend, and a path 'rewrite' of "
     "the route"},
    {"a backend", "timeout", TIMEOUT_MEND},
    {"a backend", "sni", "the name that servers are asked for: tls: { server_name: app.internal }"},
    {"a listener", "address", LISTEN_MEND},
    {"a listener", "port", LISTEN_MEND},
    {"a listener", "tls", TLS_MEND},
    {"a listener", "host", LISTEN_MEND},
    {"a listener", "redirect", REDIRECT_MEND},
    {"tls of a site", "client_auth", CLIENTS_MEND},
    {"tls of a site", "alpn", "which HTTP versions are spoken is 'protocols': h2+h1, h1 or h2"},
    {"tls of a site", "passthrough", "'passthrough' stands in the site, in place of 'tls'"},
    {"forward", "address",
     "who is asked is 'backend', and for what 'path': backend: 127.0.0.1:9091, path: /api/verify"},
    {"forward", "url",
     "who is asked is 'backend', and for what 'path': backend: 127.0.0.1:9091, path: /api/verify"},
    {"forward", "uri", "what is asked for is 'path': path: /api/authz/forward-auth"},
    {"a site", "server_name", HOSTS_MEND},
    {"a site", "root", FILES_MEND},
    {"a site", "index", "files: { root: /srv/www, index: [index.html, index.htm] }"},
    {"a site", "types", "files: { root: /srv/www, types: { geojson: application/geo+json } }"},
    {"a site", "servers", BACKEND_MEND},
    {"a site", "balance", BALANCE_MEND},
    {"a route", "root", FILES_MEND},
    {"a route", "index", "files: { root: /srv/www, index: [index.html, index.htm] }"},
    {"a route", "servers", BACKEND_MEND},
    {"a backend", "cookie",
     "clients stay with their server by: balance: { sticky: { cookie: lb } }"},
    {"a server", "check", CHECKS_MEND},
    {"a server", "port", "the port is part of the address: 10.0.0.1:8080"},
    {"timeouts", "request_body",
     "the longest silence in a request's body is 'body', the time for a whole one 'body_total'"},
    {"log", "file",
     "the log of requests is 'access': log: { access: /var/log/tidegate/access.log }"},
    {"log", "path",
     "the log of requests is 'access': log: { access: /var/log/tidegate/access.log }"},
    {"log", "output",
     "the log of requests is 'access': log: { access: /var/log/tidegate/access.log }"},
    {"respond", "headers", "the fields of the answer are 'fields'"},
    {"respond", "header", "the fields of the answer are 'fields'"},
    {"respond", "response_headers", "the fields of the answer are 'fields'"},
    {"respond", "location", REDIRECT_MEND},
    {"respond", "redirect", REDIRECT_MEND},
    {"client", "cn",
     "the common name is part of the subject, which counts as a whole: subject: "
     "[\"CN=billing,O=Partners\"]"},
    {"client", "common_name",
     "the common name is part of the subject, which counts as a whole: subject: "
     "[\"CN=billing,O=Partners\"]"},
    {"client", "ca",
     "the authority is named by its subject: issuer: [\"CN=Partners CA,O=Example\"]"},
};

static char folded(char c)
{
    return c == '-' ? '_' : ascii_lower(c);
}

static bool is_word(struct span key, const char *word)
{
    size_t at = 0;

    while (at < key.len && word[at] != '\0' && folded(key.ptr[at]) == word[at]) {
        at++;
    }
    return at == key.len && word[at] == '\0';
}

/* ---- whole files ---- */

static struct span first_line(struct span text)
{
    struct span rest = text;
    struct span line = {NULL, 0};

    while (span_split(&rest, '\n', &line)) {
        line = span_trim(line);
        if (line.len != 0 && line.ptr[0] != '#') {
            return line;
        }
    }
    return span_make(NULL, 0);
}

static bool has(struct span text, const char *word)
{
    return text.len != 0 && memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

const char *foreign_text(struct span text)
{
    static const struct {
        const char *word; /* as it stands in none of ours */
        const char *mend;
    } marks[] = {
        {"reverse_proxy ", "this looks like a Caddyfile: " GUIDE},
        {"file_server\n", "this looks like a Caddyfile: " GUIDE},
        {"php_fastcgi ", "this looks like a Caddyfile: " GUIDE},
        {"[entryPoints", "this looks like Traefik's: " GUIDE},
        {"[http.routers", "this looks like Traefik's: " GUIDE},
        {"[providers", "this looks like Traefik's: " GUIDE},
    };

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (has(text, marks[i].word)) {
            return marks[i].mend;
        }
    }
    return NULL;
}

const char *foreign_file(struct span text)
{
    static const struct {
        const char *begins;
        const char *mend;
    } kinds[] = {
        {"<", "this looks like Apache's: docs/migrating-apache-varnish.md says what is what here"},
        {"global", "this looks like HAProxy's: docs/migrating-haproxy.md says what is what here"},
        {"defaults", "this looks like HAProxy's: docs/migrating-haproxy.md says what is what here"},
        {"frontend", "this looks like HAProxy's: docs/migrating-haproxy.md says what is what here"},
        {"listen ", "this looks like HAProxy's: docs/migrating-haproxy.md says what is what here"},
        {"vcl ",
         "this looks like Varnish's: docs/migrating-apache-varnish.md says what is what here"},
    };
    struct span line = first_line(text);

    if (foreign_text(text) != NULL) {
        return foreign_text(text);
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (span_istarts_with(line, span_from_cstr(kinds[i].begins))) {
            return kinds[i].mend;
        }
    }
    if (line.len != 0 && memmem(text.ptr, text.len, ";", 1) != NULL) {
        return "this looks like nginx's: docs/migrating-nginx.md says what is what here";
    }
    return NULL;
}

const char *foreign_mend(const char *section, struct span key, bool *is_of_section)
{
    for (size_t i = 0; i < ARRAY_LEN(section_words); i++) {
        if (strcmp(section_words[i].section, section) == 0 && is_word(key, section_words[i].key)) {
            *is_of_section = true;
            return section_words[i].mend;
        }
    }
    *is_of_section = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (is_word(key, words[i].key)) {
            return words[i].mend;
        }
    }
    return NULL;
}
