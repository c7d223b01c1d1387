/* A few words that the library's callbacks leave with a connection's object about why they refused:
 * what the library itself says of it is "callback failed", or a number. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_SSL_NOTE_H
#define TIDEGATE_TLS_OPENSSL_SSL_NOTE_H

#include <openssl/ssl.h>

#include "base/span.h"

/* The first one stays. ssl NULL is allowed. */
void ssl_note_set(SSL *ssl, struct span text);
/* NULL: there is none. */
const char *ssl_note(const SSL *ssl);

#endif
