/* What a snapshot's routes ask for of who sends requests (auth/auth.h): made once for all routes
 * that say the same, and their files looked at again. For snapshot.c. */
#ifndef TIDEGATE_GATEWAY_SNAPSHOT_AUTH_H
#define TIDEGATE_GATEWAY_SNAPSHOT_AUTH_H

#include "auth/auth.h"

/* Zero-initialised: none. */
struct auth_plans {
    struct built_auth {
        const struct auth_settings *settings;
        const struct auth_plan *plan;
    } * items;
    size_t count;
    size_t capacity;
};

/* *plan: NULL where anybody may ask. False with an error, once for all routes that say the same:
 * the snapshot cannot be used then. The place's arena is the snapshot's. */
bool auth_plans_add(struct auth_plans *plans, const struct auth_settings *settings,
                    const struct auth_place *place, const struct auth_plan **plan,
                    struct error *error) MUST_CHECK;
/* Whether one of the files has changed; what has, and what is wrong with it, is logged. */
bool auth_plans_refresh(const struct auth_plans *plans);
void auth_plans_each_file(const struct auth_plans *plans,
                          void (*each)(void *arg, const char *owner, const char *path), void *arg);
void auth_plans_free(struct auth_plans *plans);

#endif
