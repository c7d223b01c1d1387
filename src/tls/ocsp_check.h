/* OCSP (RFC 6960) as bytes: what a certificate says about its responder, the request for it, and
 * what a response is worth. No files, no network, no words for a person. For tls/, and
 * for `tidegate explain`. */
#ifndef TIDEGATE_TLS_OCSP_CHECK_H
#define TIDEGATE_TLS_OCSP_CHECK_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/span.h"

/* Larger responses are refused; real ones have one or two KiB. */
#define OCSP_RESPONSE_MAX (64 * 1024)

enum ocsp_verdict {
    OCSP_VERDICT_GOOD,
    OCSP_VERDICT_NO_RESPONSE, /* not one in DER, or too large */
    OCSP_VERDICT_DECLINED,    /* the responder gave an error; `word` is its name */
    OCSP_VERDICT_OTHER,    /* for another certificate, or another issuer's with the same number */
    OCSP_VERDICT_UNSIGNED, /* not by the issuer, nor by whom it vouches for */
    OCSP_VERDICT_REVOKED,  /* `word` is the reason, NULL: none given */
    OCSP_VERDICT_UNKNOWN,  /* the responder knows no such certificate */
    OCSP_VERDICT_EXPIRED,
    OCSP_VERDICT_NOT_YET_VALID
};

struct ocsp_finding {
    enum ocsp_verdict verdict;
    const char *word;   /* static */
    int64_t from;       /* thisUpdate, seconds since 1970 */
    int64_t until;      /* nextUpdate; INT64_MAX: none, so it may be asked again at any time */
    int64_t revoked_at; /* INT64_MAX: unknown */
};

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
