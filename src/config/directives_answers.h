/* The directives that sites and routes have alike, of the answers to their requests
 * (struct answers_settings): what a route does not say, its site says. Not for others than the
 * tables. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_ANSWERS_H
#define TIDEGATE_CONFIG_DIRECTIVES_ANSWERS_H

#include "config/directives_internal.h"

extern const struct section section_hsts;
extern const struct section section_cors;
extern const struct section section_cookies;
extern const struct section section_errors;
extern const struct section section_maintenance;
extern const struct section section_route_timeouts;

/* In the order of enum locations. */
extern const char *const locations_words[];

#define OF_ROUTE " In place of what the site says."

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
    .example = "errors: { 404: 404.html, 5xx: sorry.html, from_servers: true }",                   \
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

#endif
