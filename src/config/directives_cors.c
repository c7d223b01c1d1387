/* What sites and routes say of cross-origin requests. */
#include "config/answer_rules.h"
#include "config/directives_internal.h"
#include "config/text_rules.h"

/* ---- CORS ---- */

static const struct directive cors_directives[] = {
    {.name = "origins",
     .type = DIRECTIVE_TEXTS,
     .flags = DIRECTIVE_REQUIRED | DIRECTIVE_LOWER,
     SLOT(cors_settings, origins),
     .min = 1,
     .max = 200,
     .check = rule_origin,
     .doc = "The origins whose pages may read answers: `https://app.example.com`, "
            "`https://*.example.com` for all names below, or `\"*\"` for all there are.",
     .more = "Scheme, host and port are compared as a whole. A pattern fits one or more labels in "
             "front of the name, never the name itself, nor another one that ends so.",
     .example = "origins: [\"https://app.example.com\", \"https://*.example.net\"]"},
    {.name = "methods",
     .type = DIRECTIVE_TEXTS,
     SLOT(cors_settings, methods),
     .min = 0,
     .max = 50,
     .check = rule_method,
     .doc = "Methods that they may use besides GET, HEAD and POST, which need no leave.",
     .example = "methods: [PUT, DELETE]"},
    {.name = "fields",
     .type = DIRECTIVE_TEXTS,
     SLOT(cors_settings, fields),
     .min = 0,
     .max = 100,
     .check = rule_cors_field,
     .doc = "Fields that they may send besides those that need no leave; `\"*\"`: any they ask "
            "for.",
     .more = "Authorization must be named: to browsers `*` does not cover it.",
     .example = "fields: [Authorization, Content-Type]"},
    {.name = "expose",
     .type = DIRECTIVE_TEXTS,
     SLOT(cors_settings, expose),
     .min = 0,
     .max = 100,
     .check = rule_field_name,
     .doc = "Fields of answers that their scripts may read besides the few that they may anyway.",
     .example = "expose: [ETag, X-Total]"},
    {.name = "credentials",
     .type = DIRECTIVE_BOOL,
     SLOT(cors_settings, credentials),
     .fallback = "false",
     .doc = "Whether cookies, certificates and Authorization of the user go with their requests.",
     .more = "Whoever may send them acts as the user, so `origins` must name who may: it does not "
             "go with `\"*\"`.",
     .example = "credentials: true"},
    {.name = "max_age",
     .type = DIRECTIVE_DURATION,
     SLOT(cors_settings, max_age_ms),
     .fallback = "10m",
     .min = 0,
     .max = 365 * DAY,
     .doc = "How long browsers may keep the answer to a preflight.",
     .more = "They do so for less than they are told: Firefox for a day at most, Chromium for two "
             "hours.",
     .example = "max_age: 2h"},
};

const struct section section_cors = {
    .name = "cors",
    .title = "cors",
    .doc =
        "Cross-origin requests (CORS). A preflight (OPTIONS with Origin and "
        "Access-Control-Request-Method) is answered here with 204, before anything else is asked "
        "of the request: browsers send it without credentials. Answers to other requests get "
        "Access-Control-Allow-Origin and its like where the origin may have them, and "
        "`Vary: Origin` always; what servers say of it is removed. An origin that may not gets "
        "an answer without them, which its browser keeps from the page: it keeps nobody from "
        "asking. A route that lists its methods takes preflights too.",
    .directives = cors_directives,
    .count = ARRAY_LEN(cors_directives),
    .size = sizeof(struct cors_settings),
    .place_offset = offsetof(struct cors_settings, place),
};
