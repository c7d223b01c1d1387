/* Names in two forms, with "www." in front and without, of which a site serves one (`www`). No I/O,
 * no globals. */
#ifndef TIDEGATE_EDGE_WWW_H
#define TIDEGATE_EDGE_WWW_H

#include "base/arena.h"
#include "base/span.h"
#include "settings/choices.h"

/* Whether it has two forms: a name, and neither a pattern nor an address. */
bool www_has_forms(struct span host) MUST_CHECK;
/* The form that the host does not have. In the arena, or in `host`. */
struct span www_other_form(struct span host, struct arena *arena) MUST_CHECK;
/* Whether clients that ask for the host, which has two forms, are sent to the other one. */
bool www_sends_away(enum site_www www, struct span host) MUST_CHECK;

#endif
