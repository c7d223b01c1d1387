#include "tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/span.h"
#include "tls/cert_store.h"
#include "tls/certificate.h"
#include "tls/key_log.h"
#include "tls/ocsp_staple.h"
#include "tls/openssl_compat.h"
#include "tls/peer_verify.h"
#include "tls/pem_file.h"
#include "tls/private_key.h"
#include "tls/tickets.h"
#include "tls/tls_conn_internal.h"
#include "tls/tls_early.h"

#define AUTHORITIES_MAX 4096
/* Intermediates of a client's chain, where the options don't say. */
#define CLIENT_DEPTH 10

struct tls_context {
    pthread_mutex_t lock; /* of the pointer alone: it is replaced when files have changed */
    SSL_CTX *ssl_ctx;
    struct cert_store *store; /* NULL: none; not ours */
    bool has_own;             /* certificates besides the store's */
};

/* What we speak inside TLS, best first, as ALPN writes lists (RFC 7301 section 3.1). */
static const struct protocol_list {
    unsigned len;
    unsigned char bytes[12];
} protocol_lists[] = {
    [TLS_PROTOCOLS_BOTH] = {12, {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'}},
    [TLS_PROTOCOLS_H1] = {9, {8, 'h', 't', 't', 'p', '/', '1', '.', '1'}},
    [TLS_PROTOCOLS_H2] = {3, {2, 'h', '2'}},
};

static bool library_failed(struct error *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    (void)error_set(error, "%s: %s", what, reason != NULL ? reason : "the TLS library refused it");
    ERR_clear_error();
    return false;
}

/* ---- what both sides set ---- */

bool tls_context_has_post_quantum(void)
{
    return tls_policy_has_post_quantum();
}

static void set_common(SSL_CTX *ssl_ctx)
{
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     TLS_NO_CERTIFICATE_COMPRESSION);
    /* Idle connections give their buffers back; the chain that is sent is the file's. */
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ssl_ctx, 0);
    (void)SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
}

static bool use_chain(SSL_CTX *ssl_ctx, const struct certificate *certificate, const char *key,
                      struct error *error)
{
    if (SSL_CTX_use_certificate(ssl_ctx, certificate_x509(certificate, 0)) != 1) {
        return library_failed(error, certificate_path(certificate));
    }
    for (size_t i = 1; i < certificate_chain_length(certificate); i++) {
        if (SSL_CTX_add1_chain_cert(ssl_ctx, certificate_x509(certificate, i)) != 1) {
            return library_failed(error, certificate_path(certificate));
        }
    }
    return private_key_use(ssl_ctx, key, certificate, error);
}

/* The library keeps one certificate for each kind of key; a second one would silently replace the
 * first. */
static bool has_same_kind(SSL_CTX *ssl_ctx, const struct certificate *certificate)
{
    int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate_x509(certificate, 0)));

    for (long more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_FIRST); more == 1;
         more = SSL_CTX_set_current_cert(ssl_ctx, SSL_CERT_SET_NEXT)) {
        if (EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_CTX_get0_certificate(ssl_ctx))) == kind) {
            return true;
        }
    }
    return false;
}

/* A response that cannot be used is no reason not to serve; whoever checks the configuration says
 * what is wrong with it. */
static void staple(const struct certificate *certificate, const char *path,
                   const struct tls_server_options *server)
{
    struct error ignored;

    if (path != NULL) {
        bool is_attached = ocsp_staple_attach(certificate, path, &ignored);
        (void)is_attached;
    } else if (server != NULL) {
        ocsp_staple_fetch(certificate, server->ocsp, server->ocsp_fetch);
    }
}

/* server NULL: it is a client's. */
static bool use_files(SSL_CTX *ssl_ctx, const struct tls_certificate_files *files,
                      const struct tls_server_options *server, struct error *error)
{
    struct certificate *certificate = certificate_load(files->certificate, error);
    bool ok = false;

    if (certificate == NULL) {
        return false;
    }
    if (X509_get0_pubkey(certificate_x509(certificate, 0)) == NULL) {
        (void)error_set(error, "the certificate in '%s' has a key of an unknown kind",
                        files->certificate);
    } else if (has_same_kind(ssl_ctx, certificate)) {
        (void)error_set(error,
                        "'%s' is the second certificate of this site with the same kind of key "
                        "(%s): one of each kind can be used; make a site of its own for the other",
                        files->certificate, certificate_key_kind(certificate));
    } else {
        ok = use_chain(ssl_ctx, certificate, files->key, error);
        staple(certificate, files->ocsp, server);
    }
    certificate_destroy(certificate);
    ERR_clear_error();
    return ok;
}

/* Trusts every certificate in the file, and gives clients their names if asked to; adds their
 * hashes to *digest. */
static bool trust_file(SSL_CTX *ssl_ctx, const char *path, bool send_names, EVP_MD_CTX *digest,
                       struct error *error)
{
    STACK_OF(X509) *authorities = pem_file_certificates(path, AUTHORITIES_MAX, error);
    X509_STORE *store = SSL_CTX_get_cert_store(ssl_ctx);
    bool ok = true;

    if (authorities == NULL) {
        return false;
    }
    for (int i = 0; ok && i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        ok = X509_STORE_add_cert(store, authority) == 1 &&
             (!send_names || SSL_CTX_add_client_CA(ssl_ctx, authority) == 1) &&
             X509_digest(authority, EVP_sha256(), hash, &len) == 1 &&
             EVP_DigestUpdate(digest, hash, len) == 1;
    }
    sk_X509_pop_free(authorities, X509_free);
    return ok || library_failed(error, path);
}

static struct tls_context *wrap(SSL_CTX *ssl_ctx)
{
    struct tls_context *context = xcalloc(1, sizeof(*context));

    CHECK(pthread_mutex_init(&context->lock, NULL) == 0);
    context->ssl_ctx = ssl_ctx;
    return context;
}

/* ---- servers ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct protocol_list *list = arg;
    unsigned char *chosen = NULL;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, list->bytes, list->len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol (RFC 7301 section 3.2) */
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Before the library chooses among the context's certificates: those of the folder, if it has the
 * name, take their place. */
static int choose_certificate(SSL *ssl, void *arg)
{
    static __thread struct log_limiter limiter;
    struct cert_store *store = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct error error;

    if (name == NULL || !cert_store_has(store, span_from_cstr(name))) {
        return 1;
    }
    SSL_certs_clear(ssl);
    if (cert_store_use(store, ssl, span_from_cstr(name), &error)) {
        return 1;
    }
    log_limited(&limiter, LOG_LEVEL_ERROR, "no certificate for %s: %s", name, error.text);
    return 0;
}

/* Adds what a ticket's session must have in common with a connection that would resume it. */
static bool add_scope(EVP_MD_CTX *digest, const struct tls_server_options *options)
{
    const char *scope = options->scope != NULL ? options->scope : "";
    unsigned char policy[4] = {
        (unsigned char)options->clients, (unsigned char)options->policy,
        (unsigned char)options->client_depth,
        (unsigned char)((options->client_crl != NULL) << 1 | options->keep_client_chain)};

    return EVP_DigestUpdate(digest, policy, sizeof(policy)) == 1 &&
           EVP_DigestUpdate(digest, scope, strlen(scope) + 1) == 1;
}

static bool verify_clients(SSL_CTX *ssl_ctx, const struct tls_server_options *options,
                           struct error *error)
{
    struct peer_verify_options verify = {
        .crl = options->client_crl,
        .is_server = true,
        .keep_chain = options->keep_client_chain,
    };

    SSL_CTX_set_verify_depth(ssl_ctx, options->client_depth != 0 ? (int)options->client_depth
                                                                 : CLIENT_DEPTH);
    return peer_verify_install(ssl_ctx, &verify, error);
}

/* A ticket must not carry a client into a site with another idea of who may come in: resumption
 * works only where this hash of the policy is the same. */
static bool set_client_policy(SSL_CTX *ssl_ctx, const struct tls_server_options *options,
                              struct error *error)
{
    static const int modes[] = {
        [TLS_CLIENTS_OFF] = SSL_VERIFY_NONE,
        [TLS_CLIENTS_OPTIONAL] = SSL_VERIFY_PEER,
        [TLS_CLIENTS_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned id_len = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
              add_scope(digest, options);

    if (!ok) {
        (void)library_failed(error, "client certificates");
    } else if (options->clients != TLS_CLIENTS_OFF) {
        ok = options->client_ca != NULL
                 ? trust_file(ssl_ctx, options->client_ca, true, digest, error)
                 : error_set(error, "to verify clients, 'ca' must name the PEM file of the "
                                    "authorities that issue their certificates");
        ok = ok && verify_clients(ssl_ctx, options, error);
    }
    if (ok) {
        SSL_CTX_set_verify(ssl_ctx, modes[options->clients], NULL);
        ok = (EVP_DigestFinal_ex(digest, id, &id_len) == 1 &&
              SSL_CTX_set_session_id_context(ssl_ctx, id, id_len) == 1) ||
             library_failed(error, "client certificates");
    }
    EVP_MD_CTX_free(digest);
    return ok;
}

static bool set_server(SSL_CTX *ssl_ctx, const struct tls_server_options *options,
                       struct error *error)
{
    set_common(ssl_ctx);
    /* One ticket instead of two saves 7 % of a handshake; browsers that open several connections at
     * once get one with each. */
    if (SSL_CTX_set_num_tickets(ssl_ctx, 1) != 1) {
        return library_failed(error, "the TLS library does not take the policy");
    }
    if (!tls_policy_apply(ssl_ctx, options->policy, &options->overrides, error)) {
        return false;
    }
    if (options->tickets != NULL && !tls_tickets_install(options->tickets, ssl_ctx)) {
        return library_failed(error, "the TLS library does not take the ticket keys");
    }
    if (options->early_data_max != 0 &&
        (options->tickets == NULL || options->clients != TLS_CLIENTS_OFF ||
         !tls_early_install(ssl_ctx, options->tickets, options->early_data_max))) {
        return library_failed(error, "the TLS library does not take early data");
    }
    SSL_CTX_set_alpn_select_cb(
        ssl_ctx, choose_protocol,
        (struct protocol_list *)(uintptr_t)&protocol_lists[options->protocols]);
    for (size_t i = 0; i < options->certificate_count; i++) {
        if (!use_files(ssl_ctx, &options->certificates[i], options, error)) {
            return false;
        }
    }
    if (options->store != NULL) {
        SSL_CTX_set_cert_cb(ssl_ctx, choose_certificate, options->store);
    }
    ocsp_staple_enable(ssl_ctx);
    key_log_enable(ssl_ctx);
    return set_client_policy(ssl_ctx, options, error);
}

static SSL_CTX *build_server(const struct tls_server_options *options, struct error *error)
{
    SSL_CTX *ssl_ctx;

    ERR_clear_error();
    if (options->certificate_count == 0 && options->store == NULL) {
        (void)error_set(error, "a site that terminates TLS needs a certificate and its key");
        return NULL;
    }
    ssl_ctx = SSL_CTX_new(TLS_server_method());
    if (ssl_ctx == NULL) {
        (void)library_failed(error, "the TLS library cannot start");
        return NULL;
    }
    if (!set_server(ssl_ctx, options, error)) {
        SSL_CTX_free(ssl_ctx);
        return NULL;
    }
    return ssl_ctx;
}

struct tls_context *tls_server_context_create(const struct tls_server_options *options,
                                              struct error *error)
{
    SSL_CTX *ssl_ctx = build_server(options, error);
    struct tls_context *context = ssl_ctx != NULL ? wrap(ssl_ctx) : NULL;

    if (context != NULL) {
        context->store = options->store;
        context->has_own = options->certificate_count != 0;
    }
    return context;
}

bool tls_context_can_serve(const struct tls_context *context, struct span name)
{
    return context->has_own || (name.len != 0 && cert_store_has(context->store, name));
}

/* In the old one's place, for connections to come. fresh NULL: it could not be built. */
static bool replace(struct tls_context *context, SSL_CTX *fresh)
{
    SSL_CTX *old;

    if (fresh == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&context->lock);
    old = context->ssl_ctx;
    context->ssl_ctx = fresh;
    (void)pthread_mutex_unlock(&context->lock);
    SSL_CTX_free(old); /* connections have references of their own */
    return true;
}

bool tls_server_context_reload(struct tls_context *context,
                               const struct tls_server_options *options, struct error *error)
{
    return replace(context, build_server(options, error));
}

/* ---- clients ---- */

/* Adds to *digest what tells these authorities from others. */
static bool trust_servers(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                          EVP_MD_CTX *digest, struct error *error)
{
    struct peer_verify_options verify = {
        .crl = options->crl,
        .pins = options->pins,
        .pin_count = options->pin_count,
        .skip_chain = options->skip_verify,
    };

    if (!peer_verify_install(ssl_ctx, &verify, error)) {
        return false;
    }
    if (options->skip_verify && options->pin_count == 0) {
        SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_NONE, NULL);
        return true;
    }
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    if (options->skip_verify) {
        return true;
    }
    if (options->ca == NULL) {
        return SSL_CTX_set_default_verify_paths(ssl_ctx) == 1 ||
               library_failed(error, "the system's authorities cannot be loaded");
    }
    return trust_file(ssl_ctx, options->ca, false, digest, error);
}

static bool show_certificate(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                             EVP_MD_CTX *digest, struct error *error)
{
    struct tls_certificate_files own = {options->certificate, options->key, NULL};
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if ((options->certificate == NULL) != (options->key == NULL)) {
        return error_set(error, "'certificate' and 'key' go together: give both or none");
    }
    if (options->certificate == NULL) {
        return true;
    }
    return use_files(ssl_ctx, &own, NULL, error) &&
           ((X509_digest(SSL_CTX_get0_certificate(ssl_ctx), EVP_sha256(), hash, &len) == 1 &&
             EVP_DigestUpdate(digest, hash, len) == 1) ||
            library_failed(error, options->certificate));
}

/* Whom we trust, and who we are: sessions are for contexts alone in which both are the same. */
static bool set_identities(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                           struct error *error)
{
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = (digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1) ||
              library_failed(error, "the TLS library cannot start");

    ok = ok && trust_servers(ssl_ctx, options, digest, error) &&
         show_certificate(ssl_ctx, options, digest, error) &&
         (EVP_DigestFinal_ex(digest, id, &len) == 1 ||
          library_failed(error, "the TLS library cannot start"));
    EVP_MD_CTX_free(digest);
    if (ok) {
        CHECK(len == PEER_VERIFY_STATE_BYTES);
        peer_verify_set_trust(ssl_ctx, id);
    }
    return ok;
}

static bool offer_protocols(SSL_CTX *ssl_ctx, enum tls_context_protocols which)
{
    const struct protocol_list *list = &protocol_lists[which];

    return SSL_CTX_set_alpn_protos(ssl_ctx, list->bytes, list->len) == 0;
}

static bool set_client(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                       struct error *error)
{
    set_common(ssl_ctx);
    key_log_enable(ssl_ctx);
    if (!tls_policy_apply_client(ssl_ctx) || !offer_protocols(ssl_ctx, options->protocols)) {
        return library_failed(error, "the TLS library does not take the settings");
    }
    if (options->only_tls13 && SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_3_VERSION) != 1) {
        return library_failed(error, "the TLS library does not take the settings");
    }
    /* Sessions are kept where tls_conn_connect_with was told to. */
    (void)SSL_CTX_set_session_cache_mode(ssl_ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl_ctx, tls_conn_on_new_session);
    return set_identities(ssl_ctx, options, error);
}

static SSL_CTX *build_client(const struct tls_client_options *options, struct error *error)
{
    SSL_CTX *ssl_ctx;

    ERR_clear_error();
    ssl_ctx = SSL_CTX_new(TLS_client_method());
    if (ssl_ctx == NULL) {
        (void)library_failed(error, "the TLS library cannot start");
        return NULL;
    }
    if (!set_client(ssl_ctx, options, error)) {
        SSL_CTX_free(ssl_ctx);
        return NULL;
    }
    return ssl_ctx;
}

struct tls_context *tls_client_context_create(const struct tls_client_options *options,
                                              struct error *error)
{
    SSL_CTX *ssl_ctx = build_client(options, error);

    return ssl_ctx != NULL ? wrap(ssl_ctx) : NULL;
}

bool tls_client_context_reload(struct tls_context *context,
                               const struct tls_client_options *options, struct error *error)
{
    return replace(context, build_client(options, error));
}

void tls_context_destroy(struct tls_context *context)
{
    if (context != NULL) {
        SSL_CTX_free(context->ssl_ctx);
        (void)pthread_mutex_destroy(&context->lock);
        free(context);
    }
}

struct ssl_st *tls_context_new_ssl(struct tls_context *context)
{
    SSL_CTX *ssl_ctx;
    SSL *ssl;

    (void)pthread_mutex_lock(&context->lock);
    ssl_ctx = context->ssl_ctx;
    (void)SSL_CTX_up_ref(ssl_ctx);
    (void)pthread_mutex_unlock(&context->lock);
    ssl = SSL_new(ssl_ctx);
    SSL_CTX_free(ssl_ctx);
    return ssl;
}

bool tls_context_made(struct tls_context *context, const struct ssl_st *ssl)
{
    bool is_of_now;

    (void)pthread_mutex_lock(&context->lock);
    is_of_now = SSL_get_SSL_CTX(ssl) == context->ssl_ctx;
    (void)pthread_mutex_unlock(&context->lock);
    return is_of_now;
}

struct ssl_ctx_st *tls_context_ssl_ctx(const struct tls_context *context)
{
    return context->ssl_ctx;
}
