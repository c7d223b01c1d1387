/* Another path in place of the one that was asked for (`rewrite` of a route), and another URL
 * (`redirect`). For live traffic and `tidegate route`. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_REWRITE_H
#define TIDEGATE_EDGE_REWRITE_H

#include "edge/path.h"
#include "edge/template.h"
#include "settings/settings.h"

/* Of a path that was normalised: `match` and `forward` become those of the new path. What is left
 * of the old one goes on byte for byte, whatever spelling the prefix came in. */
void rewrite_path(const struct rewrite_settings *settings, struct path *path, struct arena *arena);

/* The value of Location. A path of "//host" leads to no other host. use: TEMPLATE_URL; to show it
 * with values that are not known, TEMPLATE_FIELD. */
struct span redirect_location(const struct template *to, const struct template_values *values,
                              enum template_use use, struct arena *arena) MUST_CHECK;

#endif
