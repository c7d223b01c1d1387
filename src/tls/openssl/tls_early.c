#include "tls/openssl/tls_early.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tls/openssl/tls_conn_internal.h"
#include "tls/replay_guard.h"
#include "tls/tickets.h"

/* ---- a context that takes it ---- */

/* The library asks last: the ticket is good, its binder and age are right, and name, cipher and
 * protocol are those of the session. */
static int is_allowed(SSL *ssl, void *arg)
{
    unsigned char random[REPLAY_RANDOM_BYTES];

    return SSL_get_client_random(ssl, random, sizeof(random)) == sizeof(random) &&
           replay_guard_is_first(arg, random, clock_wall_s());
}

bool tls_early_install(SSL_CTX *ssl_ctx, struct tls_tickets *tickets, uint32_t limit)
{
    struct replay_guard *guard = tls_tickets_replay_guard(tickets);

    if (SSL_CTX_set_max_early_data(ssl_ctx, limit) != 1 ||
        SSL_CTX_set_recv_max_early_data(ssl_ctx, limit) != 1) {
        return false;
    }
    /* The library's own way is sessions kept by the server, each good for one connection: browsers,
     * which open several at once, would shake hands in full for all but the first. */
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_ANTI_REPLAY);
    SSL_CTX_set_allow_early_data_cb(ssl_ctx, is_allowed, guard);
    return true;
}

/* ---- a connection ---- */

void tls_early_init(struct tls_conn *tls)
{
    tls->may_be_early = tls->is_server && SSL_get_max_early_data(tls->ssl) != 0;
}

static void keep(struct tls_conn *tls, const char *bytes, size_t len)
{
    tls->early_bytes = xmalloc(len);
    memcpy(tls->early_bytes, bytes, len);
    tls->early_len = (uint32_t)len;
    tls->is_early = true;
}

int tls_early_handshake(struct tls_conn *tls)
{
    char *plain = conn_memory(tls->conn)->plain;
    size_t got = 0;

    if (tls->may_be_early) {
        switch (SSL_read_early_data(tls->ssl, plain, CONN_PLAIN_BYTES, &got)) {
        case SSL_READ_EARLY_DATA_SUCCESS:
            keep(tls, plain, got);
            return 1;
        case SSL_READ_EARLY_DATA_FINISH:
            tls->may_be_early = false;
            break;
        default:
            return 0;
        }
    }
    return SSL_do_handshake(tls->ssl);
}

int tls_early_read(struct tls_conn *tls, char *bytes, size_t room, size_t *got)
{
    int result = 0;

    if (tls->may_be_early) {
        switch (SSL_read_early_data(tls->ssl, bytes, room, got)) {
        case SSL_READ_EARLY_DATA_SUCCESS:
            return 1;
        case SSL_READ_EARLY_DATA_FINISH:
            tls->may_be_early = false;
            break;
        default:
            return 0;
        }
    }
    result = SSL_read_ex(tls->ssl, bytes, room, got); /* goes on with the handshake first */
    tls->is_early = tls->is_early && SSL_is_init_finished(tls->ssl) == 0;
    return result;
}

int tls_early_write(struct tls_conn *tls, const char *bytes, size_t len)
{
    size_t written;

    return tls->is_early ? SSL_write_early_data(tls->ssl, bytes, len, &written)
                         : SSL_write_ex(tls->ssl, bytes, len, &written);
}

size_t tls_early_take(struct tls_conn *tls)
{
    size_t len = tls->early_len;

    memcpy(conn_memory(tls->conn)->plain, tls->early_bytes, len);
    free(tls->early_bytes);
    tls->early_bytes = NULL;
    tls->early_len = 0;
    return len;
}
