/* OCSP stapling (RFC 6066 section 8, RFC 6960): a response from the certificate's authority that it
 * has not been revoked, sent along in the handshake to clients that ask for it. It comes from a
 * file that somebody else keeps fresh (`openssl ocsp ... -respout FILE`, or an ACME client), or is
 * fetched from the responder that the certificate names (tls/ocsp_registry.h). That there is none
 * is normal: many authorities have given OCSP up.
 *
 * A response of a file belongs to the certificate's object, lives as long, and is sent while it is
 * valid. One that is fetched belongs to the registry; the object has a use of it. */
#ifndef TIDEGATE_TLS_OCSP_STAPLE_H
#define TIDEGATE_TLS_OCSP_STAPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "settings/choices.h"
#include "tls/certificate.h"

struct ocsp_registry;

/* What is stapled after the file of a response was read. */
enum ocsp_stapled {
    OCSP_STAPLED_NEW,    /* its response */
    OCSP_STAPLED_BEFORE, /* it cannot be used: what the object before had, which still holds */
    OCSP_STAPLED_NONE    /* nor was there another one; or it says that the certificate is revoked */
};

/* Reads the response (DER, at most OCSP_RESPONSE_MAX) and checks that it is for this certificate,
 * says "good", is valid now and is signed by the issuer (if the chain has it); *until is then when
 * it ends (INT64_MAX: it does not say). False with an error for a person. */
bool ocsp_staple_check(const struct certificate *certificate, const char *path, int64_t *until,
                       struct error *error) MUST_CHECK;

/* Whether the certificate asks for it (must-staple, RFC 7633). */
bool ocsp_staple_is_required(const struct certificate *certificate);
/* Whether a response for it can be fetched; false with an error for a person: why not. */
bool ocsp_staple_can_fetch(const struct certificate *certificate, struct error *error) MUST_CHECK;
/* Has responses fetched and stapled, where `when` and the certificate say so and it can be done,
 * for as long as the certificate's object lives. */
void ocsp_staple_fetch(const struct certificate *certificate, struct ocsp_registry *registry,
                       enum ocsp_fetch_policy when);

/* Whether the first of these fetches has not ended yet, well or badly. */
bool ocsp_staple_is_awaited(const struct certificate *certificate);

#endif
