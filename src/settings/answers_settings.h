/* What sites and routes say of their answers: redirects and other paths, what guards browsers'
 * users, pages, and a route's own limits of time. See settings.h. */
#ifndef TIDEGATE_SETTINGS_ANSWERS_SETTINGS_H
#define TIDEGATE_SETTINGS_ANSWERS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "settings/choices.h"
#include "settings/place.h"

/* Another URL in place of an answer. */
struct redirect_settings {
    const char *to;  /* with variables (edge/template.h) */
    unsigned status; /* 301, 302, 303, 307 or 308 */
    struct place place;
};

/* What is forwarded, or looked for among files, in place of the request's path. */
struct rewrite_replace_settings {
    const char *regex;
    const char *with; /* a text with variables */
    struct place place;
};

struct rewrite_settings {
    const char *strip_prefix;                 /* NULL: nothing */
    const char *prefix;                       /* NULL: nothing */
    struct rewrite_replace_settings *replace; /* NULL: nothing */
    const char *query;                        /* in place of the client's; NULL: that */
    struct place place;
};

/* How long browsers insist on https (RFC 6797). */
struct hsts_settings {
    enum hsts_state state;
    uint64_t max_age_ms;
    bool subdomains;
    bool preload;
    struct place place;
};

/* Which other origins' pages may read the answers (the Fetch standard, "CORS protocol"). */
struct cors_settings {
    struct string_list origins; /* "https://a.example", also with a pattern; or all */
    struct string_list methods; /* besides GET, HEAD and POST */
    struct string_list fields;  /* of requests */
    struct string_list expose;  /* of responses */
    bool credentials;
    uint64_t max_age_ms;
    struct place place;
};

/* What a server's cookies become. */
struct cookies_settings {
    enum cookie_secure secure;
    enum cookie_same_site same_site;
    bool http_only;
    struct place place;
};

/* Pages in place of errors: one file for each status that has one, in the order of
 * error_page_statuses. */
#define ERROR_PAGES 23
struct errors_settings {
    const char *pages[ERROR_PAGES];
    bool from_servers; /* in place of what servers answer, too */
    struct place place;
};

/* Nobody is served, but for some. */
struct maintenance_settings {
    const char *file;           /* NULL: a line of text */
    struct network_list except; /* clients */
    uint64_t retry_after_ms;
    struct place place;
};

/* A route's own, in place of `timeouts`; UINT64_MAX: not said, until config/finish. */
struct route_timeouts_settings {
    uint64_t tunnel_idle_ms;
    uint64_t response_ms; /* UINT64_MAX: the backend's */
    uint64_t stream_idle_ms;
    uint64_t body_ms;
    uint64_t request_ms;
    uint64_t send_ms;
    struct place place;
};

/* What routes say, or else their site, of the answers to their requests. */
struct answers_settings {
    struct hsts_settings *hsts; /* NULL: none; so is each of these */
    struct cors_settings *cors;
    struct cookies_settings *cookies;
    struct errors_settings *errors;
    struct maintenance_settings *maintenance;
    enum locations locations;
    /* Of a route that says `off`: the site's are not for it. */
    bool is_cors_off;
    bool is_cookies_off;
    bool is_errors_off;
    bool is_maintenance_off;
};

#endif
