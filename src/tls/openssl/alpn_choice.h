/* Which protocol is agreed on with a client by ALPN (RFC 7301): the first of ours that it offers.
 */
#ifndef TIDEGATE_TLS_OPENSSL_ALPN_CHOICE_H
#define TIDEGATE_TLS_OPENSSL_ALPN_CHOICE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "settings/choices.h"

/* HTTP's. */
void alpn_choice_install_http(SSL_CTX *ssl_ctx, enum tls_protocols protocols);
/* Others; copied, and freed with the context. None: what clients offer is not answered, and they go
 * on as if nobody knew of ALPN. */
bool alpn_choice_install(SSL_CTX *ssl_ctx, const char *const *names, size_t count) MUST_CHECK;

#endif
