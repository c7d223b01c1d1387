/* A certificate, an authority or a revocation list that the gateway has read, and whose it is. */
#ifndef TIDEGATE_CERTS_OWNED_CERTIFICATE_H
#define TIDEGATE_CERTS_OWNED_CERTIFICATE_H

#include <stdint.h>

#include "tls/listed_certificate.h"

/* The texts are the caller's who shows it. */
struct owned_certificate {
    const char *owner; /* "site shop", "backend api" */
    const char *file;
    const char *names;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    enum tls_listed_kind kind;
};

#endif
