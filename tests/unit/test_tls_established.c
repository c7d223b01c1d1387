/* The TLS layer after the handshake, against the library's own peers: keys that change, records
 * that are broken, and tickets. */
#include "tls_ends.h"

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

static void key_update_flood_ends_the_connection(void **state)
{
    struct end end = {.context = modern};
    struct stranger stranger = {.then = flood_with_key_updates};
    int fds[2];

    (void)state;
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    stranger_open(&stranger, stranger_ctx(true), fds[1], false);
    run();
    assert_true(end.is_ok);
    assert_int_equal(end.got.len, 0);
    assert_int_equal(end.end, CONN_ERROR);
    assert_string_equal(end.failure.word, "only_noise");
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
        cmocka_unit_test(key_updates_are_followed),
        cmocka_unit_test(key_update_flood_ends_the_connection),
        cmocka_unit_test(broken_record_is_an_error),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(one_ticket_resumes),
        cmocka_unit_test(ticket_comes_without_an_answer),
        cmocka_unit_test(alert_follows_the_held_ticket),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
