/* PEM files: their bytes, and what to tell a person about one that is not what it should be. For
 * tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_PEM_FILE_H
#define TIDEGATE_TLS_OPENSSL_PEM_FILE_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"

/* The whole file, at most PEM_FILE_MAX bytes; `what` names it in the error ("certificate").
 * Freed with pem_file_free, which wipes it first, since it may hold a key. */
bool pem_file_read(const char *path, const char *what, struct span *bytes,
                   struct error *error) MUST_CHECK;
/* The same of a file that is open, whose descriptor it takes over, from its beginning. */
bool pem_file_read_fd(int fd, const char *path, const char *what, struct span *bytes,
                      struct error *error) MUST_CHECK;
/* What errno says of a file that could not be opened. Always false. */
bool pem_file_open_failed(const char *path, const char *what, struct error *error);
void pem_file_free(struct span *bytes);

/* Every certificate in the file, in its order, at least one; at most `max`. NULL with an error. */
STACK_OF(X509) *
    pem_file_certificates(const char *path, size_t max, struct error *error) MUST_CHECK;

#endif
