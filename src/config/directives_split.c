/* `split` of a route: who shares its requests. */
#include "config/directives_internal.h"
#include "edge/split.h"
#include "settings/split_settings.h"

static const struct directive split_directives[] = {
    {.name = "backend",
     .type = DIRECTIVE_BACKEND,
     .flags = DIRECTIVE_REQUIRED,
     SLOT(split_part_settings, backend),
     .section = &section_backend,
     .doc = "Where its share of the requests is sent: a backend as the route's `backend` is one.",
     .more = "Of HTTP: scripts (`protocol: fastcgi`) are not split.",
     .example = "backend: app"},
    {.name = "weight",
     .type = DIRECTIVE_INTEGER,
     SLOT(split_part_settings, weight),
     .fallback = "1",
     .min = 0,
     .max = SPLIT_WEIGHT_MAX,
     .doc = "Its share, beside the others' weights; 0: nobody new comes to it.",
     .example = "weight: 95"},
};

const struct section section_split = {
    .name = "a part of split",
    .title = "split",
    .doc = "One of several backends that share a route's requests.",
    .directives = split_directives,
    .count = ARRAY_LEN(split_directives),
    .size = sizeof(struct split_part_settings),
    .place_offset = offsetof(struct split_part_settings, place),
};
