/* Certificates in words, for messages. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_X509_WORDS_H
#define TIDEGATE_TLS_OPENSSL_X509_WORDS_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* RFC 2253, but UTF-8 stays readable; control characters are escaped. The caller's, freed with
 * free. */
char *x509_words_name(const X509_NAME *name);
/* Seconds since 1970; 0: unreadable. */
int64_t x509_words_seconds(const ASN1_TIME *at);
/* "2026-01-31 23:59 UTC"; returns `text`. */
const char *x509_words_date(int64_t seconds, char text[32]);
/* What is not printable ASCII becomes '?'; cut off where it is too long. */
void x509_words_clean(struct span from, char *text, size_t size);
/* Whose certificate it is: subject, issuer, serial number and SHA-256 fingerprint. The caller's,
 * freed with free. */
char *x509_words_whose(X509 *certificate);

#endif
