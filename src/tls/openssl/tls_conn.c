#include "tls/tls_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tls/alert.h"
#include "tls/handshake_error.h"
#include "tls/openssl/tls_bio.h"
#include "tls/openssl/tls_conn_internal.h"
#include "tls/openssl/tls_sign.h"

/* More than the longest chains of both sides together. */
#define HANDSHAKE_BYTES_MAX (512 * 1024)
/* Full reads in a row that may bring no plaintext: TLS allows records without data, and a peer that
 * sends nothing else would keep the thread to itself. */
#define EMPTY_READS_MAX 8

/* What is read on while a signature is awaited: early data, or what a server sends ahead. */
#define UNSIGNED_BYTES_MAX CONN_RX_BYTES

/* How long a ticket waits for an answer to travel with. */
#define HOLD_MS 4

/* Sealed output that nobody waits for: the ticket after a TLS 1.3 handshake. It leaves with the
 * first answer, and so costs no send of its own, or a little later by itself. */
struct held {
    struct timer timer;
    struct tls_conn *tls;
    uint32_t len;
    char bytes[];
};

static void layer_finish(struct conn *conn);

static const struct conn_layer handshake_layer;
static const struct conn_layer data_layer;

/* Keeps what the library did not take, until the owner reads, or the handshake goes on. */
static void keep_leftover(struct tls_conn *tls, struct span input)
{
    size_t before = tls->leftover != NULL ? tls->leftover_len : 0;

    tls->leftover = xrealloc(tls->leftover, before + input.len);
    memcpy(tls->leftover + before, input.ptr, input.len);
    tls->leftover_len = (uint32_t)(before + input.len);
}

/* ---- output that is held back ---- */

static void drop_held(struct tls_conn *tls)
{
    if (tls->held != NULL) {
        timer_destroy(tls->conn->loop, &tls->held->timer);
        free(tls->held);
        tls->held = NULL;
    }
}

/* Between tls_bio_begin and anything that makes output: records leave in the order of sealing. */
static void release_held(struct tls_conn *tls)
{
    if (tls->held != NULL) {
        tls_bio_put(span_make(tls->held->bytes, tls->held->len));
        drop_held(tls);
    }
}

static void on_hold_expiry(struct timer *timer)
{
    struct tls_conn *tls = CONTAINER_OF(timer, struct held, timer)->tls;

    tls_bio_begin(tls->conn, span_make(NULL, 0));
    release_held(tls);
    tls_bio_end();
}

static void hold_output(struct tls_conn *tls)
{
    struct span output = tls_bio_take();

    if (output.len == 0) {
        return;
    }
    tls->held = xmalloc(sizeof(*tls->held) + output.len);
    tls->held->tls = tls;
    tls->held->len = (uint32_t)output.len;
    memcpy(tls->held->bytes, output.ptr, output.len);
    timer_init(&tls->held->timer, on_hold_expiry);
    timer_set_ms(tls->conn->loop, &tls->held->timer, HOLD_MS);
}

/* Ends reading. What that made the library say (an alert) goes after what is held. */
static void end_reading(struct tls_conn *tls)
{
    struct span output = tls->held != NULL ? tls_bio_take() : span_make(NULL, 0);

    if (output.len != 0) {
        char *copy = xmalloc(output.len);
        memcpy(copy, output.ptr, output.len);
        release_held(tls);
        tls_bio_put(span_make(copy, output.len));
        free(copy);
    }
    tls_bio_end();
}

/* ---- the handshake ---- */

/* Bytes of the peer have come, for the first time. */
static void count_input(struct tls_conn *tls, struct span input)
{
    if (tls->handshake_bytes == 0 && !tls->is_server) {
        /* A web server answers a ClientHello with a page that says 400. */
        tls->answered_http = input.len >= 5 && memcmp(input.ptr, "HTTP/", 5) == 0;
    }
    tls->handshake_bytes += (uint32_t)input.len;
}

static int shake(void *arg)
{
    struct tls_conn *tls = arg;

    return tls_early_handshake(&tls->early, tls->ssl, conn_memory(tls->conn)->plain,
                               CONN_PLAIN_BYTES);
}

/* The one place that runs the handshake: it goes as far as the input lets it, and sends the flight
 * that comes of it. */
static void handshake_step(struct tls_conn *tls, struct span input)
{
    int result;
    int error;

    tls->state = TLS_CONN_HANDSHAKE;
    tls_bio_begin(tls->conn, input);
    result = tls->sign == NULL ? shake(tls) : tls_sign_handshake(tls->sign);
    if (tls->sign != NULL && tls_sign_is_waiting(tls->sign)) {
        tls->state = TLS_CONN_UNSIGNED;
        if (tls_bio_input().len != 0) {
            keep_leftover(tls, tls_bio_input());
        }
        tls_bio_end();
        return;
    }
    error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, result);
    if (result == 1) {
        tls->state = TLS_CONN_ESTABLISHED;
        tls_noise_start(&tls->noise);
        if (tls_bio_input().len != 0) {
            keep_leftover(tls, tls_bio_input());
        }
        tls->conn->layer_has_bytes = tls->leftover != NULL || tls->early.is_early;
        if (tls->is_server && !tls->early.is_early && SSL_version(tls->ssl) == TLS1_3_VERSION) {
            hold_output(tls); /* in TLS 1.2 the client would be waiting for it */
        }
    } else if (error != SSL_ERROR_WANT_READ) {
        tls_conn_fail_by_library(tls);
    } else if (tls->handshake_bytes > HANDSHAKE_BYTES_MAX) {
        tls_conn_fail(tls, &handshake_too_long);
    }
    tls_bio_end();
}

static bool is_shaking_hands(const struct tls_conn *tls)
{
    return tls->state == TLS_CONN_HANDSHAKE || tls->state == TLS_CONN_UNSIGNED;
}

/* How much may be read now; 0: nothing. */
static size_t room_to_read(const struct tls_conn *tls)
{
    size_t kept = tls->leftover != NULL ? tls->leftover_len : 0;

    if (tls->state == TLS_CONN_UNSIGNED) {
        return kept < UNSIGNED_BYTES_MAX ? UNSIGNED_BYTES_MAX - kept : 0;
    }
    return tls->state == TLS_CONN_HANDSHAKE ? CONN_RX_BYTES : 0;
}

/* Reads while there is something, until the handshake is over. While it waits for a signature the
 * bytes are kept, and whoever goes is noticed. */
static void handshake_read(struct tls_conn *tls)
{
    struct conn *conn = tls->conn;

    while (room_to_read(tls) != 0 && conn->is_readable) {
        struct span bytes;
        switch (conn_raw_read(conn, room_to_read(tls), &bytes)) {
        case CONN_OK:
            count_input(tls, bytes);
            if (tls->state == TLS_CONN_UNSIGNED) {
                keep_leftover(tls, bytes);
            } else {
                handshake_step(tls, bytes);
            }
            break;
        case CONN_AGAIN:
            return;
        case CONN_EOF:
            tls_conn_fail_by_end(tls, &handshake_closed);
            break;
        case CONN_ERROR: {
            int number = conn->error;
            tls_conn_fail_by_end(tls, &handshake_reset);
            conn->error = number;
            break;
        }
        }
    }
}

/* Nothing more is signed, and the owner is told soon. */
static void handshake_is_over(struct tls_conn *tls)
{
    int16_t alert = tls->alert_sent; /* one that the library makes of it goes nowhere */

    tls_sign_destroy(tls->sign);
    tls->sign = NULL;
    tls->alert_sent = alert;
    tls->is_reported = true;
}

static void report_done(struct tls_conn *tls)
{
    struct conn *conn = tls->conn;
    bool ok = tls->state == TLS_CONN_ESTABLISHED;

    if (ok) {
        conn->layer = &data_layer;
    }
    tls->events->on_done(conn, ok);
}

static void on_report(struct deferred *deferred)
{
    report_done(CONTAINER_OF(deferred, struct tls_conn, report));
}

/* The signature is there, or will not come: the handshake goes on with it, and with the bytes that
 * were kept. */
static void on_signed(void *arg)
{
    struct tls_conn *tls = arg;
    char *kept = tls->leftover;

    tls->leftover = NULL;
    handshake_step(tls, span_make(kept, kept != NULL ? tls->leftover_len : 0));
    free(kept);
    handshake_read(tls);
    if (!is_shaking_hands(tls)) {
        handshake_is_over(tls);
        report_done(tls);
    }
}

static const struct tls_sign_calls sign_calls = {shake, on_signed};

static bool handshake_on_events(struct conn *conn)
{
    struct tls_conn *tls = tls_of(conn);

    if (tls->is_reported) {
        /* Over: either the owner is about to be told, or it failed and the owner, who knows, waits
         * for the alert to go out. */
        return tls->state != TLS_CONN_FAILED || !list_is_empty(&tls->report.node);
    }
    handshake_read(tls);
    if (!is_shaking_hands(tls)) {
        handshake_is_over(tls);
        report_done(tls);
    }
    return true;
}

/* ---- after a failed handshake, and before its end ---- */

static enum conn_result handshake_layer_read(struct conn *conn, struct span *bytes)
{
    struct tls_conn *tls = tls_of(conn);
    enum conn_result result;

    *bytes = span_make(NULL, 0);
    if (tls->state != TLS_CONN_FAILED) {
        return CONN_AGAIN;
    }
    /* The owner drains the socket so that the alert is not lost to a reset: give it the end, and
     * nothing of the bytes before it. */
    while ((result = conn_raw_read(conn, CONN_RX_BYTES, bytes)) == CONN_OK && conn->is_readable) {
    }
    *bytes = span_make(NULL, 0);
    return result == CONN_OK ? CONN_AGAIN : result;
}

static void handshake_layer_send(struct conn *conn, const struct iovec *iov, int count)
{
    /* Without keys nothing may go out, and after a failure there are none. */
    (void)conn;
    (void)iov;
    (void)count;
}

static void layer_destroy(struct conn *conn)
{
    struct tls_conn *tls = tls_of(conn);

    deferred_cancel(&tls->report);
    drop_held(tls);
    tls_sign_destroy(tls->sign);
    SSL_free(tls->ssl);
    free(tls->leftover);
    tls_early_reset(&tls->early);
    free(tls->gap);
    free(tls->asked_name);
    free(tls);
}

/* ---- reading ---- */

/* Decrypts the input into memory.plain; returns the length. What follows an end or a failure is
 * dropped. */
static size_t decrypt(struct tls_conn *tls, struct span input)
{
    char *plain = conn_memory(tls->conn)->plain;
    size_t len = 0;

    tls_bio_begin(tls->conn, input);
    /* With neither input nor a record that was opened before, a call could only fail. */
    while ((tls_bio_input().len != 0 || SSL_pending(tls->ssl) > 0) && len < CONN_PLAIN_BYTES) {
        size_t got = 0;
        int result =
            tls_early_read(&tls->early, tls->ssl, plain + len, CONN_PLAIN_BYTES - len, &got);
        if (result == 1) {
            tls_noise_paid(&tls->noise);
            len += got;
            continue;
        }
        int error = SSL_get_error(tls->ssl, result);
        if (error == SSL_ERROR_WANT_READ) {
            break;
        }
        if (error == SSL_ERROR_ZERO_RETURN) {
            tls->state = TLS_CONN_ENDED;
        } else {
            tls_conn_fail_by_library(tls);
        }
        break;
    }
    if (tls->state == TLS_CONN_ESTABLISHED && tls_noise_is_too_much(&tls->noise, tls->ssl)) {
        tls_conn_fail(tls, &handshake_only_noise);
    } else if (tls->state == TLS_CONN_ESTABLISHED && tls_bio_input().len != 0) {
        keep_leftover(tls, tls_bio_input());
    }
    end_reading(tls);
    if (tls->must_finish && !tls->early.is_early) {
        tls->must_finish = false;
        layer_finish(tls->conn);
    }
    return len;
}

/* Whether the layer can go on without the socket. */
static bool has_more(const struct tls_conn *tls)
{
    return tls->state != TLS_CONN_ESTABLISHED || tls->early.bytes != NULL ||
           tls->leftover != NULL || SSL_pending(tls->ssl) > 0;
}

static size_t decrypt_leftover(struct tls_conn *tls)
{
    char *leftover = tls->leftover;
    size_t len;

    tls->leftover = NULL;
    len = decrypt(tls, span_make(leftover, leftover != NULL ? tls->leftover_len : 0));
    free(leftover);
    return len;
}

static enum conn_result end_of(struct tls_conn *tls)
{
    struct conn *conn = tls->conn;

    conn->is_readable = false;
    if (tls->state == TLS_CONN_FAILED) {
        conn->error = EPROTO;
        return CONN_ERROR;
    }
    conn->is_at_eof = true;
    return CONN_EOF;
}

static enum conn_result layer_read(struct conn *conn, struct span *bytes)
{
    struct tls_conn *tls = tls_of(conn);
    size_t len;

    *bytes = span_make(NULL, 0);
    conn->layer_has_bytes = false;
    for (int i = 0; i < EMPTY_READS_MAX; i++) {
        if (tls->state != TLS_CONN_ESTABLISHED) {
            return end_of(tls);
        }
        if (tls->early.bytes != NULL) {
            len = tls_early_take(&tls->early, conn_memory(conn)->plain);
        } else if (has_more(tls)) {
            len = decrypt_leftover(tls);
        } else {
            struct span input;
            enum conn_result result = conn_raw_read(conn, CONN_RX_BYTES, &input);
            if (result != CONN_OK) {
                tls->was_truncated = result == CONN_EOF;
                return result;
            }
            len = decrypt(tls, input);
        }
        if (len != 0) {
            conn->layer_has_bytes = has_more(tls);
            *bytes = span_make(conn_memory(conn)->plain, len);
            return CONN_OK;
        }
        if (!conn->is_readable && !has_more(tls)) {
            return CONN_AGAIN;
        }
    }
    if (tls->state == TLS_CONN_ESTABLISHED) {
        tls_conn_fail(tls, &handshake_only_noise);
    }
    return end_of(tls);
}

/* ---- writing ---- */

static bool seal(struct tls_conn *tls, const char *bytes, size_t len)
{
    if (tls_early_write(&tls->early, tls->ssl, bytes, len) == 1) {
        return !tls->conn->write_failed;
    }
    /* The BIO never blocks, so this is a connection that failed while it was read. */
    ERR_clear_error();
    tls->conn->write_failed = true;
    if (tls->conn->error == 0) {
        tls->conn->error = EPROTO;
    }
    return false;
}

/* Large spans are sealed where they lie; small ones, and the ends of large ones, are joined. */
static bool seal_all(struct tls_conn *tls, const struct iovec *iov, int count)
{
    char *record = tls_bio_record();
    size_t joined = 0;

    for (int i = 0; i < count; i++) {
        const char *at = iov[i].iov_base;
        size_t left = iov[i].iov_len;
        while (left != 0) {
            size_t part;
            if (joined == 0 && (left >= TLS_RECORD_BYTES || i == count - 1)) {
                part = i == count - 1 ? left : left - left % TLS_RECORD_BYTES;
                if (!seal(tls, at, part)) {
                    return false;
                }
            } else {
                part = TLS_RECORD_BYTES - joined < left ? TLS_RECORD_BYTES - joined : left;
                memcpy(record + joined, at, part);
                joined += part;
                if (joined == TLS_RECORD_BYTES) {
                    if (!seal(tls, record, joined)) {
                        return false;
                    }
                    joined = 0;
                }
            }
            at += part;
            left -= part;
        }
    }
    return joined == 0 || seal(tls, record, joined);
}

static void layer_send(struct conn *conn, const struct iovec *iov, int count)
{
    struct tls_conn *tls = tls_of(conn);

    if (tls->state == TLS_CONN_FAILED || conn->is_write_shut || conn->is_finishing ||
        tls->must_finish) {
        return;
    }
    tls_bio_begin(conn, span_make(NULL, 0));
    release_held(tls);
    (void)seal_all(tls, iov, count);
    if (conn->finish_follows && !tls->early.is_early) {
        (void)SSL_shutdown(tls->ssl); /* close_notify in the same send */
    }
    tls_bio_end();
}

static void layer_finish(struct conn *conn)
{
    struct tls_conn *tls = tls_of(conn);

    if (tls->early.is_early && tls->state == TLS_CONN_ESTABLISHED) {
        tls->must_finish =
            true; /* a goodbye before the handshake is over would be a protocol error */
        return;
    }
    if (tls->state == TLS_CONN_ESTABLISHED || tls->state == TLS_CONN_ENDED) {
        tls_bio_begin(conn, span_make(NULL, 0));
        release_held(tls);
        if ((SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) == 0) {
            (void)SSL_shutdown(tls->ssl);
        }
        tls_bio_end();
    }
    conn_raw_finish(conn);
}

static const struct conn_layer handshake_layer = {
    .read = handshake_layer_read,
    .send = handshake_layer_send,
    .finish = layer_finish,
    .destroy = layer_destroy,
    .on_events = handshake_on_events,
};

static const struct conn_layer data_layer = {
    .read = layer_read,
    .send = layer_send,
    .finish = layer_finish,
    .destroy = layer_destroy,
};

/* ---- starting ---- */

static SSL *ssl_create(struct tls_context *context)
{
    SSL *ssl = tls_context_new_ssl(context);

    if (ssl != NULL && !tls_bio_attach(ssl)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

/* may_wait: for signatures. */
static struct tls_conn *layer_put_on(struct conn *conn, SSL *ssl,
                                     const struct tls_conn_events *events, bool is_server,
                                     bool may_wait)
{
    struct tls_conn *tls = xcalloc(1, sizeof(*tls));

    tls->ssl = ssl;
    tls->conn = conn;
    tls->events = events;
    tls->is_server = is_server;
    tls->alert_sent = tls->alert_received = TLS_ALERT_NONE;
    deferred_init(&tls->report, on_report);
    (void)SSL_set_app_data(ssl, tls);
    SSL_set_info_callback(ssl, tls_conn_on_info);
    tls_noise_init(&tls->noise, ssl);
    if (may_wait) {
        tls->sign = tls_sign_create(conn, &sign_calls, tls);
    }
    if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_callback(ssl) == NULL) {
        SSL_set_verify(ssl, SSL_get_verify_mode(ssl), tls_conn_on_verify);
    }
    conn->layer = &handshake_layer;
    conn->layer_state = tls;
    return tls;
}

static void start(struct tls_conn *tls, struct span first_bytes)
{
    count_input(tls, first_bytes);
    handshake_step(tls, first_bytes);
    /* What the socket has announced already it will not announce again. */
    handshake_read(tls);
    if (!is_shaking_hands(tls)) {
        handshake_is_over(tls);
        loop_defer(tls->conn->loop, &tls->report);
    }
}

bool tls_conn_accept(struct conn *conn, struct tls_context *context, struct span first_bytes,
                     const struct tls_conn_events *events)
{
    SSL *ssl = ssl_create(context);
    struct tls_conn *tls;

    conn_flush(conn); /* what was queued before goes out in the clear */
    if (ssl == NULL) {
        return false;
    }
    SSL_set_accept_state(ssl);
    tls = layer_put_on(conn, ssl, events, true, tls_context_has_signer(context));
    tls_early_init(&tls->early, ssl);
    start(tls, first_bytes);
    return true;
}

/* Whom the certificate must name, and whom we ask for. */
static bool set_server_name(SSL *ssl, const char *server_name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct in6_addr ip;

    if (server_name == NULL) {
        return SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE;
    }
    if (server_name[0] == '\0') {
        return true;
    }
    if (inet_pton(AF_INET, server_name, &ip) == 1 || inet_pton(AF_INET6, server_name, &ip) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, server_name) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, server_name, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, server_name) == 1;
}

bool tls_conn_connect_with(struct conn *conn, struct tls_context *context, const char *server_name,
                           struct session_slot *slot, const struct tls_conn_events *events)
{
    SSL *ssl = ssl_create(context);
    struct tls_conn *tls;

    conn_flush(conn);
    if (ssl == NULL || !set_server_name(ssl, server_name)) {
        SSL_free(ssl);
        return false;
    }
    SSL_set_connect_state(ssl);
    tls = layer_put_on(conn, ssl, events, false, tls_context_has_signer(context));
    tls->asked_name = xstrdup(server_name != NULL ? server_name : "");
    if (slot != NULL) {
        session_slot_begin(&tls->session, slot, tls->asked_name, ssl);
    }
    start(tls, span_make(NULL, 0));
    return true;
}

bool tls_conn_connect(struct conn *conn, struct tls_context *context, const char *server_name,
                      const struct tls_conn_events *events)
{
    return tls_conn_connect_with(conn, context, server_name, NULL, events);
}

const char *tls_conn_asked_name(const struct conn *conn)
{
    return tls_of(conn)->asked_name;
}
