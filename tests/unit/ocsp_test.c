#include "ocsp_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static struct span der_of(OCSP_RESPONSE *response)
{
    unsigned char *der = NULL;
    int len = i2d_OCSP_RESPONSE(response, &der);
    char *copy = xmalloc((size_t)len);

    CHECK(len > 0);
    memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    return span_make(copy, (size_t)len);
}

struct span ocsp_answer_make(const struct ocsp_answer *answer)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    const EVP_MD *digest = EVP_get_digestbyname(answer->digest != NULL ? answer->digest : "SHA1");
    OCSP_CERTID *id = OCSP_cert_id_new(digest, X509_get_subject_name(answer->issuer),
                                       X509_get0_pubkey_bitstr(answer->issuer),
                                       X509_get0_serialNumber(answer->leaf));
    ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)answer->from);
    ASN1_TIME *until =
        answer->until != 0 ? ASN1_GENERALIZEDTIME_set(NULL, (time_t)answer->until) : NULL;
    OCSP_RESPONSE *response;

    CHECK(basic != NULL && id != NULL && from != NULL);
    CHECK(OCSP_basic_add1_status(basic, id, answer->status, answer->reason, from, from, until) !=
          NULL);
    if (answer->signer != NULL) {
        CHECK(OCSP_basic_sign(basic, answer->signer->certificate, answer->signer->key, EVP_sha256(),
                              NULL, 0) == 1);
    }
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    CHECK(response != NULL);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    return der_of(response);
}

struct span ocsp_refusal_make(int status)
{
    OCSP_RESPONSE *response = OCSP_response_create(status, NULL);

    CHECK(response != NULL);
    return der_of(response);
}
