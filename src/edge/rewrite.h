/* Another path in place of the one that was asked for (`rewrite` of a route), and another URL
 * (`redirect`). For live traffic and `tidegate route`. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_REWRITE_H
#define TIDEGATE_EDGE_REWRITE_H

#include "base/pattern.h"
#include "edge/path.h"
#include "edge/template.h"
#include "settings/settings.h"

/* As the configuration has it, ready to be used. */
struct rewrite {
    const struct rewrite_settings *settings;
    const struct pattern *regex; /* of `replace`; NULL: it has none */
    struct template with;
    bool has_query;
    struct template query;
};

/* NULL: there is none. In the arena; the settings are referenced. */
const struct rewrite *rewrite_make(const struct rewrite_settings *settings,
                                   struct arena *arena) MUST_CHECK;

/* Of a path that was normalised: `strip_prefix` and `prefix` alone, which nothing can refuse. */
void rewrite_prefixes(const struct rewrite_settings *settings, struct path *path,
                      struct arena *arena);

/* Longest path that `replace` makes. */
#define REWRITTEN_PATH_MAX 16384

/* Of a path that was normalised: `match` and `forward` become those of the new path. What is left
 * of the old one goes on byte for byte, whatever spelling the prefix came in; what `replace` makes
 * is spelled as paths are compared. `values`: of all variables but the captures of `replace`.
 * False: what `replace` makes is no path that could be sent on (it does not begin with '/', has dot
 * segments or bytes that servers read in different ways, or is too long), or the search was given
 * up; the path is then not to be used. */
bool rewrite_path(const struct rewrite *rewrite, const struct template_values *values,
                  struct path *path, struct arena *arena) MUST_CHECK;

/* The query that a server gets, where the rewrite has one: ptr NULL is none at all. */
struct span rewrite_query(const struct rewrite *rewrite, const struct template_values *values,
                          struct arena *arena) MUST_CHECK;

/* The value of Location. A path of "//host" leads to no other host. use: TEMPLATE_URL; to show it
 * with values that are not known, TEMPLATE_FIELD. */
struct span redirect_location(const struct template *to, const struct template_values *values,
                              enum template_use use, struct arena *arena) MUST_CHECK;

#endif
