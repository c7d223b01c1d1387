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

/* By which the library keeps certificates side by side. */
enum cert_kind { CERT_KIND_RSA, CERT_KIND_EC, CERT_KIND_ED, CERT_KIND_COUNT };

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
