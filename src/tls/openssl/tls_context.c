#include "tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "tls/cert_store.h"
#include "tls/certificate.h"
#include "tls/digest.h"
#include "tls/key_log.h"
#include "tls/key_source.h"
#include "tls/openssl/alpn_choice.h"
#include "tls/openssl/early_accept.h"
#include "tls/openssl/identity.h"
#include "tls/openssl/ocsp_staple_internal.h"
#include "tls/openssl/openssl_compat.h"
#include "tls/openssl/own_certificates.h"
#include "tls/openssl/peer_verify.h"
#include "tls/openssl/pem_file.h"
#include "tls/openssl/session_slot_internal.h"
#include "tls/openssl/x509_words.h"
#include "tls/tickets.h"

#define AUTHORITIES_MAX 4096
/* Intermediates of a client's chain, where the options don't say. */
#define CLIENT_DEPTH 10

/* What was read from files: each part is kept, or read anew, for itself. */
struct inputs {
    struct identity **identities;
    size_t count;
    STACK_OF(X509) * authorities; /* NULL: none, or the system's */
};

struct tls_context {
    bool has_certificates; /* beside those of the store; never changes */
    bool has_signer;       /* the same */
    atomic_uint references;
    pthread_mutex_t lock; /* of the pointer and of inputs, replaced when files have changed */
    SSL_CTX *ssl_ctx;
    struct cert_store *store; /* NULL: none; not ours */
    struct inputs inputs;     /* what ssl_ctx was built from; of whoever builds it anew */
};

/* What we offer servers inside TLS, best first, as ALPN writes lists (RFC 7301 section 3.1). */
static const struct protocol_list {
    unsigned len;
    unsigned char bytes[12];
} protocol_lists[] = {
    [TLS_H2_AND_H1] = {12, {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'}},
    [TLS_H1_ONLY] = {9, {8, 'h', 't', 't', 'p', '/', '1', '.', '1'}},
    [TLS_H2_ONLY] = {3, {2, 'h', '2'}},
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

/* A response that cannot be used is no reason not to serve; whoever checks the configuration says
 * what is wrong with it. */
static void staple(const struct certificate *certificate, const char *path,
                   const struct tls_server_options *server, const struct identity *old)
{
    struct error ignored;

    if (path != NULL) {
        enum ocsp_stapled stapled =
            ocsp_staple_attach(certificate, path, old != NULL ? old->leaf : NULL, &ignored);
        (void)stapled;
    } else if (server != NULL) {
        ocsp_staple_fetch(certificate, server->ocsp, server->ocsp_fetch);
    }
}

/* ---- what comes from files ---- */

/* server NULL: it is a client's. old NULL: it is the first. */
static struct identity *read_identity(const struct tls_certificate_files *files,
                                      const struct tls_server_options *server,
                                      const struct identity *old, struct error *error)
{
    struct certificate *certificate = certificate_load(files->certificate, error);
    struct identity *identity = NULL;

    if (certificate == NULL) {
        return NULL;
    }
    if (X509_get0_pubkey(certificate_x509(certificate, 0)) == NULL) {
        (void)error_set(error, "the certificate in '%s' has a key of an unknown kind",
                        files->certificate);
    } else {
        identity = identity_load(certificate, files->key, files->signer, error);
    }
    if (identity != NULL) {
        staple(certificate, files->ocsp, server, old);
    }
    certificate_destroy(certificate);
    ERR_clear_error();
    return identity;
}

static void inputs_free(struct inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        identity_release(inputs->identities[i]);
    }
    free(inputs->identities);
    sk_X509_pop_free(inputs->authorities, X509_free);
    *inputs = (struct inputs){0};
}

/* Whether one part is to be read: all are for the first time. */
static bool is_due(const struct tls_changes *changes, size_t i)
{
    return changes == NULL || (changes->own != NULL && changes->own[i]);
}

/* A certificate's part: read, with another response, or as it was. */
static struct identity *next_identity(const struct inputs *old,
                                      const struct tls_certificate_files *files, size_t i,
                                      const struct tls_server_options *server,
                                      const struct tls_changes *changes, struct error *error)
{
    struct identity *before = old != NULL ? old->identities[i] : NULL;
    enum ocsp_stapled stapled;
    struct error ignored;
    int64_t until;

    if (is_due(changes, i)) {
        return read_identity(&files[i], server, before, error);
    }
    return changes->responses != NULL && changes->responses[i]
               ? identity_restaple(before, files[i].ocsp, &stapled, &until, &ignored)
               : identity_hold(before);
}

/* Reads what is due, and takes the rest from `old` (NULL: nothing is there yet). ca NULL: none is
 * to be read. */
static bool read_inputs(struct inputs *inputs, const struct inputs *old,
                        const struct tls_certificate_files *files, size_t count, const char *ca,
                        const struct tls_server_options *server, const struct tls_changes *changes,
                        struct error *error)
{
    *inputs = (struct inputs){.identities = xcalloc(count + 1, sizeof(struct identity *))};
    for (size_t i = 0; i < count; i++) {
        inputs->identities[i] = next_identity(old, files, i, server, changes, error);
        if (inputs->identities[i] == NULL) {
            inputs_free(inputs);
            return false;
        }
        inputs->count++;
    }
    if (ca != NULL) {
        inputs->authorities = changes == NULL || changes->authorities
                                  ? pem_file_certificates(ca, AUTHORITIES_MAX, error)
                                  : X509_chain_up_ref(old->authorities);
        if (inputs->authorities == NULL) {
            inputs_free(inputs);
            return false;
        }
    }
    return true;
}

bool tls_context_check_authorities(const char *path, struct error *error)
{
    STACK_OF(X509) *authorities = pem_file_certificates(path, AUTHORITIES_MAX, error);

    sk_X509_pop_free(authorities, X509_free);
    return authorities != NULL;
}

/* Trusts every one of them, and gives clients their names if asked to; adds their hashes to
 * *said. */
static bool trust(SSL_CTX *ssl_ctx, STACK_OF(X509) * authorities, bool send_names,
                  struct strbuf *said, struct error *error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ssl_ctx);
    bool ok = true;

    for (int i = 0; ok && i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        ok = X509_STORE_add_cert(store, authority) == 1 &&
             (!send_names || SSL_CTX_add_client_CA(ssl_ctx, authority) == 1) &&
             X509_digest(authority, EVP_sha256(), hash, &len) == 1;
        strbuf_add(said, span_make(hash, ok ? len : 0));
    }
    /* An authority is trusted because the file names it: it need not be a root (RFC 5280 section
     * 6.1.1). So one can trust an intermediate, and not all that its root issued. */
    ok = ok && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
    return ok || library_failed(error, "the authorities cannot be used");
}

static bool is_digested(const struct strbuf *said, unsigned char id[SHA256_BYTES])
{
    struct span all = strbuf_span(said);

    return digest_sha256(&all, 1, id);
}

/* Takes both over. */
static struct tls_context *wrap(SSL_CTX *ssl_ctx, const struct inputs *inputs)
{
    struct tls_context *context = xcalloc(1, sizeof(*context));

    atomic_init(&context->references, 1);
    CHECK(pthread_mutex_init(&context->lock, NULL) == 0);
    context->ssl_ctx = ssl_ctx;
    context->inputs = *inputs;
    return context;
}

/* ---- servers ---- */

/* Adds what a ticket's session must have in common with a connection that would resume it. */
static void add_scope(struct strbuf *said, const struct tls_server_options *options)
{
    const char *scope = options->scope != NULL ? options->scope : "";
    unsigned char policy[4] = {
        (unsigned char)options->clients, (unsigned char)options->policy,
        (unsigned char)options->client_depth,
        (unsigned char)((options->client_crl != NULL) << 1 | options->keep_client_chain)};

    strbuf_add(said, span_make(policy, sizeof(policy)));
    strbuf_add(said, span_make(scope, strlen(scope) + 1));
}

static bool verify_clients(SSL_CTX *ssl_ctx, const struct tls_server_options *options,
                           struct error *error)
{
    struct peer_verify_options verify = {
        .crl = options->client_crl,
        .is_server = true,
        .keep_chain = options->keep_client_chain,
        .lets_unverified = options->clients == CLIENT_VERIFY_UNVERIFIED,
    };

    SSL_CTX_set_verify_depth(ssl_ctx, options->client_depth != 0 ? (int)options->client_depth
                                                                 : CLIENT_DEPTH);
    if (options->overrides.groups.count == 0 && !tls_policy_take_p521(ssl_ctx)) {
        return library_failed(error, "the TLS library does not take the groups");
    }
    return peer_verify_install(ssl_ctx, &verify, error);
}

/* A ticket must not carry a client into a site with another idea of who may come in: resumption
 * works only where this hash of the policy is the same. */
static bool set_client_policy(SSL_CTX *ssl_ctx, const struct tls_server_options *options,
                              const struct inputs *inputs, struct error *error)
{
    static const int modes[] = {
        [CLIENT_VERIFY_OFF] = SSL_VERIFY_NONE,
        [CLIENT_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
        [CLIENT_VERIFY_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        [CLIENT_VERIFY_UNVERIFIED] = SSL_VERIFY_PEER,
    };
    unsigned char id[SHA256_BYTES];
    struct strbuf said;
    bool ok = true;

    strbuf_init(&said);
    add_scope(&said, options);
    if (options->clients != CLIENT_VERIFY_OFF) {
        ok = options->client_ca != NULL
                 ? trust(ssl_ctx, inputs->authorities, options->clients != CLIENT_VERIFY_UNVERIFIED,
                         &said, error)
                 : error_set(error, "to verify clients, 'ca' must name the PEM file of the "
                                    "authorities that issue their certificates");
        ok = ok && verify_clients(ssl_ctx, options, error);
    }
    if (ok) {
        SSL_CTX_set_verify(ssl_ctx, modes[options->clients], NULL);
        ok = (is_digested(&said, id) &&
              SSL_CTX_set_session_id_context(ssl_ctx, id, sizeof(id)) == 1) ||
             library_failed(error, "client certificates");
    }
    strbuf_free(&said);
    return ok;
}

static bool set_server(SSL_CTX *ssl_ctx, const struct tls_server_options *options,
                       const struct inputs *inputs, struct error *error)
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
    /* The library gives a session an id, and keeps it, only where it sealed no ticket. What stands
     * for a verified client is looked at with tickets alone (tls/peer_verify.c). */
    if (options->session_cache != 0 && options->clients == CLIENT_VERIFY_OFF) {
        (void)SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_SERVER);
        (void)SSL_CTX_sess_set_cache_size(ssl_ctx, (long)options->session_cache);
    }
    if (options->early_data_max != 0 &&
        (options->tickets == NULL || options->clients != CLIENT_VERIFY_OFF ||
         !early_accept_install(ssl_ctx, options->tickets, options->early_data_max))) {
        return library_failed(error, "the TLS library does not take early data");
    }
    if (!options->is_not_http) {
        alpn_choice_install_http(ssl_ctx, options->protocols);
    } else if (!alpn_choice_install(ssl_ctx, options->others.items, options->others.count)) {
        return library_failed(error, "the TLS library does not take the protocols (ALPN)");
    }
    if (!own_certificates_install(ssl_ctx, inputs->identities, inputs->count, options->store,
                                  error)) {
        return false;
    }
    ocsp_staple_enable(ssl_ctx);
    key_log_enable(ssl_ctx);
    return set_client_policy(ssl_ctx, options, inputs, error);
}

static SSL_CTX *build_server(const struct tls_server_options *options, const struct inputs *inputs,
                             struct error *error)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());

    if (ssl_ctx == NULL) {
        (void)library_failed(error, "the TLS library cannot start");
        return NULL;
    }
    if (!set_server(ssl_ctx, options, inputs, error)) {
        SSL_CTX_free(ssl_ctx);
        return NULL;
    }
    return ssl_ctx;
}

static bool read_server(struct inputs *inputs, const struct inputs *old,
                        const struct tls_server_options *options, const struct tls_changes *changes,
                        struct error *error)
{
    ERR_clear_error();
    return read_inputs(inputs, old, options->certificates, options->certificate_count,
                       options->clients != CLIENT_VERIFY_OFF ? options->client_ca : NULL, options,
                       changes, error);
}

struct tls_context *tls_server_context_create(const struct tls_server_options *options,
                                              struct error *error)
{
    struct tls_context *context;
    struct inputs inputs;
    SSL_CTX *ssl_ctx;

    if (options->certificate_count == 0 && options->store == NULL) {
        (void)error_set(error, "a site that terminates TLS needs a certificate and its key");
        return NULL;
    }
    if (!read_server(&inputs, NULL, options, NULL, error)) {
        return NULL;
    }
    ssl_ctx = build_server(options, &inputs, error);
    if (ssl_ctx == NULL) {
        inputs_free(&inputs);
        return NULL;
    }
    context = wrap(ssl_ctx, &inputs);
    context->store = options->store;
    context->has_certificates = options->certificate_count != 0;
    context->has_signer =
        key_source() != NULL || (options->store != NULL && cert_store_has_signer(options->store));
    for (size_t i = 0; i < options->certificate_count; i++) {
        context->has_signer |= options->certificates[i].signer != NULL;
    }
    return context;
}

bool tls_context_can_serve(const struct tls_context *context, struct span name)
{
    return context->has_certificates || (name.len != 0 && cert_store_has(context->store, name));
}

/* In the old one's place, for connections to come, with what it was built from. fresh NULL: it
 * could not be built. */
static bool replace(struct tls_context *context, SSL_CTX *fresh, struct inputs *inputs)
{
    struct inputs old_inputs;
    SSL_CTX *old;

    if (fresh == NULL) {
        inputs_free(inputs);
        return false;
    }
    (void)pthread_mutex_lock(&context->lock);
    old = context->ssl_ctx;
    context->ssl_ctx = fresh;
    old_inputs = context->inputs;
    context->inputs = *inputs;
    (void)pthread_mutex_unlock(&context->lock);
    inputs_free(&old_inputs);
    SSL_CTX_free(old); /* connections have references of their own */
    return true;
}

enum ocsp_stapled tls_server_context_check_response(const struct tls_context *context, size_t i,
                                                    const char *path, int64_t *until,
                                                    struct error *error)
{
    enum ocsp_stapled stapled;

    identity_release(
        identity_restaple(context->inputs.identities[i], path, &stapled, until, error));
    return stapled;
}

bool tls_server_context_reload(struct tls_context *context,
                               const struct tls_server_options *options,
                               const struct tls_changes *changes, struct error *error)
{
    struct inputs inputs;

    return read_server(&inputs, &context->inputs, options, changes, error) &&
           replace(context, build_server(options, &inputs, error), &inputs);
}

/* ---- clients ---- */

/* Adds to *digest what tells these authorities from others. */
static bool trust_servers(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                          const struct inputs *inputs, struct strbuf *said, struct error *error)
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
    return trust(ssl_ctx, inputs->authorities, false, said, error);
}

static bool show_certificate(SSL_CTX *ssl_ctx, const struct inputs *inputs, struct strbuf *said,
                             struct error *error)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (inputs->count == 0) {
        return true;
    }
    if (X509_digest(inputs->identities[0]->leaf, EVP_sha256(), hash, &len) != 1) {
        return library_failed(error, "the TLS library cannot start");
    }
    strbuf_add(said, span_make(hash, len));
    return identity_use(inputs->identities[0], ssl_ctx, error);
}

/* Whom we trust, and who we are: sessions are for contexts alone in which both are the same. */
static bool set_identities(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                           const struct inputs *inputs, struct error *error)
{
    unsigned char id[SHA256_BYTES];
    struct strbuf said;
    bool ok;

    _Static_assert(sizeof(id) == PEER_VERIFY_STATE_BYTES, "one digest is what is compared");
    strbuf_init(&said);
    ok = trust_servers(ssl_ctx, options, inputs, &said, error) &&
         show_certificate(ssl_ctx, inputs, &said, error) &&
         (is_digested(&said, id) || library_failed(error, "the TLS library cannot start"));
    strbuf_free(&said);
    if (ok) {
        peer_verify_set_trust(ssl_ctx, id);
    }
    return ok;
}

static bool offer_protocols(SSL_CTX *ssl_ctx, enum tls_protocols which)
{
    const struct protocol_list *list = &protocol_lists[which];

    return SSL_CTX_set_alpn_protos(ssl_ctx, list->bytes, list->len) == 0;
}

static bool set_client(SSL_CTX *ssl_ctx, const struct tls_client_options *options,
                       const struct inputs *inputs, struct error *error)
{
    set_common(ssl_ctx);
    key_log_enable(ssl_ctx);
    if (!tls_policy_apply_client(ssl_ctx) ||
        !(options->is_not_http || offer_protocols(ssl_ctx, options->protocols))) {
        return library_failed(error, "the TLS library does not take the settings");
    }
    if (options->only_tls13 && SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_3_VERSION) != 1) {
        return library_failed(error, "the TLS library does not take the settings");
    }
    /* Sessions are kept where tls_conn_connect_with was told to. */
    (void)SSL_CTX_set_session_cache_mode(ssl_ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    session_slot_install(ssl_ctx);
    return set_identities(ssl_ctx, options, inputs, error);
}

static bool read_client(struct inputs *inputs, const struct inputs *old,
                        const struct tls_client_options *options, const struct tls_changes *changes,
                        struct error *error)
{
    struct tls_certificate_files own = {options->certificate, options->key, NULL, options->signer};

    ERR_clear_error();
    if ((options->certificate == NULL) != (options->key == NULL && options->signer == NULL)) {
        return error_set(error, "'certificate' and 'key' go together: give both or none");
    }
    /* Authorities that nobody is verified by are not read. */
    return read_inputs(inputs, old, &own, options->certificate != NULL ? 1 : 0,
                       options->skip_verify ? NULL : options->ca, NULL, changes, error);
}

static SSL_CTX *build_client(const struct tls_client_options *options, const struct inputs *inputs,
                             struct error *error)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());

    if (ssl_ctx == NULL) {
        (void)library_failed(error, "the TLS library cannot start");
        return NULL;
    }
    if (!set_client(ssl_ctx, options, inputs, error)) {
        SSL_CTX_free(ssl_ctx);
        return NULL;
    }
    return ssl_ctx;
}

struct tls_context *tls_client_context_create(const struct tls_client_options *options,
                                              struct error *error)
{
    struct tls_context *context;
    struct inputs inputs;
    SSL_CTX *ssl_ctx;

    if (!read_client(&inputs, NULL, options, NULL, error)) {
        return NULL;
    }
    ssl_ctx = build_client(options, &inputs, error);
    if (ssl_ctx == NULL) {
        inputs_free(&inputs);
        return NULL;
    }
    context = wrap(ssl_ctx, &inputs);
    context->has_signer =
        options->signer != NULL || (options->certificate != NULL && key_source() != NULL);
    return context;
}

bool tls_client_context_reload(struct tls_context *context,
                               const struct tls_client_options *options,
                               const struct tls_changes *changes, struct error *error)
{
    struct inputs inputs;

    return read_client(&inputs, &context->inputs, options, changes, error) &&
           replace(context, build_client(options, &inputs, error), &inputs);
}

void tls_context_each_certificate(struct tls_context *context, tls_list_fn *each, void *arg)
{
    (void)pthread_mutex_lock(&context->lock);
    for (size_t i = 0; i < context->inputs.count; i++) {
        const struct identity *identity = context->inputs.identities[i];
        each(arg,
             &(struct tls_listed_certificate){identity->path, identity->shown, identity->not_before,
                                              identity->not_after, TLS_LISTED_CERTIFICATE});
    }
    (void)pthread_mutex_unlock(&context->lock);
}

void tls_context_each_authority(struct tls_context *context, const char *path, tls_list_fn *each,
                                void *arg)
{
    STACK_OF(X509) *authorities = NULL;

    /* There may be hundreds, whose names take a while: not under the lock. */
    (void)pthread_mutex_lock(&context->lock);
    if (context->inputs.authorities != NULL) {
        authorities = X509_chain_up_ref(context->inputs.authorities);
    }
    (void)pthread_mutex_unlock(&context->lock);
    for (int i = 0; authorities != NULL && i < sk_X509_num(authorities); i++) {
        X509 *authority = sk_X509_value(authorities, i);
        char *name = x509_words_name(X509_get_subject_name(authority));
        each(arg, &(struct tls_listed_certificate){
                      path, name, x509_words_seconds(X509_get0_notBefore(authority)),
                      x509_words_seconds(X509_get0_notAfter(authority)), TLS_LISTED_AUTHORITY});
        free(name);
    }
    sk_X509_pop_free(authorities, X509_free);
}

struct tls_context *tls_context_hold(struct tls_context *context)
{
    (void)atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context != NULL &&
        atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(context->ssl_ctx);
        inputs_free(&context->inputs);
        (void)pthread_mutex_destroy(&context->lock);
        free(context);
    }
}

struct ssl_st *tls_context_new_ssl(struct tls_context *context)
{
    (void)pthread_mutex_lock(&context->lock);
    SSL_CTX *ssl_ctx = context->ssl_ctx;
    (void)SSL_CTX_up_ref(ssl_ctx);
    (void)pthread_mutex_unlock(&context->lock);
    SSL *ssl = SSL_new(ssl_ctx);
    SSL_CTX_free(ssl_ctx);
    return ssl;
}

bool tls_context_has_signer(const struct tls_context *context)
{
    return context->has_signer;
}

bool tls_context_made(struct tls_context *context, const struct ssl_st *ssl)
{
    (void)pthread_mutex_lock(&context->lock);
    bool is_of_now = SSL_get_SSL_CTX(ssl) == context->ssl_ctx;
    (void)pthread_mutex_unlock(&context->lock);
    return is_of_now;
}

struct ssl_ctx_st *tls_context_ssl_ctx(const struct tls_context *context)
{
    return context->ssl_ctx;
}
