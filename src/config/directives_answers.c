/* What sites and routes say of their answers: HSTS, cookies; and a route's own limits of time. */
#include "config/directives_internal.h"

const char *const locations_words[] = {"auto", "off", NULL};

/* In the order of enum hsts_state, enum cookie_secure, enum cookie_same_site. */
static const char *const hsts_states[] = {"off", "on", NULL};
static const char *const secures[] = {"keep", "on", NULL};
static const char *const same_sites[] = {"keep", "lax", "strict", "none", NULL};

/* ---- HSTS ---- */

static const struct directive hsts_directives[] = {
    {.name = "state",
     .type = DIRECTIVE_ENUM,
     SLOT(hsts_settings, state),
     .fallback = "on",
     .words = hsts_states,
     .doc = "Whether it is told at all; `off` in a route keeps it from the site's.",
     .example = "state: off"},
    {.name = "max_age",
     .type = DIRECTIVE_DURATION,
     SLOT(hsts_settings, max_age_ms),
     .fallback = "365d",
     .min = 0,
     .max = 3650 * DAY,
     .doc = "How long browsers are to remember it; 0s takes it back.",
     .example = "max_age: 730d"},
    {.name = "subdomains",
     .type = DIRECTIVE_BOOL,
     SLOT(hsts_settings, subdomains),
     .fallback = "false",
     .doc = "Whether it holds for all names below, too.",
     .example = "subdomains: true"},
    {.name = "preload",
     .type = DIRECTIVE_BOOL,
     SLOT(hsts_settings, preload),
     .fallback = "false",
     .doc = "Whether browsers' makers may build the name into their lists.",
     .more = "They ask for `subdomains` and a `max_age` of a year, and it takes months to be "
             "taken back: see hstspreload.org.",
     .example = "preload: true"},
};

const struct section section_hsts = {
    .name = "hsts",
    .title = "hsts",
    .doc = "Strict-Transport-Security (RFC 6797), on answers by https alone, in place of what "
           "servers say. `hsts: on` is a year for the name itself.",
    .directives = hsts_directives,
    .count = ARRAY_LEN(hsts_directives),
    .size = sizeof(struct hsts_settings),
    .place_offset = offsetof(struct hsts_settings, place),
    .scalar_name = "state",
};

/* ---- cookies ---- */

static const struct directive cookies_directives[] = {
    {.name = "secure",
     .type = DIRECTIVE_ENUM,
     SLOT(cookies_settings, secure),
     .fallback = "keep",
     .words = secures,
     .doc = "`on`: Secure is added where the client came by https.",
     .example = "secure: on"},
    {.name = "same_site",
     .type = DIRECTIVE_ENUM,
     SLOT(cookies_settings, same_site),
     .fallback = "keep",
     .words = same_sites,
     .doc =
         "SameSite in place of the server's; `none` only on cookies that are Secure, as browsers "
         "drop others.",
     .example = "same_site: lax"},
    {.name = "http_only",
     .type = DIRECTIVE_BOOL,
     SLOT(cookies_settings, http_only),
     .fallback = "false",
     .doc = "Whether HttpOnly is added, so that no script reads them.",
     .example = "http_only: true"},
};

const struct section section_cookies = {
    .name = "cookies",
    .title = "cookies",
    .doc = "What becomes of Set-Cookie in servers' answers (RFC 6265). `locations` besides has "
           "Domain and Path follow.",
    .directives = cookies_directives,
    .count = ARRAY_LEN(cookies_directives),
    .size = sizeof(struct cookies_settings),
    .place_offset = offsetof(struct cookies_settings, place),
};

/* ---- a route's times ---- */

static const struct directive route_timeouts_directives[] = {
    {.name = "tunnel_idle",
     .type = DIRECTIVE_DURATION,
     SLOT(route_timeouts_settings, tunnel_idle_ms),
     .min = 10,
     .max = 30 * DAY,
     .doc = "WebSocket and other upgraded connections: how long no byte may go either way.",
     .example = "tunnel_idle: 1d"},
    {.name = "response",
     .type = DIRECTIVE_DURATION,
     SLOT(route_timeouts_settings, response_ms),
     .min = 10,
     .max = 30 * DAY,
     .doc = "From the request's end to the head of the response, in place of the backend's "
            "`response_timeout`.",
     .example = "response: 10m"},
    {.name = "stream_idle",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(route_timeouts_settings, stream_idle_ms),
     .min = 10,
     .max = 30 * DAY,
     .doc = "Between two pieces of a server's response.",
     .example = "stream_idle: off"},
    {.name = "body",
     .type = DIRECTIVE_DURATION,
     SLOT(route_timeouts_settings, body_ms),
     .min = 10,
     .max = 30 * DAY,
     .doc = "Between two pieces of a request's body.",
     .example = "body: 10m"},
    {.name = "send",
     .type = DIRECTIVE_DURATION,
     SLOT(route_timeouts_settings, send_ms),
     .min = 100,
     .max = DAY,
     .doc = "Without the client taking a byte of what waits for it: a player that is paused takes "
            "none.",
     .more = "Over HTTP/2 the longest of the responses that run counts for their connection. What "
             "such clients hold is bounded as ever by `limits.held` and its like.",
     .example = "send: 1h"},
    {.name = "request",
     .type = DIRECTIVE_DURATION,
     .flags = DIRECTIVE_OFF,
     SLOT(route_timeouts_settings, request_ms),
     .min = 10,
     .max = 30 * DAY,
     .doc = "A request to a server as a whole, from its head to the response's end.",
     .example = "request: 1h"},
};

const struct section section_route_timeouts = {
    .name = "timeouts of a route",
    .title = "route_timeouts",
    .doc = "How long things may take on this route, in place of what the file's `timeouts` and the "
           "backend say: Jupyter, Grafana Live and MQTT are silent for long.",
    .directives = route_timeouts_directives,
    .count = ARRAY_LEN(route_timeouts_directives),
    .size = sizeof(struct route_timeouts_settings),
    .place_offset = offsetof(struct route_timeouts_settings, place),
};
