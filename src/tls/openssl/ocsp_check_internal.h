/* The check itself, and what a certificate says of its responder. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_OCSP_CHECK_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_OCSP_CHECK_INTERNAL_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"
#include "tls/ocsp_check.h"

/* issuer NULL: it is not known, so neither it nor the signature is looked at. now: seconds since
 * 1970; the responder's clock may be some minutes ahead of it. */
struct ocsp_finding ocsp_check(struct span bytes, X509 *issuer, const ASN1_INTEGER *serial,
                               int64_t now);

/* Whether the certificate asks for a stapled response (must-staple, RFC 7633). */
bool ocsp_is_required(X509 *leaf);
/* The first of its responders that is asked by http:// (RFC 5280 section 4.2.2.1): to be freed;
 * NULL: it names none. */
char *ocsp_responder(X509 *leaf) MUST_CHECK;
/* A request for it in DER, without a nonce, so that the answer may come from a cache (RFC 5019):
 * to be freed with free(). The span is absent when memory is out. */
struct span ocsp_request(X509 *leaf, X509 *issuer);

#endif
