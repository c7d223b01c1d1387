/* Words that people bring from other gateways: what to write here in their place. */
#ifndef TIDEGATE_CONFIG_FOREIGN_H
#define TIDEGATE_CONFIG_FOREIGN_H

#include <stdbool.h>

#include "base/span.h"

/* The mend for a key in a section (as the directives call it) that nginx, HAProxy, Caddy, Traefik
 * or Apache know and Tidegate does not; NULL: none of theirs. *is_of_section: there, and not in any
 * other. Case does not count, nor '-' for '_'. */
const char *foreign_mend(const char *section, struct span key, bool *is_of_section);

/* For a file that is another proxy's as a whole, by how it begins: where to look; NULL: it is not
 * seen to be one. */
const char *foreign_file(struct span text);
/* The same for bytes that are no YAML, by words that stand in none of ours. */
const char *foreign_text(struct span text);

#endif
