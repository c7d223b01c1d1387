/* `mirror` of a route: who gets copies of its requests. */
#include "config/directives_internal.h"
#include "settings/mirror_settings.h"

static const struct directive mirror_directives[] = {
    {.name = "backend",
     .type = DIRECTIVE_BACKEND,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(mirror_settings, backend),
     .section = &section_backend,
     .doc = "Where the copies are sent: a backend as the route's `backend` is one.",
     .more =
         "Of HTTP: scripts (`protocol: fastcgi`) get none. It gets what the route's own servers "
         "get, credentials and cookies among it.",
     .example = "backend: app"},
    {.name = "share",
     .type = DIRECTIVE_INTEGER,
     SLOT(mirror_settings, share),
     .fallback = "100",
     .min = 0,
     .max = 100,
     .doc = "Of how many of a hundred requests a copy is sent, chosen at random; 0: of none.",
     .example = "share: 10"},
    {.name = "body_limit",
     .type = DIRECTIVE_SIZE,
     SLOT(mirror_settings, body_limit),
     .fallback = "64k",
     .min = 0,
     .max = 16777216,
     .doc = "Requests with a longer body are not mirrored, but counted (`too_large`).",
     .more = "A copy is sent when its request is here as a whole, and is kept until then: with "
             "`max`, this bounds the memory that a mirror takes.",
     .example = "body_limit: 1m"},
    {.name = "max",
     .type = DIRECTIVE_INTEGER,
     SLOT(mirror_settings, max),
     .fallback = "100",
     .min = 1,
     .max = 100000,
     .doc = "How many copies there are at once, for each worker and backend.",
     .more = "Further requests are not mirrored, but counted (`dropped`).",
     .example = "max: 20"},
    {.name = "timeout",
     .type = DIRECTIVE_DURATION,
     SLOT(mirror_settings, timeout_ms),
     .fallback = "30s",
     .min = 1,
     .max = 3600000,
     .doc = "How long a copy may take, from its sending to the end of its answer.",
     .example = "timeout: 5s"},
};

const struct section section_mirror = {
    .name = "mirror",
    .title = "mirror",
    .doc = "Copies of a route's requests go to another backend besides: to try a new version with "
           "what clients really ask. Its answers are dropped.",
    .directives = mirror_directives,
    .count = ARRAY_LEN(mirror_directives),
    .size = sizeof(struct mirror_settings),
    .place_offset = offsetof(struct mirror_settings, place),
};
