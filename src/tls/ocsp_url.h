/* Where a certificate says that its OCSP responder is: http://HOST[:PORT][/PATH][?QUERY], the only
 * scheme that makes sense there (a response is signed, and checking a TLS server's certificate
 * could need OCSP again).
 *
 * The URL comes out of a certificate that the operator installed, and is trusted as that is: it may
 * name any host, loopback and private ones too. It is still taken apart strictly, since parts of it
 * go into a request. */
#ifndef TIDEGATE_TLS_OCSP_URL_H
#define TIDEGATE_TLS_OCSP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

/* Longer ones are not used. */
#define OCSP_URL_MAX 1024
#define OCSP_HOST_MAX 255

struct ocsp_url {
    char host[OCSP_HOST_MAX + 1]; /* without the brackets of an IPv6 address */
    uint16_t port;
    struct span authority;         /* as written, for the Host field; within the text */
    char target[OCSP_URL_MAX + 2]; /* path and query */
};

/* False: not such a URL. */
bool ocsp_url_parse(struct span text, struct ocsp_url *url) MUST_CHECK;

#endif
