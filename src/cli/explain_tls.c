#include "cli/explain_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/explain_cert.h"
#include "cli/explain_hello.h"
#include "cli/explain_net.h"
#include "cli/explain_ocsp.h"
#include "tls/alert.h"
#include "tls/cause.h"
#include "tls/certificate.h"
#include "tls/openssl/chain_gap.h"
#include "tls/openssl/openssl_compat.h"
#include "tls/private_key.h"

enum { MESSAGE_HEADER = 4, TLS_HANDSHAKE = 22, TLS_ALERT = 21, TLS_CCS = 20 };

static const struct message {
    int type;
    const char *name;
    const char *title;
} messages[] = {
    {1, "client_hello", "ClientHello"},
    {2, "server_hello", "ServerHello"},
    {4, "new_session_ticket", "NewSessionTicket (to resume later)"},
    {8, "encrypted_extensions", "EncryptedExtensions"},
    {11, "certificate", "Certificate"},
    {12, "server_key_exchange", "ServerKeyExchange"},
    {13, "certificate_request", "CertificateRequest (who are you?)"},
    {14, "server_hello_done", "ServerHelloDone"},
    {15, "certificate_verify", "CertificateVerify (proof of the key)"},
    {16, "client_key_exchange", "ClientKeyExchange"},
    {20, "finished", "Finished"},
    {22, "certificate_status", "CertificateStatus (OCSP)"},
    {24, "key_update", "KeyUpdate"},
};

static const struct message *find_message(int type)
{
    static const struct message other = {0, "message", "a message of another kind"};

    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        if (messages[i].type == type) {
            return &messages[i];
        }
    }
    return &other;
}

/* ---- message by message ---- */

static void note_certificates(struct explain *ex, struct span body, bool is_tls13, bool is_ours)
{
    STACK_OF(X509) *chain = explain_parse_chain(body, is_tls13);

    explain_describe_chain(ex, chain);
    if (is_ours) {
        sk_X509_pop_free(chain, X509_free);
        return;
    }
    sk_X509_pop_free(ex->sent, X509_free);
    ex->sent = chain;
}

static void note_finished(struct explain *ex, bool is_ours)
{
    if (is_ours || SSL_version(ex->ssl) != TLS1_3_VERSION) {
        explain_note(ex, "from here on", "sealed with %s",
                     SSL_CIPHER_standard_name(SSL_get_current_cipher(ex->ssl)));
    }
}

static void note_handshake(struct explain *ex, bool is_ours, struct span bytes)
{
    const struct message *message;
    int type = (unsigned char)bytes.ptr[0];
    struct span body = span_skip(bytes, MESSAGE_HEADER);
    bool is_tls13 = SSL_version(ex->ssl) == TLS1_3_VERSION;

    message = find_message(type);
    explain_step(ex, is_ours ? EXPLAIN_TO_SERVER : EXPLAIN_TO_CLIENT, message->name,
                 message->title);
    switch (type) {
    case 1:
        explain_client_hello(ex, body);
        break;
    case 2:
        explain_server_hello(ex, body);
        break;
    case 8:
        explain_encrypted_extensions(ex, body);
        break;
    case 11:
        note_certificates(ex, body, is_tls13, is_ours);
        break;
    case 13:
        ex->was_asked = true;
        explain_certificate_request(ex, body, is_tls13);
        break;
    case 15:
        explain_signature_used(ex, body);
        break;
    case 20:
        note_finished(ex, is_ours);
        break;
    default:
        break;
    }
}

static void note_alert(struct explain *ex, bool is_ours, struct span bytes)
{
    int level = (unsigned char)bytes.ptr[0];
    int alert = (unsigned char)bytes.ptr[1];
    bool is_goodbye = alert == TLS_ALERT_CLOSE_NOTIFY;
    struct explain_step *step;

    if (is_goodbye && is_ours) {
        return;
    }
    step = explain_step(
        ex, is_ours ? EXPLAIN_TO_SERVER : EXPLAIN_TO_CLIENT, is_goodbye ? "close_notify" : "alert",
        is_goodbye ? "close_notify"
                   : arena_printf(&ex->arena, "Alert: %s (%d)", tls_alert_name(alert), alert));
    step->is_bad = !is_goodbye && level == 2;
    if (!is_ours && (!is_goodbye || !ex->has_handshake)) {
        ex->alert_received = alert;
    }
}

static void on_message(int is_ours, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg)
{
    struct explain *ex = arg;
    struct span message = span_make(bytes, len);

    (void)version;
    CHECK(ssl == ex->ssl);
    if (type == SSL3_RT_HEADER && is_ours == 0 && len == 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        ex->answered_http = true; /* a page that says 400; to the library it is a wrong version */
    } else if (type == TLS_HANDSHAKE && len >= MESSAGE_HEADER) {
        note_handshake(ex, is_ours != 0, message);
    } else if (type == TLS_ALERT && len >= 2) {
        note_alert(ex, is_ours != 0, message);
    }
}

/* ---- settings ---- */

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct explain *ex = SSL_get_app_data(ssl);

    if (SSL_version(ssl) == TLS1_3_VERSION) { /* in TLS 1.2 it comes later than its message */
        unsigned early_data = SSL_SESSION_get_max_early_data(session);
        explain_note(ex, "good for", "%lu s", SSL_SESSION_get_ticket_lifetime_hint(session));
        explain_note(ex, "early data", early_data != 0 ? "up to %u bytes (0-RTT)" : "not taken",
                     early_data);
    }
    SSL_SESSION_free(ex->session);
    ex->session = session; /* ours now */
    return 1;
}

/* The library's own verification, with a look at how it went. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
    struct explain *ex = arg;
    size_t step = explain_certificate_step(ex);
    int ok = X509_verify_cert(store);

    if (step < ex->step_count) {
        explain_describe_trust(ex, step, store, ok == 1);
    }
    return ok == 1;
}

static bool refused(struct error *error, const char *what)
{
    unsigned long number = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(number);

    (void)error_set(error, "%s: %s", what, reason != NULL ? reason : "the TLS library refused it");
    ERR_clear_error();
    return false;
}

/* What is wrong with a file, in the words of `tidegate check`, which knows what people take for
 * PEM; the library's own where that finds nothing. key NULL: of certificates alone. */
static bool refuse_files(struct error *error, const char *path, const char *key)
{
    struct error better;
    struct certificate *certificate = certificate_load(path, &better);
    bool is_known =
        certificate == NULL || (key != NULL && !private_key_fits(key, certificate, &better));

    (void)refused(error, key != NULL ? key : path);
    if (is_known) {
        *error = better;
    }
    certificate_destroy(certificate);
    return false;
}

static bool load_files(struct explain *ex, struct error *error)
{
    const struct explain_options *options = ex->options;

    if (options->ca != NULL) {
        if (SSL_CTX_load_verify_file(ex->ctx, options->ca) != 1) {
            return refuse_files(error, options->ca, NULL);
        }
    } else if (SSL_CTX_set_default_verify_paths(ex->ctx) != 1) {
        return refused(error, "the system's authorities");
    }
    if (options->certificate == NULL) {
        return true;
    }
    const char *key = options->key != NULL ? options->key : options->certificate;
    if (SSL_CTX_use_certificate_chain_file(ex->ctx, options->certificate) != 1) {
        return refuse_files(error, options->certificate, NULL);
    }
    if (SSL_CTX_use_PrivateKey_file(ex->ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ex->ctx) != 1) {
        return refuse_files(error, options->certificate, key);
    }
    return true;
}

bool explain_set_up_tls(struct explain *ex, struct error *error)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    const unsigned char *protocols = ex->options->http11 ? both + 3 : both;
    unsigned len = (unsigned)(sizeof(both) - 1 - (size_t)(protocols - both));

    ex->ctx = SSL_CTX_new(TLS_client_method());
    if (ex->ctx == NULL || SSL_CTX_set_min_proto_version(ex->ctx, TLS1_2_VERSION) != 1 ||
        (ex->options->tls12 && SSL_CTX_set_max_proto_version(ex->ctx, TLS1_2_VERSION) != 1) ||
        (!ex->target.is_bytes && SSL_CTX_set_alpn_protos(ex->ctx, protocols, len) != 0) ||
        !explain_ask_status(ex)) {
        return refused(error, "the TLS library cannot start");
    }
    SSL_CTX_set_options(ex->ctx, TLS_NO_CERTIFICATE_COMPRESSION);
    SSL_CTX_set_mode(ex->ctx, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_verify(ex->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ex->ctx, on_verify, ex);
    (void)SSL_CTX_set_session_cache_mode(ex->ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ex->ctx, on_new_session);
    return load_files(ex, error);
}

static bool is_address(const char *host)
{
    struct sock_address address;

    return sock_address_from_ip(&address, host, 0);
}

static bool begin(struct explain *ex)
{
    const char *sni = ex->options->sni;
    const char *name = explain_name(ex);

    ex->ssl = SSL_new(ex->ctx);
    if (ex->ssl == NULL || SSL_set_app_data(ex->ssl, ex) != 1 || SSL_set_fd(ex->ssl, ex->fd) != 1) {
        return false;
    }
    SSL_set_msg_callback(ex->ssl, on_message);
    SSL_set_msg_callback_arg(ex->ssl, ex);
    if (ex->session != NULL && SSL_set_session(ex->ssl, ex->session) != 1) {
        return false;
    }
    if (is_address(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ex->ssl), name) == 1;
    }
    /* An empty --sni sends none; the certificate is still checked against the URL's host. */
    return SSL_set1_host(ex->ssl, name) == 1 &&
           ((sni != NULL && sni[0] == '\0') || SSL_set_tlsext_host_name(ex->ssl, name) == 1);
}

/* ---- failures ---- */

/* The error that says most: the first of the TLS layer, under what it wraps. */
static unsigned long library_error(void)
{
    unsigned long first = ERR_peek_error();
    unsigned long e;

    while ((e = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
            break;
        }
    }
    ERR_clear_error();
    return e != 0 ? e : first;
}

static bool fail_verification(struct explain *ex, const struct handshake_facts *facts)
{
    const char *text = X509_verify_cert_error_string(facts->verify_result);
    char missing[CHAIN_GAP_TEXT_MAX];

    if (chain_gap_find(ex->sent, SSL_CTX_get_cert_store(ex->ctx), missing) &&
        facts->verify_result != X509_V_ERR_CERT_HAS_EXPIRED) {
        return explain_fail(ex, cause_words(CAUSE_MISSING_INTERMEDIATE), NULL,
                            arena_printf(&ex->arena, "missing: %s", missing));
    }
    return explain_fail(ex, handshake_cause_of(facts), NULL, text);
}

static bool fail_closed(struct explain *ex, bool is_reset)
{
    bool had_shown = ex->has_handshake && ex->was_asked;

    if (had_shown && ex->status == 0) {
        return explain_fail(ex,
                            cause_words(ex->options->certificate != NULL
                                            ? CAUSE_CLIENT_CERTIFICATE_REFUSED
                                            : CAUSE_CLIENT_CERTIFICATE_MISSING),
                            explain_server(ex), NULL);
    }
    if (ex->has_handshake) {
        return explain_fail(
            ex, cause_words(ex->status != 0 ? CAUSE_CUT_ANSWER : CAUSE_NO_ANSWER_CLOSED),
            explain_server(ex), NULL);
    }
    return explain_fail(ex, cause_words(is_reset ? CAUSE_SERVER_RESET : CAUSE_SERVER_CLOSED),
                        explain_server(ex), NULL);
}

/* The server sent an alert about a certificate, and it had asked for ours. */
static bool is_about_missing(const struct explain *ex)
{
    return ex->was_asked && ex->options->certificate == NULL &&
           (ex->alert_received == TLS_ALERT_CERTIFICATE_REQUIRED ||
            ex->alert_received == TLS_ALERT_HANDSHAKE_FAILURE ||
            ex->alert_received == TLS_ALERT_BAD_CERTIFICATE);
}

/* It cannot be the name that is wrong, as none was sent. */
static bool is_about_name(const struct explain *ex)
{
    return ex->alert_received == TLS_ALERT_UNRECOGNIZED_NAME &&
           SSL_get_servername(ex->ssl, TLSEXT_NAMETYPE_host_name) == NULL;
}

bool explain_fail_tls(struct explain *ex, int ssl_error)
{
    bool was_reset = ssl_error == SSL_ERROR_SYSCALL && errno == ECONNRESET;
    struct handshake_facts facts = {
        .peer_is_server = true,
        .library_error = library_error(),
        .verify_result = SSL_get_verify_result(ex->ssl),
        .alert_received = ex->alert_received,
    };
    const char *reason = ERR_reason_error_string(facts.library_error);

    if (ex->is_revoked) {
        facts.library_error = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED);
        facts.verify_result = X509_V_ERR_CERT_REVOKED;
        return explain_fail(ex, handshake_cause_of(&facts), NULL,
                            "by the OCSP response that the server staples");
    }
    if (ex->alert_received != TLS_ALERT_NONE) {
        const char *name = arena_printf(&ex->arena, "alert %d, %s", ex->alert_received,
                                        tls_alert_name(ex->alert_received));
        return explain_fail(ex,
                            is_about_missing(ex) ? cause_words(CAUSE_CLIENT_CERTIFICATE_MISSING)
                            : is_about_name(ex)  ? cause_words(CAUSE_SERVER_NAME_MISSING)
                                                 : handshake_cause_of(&facts),
                            explain_server(ex), name);
    }
    if (ex->answered_http) {
        return explain_fail(ex, cause_words(CAUSE_SERVER_PLAIN_HTTP), explain_server(ex), NULL);
    }
    if (ERR_GET_REASON(facts.library_error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return fail_verification(ex, &facts);
    }
    if (ssl_error == SSL_ERROR_SYSCALL || ssl_error == SSL_ERROR_ZERO_RETURN ||
        ERR_GET_REASON(facts.library_error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return fail_closed(ex, was_reset);
    }
    return explain_fail(ex, handshake_cause_of(&facts), NULL, reason);
}

/* ---- the handshake ---- */

static void note_agreed(struct explain *ex)
{
    const unsigned char *alpn;
    unsigned alpn_len;
    int group = (int)SSL_get_negotiated_group(ex->ssl);
    const char *group_name = group > 0 ? SSL_group_to_name(ex->ssl, group) : NULL;
    uint64_t first = 0;

    for (size_t i = ex->step_count; i > 0 && first == 0; i--) {
        if (strcmp(ex->steps[i - 1].name, "client_hello") == 0) {
            first = ex->steps[i - 1].at_us;
        }
    }
    SSL_get0_alpn_selected(ex->ssl, &alpn, &alpn_len);
    ex->was_resumed = SSL_session_reused(ex->ssl) == 1;
    explain_step(ex, EXPLAIN_HERE, "established", "the connection is secure");
    explain_note(ex, "version", "%s", SSL_get_version(ex->ssl));
    explain_note(ex, "cipher", "%s", SSL_CIPHER_standard_name(SSL_get_current_cipher(ex->ssl)));
    if (group_name != NULL) {
        explain_note(ex, "key exchange", "%s",
                     strcmp(group_name, "secp256r1") == 0   ? "P-256"
                     : strcmp(group_name, "secp384r1") == 0 ? "P-384"
                     : strcmp(group_name, "x25519") == 0    ? "X25519"
                                                            : group_name);
    }
    if (!ex->target.is_bytes) {
        explain_note(ex, "protocol", "%.*s", alpn_len != 0 ? (int)alpn_len : 27,
                     alpn_len != 0 ? (const char *)alpn : "none agreed on, so HTTP/1.1");
    }
    explain_note(ex, "resumed", "%s", ex->was_resumed ? "yes" : "no");
    explain_note(ex, "took", "%.1f ms", (double)(clock_us() - ex->began_us - first) / 1000);
}

bool explain_handshake(struct explain *ex)
{
    ERR_clear_error();
    if (!begin(ex)) {
        return explain_fail_tls(ex, SSL_ERROR_SSL);
    }
    for (;;) {
        int result = SSL_connect(ex->ssl);
        int error = SSL_get_error(ex->ssl, result);
        if (result == 1) {
            break;
        }
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            return explain_fail_tls(ex, error);
        }
        if (!explain_wait(ex, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) {
            return explain_fail(ex, cause_words(CAUSE_SERVER_SILENT), explain_server(ex), NULL);
        }
    }
    ex->has_handshake = true;
    note_agreed(ex);
    return true;
}
