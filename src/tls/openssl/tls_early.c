#include "tls/openssl/tls_early.h"

#include <stdlib.h>
#include <string.h>

void tls_early_init(struct tls_early *early, SSL *ssl)
{
    early->may_come = SSL_is_server(ssl) == 1 && SSL_get_max_early_data(ssl) != 0;
}

void tls_early_reset(struct tls_early *early)
{
    free(early->bytes);
    early->bytes = NULL;
}

static void keep(struct tls_early *early, const char *bytes, size_t len)
{
    early->bytes = xmalloc(len);
    memcpy(early->bytes, bytes, len);
    early->len = (uint32_t)len;
    early->is_early = true;
}

int tls_early_handshake(struct tls_early *early, SSL *ssl, char *plain, size_t room)
{
    size_t got = 0;

    if (early->may_come) {
        switch (SSL_read_early_data(ssl, plain, room, &got)) {
        case SSL_READ_EARLY_DATA_SUCCESS:
            keep(early, plain, got);
            return 1;
        case SSL_READ_EARLY_DATA_FINISH:
            early->may_come = false;
            break;
        default:
            return 0;
        }
    }
    return SSL_do_handshake(ssl);
}

int tls_early_read(struct tls_early *early, SSL *ssl, char *bytes, size_t room, size_t *got)
{
    int result = 0;

    if (early->may_come) {
        switch (SSL_read_early_data(ssl, bytes, room, got)) {
        case SSL_READ_EARLY_DATA_SUCCESS:
            return 1;
        case SSL_READ_EARLY_DATA_FINISH:
            early->may_come = false;
            break;
        default:
            return 0;
        }
    }
    result = SSL_read_ex(ssl, bytes, room, got); /* goes on with the handshake first */
    early->is_early = early->is_early && SSL_is_init_finished(ssl) == 0;
    return result;
}

int tls_early_write(const struct tls_early *early, SSL *ssl, const char *bytes, size_t len)
{
    size_t written;

    return early->is_early ? SSL_write_early_data(ssl, bytes, len, &written)
                           : SSL_write_ex(ssl, bytes, len, &written);
}

size_t tls_early_take(struct tls_early *early, char *plain)
{
    size_t len = early->len;

    memcpy(plain, early->bytes, len);
    tls_early_reset(early);
    early->len = 0;
    return len;
}
