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

static const struct {
    const char *key;
    const char *mend;
} words[] = {
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
    {"middleware", LATER_MEND},
    {"middlewares", LATER_MEND},
    {"plugins", LATER_MEND},
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
    {"pass_host_header", FORWARDED_MEND},
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
