#include "tls/ocsp_staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/pem_file.h"

/* How far the responder's clock may be ahead of ours. */
#define CLOCK_SKEW_S 300

struct staple {
    int64_t until;
    int len;
    unsigned char bytes[];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int slot = -1;

static void free_staple(void *parent, void *staple, CRYPTO_EX_DATA *data, int index, long argl,
                        void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    free(staple);
}

static void make_slot(void)
{
    slot = X509_get_ex_new_index(0, NULL, NULL, NULL, free_staple);
    CHECK(slot >= 0);
}

/* ---- reading and checking ---- */

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, X509 *leaf)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
        ASN1_INTEGER *serial = NULL;
        if (OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) == 1 &&
            ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0) {
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

static bool check_single(OCSP_SINGLERESP *single, const char *path, int64_t *until,
                         struct error *error)
{
    ASN1_GENERALIZEDTIME *from = NULL;
    ASN1_GENERALIZEDTIME *to = NULL;
    int status = OCSP_single_get0_status(single, NULL, NULL, &from, &to);

    *until = seconds_of(to);
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        return error_set(error,
                         "the OCSP response in '%s' says that the certificate is %s: get a new "
                         "certificate",
                         path, OCSP_cert_status_str(status));
    }
    if (*until <= (int64_t)time(NULL)) {
        return error_set(error,
                         "the OCSP response in '%s' has expired and is not sent: fetch a new one "
                         "with openssl ocsp -respout, and see that it is done regularly",
                         path);
    }
    if (OCSP_check_validity(from, to, CLOCK_SKEW_S, -1) != 1) {
        return error_set(error,
                         "the OCSP response in '%s' is not valid yet: is this machine's clock "
                         "right?",
                         path);
    }
    return true;
}

static bool check_basic(OCSP_BASICRESP *basic, const struct certificate *certificate,
                        const char *path, int64_t *until, struct error *error)
{
    OCSP_SINGLERESP *single =
        basic != NULL ? find_single(basic, certificate_x509(certificate, 0)) : NULL;

    if (single == NULL) {
        return error_set(error,
                         "the OCSP response in '%s' is for another certificate than that in '%s': "
                         "fetch it anew after each renewal",
                         path, certificate_path(certificate));
    }
    if (certificate_chain_length(certificate) > 1 &&
        !is_signed(basic, certificate_x509(certificate, 1))) {
        return error_set(
            error, "the OCSP response in '%s' is not signed by the certificate's issuer", path);
    }
    return check_single(single, path, until, error);
}

static bool check(const struct certificate *certificate, const char *path, struct span bytes,
                  int64_t *until, struct error *error)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    OCSP_RESPONSE *response =
        bytes.len <= OCSP_STAPLE_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)bytes.len) : NULL;
    OCSP_BASICRESP *basic = NULL;
    bool ok;

    if (response == NULL) {
        (void)error_set(
            error, "'%s' is no OCSP response in DER, as openssl ocsp -respout writes it", path);
        ok = false;
    } else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        (void)error_set(error, "the OCSP response in '%s' is a refusal (%s): fetch it again", path,
                        OCSP_response_status_str(OCSP_response_status(response)));
        ok = false;
    } else {
        basic = OCSP_response_get1_basic(response);
        ok = check_basic(basic, certificate, path, until, error);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return ok;
}

bool ocsp_staple_check(const struct certificate *certificate, const char *path, int64_t *until,
                       struct error *error)
{
    struct span bytes;
    bool ok;

    if (!pem_file_read(path, "OCSP response", &bytes, error)) {
        return false;
    }
    ok = check(certificate, path, bytes, until, error);
    pem_file_free(&bytes);
    return ok;
}

/* ---- stapling ---- */

bool ocsp_staple_attach(const struct certificate *certificate, const char *path,
                        struct error *error)
{
    struct staple *staple = NULL;
    struct span bytes;
    int64_t until = 0;

    (void)pthread_once(&once, make_slot);
    if (!pem_file_read(path, "OCSP response", &bytes, error)) {
        return false;
    }
    if (check(certificate, path, bytes, &until, error)) {
        staple = xmalloc(sizeof(*staple) + bytes.len);
        staple->until = until;
        staple->len = (int)bytes.len;
        memcpy(staple->bytes, bytes.ptr, bytes.len);
        CHECK(X509_set_ex_data(certificate_x509(certificate, 0), slot, staple) == 1);
    }
    pem_file_free(&bytes);
    return staple != NULL;
}

bool ocsp_staple_is_required(const struct certificate *certificate)
{
    const long status_request = 5; /* the number of the TLS extension */
    TLS_FEATURE *features =
        X509_get_ext_d2i(certificate_x509(certificate, 0), NID_tlsfeature, NULL, NULL);
    bool is_required = false;

    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        is_required |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == status_request;
    }
    sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
    return is_required;
}

static int on_status_request(SSL *ssl, void *arg)
{
    X509 *chosen = SSL_get_certificate(ssl);
    const struct staple *staple = chosen != NULL ? X509_get_ex_data(chosen, slot) : NULL;
    unsigned char *copy;

    (void)arg;
    if (staple == NULL || staple->until <= (int64_t)time(NULL)) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    copy = OPENSSL_memdup(staple->bytes, (size_t)staple->len);
    if (copy == NULL || SSL_set_tlsext_status_ocsp_resp(ssl, copy, staple->len) != 1) {
        OPENSSL_free(copy);
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

void ocsp_staple_enable(SSL_CTX *ssl_ctx)
{
    (void)pthread_once(&once, make_slot);
    (void)SSL_CTX_set_tlsext_status_cb(ssl_ctx, on_status_request);
}
