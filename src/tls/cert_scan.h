/* The few facts of a certificate that an index of many needs, read straight from its DER (RFC 5280
 * section 4.1) at a hundredth of the cost of building the library's object. Takes nothing on trust:
 * what it cannot read is BAD, and a certificate that it can read may still be refused when it is
 * used. Allocates nothing. */
#ifndef TIDEGATE_TLS_CERT_SCAN_H
#define TIDEGATE_TLS_CERT_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

/* Kinds of keys that a client may be able to check, each for itself: one who is limited to P-256
 * cannot check P-384. Of the curves of ECDSA the library holds one for a connection, the usual one
 * comes first here. */
enum cert_kind {
    CERT_KIND_RSA,
    CERT_KIND_RSA_PSS,
    CERT_KIND_P256,
    CERT_KIND_P384,
    CERT_KIND_P521,
    CERT_KIND_ED25519,
    CERT_KIND_ED448,
    CERT_KIND_COUNT
};

static inline bool cert_kind_is_ecdsa(enum cert_kind kind)
{
    return kind == CERT_KIND_P256 || kind == CERT_KIND_P384 || kind == CERT_KIND_P521;
}

struct cert_scan {
    enum cert_kind kind;
    bool is_odd_curve;  /* an EC key on one that TLS does not sign with */
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    struct span alternative_names; /* the GeneralNames' content, into the DER; len 0: none */
};

/* Finds the first certificate of a PEM text and decodes it into `der` (of `size` bytes, at least
 * 3/4 of the text's). False: there is none, or it is damaged. */
bool cert_scan_pem(struct span pem, char *der, size_t size, struct span *certificate) MUST_CHECK;
/* False: it is no certificate, or its key is of an unknown kind. */
bool cert_scan_der(struct span der, struct cert_scan *scan) MUST_CHECK;
/* Takes the next DNS name off scan->alternative_names, as written; false: no more. */
bool cert_scan_next_name(struct cert_scan *scan, struct span *name) MUST_CHECK;

#endif
