/* Where something is fetched from: http://HOST[:PORT][/PATH][?QUERY], or https://.
 *
 * Taken apart strictly, since parts of it go into a request and it may come out of a certificate
 * or a configuration: no user, no fragment, no escapes in the host, visible ASCII alone. It may
 * name any host, loopback and private ones too. */
#ifndef TIDEGATE_BASE_URL_H
#define TIDEGATE_BASE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/span.h"

/* Longer ones are not used. */
#define URL_MAX 1024
#define URL_HOST_MAX 255

struct url {
    bool is_https;
    char host[URL_HOST_MAX + 1]; /* without the brackets of an IPv6 address */
    uint16_t port;
    struct span authority;    /* as written, for the Host field; within the text */
    char target[URL_MAX + 2]; /* path and query */
};

/* Without percent-encoding; what is no such thing stays. In the arena. */
struct span url_decode(struct span text, struct arena *arena);
/* False: not such a URL. */
bool url_parse(struct span text, struct url *url) MUST_CHECK;

#endif
