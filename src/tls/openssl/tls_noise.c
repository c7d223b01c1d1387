#include "tls/openssl/tls_noise.h"

#include "tls/openssl/tls_bio.h"

/* The library works through records without data by itself, as long as there is input: taking that
 * away is what stops it. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *arg)
{
    struct tls_noise *noise = arg;

    (void)version;
    (void)bytes;
    (void)len;
    (void)ssl;
    if (is_sent != 0 || type != SSL3_RT_HEADER || !noise->is_counting) {
        return;
    }
    /* This is the head of one: those before it are over. */
    if (noise->row++ > NOISE_ROW_MAX || noise->all++ > NOISE_MAX) {
        tls_bio_drop_input();
    }
}

void tls_noise_init(struct tls_noise *noise, SSL *ssl)
{
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, noise);
}

void tls_noise_start(struct tls_noise *noise)
{
    noise->is_counting = true;
}

/* The record that brought the data was counted, too. */
void tls_noise_paid(struct tls_noise *noise)
{
    noise->row = 0;
    noise->all = noise->all > 2 ? (uint16_t)(noise->all - 2) : 0;
}

bool tls_noise_is_too_much(const struct tls_noise *noise, const SSL *ssl)
{
    /* The last one may be a part of one with data. */
    int part = SSL_has_pending(ssl) == 1 ? 1 : 0;

    return noise->row - part > NOISE_ROW_MAX || noise->all - part > NOISE_MAX;
}
