#include "tls/openssl/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "tls/cert_name.h"
#include "tls/openssl/private_key_internal.h"
#include "tls/openssl/signer_key.h"

static enum cert_kind kind_of(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return CERT_KIND_RSA;
    case EVP_PKEY_RSA_PSS:
        return CERT_KIND_RSA_PSS;
    case EVP_PKEY_EC:
        return bits == 256 ? CERT_KIND_P256 : bits == 384 ? CERT_KIND_P384 : CERT_KIND_P521;
    case EVP_PKEY_ED25519:
        return CERT_KIND_ED25519;
    default:
        return CERT_KIND_ED448;
    }
}

static EVP_PKEY *key_elsewhere(const struct certificate *certificate, struct signer *signer,
                               struct error *error)
{
    EVP_PKEY *key = signer_key_create(X509_get0_pubkey(certificate_x509(certificate, 0)), signer);

    if (key == NULL) {
        (void)error_set(error, "the TLS library cannot use a key of this kind (%s) elsewhere",
                        certificate_key_kind(certificate));
    }
    return key;
}

struct identity *identity_load(const struct certificate *certificate, const char *key_path,
                               struct signer *signer, struct error *error)
{
    EVP_PKEY *key = signer != NULL ? key_elsewhere(certificate, signer, error)
                                   : private_key_load(key_path, certificate, error);
    struct identity *identity;

    if (key == NULL) {
        return NULL;
    }
    identity = xcalloc(1, sizeof(*identity));
    atomic_init(&identity->references, 1);
    identity->key = key;
    identity->kind = kind_of(X509_get0_pubkey(certificate_x509(certificate, 0)));
    identity->not_before = certificate_not_before(certificate);
    identity->not_after = certificate_not_after(certificate);
    identity->leaf = certificate_x509(certificate, 0);
    identity->path = xstrdup(certificate_path(certificate));
    identity->shown =
        xstrdup(certificate_names(certificate)[0] != '\0' ? certificate_names(certificate)
                                                          : certificate_subject(certificate));
    identity->names = X509_get_ext_d2i(identity->leaf, NID_subject_alt_name, NULL, NULL);
    identity->chain = sk_X509_new_null();
    CHECK(identity->chain != NULL && X509_up_ref(identity->leaf) == 1);
    for (size_t i = 1; i < certificate_chain_length(certificate); i++) {
        X509 *next = certificate_x509(certificate, i);
        CHECK(X509_up_ref(next) == 1 && sk_X509_push(identity->chain, next) > 0);
    }
    return identity;
}

static struct identity *identity_copy(const struct identity *from)
{
    struct identity *identity = xcalloc(1, sizeof(*identity));

    atomic_init(&identity->references, 1);
    identity->key = from->key;
    identity->kind = from->kind;
    identity->not_before = from->not_before;
    identity->not_after = from->not_after;
    identity->leaf = X509_dup(from->leaf);
    identity->path = xstrdup(from->path);
    identity->shown = xstrdup(from->shown);
    identity->chain = X509_chain_up_ref(from->chain);
    CHECK(identity->leaf != NULL && identity->chain != NULL && EVP_PKEY_up_ref(from->key) == 1);
    identity->names = X509_get_ext_d2i(identity->leaf, NID_subject_alt_name, NULL, NULL);
    return identity;
}

struct identity *identity_restaple(const struct identity *from, const char *ocsp_path,
                                   enum ocsp_stapled *stapled, int64_t *until, struct error *error)
{
    struct identity *identity = identity_copy(from);
    struct ocsp_owner owner = {
        .leaf = identity->leaf,
        .issuer = sk_X509_num(identity->chain) > 0 ? sk_X509_value(identity->chain, 0) : NULL,
        .path = identity->path,
    };

    *stapled = ocsp_staple_renew(&owner, ocsp_path, from->leaf, until, error);
    ERR_clear_error();
    return identity;
}

struct identity *identity_hold(struct identity *identity)
{
    (void)atomic_fetch_add_explicit(&identity->references, 1, memory_order_relaxed);
    return identity;
}

void identity_release(struct identity *identity)
{
    if (identity == NULL ||
        atomic_fetch_sub_explicit(&identity->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    X509_free(identity->leaf);
    sk_X509_pop_free(identity->chain, X509_free);
    EVP_PKEY_free(identity->key);
    GENERAL_NAMES_free(identity->names);
    free(identity->path);
    free(identity->shown);
    free(identity);
}

bool identity_use(struct identity *identity, SSL_CTX *ssl_ctx, struct error *error)
{
    const char *reason;

    if (SSL_CTX_use_cert_and_key(ssl_ctx, identity->leaf, identity->key, identity->chain, 1) == 1) {
        return true;
    }
    reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)error_set(error, "the certificate and its key cannot be used: %s",
                    reason != NULL ? reason : "the TLS library refused them");
    ERR_clear_error();
    return false;
}

static bool give(const struct identity *identity, SSL *ssl)
{
    return SSL_use_cert_and_key(ssl, identity->leaf, identity->key, identity->chain, 1) == 1;
}

/* ---- names ---- */

enum cert_cover identity_cover(const struct identity *identity, struct span name)
{
    int count = name.len != 0 ? sk_GENERAL_NAME_num(identity->names) : 0;
    enum cert_cover cover = CERT_COVER_NONE;

    for (int i = 0; cover != CERT_COVER_EXACT && i < count; i++) {
        const GENERAL_NAME *general = sk_GENERAL_NAME_value(identity->names, i);
        enum cert_cover of_name;
        if (general->type != GEN_DNS) {
            continue;
        }
        of_name = cert_name_cover(span_make(ASN1_STRING_get0_data(general->d.dNSName),
                                            (size_t)ASN1_STRING_length(general->d.dNSName)),
                                  name);
        cover = of_name < cover ? of_name : cover;
    }
    return cover;
}

/* ---- what the client can do ---- */

/* TLS 1.3 ties each ECDSA algorithm to one curve (RFC 8446 section 4.2.3), which the library's own
 * answer below does not look at. */
static bool has_curve(SSL *ssl, const EVP_PKEY *key)
{
    static const struct {
        int bits;
        unsigned char scheme; /* the first byte; the second is 3 */
    } schemes[] = {{256, 4}, {384, 5}, {521, 6}};
    int count = SSL_get_shared_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);

    for (int i = 0; i < count; i++) {
        unsigned char first = 0;
        unsigned char second = 0;
        (void)SSL_get_shared_sigalgs(ssl, i, NULL, NULL, NULL, &second, &first);
        for (size_t s = 0; s < ARRAY_LEN(schemes); s++) {
            if (second == 3 && first == schemes[s].scheme &&
                EVP_PKEY_get_bits(key) == schemes[s].bits) {
                return true;
            }
        }
    }
    return false;
}

/* Until TLS 1.2 the cipher names the kind of key. */
static bool has_cipher(SSL *ssl, enum cert_kind kind)
{
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get_client_ciphers(ssl);
    int wanted = kind == CERT_KIND_RSA || kind == CERT_KIND_RSA_PSS ? NID_auth_rsa : NID_auth_ecdsa;

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        int auth = SSL_CIPHER_get_auth_nid(sk_SSL_CIPHER_value(ciphers, i));
        if (auth == wanted) {
            return true;
        }
    }
    return false;
}

bool identity_suits(const struct identity *identity, SSL *ssl)
{
    int needed = CERT_PKEY_SIGN | CERT_PKEY_EE_PARAM;
    int flags = SSL_check_chain(ssl, identity->leaf, identity->key, identity->chain);

    ERR_clear_error();
    if ((flags & needed) != needed) {
        return false;
    }
    if (SSL_version(ssl) < TLS1_3_VERSION) {
        return has_cipher(ssl, identity->kind);
    }
    return !cert_kind_is_ecdsa(identity->kind) || has_curve(ssl, identity->key);
}

/* Of the curves the first that the client can use; else the first that there is, so that the
 * library tells what the client lacks. NULL: there is none. */
static const struct identity *choose_curve(struct identity *const of_kind[CERT_KIND_COUNT],
                                           SSL *ssl)
{
    const struct identity *first = NULL;
    size_t count = 0;

    for (enum cert_kind k = 0; k < CERT_KIND_COUNT; k++) {
        if (cert_kind_is_ecdsa(k) && of_kind[k] != NULL) {
            first = first != NULL ? first : of_kind[k];
            count++;
        }
    }
    for (enum cert_kind k = 0; count > 1 && k < CERT_KIND_COUNT; k++) {
        if (cert_kind_is_ecdsa(k) && of_kind[k] != NULL && identity_suits(of_kind[k], ssl)) {
            return of_kind[k];
        }
    }
    return first;
}

bool identity_give(struct identity *const of_kind[CERT_KIND_COUNT], SSL *ssl)
{
    const struct identity *curve = choose_curve(of_kind, ssl);
    bool ok = curve == NULL || give(curve, ssl);

    for (enum cert_kind k = 0; k < CERT_KIND_COUNT; k++) {
        ok = ok && (of_kind[k] == NULL || cert_kind_is_ecdsa(k) || give(of_kind[k], ssl));
    }
    return ok;
}
