/* What the tests of OCSP share: responses made on the spot. */
#ifndef TIDEGATE_TESTS_OCSP_TEST_H
#define TIDEGATE_TESTS_OCSP_TEST_H

#include <openssl/ocsp.h>
#include <stdint.h>

#include "base/span.h"
#include "tls_test.h"

struct ocsp_answer {
    X509 *leaf;
    X509 *issuer;                  /* as its hashes name it */
    const struct identity *signer; /* NULL: it is not signed at all */
    const char *digest;            /* of the issuer's hashes; NULL: SHA-1 */
    int status;                    /* V_OCSP_CERTSTATUS_GOOD is 0 */
    int reason;                    /* of REVOKED */
    int64_t from;                  /* seconds since 1970 */
    int64_t until;                 /* 0: it does not say */
};

/* In DER, to be freed. */
struct span ocsp_answer_make(const struct ocsp_answer *answer);
struct span ocsp_refusal_make(int status);

#endif
