/* OCSP (RFC 6960) as bytes: what a certificate says about its responder, the request for it, and
 * what a response is worth. No files, no network, no words for a person. For tls/, and
 * for `tidegate explain`. */
#ifndef TIDEGATE_TLS_OCSP_CHECK_H
#define TIDEGATE_TLS_OCSP_CHECK_H

#include <stdint.h>

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

#endif
