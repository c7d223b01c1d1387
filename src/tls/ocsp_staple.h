/* OCSP stapling (RFC 6066 section 8, RFC 6960): a response from the certificate's authority that it
 * has not been revoked, sent along in the handshake to clients that ask for it. It comes from a
 * file that somebody else keeps fresh (`openssl ocsp ... -respout FILE`, or an ACME client). That
 * there is none is normal: many authorities have given OCSP up.
 *
 * A response belongs to the certificate's object, lives as long, and is sent while it is valid. */
#ifndef TIDEGATE_TLS_OCSP_STAPLE_H
#define TIDEGATE_TLS_OCSP_STAPLE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "tls/certificate.h"

/* Larger files are refused; real responses have one or two KiB. */
#define OCSP_STAPLE_MAX (64 * 1024)

/* Reads the response (DER) and checks that it is for this certificate, says "good", is valid now
 * and is signed by the issuer (if the chain has it); *until is then when it ends (INT64_MAX: it
 * does not say). False with an error for a person. */
bool ocsp_staple_check(const struct certificate *certificate, const char *path, int64_t *until,
                       struct error *error) MUST_CHECK;
/* The same, and staples it from now on. */
bool ocsp_staple_attach(const struct certificate *certificate, const char *path,
                        struct error *error) MUST_CHECK;
/* Whether the certificate asks for it (must-staple, RFC 7633). */
bool ocsp_staple_is_required(const struct certificate *certificate);
/* Makes a server's context send what is attached to the certificate that it chose. */
void ocsp_staple_enable(SSL_CTX *ssl_ctx);

#endif
