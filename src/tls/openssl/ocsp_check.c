#include "tls/openssl/ocsp_check_internal.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/url.h"

/* How far the responder's clock may be ahead of ours. */
#define CLOCK_SKEW_S 300

/* ---- responses ---- */

/* Issuers are compared by what was hashed, not by how the algorithm was written: its parameters are
 * NULL with some responders and absent with others. */
static bool has_issuer(OCSP_CERTID *id, X509 *issuer, ASN1_INTEGER *serial)
{
    ASN1_OCTET_STRING *name = NULL;
    ASN1_OCTET_STRING *key = NULL;
    ASN1_OCTET_STRING *own_name = NULL;
    ASN1_OCTET_STRING *own_key = NULL;
    ASN1_OBJECT *algorithm = NULL;
    const EVP_MD *digest;
    OCSP_CERTID *own;
    bool is_same;

    (void)OCSP_id_get0_info(&name, &algorithm, &key, NULL, id);
    digest = EVP_get_digestbyobj(algorithm);
    own = digest != NULL ? OCSP_cert_id_new(digest, X509_get_subject_name(issuer),
                                            X509_get0_pubkey_bitstr(issuer), serial)
                         : NULL;
    is_same = own != NULL && OCSP_id_get0_info(&own_name, NULL, &own_key, NULL, own) == 1 &&
              ASN1_OCTET_STRING_cmp(name, own_name) == 0 &&
              ASN1_OCTET_STRING_cmp(key, own_key) == 0;
    OCSP_CERTID_free(own);
    return is_same;
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, X509 *issuer, const ASN1_INTEGER *serial)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
        ASN1_INTEGER *theirs = NULL;
        if (OCSP_id_get0_info(NULL, NULL, NULL, &theirs, id) == 1 &&
            ASN1_INTEGER_cmp(theirs, serial) == 0 &&
            (issuer == NULL || has_issuer(id, issuer, theirs))) {
            return single;
        }
    }
    return NULL;
}

/* Signed by the issuer, or by a responder that the issuer vouches for (RFC 6960 section 4.2.2.2).
 */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
    X509_STORE *trust = X509_STORE_new();
    STACK_OF(X509) *signers = sk_X509_new_null();
    bool ok = trust != NULL && signers != NULL && sk_X509_push(signers, issuer) > 0 &&
              X509_STORE_add_cert(trust, issuer) == 1 &&
              X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
              OCSP_basic_verify(basic, signers, trust, OCSP_TRUSTOTHER) == 1;

    sk_X509_free(signers);
    X509_STORE_free(trust);
    return ok;
}

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *when)
{
    struct tm parts;

    return when != NULL && ASN1_TIME_to_tm(when, &parts) == 1 ? (int64_t)timegm(&parts) : INT64_MAX;
}

static void look_at_single(OCSP_SINGLERESP *single, int64_t now, struct ocsp_finding *finding)
{
    ASN1_GENERALIZEDTIME *revoked = NULL;
    ASN1_GENERALIZEDTIME *from = NULL;
    ASN1_GENERALIZEDTIME *to = NULL;
    int reason = -1;
    int status = OCSP_single_get0_status(single, &reason, &revoked, &from, &to);

    finding->from = seconds_of(from);
    finding->until = seconds_of(to);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        finding->verdict = OCSP_VERDICT_REVOKED;
        finding->revoked_at = seconds_of(revoked);
        finding->word = reason >= 0 ? OCSP_crl_reason_str(reason) : NULL;
    } else if (status != V_OCSP_CERTSTATUS_GOOD) {
        finding->verdict = OCSP_VERDICT_UNKNOWN;
    } else if (finding->until <= now) {
        finding->verdict = OCSP_VERDICT_EXPIRED;
    } else if (finding->from > now + CLOCK_SKEW_S) {
        finding->verdict = OCSP_VERDICT_NOT_YET_VALID;
    } else {
        finding->verdict = OCSP_VERDICT_GOOD;
    }
}

static void look_at_basic(OCSP_BASICRESP *basic, X509 *issuer, const ASN1_INTEGER *serial,
                          int64_t now, struct ocsp_finding *finding)
{
    OCSP_SINGLERESP *single = basic != NULL ? find_single(basic, issuer, serial) : NULL;

    if (single == NULL) {
        finding->verdict = OCSP_VERDICT_OTHER;
    } else if (issuer != NULL && !is_signed(basic, issuer)) {
        finding->verdict = OCSP_VERDICT_UNSIGNED;
    } else {
        look_at_single(single, now, finding);
    }
}

struct ocsp_finding ocsp_check(struct span bytes, X509 *issuer, const ASN1_INTEGER *serial,
                               int64_t now)
{
    struct ocsp_finding finding = {.verdict = OCSP_VERDICT_NO_RESPONSE, .revoked_at = INT64_MAX};
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    const unsigned char *end = at != NULL ? at + bytes.len : at;
    OCSP_RESPONSE *response = bytes.len != 0 && bytes.len <= OCSP_RESPONSE_MAX
                                  ? d2i_OCSP_RESPONSE(NULL, &at, (long)bytes.len)
                                  : NULL;

    /* All of the bytes would be sent: a client refuses what comes behind the response. */
    if (response != NULL && at == end) {
        int status = OCSP_response_status(response);
        if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
            finding.verdict = OCSP_VERDICT_DECLINED;
            finding.word = OCSP_response_status_str(status);
        } else {
            OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
            look_at_basic(basic, issuer, serial, now, &finding);
            OCSP_BASICRESP_free(basic);
        }
    }
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return finding;
}

/* ---- what the certificate says ---- */

bool ocsp_is_required(X509 *leaf)
{
    const long status_request = 5; /* the number of the TLS extension */
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    bool is_required = false;

    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        is_required |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == status_request;
    }
    sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
    return is_required;
}

char *ocsp_responder(X509 *leaf)
{
    AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(leaf, NID_info_access, NULL, NULL);
    char *found = NULL;

    for (int i = 0; found == NULL && i < sk_ACCESS_DESCRIPTION_num(all); i++) {
        const ACCESS_DESCRIPTION *access = sk_ACCESS_DESCRIPTION_value(all, i);
        const ASN1_IA5STRING *uri = access->location->d.uniformResourceIdentifier;
        if (OBJ_obj2nid(access->method) == NID_ad_OCSP && access->location->type == GEN_URI) {
            struct span text =
                span_make(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
            struct url parts;
            /* A response is signed, and checking a TLS server could need OCSP again. */
            found =
                url_parse(text, &parts) && !parts.is_https ? xstrndup(text.ptr, text.len) : NULL;
        }
    }
    AUTHORITY_INFO_ACCESS_free(all);
    ERR_clear_error();
    return found;
}

struct span ocsp_request(X509 *leaf, X509 *issuer)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    /* SHA-1, since that is what every responder knows (RFC 5019 section 2.1.1); it only names. */
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    unsigned char *der = NULL;
    struct span bytes = {NULL, 0};

    if (request != NULL && id != NULL && OCSP_request_add0_id(request, id) != NULL) {
        int len = i2d_OCSP_REQUEST(request, &der);
        id = NULL; /* it is the request's */
        if (len > 0) {
            char *copy = xmalloc((size_t)len);
            memcpy(copy, der, (size_t)len);
            bytes = span_make(copy, (size_t)len);
        }
    }
    OPENSSL_free(der);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    return bytes;
}
