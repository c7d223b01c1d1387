/* What a route does to answers, for `tidegate route`: one line for each thing. */
#ifndef TIDEGATE_CLI_ROUTE_ANSWERS_H
#define TIDEGATE_CLI_ROUTE_ANSWERS_H

#include "base/arena.h"
#include "settings/settings.h"

/* The line number `index`, NULL behind the last; *word: what it is about, *place: where it is
 * said. In the arena, or static. */
const char *route_answers_line(const struct site_settings *site, const struct route_settings *route,
                               bool is_https, size_t index, struct arena *arena, const char **word,
                               struct place *place);

/* Behind how a backend is spoken to: whose Host it gets, where that is not the client's. */
const char *route_host_words(struct arena *arena, const struct backend_settings *backend);

#endif
