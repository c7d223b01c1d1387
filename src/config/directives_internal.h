/* What the files with the tables share. Not for others: they go through directives.h. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_INTERNAL_H
#define TIDEGATE_CONFIG_DIRECTIVES_INTERNAL_H

#include "config/directives.h"
#include "settings/settings.h"

/* The member of a settings struct that a directive fills. */
#define SLOT(type, member)                                                                         \
    .offset = offsetof(struct type, member), .width = sizeof(((struct type *)NULL)->member)
#define COUNT(type, member) .count_offset = offsetof(struct type, member)

#define KIBI ((uint64_t)1 << 10)
#define MEBI ((uint64_t)1 << 20)
#define GIBI ((uint64_t)1 << 30)
#define TEBI ((uint64_t)1 << 40)
#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Longest path, name and value that make sense. */
#define PATH_BYTES_MAX 4095
#define NAME_BYTES_MAX 255

/* In the order of enum client_close. */
extern const char *const client_closes[];
/* The directive of files, sites and routes. */
#define ON_CLIENT_CLOSE(object, whose)                                                             \
    .name = "on_client_close", .type = DIRECTIVE_ENUM, SLOT(object, on_client_close),              \
    .words = client_closes, .example = "on_client_close: finish",                                  \
    .doc = "What becomes of a request whose client ends its connection before the response is "    \
           "whole" whose

/* In the order of enum priority. */
extern const char *const priorities[];
/* The directive of sites and routes. */
#define PRIORITY(object, whose)                                                                    \
    .name = "priority", .type = DIRECTIVE_ENUM, SLOT(object, priority), .words = priorities,       \
    .example = "priority: high",                                                                   \
    .doc = "Whose requests go first where a backend has as many as it can take" whose

/* The directives of sites and routes. */
#define LOG_OF(object, whose)                                                                      \
    .name = "log", .type = DIRECTIVE_SECTION, SLOT(object, log), .section = &section_log_rules,    \
    .example = "log: { exclude: [ { paths: [/healthz] } ] }",                                      \
    .doc = "What is different in the access log for its requests" whose
#define CACHE_OF(object, whose)                                                                    \
    .name = "cache", .type = DIRECTIVE_SECTION, SLOT(object, cache), .section = &section_cache,    \
    .example = "cache: on",                                                                        \
    .doc = "Whether servers' responses are kept, and given to others who ask the same" whose

/* The directive of backends, sites and routes. */
#define RETRIES(object, whose)                                                                     \
    .name = "retries", .type = DIRECTIVE_SECTION, SLOT(object, retries),                           \
    .section = &section_retries, .example = "retries: { times: 2, for: [connect, reset, 503] }",   \
    .doc = "When a request is sent to another server, because one failed it" whose

/* What sites and routes say alike of the answers to their requests (directives_answers.c): what a
 * route does not say, its site says. */
/* In the order of enum locations. */
extern const char *const locations_words[];

#define OF_ROUTE " In place of what the site says; `off`: none."
#define OF_SITE " `off`: none, though `defaults` have it."

/* What the gateway shows to whom it connects to, over TLS. */
#define SHOWN_CERTIFICATE(object, whom)                                                            \
    .name = "certificate", .type = DIRECTIVE_PATH, .min = 1, .max = PATH_BYTES_MAX,                \
    .check = rule_path, SLOT(object, certificate), .example = "certificate: gate.crt",             \
    .doc = "PEM file: the certificate that the gateway shows to the " whom " (two-way TLS)."
#define SHOWN_KEY(object)                                                                          \
    .name = "key", .type = DIRECTIVE_PATH, .flags = DIRECTIVE_URI, .min = 1,                       \
    .max = PATH_BYTES_MAX, .check = rule_key, SLOT(object, key), .example = "key: gate.key",       \
    .doc = "PEM file: the private key of `certificate`; or a key in a token (`pkcs11:`), as "      \
           "`key` of a site's `tls` says."

#define HSTS(object, whose)                                                                        \
    .name = "hsts", .type = DIRECTIVE_SECTION, SLOT(object, answers.hsts),                         \
    .section = &section_hsts, .example = "hsts: { max_age: 365d, subdomains: true }",              \
    .doc = "Tell browsers to come by https alone from now on "                                     \
           "(Strict-Transport-Security)." whose
#define CORS(object, whose)                                                                        \
    .name = "cors", .type = DIRECTIVE_SECTION, SLOT(object, answers.cors),                         \
    .section = &section_cors, .example = "cors: { origins: [\"https://app.example.com\"] }",       \
    .doc = "Which other origins' pages may use the answers." whose
#define COOKIES(object, whose)                                                                     \
    .name = "cookies", .type = DIRECTIVE_SECTION, SLOT(object, answers.cookies),                   \
    .section = &section_cookies, .example = "cookies: { secure: on, same_site: lax }",             \
    .doc = "What the cookies that servers set become." whose
#define ERRORS(object, whose)                                                                      \
    .name = "errors", .type = DIRECTIVE_SECTION, SLOT(object, answers.errors),                     \
    .section = &section_errors,                                                                    \
    .example = "errors: { \"404\": 404.html, 5xx: sorry.html, from_servers: true }",               \
    .doc = "Pages in place of errors." whose
#define MAINTENANCE(object, whose)                                                                 \
    .name = "maintenance", .type = DIRECTIVE_SECTION, SLOT(object, answers.maintenance),           \
    .section = &section_maintenance,                                                               \
    .example = "maintenance: { file: down.html, except: [10.0.0.0/8] }",                           \
    .doc = "Answer 503 to everybody, but for some." whose
#define LOCATIONS(object, whose)                                                                   \
    .name = "locations", .type = DIRECTIVE_ENUM, SLOT(object, answers.locations),                  \
    .words = locations_words, .example = "locations: off",                                         \
    .doc = "Whether URLs of its own that a server answers with are put right for the "             \
           "client." whose,                                                                        \
    .more = "`auto`: a Location, Refresh or Content-Location that names the host that the server " \
            "was sent (`host` of the backend) or its own address, gets the client's scheme and "   \
            "host instead, if that is another one; a path that begins with `prefix` of `rewrite` " \
            "loses it, and gets `strip_prefix` back. What names another host stays as it is. "     \
            "Cookies follow: `Domain` goes where it is the server's and not the client's, "        \
            "`Path` gets the prefix back, but for `__Host-` cookies, which have none. `off`: all " \
            "of that goes to the client as the server wrote it."
/* The directive of sites and routes. */
#define COMPRESS(object, whose)                                                                    \
    .name = "compress", .type = DIRECTIVE_SECTION, SLOT(object, compress),                         \
    .section = &section_compress, .example = "compress: on",                                       \
    .doc = "Which responses are compressed for clients that take it" whose

/* The directive of sites and routes. */
#define AUTH(object, whose)                                                                        \
    .name = "auth", .type = DIRECTIVE_SECTION, SLOT(object, auth), .section = &section_auth,       \
    .example = "auth: { basic: users.htpasswd }", .doc = "Who may send requests" whose

/* The directive of sites, routes and policies. */
#define ACCESS_RULES(object, list, number)                                                         \
    .type = DIRECTIVE_SECTIONS, SLOT(object, list), COUNT(object, number), .min = 0, .max = 1000,  \
    .section = &section_access_rule
#define ACCESS(object, whose)                                                                      \
    .name = "access", ACCESS_RULES(object, access.rules, access.count),                            \
    .example = "access: [ { deny: { address_file: bad.txt } }, { allow: all } ]",                  \
    .doc = "Which requests may pass: rules, of which the first that fits decides" whose

/* The directive of sites and routes. */
#define RATES(object, whose)                                                                       \
    .name = "rates", .type = DIRECTIVE_SECTIONS, SLOT(object, rates), COUNT(object, rate_count),   \
    .min = 1, .max = 32, .section = &section_rate,                                                 \
    .example = "rates: [ { requests: 100, per: 1m } ]",                                            \
    .doc = "How many requests may come in a time, and be in hand at once" whose

extern const struct section section_defaults;
extern const struct section section_rate;
extern const struct section section_ban;
extern const struct section section_access_rule;
extern const struct section section_access_when;
extern const struct section section_policy_rule;
extern const struct section section_hours;
extern const struct section section_policy;
extern const struct section section_auth;
extern const struct section section_basic;
extern const struct section section_api_key;
extern const struct section section_auth_certificate;
extern const struct section section_auth_introspection;
extern const struct section section_auth_forward;
extern const struct section section_oidc;
extern const struct section section_oidc_session;
extern const struct section section_jwt;
extern const struct section section_jwt_issuer;
extern const struct section section_listener;
extern const struct section section_site;
extern const struct section section_tls;
extern const struct section section_certificate;
extern const struct section section_by_alpn;
extern const struct section section_split;
extern const struct section section_mirror;
extern const struct section section_clients;
extern const struct section section_route;
extern const struct section section_match;
extern const struct section section_match_part;
extern const struct section section_match_client;
extern const struct section section_respond;
extern const struct section section_files;
extern const struct section section_request_fields;
extern const struct section section_response_fields;
extern const struct section section_hsts;
extern const struct section section_cors;
extern const struct section section_cookies;
extern const struct section section_errors;
extern const struct section section_maintenance;
extern const struct section section_route_timeouts;
extern const struct section section_compress;
extern const struct section section_redirect;
extern const struct section section_rewrite;
extern const struct section section_rewrite_replace;
extern const struct section section_server;
extern const struct section section_backend_tls;
extern const struct section section_resolve;
extern const struct section section_queue;
extern const struct section section_concurrency;
extern const struct section section_balance;
extern const struct section section_hash;
extern const struct section section_sticky;
extern const struct section section_servers_from;
extern const struct section section_hedge;
extern const struct section section_retries;
extern const struct section section_health_check;
extern const struct section section_check_connect;
extern const struct section section_check_http;
extern const struct section section_check_grpc;
extern const struct section section_outliers;
extern const struct section section_limits;
extern const struct section section_memory;
extern const struct section section_timeouts;
extern const struct section section_log;
extern const struct section section_log_rules;
extern const struct section section_log_place;
extern const struct section section_log_exclude;
extern const struct section section_cache;

#endif
