/* Values of a query's parameters that are not to be written down. No I/O, no globals. */
#ifndef TIDEGATE_EDGE_REDACT_H
#define TIDEGATE_EDGE_REDACT_H

#include "base/arena.h"
#include "base/span.h"
#include "settings/settings.h"

#define REDACTED "(redacted)"

/* `text`: a request's target, or a URL. What stands behind '?' and the '=' of a parameter with one
 * of the names (in lower case) is replaced, whatever case and percent-encoding the name comes in.
 * The text itself where there is none. */
struct span redact_url(const struct string_list *names, struct span text,
                       struct arena *arena) MUST_CHECK;
/* The same for a query without the '?'. */
struct span redact_query(const struct string_list *names, struct span query,
                         struct arena *arena) MUST_CHECK;
/* Whether it is one of the names. */
bool redact_hides(const struct string_list *names, struct span parameter);

#endif
