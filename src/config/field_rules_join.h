/* Rules about fields that are written in two places, as one. */
#ifndef TIDEGATE_CONFIG_FIELD_RULES_JOIN_H
#define TIDEGATE_CONFIG_FIELD_RULES_JOIN_H

#include "base/arena.h"
#include "settings/settings.h"

/* What `outer` says, but for fields of which `inner` says something, and what `inner` says. `outer`
 * may be NULL. The outcome is the arena's, or `inner`; neither is changed. */
struct field_rules_settings *field_rules_join(const struct field_rules_settings *outer,
                                              struct field_rules_settings *inner,
                                              struct arena *arena);

#endif
