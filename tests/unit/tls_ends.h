/* What the tests of the TLS layer share: identities and contexts made once, connections over socket
 * pairs in a loop, and the library's own end for the other side. */
#ifndef TIDEGATE_TESTS_TLS_ENDS_H
#define TIDEGATE_TESTS_TLS_ENDS_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "io/conn.h"
#include "tls/alert.h"
#include "tls/tls_conn.h"
#include "tls_test.h"

#define DEADLINE_MS 20000

/* ---- identities, made once ---- */

static struct identity ca, other_ca, server_ec, server_rsa, client, expired_client,
    server_as_client, self_signed_client;
static const char *files[16];
enum { F_CA, F_OTHER_CA, F_EC, F_EC_KEY, F_RSA, F_RSA_KEY, F_CLIENT, F_CLIENT_KEY };

static struct tls_context *server, *modern, *mutual, *optional, *trusting, *distrusting, *careless,
    *with_certificate;

static inline struct tls_context *make_server(enum tls_policy policy, enum client_verify clients)
{
    struct tls_certificate_files both[] = {{files[F_EC], files[F_EC_KEY], NULL, NULL},
                                           {files[F_RSA], files[F_RSA_KEY], NULL, NULL}};
    struct tls_server_options options = {.certificates = both,
                                         .certificate_count = 2,
                                         .policy = policy,
                                         .clients = clients,
                                         .client_ca = files[F_CA],
                                         .protocols = TLS_H1_ONLY};
    struct error error;
    struct tls_context *context = tls_server_context_create(&options, &error);

    if (context == NULL) {
        print_message("%s\n", error.text);
    }
    return context;
}

static inline struct tls_context *make_client(const char *trusted, bool has_certificate,
                                              bool skip_verify)
{
    struct tls_client_options options = {
        .ca = trusted, .skip_verify = skip_verify, .protocols = TLS_H1_ONLY};
    struct error error;
    struct tls_context *context;

    if (has_certificate) {
        options.certificate = files[F_CLIENT];
        options.key = files[F_CLIENT_KEY];
    }
    context = tls_client_context_create(&options, &error);
    if (context == NULL) {
        print_message("%s\n", error.text);
    }
    return context;
}

static inline void make_identities(void)
{
    const struct identity_options ca_options = {.subject = "test CA", .is_ca = true};
    const struct identity_options other_options = {.subject = "other CA", .is_ca = true};
    struct identity_options options = {.subject = "site",
                                       .names = "DNS:site.example,DNS:*.wild.example,IP:127.0.0.1",
                                       .usage = "serverAuth"};

    ca = identity_make(&ca_options, NULL);
    other_ca = identity_make(&other_options, NULL);
    server_ec = identity_make(&options, &ca);
    options.key = "RSA:2048";
    server_rsa = identity_make(&options, &ca);
    options = (struct identity_options){.subject = "partner", .usage = "clientAuth"};
    client = identity_make(&options, &ca);
    self_signed_client = identity_make(&options, NULL);
    options.from_days = -9;
    options.until_days = -2;
    expired_client = identity_make(&options, &ca);
    options = (struct identity_options){.subject = "partner", .usage = "serverAuth"};
    server_as_client = identity_make(&options, &ca);
}

static inline int set_up(void **state)
{
    if (tls_test_set_up(state) != 0) {
        return -1;
    }
    make_identities();
    files[F_CA] = strdup(test_write_certificate("ca.pem", &ca));
    files[F_OTHER_CA] = strdup(test_write_certificate("other.pem", &other_ca));
    files[F_EC] = strdup(test_write_certificate("ec.pem", &server_ec));
    files[F_EC_KEY] = strdup(test_write_key("ec.key", &server_ec));
    files[F_RSA] = strdup(test_write_certificate("rsa.pem", &server_rsa));
    files[F_RSA_KEY] = strdup(test_write_key("rsa.key", &server_rsa));
    files[F_CLIENT] = strdup(test_write_certificate("client.pem", &client));
    files[F_CLIENT_KEY] = strdup(test_write_key("client.key", &client));
    server = make_server(TLS_POLICY_INTERMEDIATE, CLIENT_VERIFY_OFF);
    modern = make_server(TLS_POLICY_MODERN, CLIENT_VERIFY_OFF);
    mutual = make_server(TLS_POLICY_INTERMEDIATE, CLIENT_VERIFY_REQUIRED);
    optional = make_server(TLS_POLICY_INTERMEDIATE, CLIENT_VERIFY_OPTIONAL);
    trusting = make_client(files[F_CA], false, false);
    distrusting = make_client(files[F_OTHER_CA], false, false);
    careless = make_client(NULL, false, true);
    with_certificate = make_client(files[F_CA], true, false);
    return server && modern && mutual && optional && trusting && distrusting && careless &&
                   with_certificate
               ? 0
               : -1;
}

static inline int tear_down(void **state)
{
    struct identity *all[] = {&ca,     &other_ca,       &server_ec,        &server_rsa,
                              &client, &expired_client, &server_as_client, &self_signed_client};
    struct tls_context *contexts[] = {server,   modern,      mutual,   optional,
                                      trusting, distrusting, careless, with_certificate};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        identity_free(all[i]);
        tls_context_destroy(contexts[i]);
        free((char *)(uintptr_t)files[i]);
    }
    return tls_test_tear_down(state);
}

/* ---- one end ---- */

struct end {
    struct conn conn;
    struct loop *loop;
    struct tls_context *context; /* put on at the first bytes, when this is the server */
    struct strbuf got;
    size_t wanted; /* stops the loop when so many have come; 0: never */
    bool is_done;
    bool is_ok;
    bool has_ended;
    bool must_close_on_done;
    enum conn_result end;
    struct tls_failure failure;
    void (*then)(struct end *end);      /* after the handshake */
    void (*on_wanted)(struct end *end); /* instead of stopping the loop */
    struct end *stops_with; /* the loop stops when both are done; NULL: with the end alone */
};

static struct loop *loop;
static struct timer deadline;
static bool timed_out;

static inline void on_deadline(struct timer *timer)
{
    (void)timer;
    timed_out = true;
    loop_stop(loop);
}

static inline void read_all(struct end *end)
{
    struct span bytes;
    enum conn_result result = CONN_OK;

    while (conn_is_open(&end->conn) && conn_can_read(&end->conn) &&
           (result = conn_read(&end->conn, &bytes)) == CONN_OK) {
        assert_true(bytes.len > 0);
        strbuf_add(&end->got, bytes);
    }
    if (result == CONN_EOF || result == CONN_ERROR) {
        end->has_ended = true;
        end->end = result;
        end->failure = tls_conn_failure(&end->conn);
        loop_stop(loop);
    }
    if (end->wanted != 0 && end->got.len >= end->wanted) {
        if (end->on_wanted != NULL) {
            end->on_wanted(end);
        } else {
            loop_stop(loop);
        }
    }
}

static inline void on_done(struct conn *conn, bool ok)
{
    struct end *end = CONTAINER_OF(conn, struct end, conn);

    assert_false(end->is_done);
    end->is_done = true;
    end->is_ok = ok;
    end->failure = tls_conn_failure(conn);
    assert_int_equal(ok, tls_conn_is_established(conn));
    assert_int_equal(ok, end->failure.word == NULL);
    if (end->must_close_on_done) {
        conn_close(conn);
        loop_stop(loop);
        return;
    }
    if (!ok) {
        conn_finish(conn);
    } else if (end->then != NULL) {
        end->then(end);
    }
    if (ok && conn_can_read(conn)) {
        read_all(end);
    }
    if (end->stops_with != NULL && (!ok || end->stops_with->is_done)) {
        loop_stop(loop);
    }
}

static const struct tls_conn_events events = {on_done};

static inline void on_readable(struct conn *conn)
{
    struct end *end = CONTAINER_OF(conn, struct end, conn);
    struct span bytes;

    if (end->context != NULL && conn_is_plain(conn)) {
        switch (conn_read(conn, &bytes)) {
        case CONN_OK:
            assert_true(tls_conn_accept(conn, end->context, bytes, &events));
            assert_false(end->is_done);
            break;
        case CONN_AGAIN:
            break;
        case CONN_EOF:
        case CONN_ERROR:
            conn_close(conn);
        }
        return;
    }
    read_all(end);
}

static inline void on_writable(struct conn *conn)
{
    (void)conn;
}

static const struct conn_handler handler = {.on_readable = on_readable, .on_writable = on_writable};

static inline void end_open(struct end *end, int fd)
{
    conn_init(&end->conn, loop, &handler, end);
    end->loop = loop;
    strbuf_init(&end->got);
    assert_true(conn_open(&end->conn, fd));
}

static inline void end_close(struct end *end)
{
    conn_close(&end->conn);
    strbuf_free(&end->got);
}

static inline void pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* The loop runs until somebody stops it; a fresh one each time, since a stopped one stays so. */
static inline void begin(void)
{
    loop = loop_create();
    assert_non_null(loop);
    timed_out = false;
    timer_init(&deadline, on_deadline);
    timer_set_ms(loop, &deadline, DEADLINE_MS);
}

static inline void run(void)
{
    loop_run(loop);
    assert_false(timed_out);
}

static inline void finish(void)
{
    timer_destroy(loop, &deadline);
    loop_destroy(loop);
    loop = NULL;
}

/* ---- both ends ours ---- */

struct both {
    struct end server;
    struct end client;
};

static inline void open_both(struct both *both, struct tls_context *server_context)
{
    int fds[2];

    *both = (struct both){0};
    begin();
    pair(fds);
    end_open(&both->server, fds[0]);
    end_open(&both->client, fds[1]);
    both->server.context = server_context;
}

static inline void close_both(struct both *both)
{
    end_close(&both->server);
    end_close(&both->client);
    finish();
}

static inline void say_hello(struct end *end)
{
    conn_queue(&end->conn, SPAN_OF("hello"));
}

/* ---- one end the library's own ---- */

struct stranger {
    struct watch watch;
    SSL_CTX *ctx;
    SSL *ssl;
    bool is_done;
    int result;
    size_t got;
    char bytes[256];
    void (*then)(struct stranger *stranger);
};

static inline void stranger_events(struct watch *watch, uint32_t epoll_events)
{
    struct stranger *stranger = CONTAINER_OF(watch, struct stranger, watch);

    (void)epoll_events;
    if (!stranger->is_done) {
        int result = SSL_do_handshake(stranger->ssl);
        if (result != 1 && SSL_get_error(stranger->ssl, result) == SSL_ERROR_WANT_READ) {
            return;
        }
        stranger->is_done = true;
        stranger->result = result;
        if (result == 1 && stranger->then != NULL) {
            stranger->then(stranger);
        }
    }
    ERR_clear_error();
    while (stranger->got < sizeof(stranger->bytes)) {
        int n = SSL_read(stranger->ssl, stranger->bytes + stranger->got,
                         (int)(sizeof(stranger->bytes) - stranger->got));
        if (n <= 0) {
            if (SSL_get_error(stranger->ssl, n) != SSL_ERROR_WANT_READ) {
                watch_remove(loop, watch);
            }
            break;
        }
        stranger->got += (size_t)n;
        loop_stop(loop);
    }
}

static inline void stranger_open(struct stranger *stranger, SSL_CTX *ctx, int fd, bool is_server)
{
    stranger->ctx = ctx;
    stranger->ssl = SSL_new(ctx);
    assert_non_null(stranger->ssl);
    assert_int_equal(SSL_set_fd(stranger->ssl, fd), 1);
    watch_init(&stranger->watch, stranger_events);
    assert_true(watch_add(loop, &stranger->watch, fd, EPOLLIN));
    if (is_server) {
        SSL_set_accept_state(stranger->ssl);
    } else {
        SSL_set_connect_state(stranger->ssl);
        stranger_events(&stranger->watch, 0);
    }
}

static inline void stranger_close(struct stranger *stranger)
{
    int fd = SSL_get_fd(stranger->ssl);

    watch_remove(loop, &stranger->watch);
    SSL_free(stranger->ssl);
    SSL_CTX_free(stranger->ctx);
    close(fd);
}

static inline SSL_CTX *stranger_ctx(bool trusts_us)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    assert_non_null(ctx);
    if (trusts_us) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
    }
    return ctx;
}

static inline SSL_CTX *client_with(const struct identity *identity)
{
    SSL_CTX *ctx = stranger_ctx(true);

    assert_int_equal(SSL_CTX_use_certificate(ctx, identity->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, identity->key), 1);
    return ctx;
}

#endif
