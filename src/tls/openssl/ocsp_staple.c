#include "tls/openssl/ocsp_staple_internal.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tls/ocsp_registry.h"
#include "tls/ocsp_words.h"
#include "tls/openssl/ocsp_check_internal.h"
#include "tls/openssl/pem_file.h"

struct staple {
    int64_t until;
    size_t len;
    unsigned char bytes[];
};

/* What a certificate's object carries: a file's response, or a use of what is fetched. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int file_slot = -1;
static int subject_slot = -1;

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

static void leave_subject(void *parent, void *subject, CRYPTO_EX_DATA *data, int index, long argl,
                          void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    if (subject != NULL) {
        ocsp_subject_leave(subject);
    }
}

static void make_slots(void)
{
    file_slot = X509_get_ex_new_index(0, NULL, NULL, NULL, free_staple);
    subject_slot = X509_get_ex_new_index(0, NULL, NULL, NULL, leave_subject);
    CHECK(file_slot >= 0 && subject_slot >= 0);
}

/* ---- from a file ---- */

static struct ocsp_owner owner_of(const struct certificate *certificate)
{
    return (struct ocsp_owner){
        .leaf = certificate_x509(certificate, 0),
        .issuer =
            certificate_chain_length(certificate) > 1 ? certificate_x509(certificate, 1) : NULL,
        .path = certificate_path(certificate),
    };
}

static bool check(const struct ocsp_owner *owner, const char *path, struct span bytes,
                  struct ocsp_finding *finding, struct error *error)
{
    *finding =
        ocsp_check(bytes, owner->issuer, X509_get0_serialNumber(owner->leaf), clock_wall_s());
    return finding->verdict == OCSP_VERDICT_GOOD ||
           ocsp_words_of_file(finding, path, owner->path, error);
}

bool ocsp_staple_check(const struct certificate *certificate, const char *path, int64_t *until,
                       struct error *error)
{
    struct ocsp_owner owner = owner_of(certificate);
    struct ocsp_finding finding;
    struct span bytes;
    bool ok;

    if (!pem_file_read(path, "OCSP response", &bytes, error)) {
        return false;
    }
    ok = check(&owner, path, bytes, &finding, error);
    *until = finding.until;
    pem_file_free(&bytes);
    return ok;
}

static void set_staple(X509 *leaf, const void *bytes, size_t len, int64_t until)
{
    struct staple *staple = xmalloc(sizeof(*staple) + len);

    staple->until = until;
    staple->len = len;
    memcpy(staple->bytes, bytes, len);
    CHECK(X509_set_ex_data(leaf, file_slot, staple) == 1);
}

/* What the certificate's object before had, if it is the same certificate and its response still
 * holds. */
static enum ocsp_stapled keep_before(X509 *leaf, X509 *before)
{
    const struct staple *staple = before != NULL ? X509_get_ex_data(before, file_slot) : NULL;

    if (staple == NULL || staple->until <= clock_wall_s() || X509_cmp(leaf, before) != 0) {
        return OCSP_STAPLED_NONE;
    }
    set_staple(leaf, staple->bytes, staple->len, staple->until);
    return OCSP_STAPLED_BEFORE;
}

enum ocsp_stapled ocsp_staple_renew(const struct ocsp_owner *owner, const char *path, X509 *before,
                                    int64_t *until, struct error *error)
{
    enum ocsp_stapled stapled = OCSP_STAPLED_NEW;
    struct ocsp_finding finding;
    struct span bytes;

    (void)pthread_once(&once, make_slots);
    *until = 0;
    if (!pem_file_read(path, "OCSP response", &bytes, error)) {
        return keep_before(owner->leaf, before);
    }
    if (check(owner, path, bytes, &finding, error)) {
        set_staple(owner->leaf, bytes.ptr, bytes.len, finding.until);
        *until = finding.until;
    } else {
        /* That it was revoked is news that no older response may hide. */
        stapled = finding.verdict != OCSP_VERDICT_REVOKED ? keep_before(owner->leaf, before)
                                                          : OCSP_STAPLED_NONE;
    }
    pem_file_free(&bytes);
    return stapled;
}

enum ocsp_stapled ocsp_staple_attach(const struct certificate *certificate, const char *path,
                                     X509 *before, struct error *error)
{
    struct ocsp_owner owner = owner_of(certificate);
    int64_t until;

    return ocsp_staple_renew(&owner, path, before, &until, error);
}

/* ---- fetched ---- */

bool ocsp_staple_is_required(const struct certificate *certificate)
{
    return ocsp_is_required(certificate_x509(certificate, 0));
}

bool ocsp_staple_can_fetch(const struct certificate *certificate, struct error *error)
{
    char *url = ocsp_responder(certificate_x509(certificate, 0));
    bool has_responder = url != NULL;

    free(url);
    if (!has_responder) {
        return error_set(error, "it names no responder with http:// that it could be fetched from");
    }
    return certificate_chain_length(certificate) > 1 ||
           error_set(error,
                     "it cannot be fetched, since the file lacks the issuer's certificate: put it "
                     "behind the site's own");
}

void ocsp_staple_fetch(const struct certificate *certificate, struct ocsp_registry *registry,
                       enum ocsp_fetch_policy when)
{
    X509 *leaf = certificate_x509(certificate, 0);
    struct ocsp_subject *subject;

    (void)pthread_once(&once, make_slots);
    if (registry == NULL || when == OCSP_FETCH_OFF ||
        (when == OCSP_FETCH_MUST_STAPLE && !ocsp_is_required(leaf))) {
        return;
    }
    subject = ocsp_registry_join(registry, certificate);
    if (subject != NULL) {
        CHECK(X509_set_ex_data(leaf, subject_slot, subject) == 1);
    }
}

bool ocsp_staple_is_awaited(const struct certificate *certificate)
{
    struct ocsp_subject *subject;

    (void)pthread_once(&once, make_slots);
    subject = X509_get_ex_data(certificate_x509(certificate, 0), subject_slot);
    return subject != NULL && ocsp_subject_is_new(subject);
}

/* ---- in the handshake ---- */

static unsigned char *response_of(X509 *chosen, size_t *len)
{
    const struct staple *staple = X509_get_ex_data(chosen, file_slot);
    struct ocsp_subject *subject = X509_get_ex_data(chosen, subject_slot);
    int64_t now = clock_wall_s();

    if (staple != NULL && staple->until > now) {
        *len = staple->len;
        return OPENSSL_memdup(staple->bytes, staple->len);
    }
    return subject != NULL ? ocsp_subject_response(subject, now * 1000, len) : NULL;
}

static int on_status_request(SSL *ssl, void *arg)
{
    X509 *chosen = SSL_get_certificate(ssl);
    size_t len = 0;
    unsigned char *response = chosen != NULL ? response_of(chosen, &len) : NULL;

    (void)arg;
    if (response == NULL || SSL_set_tlsext_status_ocsp_resp(ssl, response, (long)len) != 1) {
        OPENSSL_free(response);
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

void ocsp_staple_enable(SSL_CTX *ssl_ctx)
{
    (void)pthread_once(&once, make_slots);
    (void)SSL_CTX_set_tlsext_status_cb(ssl_ctx, on_status_request);
}
