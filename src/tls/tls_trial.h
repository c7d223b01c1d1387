/* Whether anybody can shake hands with a server's context, tried with a client that knows all that
 * the library knows, in memory. Versions, ciphers, groups, signatures and the kinds of keys go
 * together in more ways than rules could tell. */
#ifndef TIDEGATE_TLS_TLS_TRIAL_H
#define TIDEGATE_TLS_TLS_TRIAL_H

#include <stdbool.h>

#include "base/check.h"
#include "tls/tls_context.h"

/* A signer (tls/signer.h) must answer at once here. version: of enum tls_version. False: *why says
 * what is missing; static, or the library's. For contexts with certificates of their own. */
bool tls_trial_handshake(struct tls_context *server, const struct tls_overrides *own, int version,
                         const char **why) MUST_CHECK;

#endif
