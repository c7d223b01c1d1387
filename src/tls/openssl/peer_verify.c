#include "tls/openssl/peer_verify.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "tls/openssl/crl_internal.h"
#include "tls/openssl/ssl_note.h"
#include "tls/openssl/x509_words.h"

#define PIN_BYTES 32
/* A ticket travels in each ClientHello: a chain above this is not kept in it. */
#define KEPT_CHAIN_MAX 8192

struct peer_verify {
    struct crl_file *crl;
    unsigned char (*pins)[PIN_BYTES];
    size_t pin_count;
    bool skip_chain;
    bool keep_chain;
    bool lets_unverified;
    bool is_server;
    unsigned char trust[PEER_VERIFY_STATE_BYTES];
};

/* What a ticket of a client with a certificate carries: the state of the revocation lists it was
 * verified under, and until when that verification holds; then the chain, if it is kept: lengths of
 * three bytes, and DER. */
struct ticket_note {
    unsigned char state[PEER_VERIFY_STATE_BYTES];
    unsigned char deadline[8]; /* Unix time, big-endian */
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int ctx_index = -1;

static void peer_verify_destroy(struct peer_verify *verify)
{
    if (verify != NULL) {
        crl_file_release(verify->crl);
        free(verify->pins);
        free(verify);
    }
}

static void on_context_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                            void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    peer_verify_destroy(ptr);
}

static void make_index(void)
{
    ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
}

static struct peer_verify *peer_verify_of(SSL_CTX *ssl_ctx)
{
    return ctx_index >= 0 ? SSL_CTX_get_ex_data(ssl_ctx, ctx_index) : NULL;
}

/* ---- the chain ---- */

static bool is_pinned(const struct peer_verify *verify, X509 *certificate)
{
    unsigned char *der = NULL;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, hash, &hash_len, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    for (size_t i = 0; ok && i < verify->pin_count; i++) {
        if (memcmp(hash, verify->pins[i], PIN_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static bool chain_is_pinned(const struct peer_verify *verify, X509_STORE_CTX *ctx)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

    if (verify->skip_chain) {
        return is_pinned(verify, X509_STORE_CTX_get0_cert(ctx));
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (is_pinned(verify, sk_X509_value(chain, i))) {
            return true;
        }
    }
    return false;
}

/* The connection's own callback, which goes before ours. */
static __thread X509_STORE_CTX_verify_cb next_callback;

/* An anchor that is no root is not part of the path (RFC 5280 section 6.1.1): who issued it is
 * nobody's business, and neither is that one's list. */
static int on_verify_error(int ok, X509_STORE_CTX *ctx)
{
    int error = X509_STORE_CTX_get_error(ctx);
    int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;
    X509 *at = X509_STORE_CTX_get_current_cert(ctx);

    if (ok == 0 &&
        (error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER) &&
        X509_STORE_CTX_get_error_depth(ctx) == last && at != NULL &&
        (X509_get_extension_flags(at) & EXFLAG_SS) == 0) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return next_callback != NULL ? next_callback(ok, ctx) : ok;
}

static bool verify_chain(const struct peer_verify *verify, X509_STORE_CTX *ctx)
{
    struct crl_lists *lists;
    bool ok;

    if (verify->crl == NULL) {
        return X509_verify_cert(ctx) > 0;
    }
    lists = crl_file_lists(verify->crl);
    X509_STORE_CTX_set0_crls(ctx, lists->crls);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    next_callback = X509_STORE_CTX_get_verify_cb(ctx);
    X509_STORE_CTX_set_verify_cb(ctx, on_verify_error);
    ok = X509_verify_cert(ctx) > 0;
    X509_STORE_CTX_set_verify_cb(ctx, next_callback);
    X509_STORE_CTX_set0_crls(ctx, NULL);
    crl_lists_release(lists);
    return ok;
}

/* ---- what was refused ---- */

static bool is_about_list(int verdict)
{
    return verdict == X509_V_ERR_UNABLE_TO_GET_CRL ||
           verdict == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER ||
           verdict == X509_V_ERR_CRL_HAS_EXPIRED || verdict == X509_V_ERR_CRL_NOT_YET_VALID ||
           verdict == X509_V_ERR_CRL_SIGNATURE_FAILURE;
}

/* The authority at fault: whose list it is, or the one above the peer that does not hold. */
static void add_authority(struct strbuf *note, X509_STORE_CTX *ctx, int verdict)
{
    X509 *at = X509_STORE_CTX_get_current_cert(ctx);
    bool is_list = is_about_list(verdict);
    char *name;

    if (at == NULL || (!is_list && X509_STORE_CTX_get_error_depth(ctx) == 0)) {
        return;
    }
    name = x509_words_name(is_list ? X509_get_issuer_name(at) : X509_get_subject_name(at));
    strbuf_printf(note, is_list ? "the list of \"%.200s\"; " : "the certificate of \"%.200s\"; ",
                  name);
    free(name);
}

static void take_note(const struct peer_verify *verify, X509_STORE_CTX *ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *peer = X509_STORE_CTX_get0_cert(ctx);
    int verdict = X509_STORE_CTX_get_error(ctx);
    struct strbuf note;

    if (is_about_list(verdict)) {
        X509_STORE_CTX_set_error(ctx, verdict + (int)PEER_VERIFY_OWN_VERDICT);
    }
    strbuf_init(&note);
    add_authority(&note, ctx, verdict);
    if (verify->is_server && peer != NULL) {
        char *whose = x509_words_whose(peer);
        strbuf_add_cstr(&note, whose);
        free(whose);
    } else if (note.len >= 2) {
        note.len -= 2; /* nothing follows the "; " */
    }
    ssl_note_set(ssl, strbuf_span(&note));
    strbuf_free(&note);
}

static int on_verify(X509_STORE_CTX *ctx, void *arg)
{
    const struct peer_verify *verify = arg;

    if (verify->skip_chain) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
    } else if (!verify_chain(verify, ctx)) {
        if (verify->lets_unverified) {
            return 1; /* the library keeps the verdict, with the session too */
        }
        take_note(verify, ctx);
        return 0;
    }
    if (verify->pin_count != 0 && !chain_is_pinned(verify, ctx)) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return 1;
}

/* ---- tickets of clients ---- */

static void current_state(const struct peer_verify *verify, unsigned char *state, int64_t *expires)
{
    memset(state, 0, PEER_VERIFY_STATE_BYTES);
    *expires = INT64_MAX;
    if (verify != NULL && verify->crl != NULL) {
        struct crl_lists *lists = crl_file_lists(verify->crl);
        _Static_assert(CRL_DIGEST_BYTES == PEER_VERIFY_STATE_BYTES, "the state is the digest");
        memcpy(state, lists->digest, PEER_VERIFY_STATE_BYTES);
        *expires = lists->expires;
        crl_lists_release(lists);
    }
    for (size_t i = 0; verify != NULL && i < PEER_VERIFY_STATE_BYTES; i++) {
        state[i] ^= verify->trust[i];
    }
}

void peer_verify_set_trust(SSL_CTX *ssl_ctx, const unsigned char digest[PEER_VERIFY_STATE_BYTES])
{
    struct peer_verify *verify = peer_verify_of(ssl_ctx);

    CHECK(verify != NULL);
    memcpy(verify->trust, digest, PEER_VERIFY_STATE_BYTES);
}

void peer_verify_state(SSL_CTX *ssl_ctx, unsigned char state[PEER_VERIFY_STATE_BYTES])
{
    int64_t expires;

    current_state(peer_verify_of(ssl_ctx), state, &expires);
}

static int64_t not_after(const X509 *certificate)
{
    struct tm tm;

    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static uint64_t get_u64(const unsigned char *from)
{
    uint64_t n = 0;

    for (int i = 0; i < 8; i++) {
        n = n << 8 | from[i];
    }
    return n;
}

/* The issuers between the peer and the root. */
static int issuer_count(STACK_OF(X509) * chain)
{
    int count = sk_X509_num(chain) - 1;

    if (count > 0 && (X509_get_extension_flags(sk_X509_value(chain, count)) & EXFLAG_SS) != 0) {
        count--;
    }
    return count;
}

/* Appends the chain to the note; returns the whole length, or 0 where it is too long. */
static size_t add_chain(unsigned char *note, size_t len, STACK_OF(X509) * chain)
{
    int count = issuer_count(chain);

    for (int i = 1; i <= count; i++) {
        X509 *certificate = sk_X509_value(chain, i);
        int der_len = i2d_X509(certificate, NULL);
        unsigned char *at = note + len;
        if (der_len <= 0 || (size_t)der_len + 3 + len > KEPT_CHAIN_MAX) {
            return 0;
        }
        at = big_endian_put(at, (uint64_t)der_len, 3);
        (void)i2d_X509(certificate, &at);
        len += 3 + (size_t)der_len;
    }
    return len;
}

/* A ticket is about to be made. 0 would end the handshake; a client whose note cannot be made gets
 * a ticket that will not be used. */
static int on_ticket_made(SSL *ssl, void *arg)
{
    const struct peer_verify *verify = arg;
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    unsigned char bytes[KEPT_CHAIN_MAX];
    struct ticket_note note = {0};
    int64_t deadline;
    size_t len = sizeof(note);

    if (SSL_session_reused(ssl) == 1 || SSL_get0_peer_certificate(ssl) == NULL) {
        return 1; /* what the first one said goes on */
    }
    current_state(verify, note.state, &deadline);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t end = not_after(sk_X509_value(chain, i));
        deadline = end < deadline ? end : deadline;
    }
    /* Not before a time: the next handshake may be after it. */
    if (chain == NULL || SSL_get_verify_result(ssl) == X509_V_ERR_CERT_NOT_YET_VALID ||
        SSL_get_verify_result(ssl) == X509_V_ERR_CRL_NOT_YET_VALID) {
        deadline = 0;
    }
    (void)big_endian_put(note.deadline, (uint64_t)deadline, sizeof(note.deadline));
    memcpy(bytes, &note, sizeof(note));
    if (verify->keep_chain) {
        len = chain != NULL ? add_chain(bytes, len, chain) : 0;
    }
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), bytes, len);
}

/* Whether the verification of then holds now. */
static bool still_holds(const struct peer_verify *verify, SSL_SESSION *session)
{
    unsigned char state[PEER_VERIFY_STATE_BYTES];
    struct ticket_note note;
    void *data = NULL;
    size_t len = 0;
    int64_t expires;

    if (SSL_SESSION_get0_peer(session) == NULL) {
        return true; /* a client that showed none, where it may */
    }
    if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 || len < sizeof(note)) {
        return false;
    }
    memcpy(&note, data, sizeof(note));
    current_state(verify, state, &expires);
    return memcmp(state, note.state, sizeof(state)) == 0 &&
           (int64_t)get_u64(note.deadline) > clock_wall_s();
}

static SSL_TICKET_RETURN on_ticket_used(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                        size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)name;
    (void)name_len;
    switch (status) {
    case SSL_TICKET_SUCCESS:
    case SSL_TICKET_SUCCESS_RENEW:
        if (!still_holds(arg, session)) {
            return SSL_TICKET_RETURN_IGNORE_RENEW;
        }
        return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
    default:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
}

static STACK_OF(X509) * chain_of_ticket(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    STACK_OF(X509) *chain = sk_X509_new_null();
    void *data = NULL;
    size_t len = 0;

    CHECK(chain != NULL);
    if (session == NULL || SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 ||
        len < sizeof(struct ticket_note)) {
        return chain;
    }
    const unsigned char *at = (const unsigned char *)data + sizeof(struct ticket_note);
    const unsigned char *end = (const unsigned char *)data + len;
    while (end - at > 3) {
        long der_len = (long)at[0] << 16 | (long)at[1] << 8 | (long)at[2];
        X509 *certificate;
        at += 3;
        if (der_len > end - at || (certificate = d2i_X509(NULL, &at, der_len)) == NULL) {
            break;
        }
        CHECK(sk_X509_push(chain, certificate) > 0);
    }
    ERR_clear_error();
    return chain;
}

STACK_OF(X509) * peer_verify_chain(SSL *ssl)
{
    STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
    STACK_OF(X509) * chain;

    if (SSL_get0_peer_certificate(ssl) == NULL || SSL_get_verify_result(ssl) != X509_V_OK) {
        return NULL;
    }
    if (verified == NULL) {
        return chain_of_ticket(ssl);
    }
    chain = sk_X509_new_null();
    CHECK(chain != NULL);
    for (int i = 1; i <= issuer_count(verified); i++) {
        X509 *certificate = sk_X509_value(verified, i);
        (void)X509_up_ref(certificate);
        CHECK(sk_X509_push(chain, certificate) > 0);
    }
    return chain;
}

/* ---- setting it up ---- */

static bool read_pin(const char *text, unsigned char pin[PIN_BYTES])
{
    static const char scheme[] = "sha256/";
    size_t len;

    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0) {
        return false;
    }
    text += sizeof(scheme) - 1;
    return base64_decode(BASE64, span_from_cstr(text), pin, PIN_BYTES, &len) && len == PIN_BYTES;
}

static bool read_pins(struct peer_verify *verify, const struct peer_verify_options *options,
                      struct error *error)
{
    verify->pins = xcalloc(options->pin_count + 1, PIN_BYTES);
    for (size_t i = 0; i < options->pin_count; i++) {
        if (!read_pin(options->pins[i], verify->pins[i])) {
            return error_set(error,
                             "'%s' is no pin: write sha256/ and the base64 SHA-256 of the public "
                             "key, as in sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                             options->pins[i]);
        }
    }
    verify->pin_count = options->pin_count;
    return true;
}

bool peer_verify_install(SSL_CTX *ssl_ctx, const struct peer_verify_options *options,
                         struct error *error)
{
    struct peer_verify *verify = xcalloc(1, sizeof(*verify));

    (void)pthread_once(&index_once, make_index);
    verify->skip_chain = options->skip_chain;
    verify->keep_chain = options->keep_chain;
    verify->lets_unverified = options->lets_unverified;
    verify->is_server = options->is_server;
    verify->crl = options->crl != NULL ? crl_file_hold(options->crl) : NULL;
    if (!read_pins(verify, options, error)) {
        peer_verify_destroy(verify);
        return false;
    }
    if (ctx_index < 0 || SSL_CTX_set_ex_data(ssl_ctx, ctx_index, verify) != 1) {
        peer_verify_destroy(verify);
        return error_set(error, "the TLS library is out of memory");
    }
    SSL_CTX_set_cert_verify_callback(ssl_ctx, on_verify, verify);
    if (options->is_server &&
        SSL_CTX_set_session_ticket_cb(ssl_ctx, on_ticket_made, on_ticket_used, verify) != 1) {
        return error_set(error, "the TLS library does not take the ticket callbacks");
    }
    return true;
}
