/* The lists of a file (tls/crl.h), for whoever verifies by them. For tls/ alone. */
#ifndef TIDEGATE_TLS_OPENSSL_CRL_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_CRL_INTERNAL_H

#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/check.h"
#include "tls/crl.h"

#define CRL_DIGEST_BYTES 32

/* The lists as they were at one time: never changed. */
struct crl_lists {
    STACK_OF(X509_CRL) * crls;
    unsigned char digest[CRL_DIGEST_BYTES]; /* of their content */
    int64_t expires;                        /* the first nextUpdate, Unix time; INT64_MAX: none */
    atomic_uint references;
};

struct crl_lists *crl_file_lists(struct crl_file *file) MUST_CHECK;
void crl_lists_release(struct crl_lists *lists);

#endif
