/* What the control socket answers: a table of paths, each with the function that prints its JSON.
 * More of the administration is added here. */
#ifndef TIDEGATE_ADMIN_ROUTES_H
#define TIDEGATE_ADMIN_ROUTES_H

#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

struct current;
struct reporter;

/* What the functions look at. */
struct admin_world {
    const char *version;
    uint64_t started_us; /* CLOCK_MONOTONIC */
    struct reporter *reporter;
    struct current *current;
};

/* Not in the table, as it is the supervisor who answers: POST has the configuration loaded anew,
 * and the answer is 200, or 422 where it has errors, or 503, with what is to be told as text. */
#define ADMIN_RELOAD_PATH "/reload"
/* The same: POST has the program's file as it is now take the place of what runs. */
#define ADMIN_UPGRADE_PATH "/upgrade"

/* Neither, as they do something: POST, with BACKEND/SERVER as the query (percent-encoded). */
#define ADMIN_DRAIN_PATH "/drain"
#define ADMIN_PURGE_PATH "/purge"
#define ADMIN_ENABLE_PATH "/enable"
#define ADMIN_DISABLE_PATH "/disable"
/* The same, with BACKEND/SERVER=N, or =default. */
#define ADMIN_WEIGHT_PATH "/weight"

struct admin_route {
    const char *path;
    const char *doc;
    void (*print)(const struct admin_world *world, struct strbuf *out);
};

/* NULL: there is none. */
const struct admin_route *admin_route_find(struct span path);

#endif
