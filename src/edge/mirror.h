/* Whether a request is copied to a route's mirror. Pure. */
#ifndef TIDEGATE_EDGE_MIRROR_H
#define TIDEGATE_EDGE_MIRROR_H

#include "base/check.h"
#include "http/message.h"

enum mirror_choice {
    MIRROR_PASS, /* it is none of those that are copied */
    MIRROR_COPY,
    MIRROR_FULL,     /* it would be, but so many copies are under way already */
    MIRROR_TOO_LARGE /* it would be, but its body is too long */
};

struct mirror_facts {
    const struct http_request *request;
    bool is_early;      /* it came as TLS early data */
    bool is_auth_bound; /* its credentials are for its connection (http/connection_auth.h) */
    unsigned share;     /* percent */
    uint64_t random;    /* another one each time */
    uint64_t body_limit;
    unsigned under_way;
    unsigned max;
};

/* A body whose length is not said is as long as it turns out to be: the caller's to bound. */
enum mirror_choice mirror_choose(const struct mirror_facts *facts) MUST_CHECK;

#endif
