/* Private keys that are in a token (base/key_uri.h): reached by a module of PKCS#11, which the TLS
 * library's provider or engine of that name loads into this process. Which of the two there is, is
 * found when the first such key is asked for: the provider, or else the engine, or the error says
 * which package has one.
 *
 * A module is foreign code: it opens files and sockets as it pleases, and lives as long as the
 * process. Where private keys are in a process of their own (src/keys), it is there alone.
 *
 * For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_KEY_MODULE_H
#define TIDEGATE_TLS_OPENSSL_KEY_MODULE_H

#include <openssl/types.h>

#include "base/check.h"
#include "base/error.h"
#include "base/key_uri.h"

/* The key that a URI names; it signs in its token. pin: "" where there is none. `name` is for
 * messages, in which no PIN is. One at a time, from any thread. NULL with an error. */
EVP_PKEY *key_module_load(const char *name, const struct key_uri *uri, const char *pin,
                          struct error *error) MUST_CHECK;

/* Before the process is confined in a way that lets no more code into it (sandbox/sandbox.h): what
 * is not loaded by then is refused, with an error, from now on. */
void key_module_close(void);

#endif
