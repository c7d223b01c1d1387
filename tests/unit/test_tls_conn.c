/* The TLS layer over socket pairs: both ends in one loop, one end against the library's own, and
 * one against bytes that are no TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
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

static struct tls_context *make_server(enum tls_context_policy policy,
                                       enum tls_context_clients clients)
{
    struct tls_certificate_files both[] = {{files[F_EC], files[F_EC_KEY], NULL},
                                           {files[F_RSA], files[F_RSA_KEY], NULL}};
    struct tls_server_options options = {.certificates = both,
                                         .certificate_count = 2,
                                         .policy = policy,
                                         .clients = clients,
                                         .client_ca = files[F_CA]};
    struct error error;
    struct tls_context *context = tls_server_context_create(&options, &error);

    if (context == NULL) {
        print_message("%s\n", error.text);
    }
    return context;
}

static struct tls_context *make_client(const char *trusted, bool has_certificate, bool skip_verify)
{
    struct tls_client_options options = {.ca = trusted, .skip_verify = skip_verify};
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

static void make_identities(void)
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

static int set_up(void **state)
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
    server = make_server(TLS_CONTEXT_INTERMEDIATE, TLS_CLIENTS_OFF);
    modern = make_server(TLS_CONTEXT_MODERN, TLS_CLIENTS_OFF);
    mutual = make_server(TLS_CONTEXT_INTERMEDIATE, TLS_CLIENTS_REQUIRED);
    optional = make_server(TLS_CONTEXT_INTERMEDIATE, TLS_CLIENTS_OPTIONAL);
    trusting = make_client(files[F_CA], false, false);
    distrusting = make_client(files[F_OTHER_CA], false, false);
    careless = make_client(NULL, false, true);
    with_certificate = make_client(files[F_CA], true, false);
    return server && modern && mutual && optional && trusting && distrusting && careless &&
                   with_certificate
               ? 0
               : -1;
}

static int tear_down(void **state)
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

static void on_deadline(struct timer *timer)
{
    (void)timer;
    timed_out = true;
    loop_stop(loop);
}

static void read_all(struct end *end)
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

static void on_done(struct conn *conn, bool ok)
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

static void on_readable(struct conn *conn)
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

static void on_writable(struct conn *conn)
{
    (void)conn;
}

static const struct conn_handler handler = {.on_readable = on_readable, .on_writable = on_writable};

static void end_open(struct end *end, int fd)
{
    conn_init(&end->conn, loop, &handler, end);
    end->loop = loop;
    strbuf_init(&end->got);
    assert_true(conn_open(&end->conn, fd));
}

static void end_close(struct end *end)
{
    conn_close(&end->conn);
    strbuf_free(&end->got);
}

static void pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* The loop runs until somebody stops it; a fresh one each time, since a stopped one stays so. */
static void begin(void)
{
    loop = loop_create();
    assert_non_null(loop);
    timed_out = false;
    timer_init(&deadline, on_deadline);
    timer_set_ms(loop, &deadline, DEADLINE_MS);
}

static void run(void)
{
    loop_run(loop);
    assert_false(timed_out);
}

static void finish(void)
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

static void open_both(struct both *both, struct tls_context *server_context)
{
    int fds[2];

    *both = (struct both){0};
    begin();
    pair(fds);
    end_open(&both->server, fds[0]);
    end_open(&both->client, fds[1]);
    both->server.context = server_context;
}

static void close_both(struct both *both)
{
    end_close(&both->server);
    end_close(&both->client);
    finish();
}

static void say_hello(struct end *end)
{
    conn_queue(&end->conn, SPAN_OF("hello"));
}

static void handshake_reports_facts(void **state)
{
    struct both both;
    char text[128];

    (void)state;
    open_both(&both, mutual);
    both.server.stops_with = &both.client;
    assert_true(tls_conn_connect(&both.client.conn, with_certificate, "site.example", &events));
    assert_false(both.client.is_done);
    run();
    assert_true(both.server.is_ok && both.client.is_ok);
    assert_string_equal(tls_conn_version(&both.server.conn), "TLSv1.3");
    assert_string_equal(tls_conn_cipher(&both.server.conn), "TLS_AES_128_GCM_SHA256");
    assert_true(tls_conn_group(&both.server.conn)[0] != '\0');
    assert_false(tls_conn_was_resumed(&both.server.conn));
    assert_true(span_eq(tls_conn_alpn(&both.server.conn), SPAN_OF("http/1.1")));
    assert_true(span_eq(tls_conn_alpn(&both.client.conn), SPAN_OF("http/1.1")));
    assert_true(tls_conn_has_peer_certificate(&both.server.conn));
    assert_int_equal(tls_conn_peer_subject(&both.server.conn, text, sizeof(text)), 10);
    assert_string_equal(text, "CN=partner");
    assert_int_equal(tls_conn_peer_subject(&both.server.conn, text, 4), 3);
    assert_string_equal(text, "CN=");
    assert_true(tls_conn_peer_fingerprint(&both.server.conn, text));
    assert_int_equal(strlen(text), 64);
    close_both(&both);
}

static void no_client_certificate_has_no_subject(void **state)
{
    struct both both;
    char text[65];

    (void)state;
    open_both(&both, optional);
    both.server.stops_with = &both.client;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "a.wild.example", &events));
    run();
    assert_true(both.server.is_ok);
    assert_false(tls_conn_has_peer_certificate(&both.server.conn));
    assert_int_equal(tls_conn_peer_subject(&both.server.conn, text, sizeof(text)), 0);
    assert_false(tls_conn_peer_fingerprint(&both.server.conn, text));
    close_both(&both);
}

static void bytes_go_both_ways(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    both.client.then = say_hello;
    both.server.wanted = 5;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "127.0.0.1", &events));
    run();
    assert_memory_equal(both.server.got.ptr, "hello", 5);
    close_both(&both);
}

static void server_speaks_first(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    both.server.then = say_hello;
    both.client.wanted = 5;
    assert_true(tls_conn_connect(&both.client.conn, careless, NULL, &events));
    run();
    assert_memory_equal(both.client.got.ptr, "hello", 5);
    close_both(&both);
}

/* ---- much data, in spans of every size ---- */

#define MUCH (1024 * 1024 + 4321)

static char *much;

static char *make_much(void)
{
    uint32_t n = 1;

    much = malloc(MUCH);
    assert_non_null(much);
    for (size_t i = 0; i < MUCH; i++) {
        n = n * 1664525U + 1013904223U;
        much[i] = (char)(n >> 24);
    }
    return much;
}

static void send_much(struct end *end)
{
    static const size_t sizes[] = {1, 200, 16384, 5, 40000, 16383, 16385, 70000, 300, 131072, 3};
    size_t at = 0;

    for (size_t i = 0; at < MUCH; i++) {
        size_t len = sizes[i % ARRAY_LEN(sizes)];
        len = len < MUCH - at ? len : MUCH - at;
        conn_queue(&end->conn, span_make(much + at, len));
        /* Neighbours are joined by the outbox; this keeps spans apart. */
        if (i % 3 == 0) {
            conn_flush(&end->conn);
        } else if (i % 3 == 1) {
            conn_queue_copy(&end->conn, span_make(much + at + len, at + len < MUCH ? 1 : 0));
            len += at + len < MUCH ? 1 : 0;
        }
        at += len;
    }
}

static void much_data_arrives_whole(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    (void)make_much();
    both.client.then = send_much;
    both.server.wanted = MUCH;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "site.example", &events));
    run();
    assert_int_equal(both.server.got.len, MUCH);
    assert_memory_equal(both.server.got.ptr, much, MUCH);
    free(much);
    close_both(&both);
}

static void finish_after_hello(struct end *end)
{
    say_hello(end);
    conn_finish(&end->conn);
}

static void close_notify_is_a_clean_end(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    both.client.then = finish_after_hello;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "site.example", &events));
    run();
    assert_true(both.server.has_ended);
    assert_int_equal(both.server.end, CONN_EOF);
    assert_int_equal(both.server.got.len, 5);
    assert_false(tls_conn_was_truncated(&both.server.conn));
    assert_true(tls_conn_is_established(&both.server.conn));
    close_both(&both);
}

static void close_after_hello(struct end *end)
{
    say_hello(end);
    conn_flush(&end->conn);
    conn_raw_finish(&end->conn);
}

static void end_without_close_notify_is_truncation(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    both.client.then = close_after_hello;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "site.example", &events));
    run();
    assert_int_equal(both.server.end, CONN_EOF);
    assert_int_equal(both.server.got.len, 5);
    assert_true(tls_conn_was_truncated(&both.server.conn));
    close_both(&both);
}

static void owner_may_close_when_told(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    both.server.must_close_on_done = true;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "site.example", &events));
    run();
    assert_true(both.server.is_ok);
    assert_false(conn_is_open(&both.server.conn));
    close_both(&both);
}

static void closing_before_the_report_cancels_it(void **state)
{
    struct both both;

    (void)state;
    open_both(&both, server);
    assert_true(
        tls_conn_accept(&both.server.conn, server, SPAN_OF("GET / HTTP/1.1\r\n\r\n"), &events));
    assert_false(both.server.is_done);
    conn_close(&both.server.conn);
    assert_true(conn_is_plain(&both.server.conn));
    close_both(&both);
    assert_false(both.server.is_done);
}

/* ---- a relay that lets a few bytes through in each turn of the loop ---- */

struct relay_side {
    struct conn conn;
    struct deferred next;
    struct strbuf waiting;
    size_t at;
    size_t step;
    struct conn *to;
    bool has_ended;
};

static void relay_some(struct deferred *deferred)
{
    struct relay_side *side = CONTAINER_OF(deferred, struct relay_side, next);
    size_t left = side->waiting.len - side->at;
    size_t part = left < side->step ? left : side->step;

    conn_queue(side->to, span_make(side->waiting.ptr + side->at, part));
    conn_flush(side->to);
    side->at += part;
    if (side->at < side->waiting.len) {
        loop_defer(loop, &side->next);
    }
}

static void relay_readable(struct conn *conn)
{
    struct relay_side *side = CONTAINER_OF(conn, struct relay_side, conn);
    struct span bytes;

    while (conn_read(conn, &bytes) == CONN_OK) {
        strbuf_add(&side->waiting, bytes);
    }
    loop_defer(loop, &side->next);
}

static const struct conn_handler relay_handler = {.on_readable = relay_readable,
                                                  .on_writable = on_writable};

static void relay_open(struct relay_side *side, int fd, size_t step, struct relay_side *other)
{
    *side = (struct relay_side){.step = step, .to = &other->conn};
    conn_init(&side->conn, loop, &relay_handler, side);
    deferred_init(&side->next, relay_some);
    strbuf_init(&side->waiting);
    assert_true(conn_open(&side->conn, fd));
}

static void relay_close(struct relay_side *side)
{
    deferred_cancel(&side->next);
    conn_close(&side->conn);
    strbuf_free(&side->waiting);
}

static void through_relay(size_t step, size_t wanted, void (*then)(struct end *))
{
    struct both both = {0};
    struct relay_side left, right;
    int a[2], b[2];

    begin();
    pair(a);
    pair(b);
    end_open(&both.server, b[1]);
    end_open(&both.client, a[0]);
    both.server.context = mutual;
    memset(&left, 0, sizeof(left));
    memset(&right, 0, sizeof(right));
    relay_open(&left, a[1], step, &right);
    relay_open(&right, b[0], step, &left);
    both.client.then = then;
    both.server.wanted = wanted;
    assert_true(tls_conn_connect(&both.client.conn, with_certificate, "site.example", &events));
    run();
    assert_true(both.server.is_ok && both.client.is_ok);
    assert_int_equal(both.server.got.len, wanted);
    relay_close(&left);
    relay_close(&right);
    close_both(&both);
}

static void one_byte_at_a_time(void **state)
{
    (void)state;
    through_relay(1, 5, say_hello);
}

static void odd_pieces(void **state)
{
    static const size_t steps[] = {7, 100, 1000, 65536, 65535, 17000};

    (void)state;
    (void)make_much();
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        through_relay(steps[i], steps[i] < 1000 ? 5 : MUCH,
                      steps[i] < 1000 ? say_hello : send_much);
    }
    free(much);
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

static void stranger_events(struct watch *watch, uint32_t epoll_events)
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

static void stranger_open(struct stranger *stranger, SSL_CTX *ctx, int fd, bool is_server)
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

static void stranger_close(struct stranger *stranger)
{
    int fd = SSL_get_fd(stranger->ssl);

    watch_remove(loop, &stranger->watch);
    SSL_free(stranger->ssl);
    SSL_CTX_free(stranger->ctx);
    close(fd);
}

static SSL_CTX *stranger_ctx(bool trusts_us)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    assert_non_null(ctx);
    if (trusts_us) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
    }
    return ctx;
}

static SSL_CTX *client_with(const struct identity *identity)
{
    SSL_CTX *ctx = stranger_ctx(true);

    assert_int_equal(SSL_CTX_use_certificate(ctx, identity->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, identity->key), 1);
    return ctx;
}

/* A strange client comes to our server, which must fail so. Takes the ctx over. */
static void refuses(struct tls_context *context, SSL_CTX *ctx, const char *word, int alert_sent,
                    int alert_received)
{
    struct end end = {.context = context};
    struct stranger stranger = {0};
    int fds[2];

    begin();
    pair(fds);
    end_open(&end, fds[0]);
    end.stops_with = &end;
    stranger_open(&stranger, ctx, fds[1], false);
    run();
    assert_true(end.is_done);
    assert_false(end.is_ok);
    assert_string_equal(end.failure.word, word);
    assert_true(strlen(end.failure.sentence) > 10 && strlen(end.failure.mend) > 10);
    assert_int_equal(end.failure.alert_sent, alert_sent);
    assert_int_equal(end.failure.alert_received, alert_received);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void server_says_why(void **state)
{
    SSL_CTX *ctx;

    (void)state;
    ctx = stranger_ctx(true);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    refuses(modern, ctx, "no_common_version", TLS_ALERT_PROTOCOL_VERSION, TLS_ALERT_NONE);

    ctx = stranger_ctx(true);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, "AES128-SHA"), 1);
    refuses(server, ctx, "no_common_cipher", TLS_ALERT_HANDSHAKE_FAILURE, TLS_ALERT_NONE);

    ctx = stranger_ctx(true);
    assert_int_equal(SSL_CTX_set1_groups_list(ctx, "P-521"), 1);
    refuses(modern, ctx, "no_common_group", TLS_ALERT_HANDSHAKE_FAILURE, TLS_ALERT_NONE);

    ctx = stranger_ctx(true);
    assert_int_equal(SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\4what", 5), 0);
    refuses(server, ctx, "no_common_protocol", TLS_ALERT_NO_APPLICATION_PROTOCOL, TLS_ALERT_NONE);

    ctx = stranger_ctx(true);
    assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, "ed25519"), 1);
    refuses(modern, ctx, "no_common_signature", TLS_ALERT_HANDSHAKE_FAILURE, TLS_ALERT_NONE);

    ctx = stranger_ctx(false);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    refuses(server, ctx, "alert_unknown_ca", TLS_ALERT_NONE, TLS_ALERT_UNKNOWN_CA);
}

static void client_certificates_are_judged(void **state)
{
    (void)state;
    refuses(mutual, stranger_ctx(true), "client_certificate_missing",
            TLS_ALERT_CERTIFICATE_REQUIRED, TLS_ALERT_NONE);
    refuses(mutual, client_with(&expired_client), "client_certificate_expired",
            TLS_ALERT_CERTIFICATE_EXPIRED, TLS_ALERT_NONE);
    refuses(mutual, client_with(&server_as_client), "client_certificate_wrong_purpose",
            TLS_ALERT_UNSUPPORTED_CERTIFICATE, TLS_ALERT_NONE);
    refuses(optional, client_with(&self_signed_client), "client_certificate_self_signed",
            TLS_ALERT_UNKNOWN_CA, TLS_ALERT_NONE);
}

/* ---- bytes that are no handshake ---- */

static void refuses_bytes(struct span bytes, bool then_ends, const char *word)
{
    struct end end = {.context = server};
    int fds[2];

    begin();
    pair(fds);
    end_open(&end, fds[0]);
    end.stops_with = &end;
    assert_int_equal(send(fds[1], bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
    if (then_ends) {
        assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    }
    run();
    assert_true(end.is_done);
    assert_false(end.is_ok);
    assert_string_equal(end.failure.word, word);
    end_close(&end);
    finish();
    close(fds[1]);
}

static void what_is_no_tls_is_named(void **state)
{
    (void)state;
    refuses_bytes(SPAN_OF("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false, "plain_http");
    refuses_bytes(SPAN_OF("CONNECT a:443 HTTP/1.1\r\n\r\n"), false, "plain_http");
    refuses_bytes(SPAN_OF("SSH-2.0-OpenSSH_9.2\r\n"), false, "not_tls");
    refuses_bytes(SPAN_OF("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), true, "closed");
}

/* ---- our client against strange servers ---- */

static SSL_CTX *server_with(const struct identity *identity)
{
    SSL_CTX *ctx = client_with(identity);

    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    return ctx;
}

static void backend_fails(struct tls_context *context, const char *name, SSL_CTX *ctx,
                          const char *word)
{
    struct end end = {0};
    struct stranger stranger = {0};
    int fds[2];

    begin();
    pair(fds);
    end_open(&end, fds[0]);
    end.stops_with = &end;
    stranger_open(&stranger, ctx, fds[1], true);
    assert_true(tls_conn_connect(&end.conn, context, name, &events));
    run();
    assert_non_null(end.failure.word);
    assert_string_equal(end.failure.word, word);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void client_says_why(void **state)
{
    const struct identity_options expired = {
        .subject = "old", .names = "DNS:site.example", .from_days = -9, .until_days = -2};
    const struct identity_options self_signed = {.subject = "own", .names = "DNS:site.example"};
    struct identity identity;
    SSL_CTX *ctx;

    (void)state;
    ctx = server_with(&server_ec);
    backend_fails(trusting, "another.example", ctx, "backend_certificate_wrong_name");
    ctx = server_with(&server_ec);
    backend_fails(trusting, "127.0.0.2", ctx, "backend_certificate_wrong_name");
    ctx = server_with(&server_ec);
    backend_fails(distrusting, "site.example", ctx, "backend_certificate_unknown_ca");
    identity = identity_make(&expired, &ca);
    ctx = server_with(&identity);
    backend_fails(trusting, "site.example", ctx, "backend_certificate_expired");
    identity_free(&identity);
    identity = identity_make(&self_signed, NULL);
    ctx = server_with(&identity);
    backend_fails(trusting, "site.example", ctx, "backend_certificate_self_signed");
    identity_free(&identity);
    ctx = server_with(&server_ec);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_security_level(ctx, 0);
    backend_fails(trusting, "site.example", ctx, "alert_protocol_version");
}

static void backend_that_wants_a_certificate_is_named(void **state)
{
    struct end end = {0};
    struct stranger stranger = {0};
    SSL_CTX *ctx = server_with(&server_ec);
    int fds[2];

    (void)state;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, ctx, fds[1], true);
    assert_true(tls_conn_connect(&end.conn, trusting, "site.example", &events));
    run();
    assert_true(end.is_ok); /* in TLS 1.3 the server judges after the client is done */
    assert_int_equal(end.end, CONN_ERROR);
    assert_string_equal(end.failure.word, "alert_certificate_required");
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

/* ---- after the handshake ---- */

static void update_keys(struct stranger *stranger)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(stranger->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(stranger->ssl, "abc", 3), 3);
    }
}

static void answer(struct end *end)
{
    conn_queue(&end->conn, SPAN_OF("answer"));
}

static void key_updates_are_followed(void **state)
{
    struct end end = {.context = modern, .wanted = 9, .on_wanted = answer};
    struct stranger stranger = {.then = update_keys};
    int fds[2];

    (void)state;
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, stranger_ctx(true), fds[1], false);
    run();
    assert_memory_equal(end.got.ptr, "abcabcabc", 9);
    /* Our answer is sealed with the keys that the peer asked for. */
    assert_int_equal(stranger.got, 6);
    assert_memory_equal(stranger.bytes, "answer", 6);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void flood_with_key_updates(struct stranger *stranger)
{
    int on = 4 * 1024 * 1024;

    (void)setsockopt(SSL_get_fd(stranger->ssl), SOL_SOCKET, SO_SNDBUF, &on, sizeof(on));
    while (SSL_key_update(stranger->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
           SSL_do_handshake(stranger->ssl) == 1) {
    }
}

/* Whatever the peer keeps sending, one read gives the thread back. */
static void key_update_flood_does_not_hold_the_thread(void **state)
{
    struct end end = {.context = modern};
    struct stranger stranger = {.then = flood_with_key_updates};
    int fds[2];

    (void)state;
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, stranger_ctx(true), fds[1], false);
    timer_set_ms(loop, &deadline, 300);
    loop_run(loop);
    assert_true(end.is_ok);
    assert_int_equal(end.got.len, 0);
    assert_int_equal(conn_pending(&end.conn), 0);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void send_broken_record(struct stranger *stranger)
{
    static const char record[] = "\x17\x03\x03\x00\x20"
                                 "0123456789abcdef0123456789abcdef";

    assert_int_equal(send(SSL_get_fd(stranger->ssl), record, 37, MSG_NOSIGNAL), 37);
}

static void broken_record_is_an_error(void **state)
{
    struct end end = {.context = server};
    struct stranger stranger = {.then = send_broken_record};
    int fds[2];

    (void)state;
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, stranger_ctx(true), fds[1], false);
    run();
    assert_true(end.is_ok);
    assert_int_equal(end.end, CONN_ERROR);
    assert_int_equal(end.conn.error, EPROTO);
    assert_string_equal(end.failure.word, "bad_record");
    assert_int_equal(end.failure.alert_sent, TLS_ALERT_BAD_RECORD_MAC);
    /* Writing to it is harmless. */
    say_hello(&end);
    conn_finish(&end.conn);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void renegotiate(struct stranger *stranger)
{
    assert_int_equal(SSL_renegotiate(stranger->ssl), 1);
    (void)SSL_do_handshake(stranger->ssl);
}

static void renegotiation_is_refused(void **state)
{
    struct end end = {.context = server};
    struct stranger stranger = {.then = renegotiate};
    SSL_CTX *ctx = stranger_ctx(true);
    int fds[2];

    (void)state;
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, ctx, fds[1], false);
    timer_set_ms(loop, &deadline, 300);
    loop_run(loop);
    assert_true(end.is_ok);
    assert_int_equal(tls_conn_failure(&end.conn).alert_sent, TLS_ALERT_NO_RENEGOTIATION);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

/* ---- tickets ---- */

static SSL_SESSION *ticket;
static int ticket_count;

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    ticket_count++;
    if (ticket != NULL) {
        SSL_SESSION_free(ticket);
    }
    ticket = session;
    return 1;
}

static void visit(struct tls_context *context, int max_version, bool must_resume)
{
    struct end end = {.context = context, .then = say_hello};
    struct stranger stranger = {0};
    SSL_CTX *ctx = client_with(&client);
    int fds[2];

    SSL_CTX_set_max_proto_version(ctx, max_version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger.ctx = ctx;
    stranger.ssl = SSL_new(ctx);
    assert_int_equal(SSL_set_fd(stranger.ssl, fds[1]), 1);
    if (ticket != NULL) {
        assert_int_equal(SSL_set_session(stranger.ssl, ticket), 1);
    }
    SSL_set_connect_state(stranger.ssl);
    watch_init(&stranger.watch, stranger_events);
    assert_true(watch_add(loop, &stranger.watch, fds[1], EPOLLIN));
    stranger_events(&stranger.watch, 0);
    run();
    assert_int_equal(stranger.got, 5);
    assert_int_equal(tls_conn_was_resumed(&end.conn), must_resume);
    assert_true(tls_conn_has_peer_certificate(&end.conn) == (context == mutual));
    (void)SSL_shutdown(stranger.ssl); /* else the library takes the session for a broken one */
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void one_ticket_resumes(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        ticket_count = 0;
        visit(mutual, versions[i], false);
        assert_int_equal(ticket_count, 1);
        visit(mutual, versions[i], true);
        /* Another site's tickets are worth nothing here. */
        visit(server, versions[i], false);
        SSL_SESSION_free(ticket);
        ticket = NULL;
    }
}

static int stop_at_ticket(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    (void)session;
    ticket_count++;
    loop_stop(loop);
    return 0;
}

/* The ticket waits for an answer to travel with, but not long. */
static void ticket_comes_without_an_answer(void **state)
{
    struct end end = {.context = modern};
    struct stranger stranger = {0};
    SSL_CTX *ctx = stranger_ctx(true);
    int fds[2];

    (void)state;
    ticket_count = 0;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, stop_at_ticket);
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, ctx, fds[1], false);
    run();
    assert_int_equal(ticket_count, 1);
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

static void break_at_once(struct stranger *stranger)
{
    send_broken_record(stranger);
    stranger->is_done = true;
}

/* An alert goes out behind the ticket, or the peer could not open it. */
static void alert_follows_the_held_ticket(void **state)
{
    struct end end = {.context = modern};
    struct stranger stranger = {.then = break_at_once};
    int fds[2];

    (void)state;
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, stranger_ctx(true), fds[1], false);
    run();
    assert_int_equal(end.end, CONN_ERROR);
    ERR_clear_error();
    assert_true(SSL_read(stranger.ssl, stranger.bytes, 1) <= 0);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
    ERR_clear_error();
    stranger_close(&stranger);
    end_close(&end);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_reports_facts),
        cmocka_unit_test(no_client_certificate_has_no_subject),
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(server_speaks_first),
        cmocka_unit_test(much_data_arrives_whole),
        cmocka_unit_test(close_notify_is_a_clean_end),
        cmocka_unit_test(end_without_close_notify_is_truncation),
        cmocka_unit_test(owner_may_close_when_told),
        cmocka_unit_test(closing_before_the_report_cancels_it),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(odd_pieces),
        cmocka_unit_test(server_says_why),
        cmocka_unit_test(client_certificates_are_judged),
        cmocka_unit_test(what_is_no_tls_is_named),
        cmocka_unit_test(client_says_why),
        cmocka_unit_test(backend_that_wants_a_certificate_is_named),
        cmocka_unit_test(key_updates_are_followed),
        cmocka_unit_test(key_update_flood_does_not_hold_the_thread),
        cmocka_unit_test(broken_record_is_an_error),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(one_ticket_resumes),
        cmocka_unit_test(ticket_comes_without_an_answer),
        cmocka_unit_test(alert_follows_the_held_ticket),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
