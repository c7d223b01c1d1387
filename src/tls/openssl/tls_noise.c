#include "tls/tls_noise.h"

#include <openssl/ssl.h>

#include "tls/openssl/tls_bio.h"
#include "tls/openssl/tls_conn_internal.h"

/* The library works through records without data by itself, as long as there is input: taking that
 * away is what stops it. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg)
{
    struct tls_conn *tls = arg;

    (void)version;
    (void)bytes;
    (void)len;
    (void)ssl;
    if (is_sent != 0 || type != SSL3_RT_HEADER || tls->state != TLS_CONN_ESTABLISHED) {
        return;
    }
    /* This is the head of one: those before it are over. */
    if (tls->noise_row++ > NOISE_ROW_MAX || tls->noise++ > NOISE_MAX) {
        tls_bio_drop_input();
    }
}

void tls_noise_init(struct tls_conn *tls)
{
    SSL_set_msg_callback(tls->ssl, on_message);
    SSL_set_msg_callback_arg(tls->ssl, tls);
}

/* The record that brought the data was counted, too. */
void tls_noise_paid(struct tls_conn *tls)
{
    tls->noise_row = 0;
    tls->noise = tls->noise > 2 ? (uint16_t)(tls->noise - 2) : 0;
}

bool tls_noise_is_too_much(const struct tls_conn *tls)
{
    /* The last one may be a part of one with data. */
    int part = SSL_has_pending(tls->ssl) == 1 ? 1 : 0;

    return tls->noise_row - part > NOISE_ROW_MAX || tls->noise - part > NOISE_MAX;
}
