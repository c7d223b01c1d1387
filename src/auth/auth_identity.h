/* Who sends a request, as some method of telling has found. Immutable once made; its texts live as
 * long as the request. */
#ifndef TIDEGATE_AUTH_AUTH_IDENTITY_H
#define TIDEGATE_AUTH_AUTH_IDENTITY_H

#include <stddef.h>

#include "base/span.h"

struct auth_list {
    const struct span *items;
    size_t count;
};

struct auth_identity {
    const char *method; /* "basic", "api_key": the directive's name */
    struct span user;   /* a name, never empty */
    struct auth_list groups;
    struct auth_list scopes;
    const struct auth_identity *also; /* what another method has found; NULL: nothing more */
};

#endif
