#include "tls/openssl/early_accept.h"

#include "base/clock.h"
#include "tls/replay_guard.h"
#include "tls/tickets.h"

/* The library asks last: the ticket is good, its binder and age are right, and name, cipher and
 * protocol are those of the session. */
static int is_allowed(SSL *ssl, void *arg)
{
    unsigned char random[REPLAY_RANDOM_BYTES];

    return SSL_get_client_random(ssl, random, sizeof(random)) == sizeof(random) &&
           replay_guard_is_first(arg, random, clock_wall_s());
}

bool early_accept_install(SSL_CTX *ssl_ctx, struct tls_tickets *tickets, uint32_t limit)
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
