/* Who sends a request that is asked about, and when, as command lines and files of cases say it. */
#ifndef TIDEGATE_CLI_ROUTE_WHO_H
#define TIDEGATE_CLI_ROUTE_WHO_H

#include <stdint.h>

#include "auth/auth_identity.h"

enum { ROUTE_WHO_MAX = 64 };

/* Zero-initialised: nobody. Texts are the caller's. It must not move once it was asked for. */
struct route_who {
    struct auth_identity identity;
    struct span groups[ROUTE_WHO_MAX];
    struct span scopes[ROUTE_WHO_MAX];
    struct auth_claim claims[ROUTE_WHO_MAX];
    bool is_somebody;
};

/* "user=ann", "group=staff", "scope=read". False: it is none, or one too many. */
bool route_who_add(struct route_who *who, struct span text) MUST_CHECK;
/* "level=3": what is a number, true or false is one. Several of a name are an array's. */
bool route_who_add_claim(struct route_who *who, struct span text) MUST_CHECK;
/* NULL: nobody. */
const struct auth_identity *route_who_identity(struct route_who *who);
/* RFC 3339: "2027-01-31T18:30:00Z", "2027-01-31T18:30:00+01:00". In seconds since 1970. */
bool route_time_parse(struct span text, int64_t *seconds) MUST_CHECK;

#endif
