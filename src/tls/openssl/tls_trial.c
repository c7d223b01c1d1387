#include "tls/tls_trial.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* More than the flights of any handshake. */
#define STEPS_MAX 8

/* NULL: memory is out, or the library does not speak that version. */
static SSL *make_client(const struct tls_overrides *own, int version)
{
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;

    if (ssl_ctx == NULL) {
        return NULL;
    }
    SSL_CTX_set_security_level(ssl_ctx, 0);
    if (SSL_CTX_set_min_proto_version(ssl_ctx, version) == 1 &&
        SSL_CTX_set_max_proto_version(ssl_ctx, version) == 1 &&
        tls_policy_apply_all(ssl_ctx, own)) {
        ssl = SSL_new(ssl_ctx);
    }
    SSL_CTX_free(ssl_ctx);
    if (ssl != NULL) {
        SSL_set_connect_state(ssl);
    }
    return ssl;
}

/* Nothing of it is kept: no ticket is sealed, whose keys the process that builds contexts must not
 * have (tls/tickets.h), and no session. */
static SSL *make_server(struct tls_context *context)
{
    SSL *ssl = tls_context_new_ssl(context);

    if (ssl != NULL) {
        (void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
        (void)SSL_set_num_tickets(ssl, 0);
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

static bool join(SSL *client, SSL *server)
{
    BIO *ends[2];

    if (BIO_new_bio_pair(&ends[0], 0, &ends[1], 0) != 1) {
        return false;
    }
    SSL_set_bio(client, ends[0], ends[0]);
    SSL_set_bio(server, ends[1], ends[1]);
    return true;
}

static const char *reason_of(unsigned long error)
{
    const char *text = ERR_reason_error_string(error);

    switch (ERR_GET_REASON(error)) {
    case SSL_R_NO_SHARED_CIPHER:
        return "none of the ciphers goes with the keys of the certificates, the groups and the "
               "signature algorithms";
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        return "none of the signature algorithms goes with the keys of the certificates";
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
        return "none of the groups can be used";
    default:
        return text != NULL ? text : "the TLS library refuses it";
    }
}

static bool shake(SSL *client, SSL *server, const char **why)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        int done = SSL_do_handshake(client);
        ERR_clear_error();
        int result = SSL_do_handshake(server);
        if (result == 1 && done == 1) {
            return true;
        }
        if (result != 1 && SSL_get_error(server, result) != SSL_ERROR_WANT_READ) {
            break;
        }
    }
    *why = reason_of(ERR_peek_error());
    return false;
}

bool tls_trial_handshake(struct tls_context *context, const struct tls_overrides *own, int version,
                         const char **why)
{
    SSL *client = make_client(own, version);
    SSL *server = make_server(context);
    bool ok = client != NULL && server != NULL && join(client, server);

    *why = "the TLS library does not speak it with these settings";
    ok = ok && shake(client, server, why);
    if (server != NULL && SSL_get_session(server) != NULL) {
        (void)SSL_CTX_remove_session(SSL_get_SSL_CTX(server), SSL_get_session(server));
    }
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return ok;
}
