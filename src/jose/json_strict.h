/* JSON of strangers (RFC 8259), read by jansson within bounds that are looked at first: how deep it
 * is nested, how many values it has. A member that is there twice is refused, as two readers could
 * take two of them for the one (RFC 7519 section 4), and so is what is not UTF-8 or has a NUL. */
#ifndef TIDEGATE_JOSE_JSON_STRICT_H
#define TIDEGATE_JOSE_JSON_STRICT_H

#include <jansson.h>

#include "base/error.h"
#include "base/span.h"

struct json_bounds {
    size_t depth;  /* of objects and arrays in each other */
    size_t values; /* commas, objects and arrays */
};

/* One object, and nothing behind it. NULL with an error; else the caller's. */
json_t *json_strict_object(struct span text, const struct json_bounds *bounds,
                           struct error *error) MUST_CHECK;
/* A member that is a text; ptr NULL: there is none, or it is something else. */
struct span json_strict_text(const json_t *object, const char *name);

#endif
