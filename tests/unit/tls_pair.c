#include "tls_pair.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include "base/check.h"

struct tls_pair tls_pair_make(SSL_CTX *client, SSL_CTX *server, int version)
{
    struct tls_pair pair = {SSL_new(client), SSL_new(server)};
    BIO *client_bio, *server_bio;

    CHECK(pair.client != NULL && pair.server != NULL);
    CHECK(BIO_new_bio_pair(&client_bio, 64 * 1024, &server_bio, 64 * 1024) == 1);
    SSL_set_bio(pair.client, client_bio, client_bio);
    SSL_set_bio(pair.server, server_bio, server_bio);
    SSL_set_connect_state(pair.client);
    SSL_set_accept_state(pair.server);
    CHECK(SSL_set_min_proto_version(pair.client, version) == 1);
    CHECK(SSL_set_max_proto_version(pair.client, version) == 1);
    return pair;
}

static bool has_failed(SSL *ssl, int result)
{
    return result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ;
}

/* Whether nothing but the wait for more is left to read. */
static bool read_on(SSL *ssl)
{
    char byte;

    return !has_failed(ssl, SSL_read(ssl, &byte, 1));
}

bool tls_pair_shake(struct tls_pair *pair)
{
    int client = 0;
    int server = 0;
    bool ok;

    ERR_clear_error();
    for (int i = 0; i < 20 && (client != 1 || server != 1); i++) {
        client = SSL_do_handshake(pair->client);
        if (has_failed(pair->client, client)) {
            break;
        }
        server = SSL_do_handshake(pair->server);
        if (has_failed(pair->server, server)) {
            break;
        }
    }
    ok = client == 1 && server == 1 && read_on(pair->client) && read_on(pair->server);
    ERR_clear_error();
    return ok;
}

void tls_pair_free(struct tls_pair *pair)
{
    /* One that ends without close_notify spoils its session. */
    SSL_set_shutdown(pair->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(pair->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(pair->client);
    SSL_free(pair->server);
    *pair = (struct tls_pair){0};
}

void tls_pair_use(SSL_CTX *ssl_ctx, const struct identity *identity,
                  const struct identity *const *above, size_t above_count)
{
    CHECK(SSL_CTX_use_certificate(ssl_ctx, identity->certificate) == 1);
    CHECK(SSL_CTX_use_PrivateKey(ssl_ctx, identity->key) == 1);
    for (size_t i = 0; i < above_count; i++) {
        CHECK(SSL_CTX_add1_chain_cert(ssl_ctx, above[i]->certificate) == 1);
    }
}
