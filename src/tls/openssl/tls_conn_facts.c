#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "tls/handshake_error.h"
#include "tls/openssl/peer_verify.h"
#include "tls/openssl/tls_conn_internal.h"
#include "tls/tls_conn.h"

bool tls_conn_is_established(const struct conn *conn)
{
    enum tls_conn_state state = tls_of(conn)->state;

    return state == TLS_CONN_ESTABLISHED || state == TLS_CONN_ENDED;
}

bool tls_conn_is_early(const struct conn *conn)
{
    return tls_of(conn)->early.is_early;
}

struct tls_failure tls_conn_failure(const struct conn *conn)
{
    const struct tls_conn *tls = tls_of(conn);
    struct tls_failure failure = {
        .alert_sent = tls->alert_sent,
        .alert_received = tls->alert_received,
        .detail = tls->detail,
    };

    if (tls->cause != NULL) {
        failure.word = tls->cause->word;
        failure.sentence = tls->gap != NULL ? tls->gap : tls->cause->sentence;
        failure.mend = tls->cause->mend;
    }
    return failure;
}

bool tls_conn_was_truncated(const struct conn *conn)
{
    return tls_of(conn)->was_truncated;
}

const char *tls_conn_version(const struct conn *conn)
{
    return SSL_get_version(tls_of(conn)->ssl);
}

const char *tls_conn_cipher(const struct conn *conn)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls_of(conn)->ssl);
    const char *name = cipher != NULL ? SSL_CIPHER_standard_name(cipher) : NULL;

    return name != NULL ? name : "";
}

const char *tls_conn_group(const struct conn *conn)
{
    SSL *ssl = tls_of(conn)->ssl;
    long id = SSL_get_negotiated_group(ssl);
    const char *name = id > 0 ? SSL_group_to_name(ssl, (int)id) : NULL;

    return name != NULL ? name : "";
}

bool tls_conn_was_resumed(const struct conn *conn)
{
    return SSL_session_reused(tls_of(conn)->ssl) == 1;
}

bool tls_conn_is_of(const struct conn *conn, struct tls_context *context)
{
    return tls_context_made(context, tls_of(conn)->ssl);
}

struct span tls_conn_alpn(const struct conn *conn)
{
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(tls_of(conn)->ssl, &name, &len);
    return span_make(name, len);
}

bool tls_conn_has_peer_certificate(const struct conn *conn)
{
    return SSL_get0_peer_certificate(tls_of(conn)->ssl) != NULL;
}

const char *tls_conn_peer_verdict(const struct conn *conn)
{
    long verdict = SSL_get_verify_result(tls_of(conn)->ssl);

    return verdict != X509_V_OK && tls_conn_has_peer_certificate(conn)
               ? X509_verify_cert_error_string(peer_verify_verdict(verdict))
               : NULL;
}

static size_t peer_name(const struct conn *conn, bool is_issuer, char *text, size_t size)
{
    const X509 *peer = SSL_get0_peer_certificate(tls_of(conn)->ssl);
    BIO *bio;
    int len = 0;

    CHECK(size > 0);
    text[0] = '\0';
    bio = peer != NULL ? BIO_new(BIO_s_mem()) : NULL;
    if (bio == NULL) {
        return 0;
    }
    if (X509_NAME_print_ex(bio,
                           is_issuer ? X509_get_issuer_name(peer) : X509_get_subject_name(peer), 0,
                           XN_FLAG_RFC2253) >= 0) {
        len = BIO_read(bio, text, size <= INT32_MAX ? (int)size - 1 : INT32_MAX);
    }
    BIO_free(bio);
    len = len > 0 ? len : 0;
    text[len] = '\0';
    return (size_t)len;
}

size_t tls_conn_peer_subject(const struct conn *conn, char *text, size_t size)
{
    return peer_name(conn, false, text, size);
}

size_t tls_conn_peer_issuer(const struct conn *conn, char *text, size_t size)
{
    return peer_name(conn, true, text, size);
}

size_t tls_conn_peer_common_name(const struct conn *conn, char *text, size_t size)
{
    const X509 *peer = SSL_get0_peer_certificate(tls_of(conn)->ssl);
    const X509_NAME *name = peer != NULL ? X509_get_subject_name(peer) : NULL;
    unsigned char *utf8 = NULL;
    size_t len = 0;
    int at = -1;

    for (int next;
         name != NULL && (next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) {
        at = next;
    }
    if (at >= 0) {
        int got =
            ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        len = got > 0 ? (size_t)got : 0;
    }
    if (len >= size || (len != 0 && memchr(utf8, '\0', len) != NULL)) {
        len = 0;
    }
    if (len != 0) {
        memcpy(text, utf8, len);
    }
    text[len] = '\0';
    OPENSSL_free(utf8);
    return len;
}

bool tls_conn_peer_fingerprint(const struct conn *conn, char text[65])
{
    const X509 *peer = SSL_get0_peer_certificate(tls_of(conn)->ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    text[0] = '\0';
    if (peer == NULL || X509_digest(peer, EVP_sha256(), digest, &len) != 1) {
        return false;
    }
    hex_encode(span_make(digest, len), text);
    text[2 * (size_t)len] = '\0';
    return true;
}
