/* Where a redirect of the configuration leads, for a question of `tidegate route`. */
#ifndef TIDEGATE_CLI_ROUTE_LOCATION_H
#define TIDEGATE_CLI_ROUTE_LOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "edge/path.h"
#include "edge/route.h"
#include "settings/settings.h"

struct route_url {
    bool is_https;
    struct span host;
    uint16_t port;
    struct span path;  /* as it is forwarded */
    struct span query; /* as it came; ptr NULL: none */
    struct span method;
    const struct route_match *match; /* of the route, whose regex found its captures */
    struct span match_path;          /* in this */
};

/* What is not known before there is a request stays as the configuration has it: {cookie.lang}. In
 * the arena. */
const char *route_location(const struct redirect_settings *redirect, const struct route_url *url,
                           struct arena *arena) MUST_CHECK;

/* As rewrite_path makes it of the path; false: it would be refused. */
bool route_rewrite(const struct rewrite_settings *settings, const struct route_url *url,
                   struct path *path, struct arena *arena) MUST_CHECK;
/* What comes of it, for people; the path is the new one. */
const char *route_rewritten(const struct rewrite_settings *settings, const struct route_url *url,
                            const struct path *path, struct arena *arena) MUST_CHECK;

#endif
