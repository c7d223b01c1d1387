/* What is different between two configurations: for `tidegate diff`, and for a reload, which has to
 * say what cannot change while the gateway runs. Driven by the tables of directives, so that each
 * of them is compared. Pure: nothing is read, and files are compared by their paths alone.
 *
 * Sites, backends, listeners and routes are each a thing that is added, removed or changed; what is
 * said in them, and at the top of the file, is a key of that. Values are compared as they are after
 * shorthands and defaults, so that two ways to say the same are no difference. */
#ifndef TIDEGATE_CONFIG_COMPARE_H
#define TIDEGATE_CONFIG_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "settings/settings.h"

enum difference_kind { DIFFERENCE_ADDED, DIFFERENCE_REMOVED, DIFFERENCE_CHANGED };

struct key_difference {
    const char *key;    /* "tls.policy", "limits.body", "servers" */
    const char *before; /* as a file would write it, long ones cut; NULL: there was none */
    const char *after;  /* NULL: there is none any more */
    bool needs_restart; /* DIRECTIVE_RESTART: a reload leaves it as it was */
};

struct difference {
    enum difference_kind kind;
    const char *what;            /* "site", "route", "backend", "listener"; "the file": its top */
    const char *name;            /* of a route: its path, or its name; "" of the file */
    const char *site;            /* of a route; NULL */
    struct place place;          /* in `after`, of what is removed in `before` */
    struct key_difference *keys; /* DIFFERENCE_CHANGED, in the order of the tables */
    size_t key_count;
    size_t capacity;
};

struct comparison {
    struct difference *items; /* sites with their routes first, then the rest as in the manual */
    size_t count;
    size_t capacity;
};

/* Everything lives in the arena, or in the settings. */
void compare_settings(const struct settings *before, const struct settings *after,
                      struct arena *arena, struct comparison *comparison);

/* The n-th of the keys at the top of the file that cannot change without a restart; NULL: there is
 * none. */
const struct key_difference *comparison_restart(const struct comparison *comparison, size_t n);

#endif
