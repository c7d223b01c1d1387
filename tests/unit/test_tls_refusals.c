/* The TLS layer against the library's own peers, and against bytes that are no TLS: each refusal
 * has its word and its alert. */
#include "tls_ends.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_says_why),
        cmocka_unit_test(client_certificates_are_judged),
        cmocka_unit_test(what_is_no_tls_is_named),
        cmocka_unit_test(client_says_why),
        cmocka_unit_test(backend_that_wants_a_certificate_is_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
