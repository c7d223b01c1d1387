/* The TLS layer over socket pairs, both ends ours: what is sent arrives, in whatever pieces it
 * comes, and each end of a connection is told for what it was. */
#include "tls_ends.h"

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
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
