/* A part of tls/tls_conn.h: what is said of a connection whose TLS fails. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/alert.h"
#include "tls/cause.h"
#include "tls/handshake_error.h"
#include "tls/openssl/chain_gap.h"
#include "tls/openssl/peer_verify.h"
#include "tls/openssl/ssl_note.h"
#include "tls/openssl/tls_conn_internal.h"
#include "tls/openssl/tls_sign.h"

void tls_conn_on_info(const SSL *ssl, int where, int value)
{
    struct tls_conn *tls = SSL_get_app_data(ssl);

    if ((where & SSL_CB_ALERT) == 0) {
        return;
    }
    if ((where & SSL_CB_READ) != 0) {
        /* The goodbye behind a warning says nothing more: user_canceled, for one, is followed by it
         * (RFC 8446 section 6.1). */
        if ((value & 0xff) != TLS_ALERT_CLOSE_NOTIFY || tls->alert_received == TLS_ALERT_NONE) {
            tls->alert_received = (int16_t)(value & 0xff);
        }
    } else {
        tls->alert_sent = (int16_t)(value & 0xff);
    }
}

void tls_conn_fail(struct tls_conn *tls, const struct handshake_cause *cause)
{
    tls->state = TLS_CONN_FAILED;
    tls->cause = cause;
    tls->conn->error = EPROTO;
}

/* The error that says most: the first of the TLS layer, under what it wraps. */
static unsigned long library_error(void)
{
    unsigned long first = ERR_peek_error();
    unsigned long e;

    while ((e = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
            ERR_clear_error();
            return e;
        }
    }
    return first;
}

int tls_conn_on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_conn *tls = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    char name[CHAIN_GAP_TEXT_MAX];
    int error = X509_STORE_CTX_get_error(store);

    if (ok == 0 && tls != NULL && tls->gap == NULL &&
        (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE) &&
        chain_gap_find(X509_STORE_CTX_get0_untrusted(store), X509_STORE_CTX_get0_store(store),
                       name)) {
        tls->gap = xstrdup(name);
    }
    return ok;
}

/* What is known better than by the library's reason alone; NULL: nothing. */
static const struct handshake_cause *special_cause(struct tls_conn *tls, bool is_verdict)
{
    const struct handshake_cause *cause;
    char *text;

    if (tls->sign != NULL && tls_sign_failure(tls->sign) != NULL) {
        return tls_sign_failure(tls->sign);
    }
    if (tls->answered_http && tls->alert_received == TLS_ALERT_NONE) {
        return cause_words(CAUSE_BACKEND_PLAIN_HTTP);
    }
    if (!is_verdict || tls->gap == NULL) {
        return NULL;
    }
    cause = cause_words(tls->is_server ? CAUSE_CLIENT_MISSING_INTERMEDIATE
                                       : CAUSE_BACKEND_MISSING_INTERMEDIATE);
    if (asprintf(&text, "%s: missing %s", cause->sentence, tls->gap) >= 0) {
        free(tls->gap);
        tls->gap = text;
    }
    return cause;
}

/* A cause that tells little by itself is told with what the library, or the peer, says. */
static void add_reason(struct tls_conn *tls, const struct handshake_cause *cause, int alert)
{
    char *text = NULL;
    int len = -1;

    if (alert != TLS_ALERT_NONE) {
        len = asprintf(&text, "%s: alert %d, %s", cause->sentence, alert, tls_alert_name(alert));
    } else if (tls->detail != NULL) {
        len = asprintf(&text, "%s: %s", cause->sentence, tls->detail);
    }
    if (len >= 0) {
        tls->gap = text;
    }
}

/* Behind what is said of a certificate, the peer's or ours: which one, and why. */
static void add_note(struct tls_conn *tls, const struct handshake_cause *cause)
{
    const char *note = ssl_note(tls->ssl);
    char *text = NULL;

    if (note != NULL &&
        asprintf(&text, "%s: %s", tls->gap != NULL ? tls->gap : cause->sentence, note) >= 0) {
        free(tls->gap);
        tls->gap = text;
    }
}

void tls_conn_fail_by_library(struct tls_conn *tls)
{
    const struct handshake_cause *cause;
    bool is_verdict;
    struct handshake_facts facts = {
        .is_server = tls->is_server,
        .library_error = library_error(),
        .verify_result = peer_verify_verdict(SSL_get_verify_result(tls->ssl)),
        .alert_received = TLS_ALERT_NONE,
    };

    /* What the library found by itself is not what the peer's warning of before was about; of one
     * warning it makes an error of its own. */
    if (facts.library_error == 0 || ERR_GET_REASON(facts.library_error) >= SSL_AD_REASON_OFFSET ||
        (ERR_GET_REASON(facts.library_error) == SSL_R_NO_RENEGOTIATION &&
         tls->alert_received == TLS_ALERT_NO_RENEGOTIATION)) {
        facts.alert_received = tls->alert_received;
    }
    is_verdict = facts.alert_received == TLS_ALERT_NONE &&
                 ERR_GET_REASON(facts.library_error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    tls->detail = is_verdict ? X509_verify_cert_error_string(facts.verify_result)
                             : ERR_reason_error_string(facts.library_error);
    cause = special_cause(tls, is_verdict);
    if (!is_verdict || cause == NULL) {
        free(tls->gap);
        tls->gap = NULL;
    }
    if (cause == NULL) {
        cause = handshake_cause_of(&facts);
        if (handshake_cause_is_vague(cause)) {
            add_reason(tls, cause, facts.alert_received);
        }
    }
    if (is_verdict || ERR_GET_REASON(facts.library_error) == SSL_R_CERT_CB_ERROR) {
        add_note(tls, cause);
    }
    tls_conn_fail(tls, cause);
}

void tls_conn_fail_by_end(struct tls_conn *tls, const struct handshake_cause *otherwise)
{
    const struct handshake_facts facts = {.is_server = tls->is_server,
                                          .alert_received = tls->alert_received};
    const struct handshake_cause *cause = otherwise;

    if (facts.alert_received != TLS_ALERT_NONE && facts.alert_received != TLS_ALERT_CLOSE_NOTIFY) {
        cause = handshake_cause_of(&facts);
        free(tls->gap);
        tls->gap = NULL;
        if (handshake_cause_is_vague(cause)) {
            add_reason(tls, cause, facts.alert_received);
        }
    }
    tls_conn_fail(tls, cause);
}
