/* Handshakes whose signature comes from elsewhere: at once, late, wrong, never, and after the
 * connection's end; a server's and a client's. */
#include "tls_ends.h"

#include "tls/openssl/tls_conn_internal.h"
#include "tls/signer.h"

/* ---- a signer that does as it is told ---- */

enum how { AT_ONCE, LATE, ON_DEMAND };

struct told_signer {
    struct signer signer;
    EVP_PKEY *key;
    enum how how;
    bool refuses;
    struct sign_request *request; /* the last one that is not answered yet */
    struct deferred later;
    void (*on_ask)(void);
    int asked;
    uint16_t scheme;
};

static struct told_signer signer;

static const EVP_MD *digest_of(uint16_t scheme)
{
    switch (scheme) {
    case 0x0403:
    case 0x0401:
    case 0x0804:
        return EVP_sha256();
    case 0x0503:
    case 0x0501:
    case 0x0805:
        return EVP_sha384();
    case 0x0603:
    case 0x0601:
    case 0x0806:
        return EVP_sha512();
    default:
        return NULL; /* Ed25519 */
    }
}

static void answer(struct told_signer *told)
{
    struct sign_request *request = told->request;
    unsigned char bytes[SIGN_ANSWER_MAX];
    size_t len = sizeof(bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;

    assert_non_null(request);
    told->request = NULL;
    assert_int_equal(
        EVP_DigestSignInit(context, &options, digest_of(request->scheme), NULL, told->key), 1);
    if (request->scheme >> 8 == 0x08 && EVP_PKEY_is_a(told->key, "RSA") == 1) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(EVP_DigestSign(context, bytes, &len,
                                    (const unsigned char *)request->message.ptr,
                                    request->message.len),
                     1);
    EVP_MD_CTX_free(context);
    sign_answer(request, span_make(bytes, told->refuses ? 0 : len));
}

static void answer_later(struct deferred *deferred)
{
    answer(CONTAINER_OF(deferred, struct told_signer, later));
}

static void be_asked(struct signer *self, struct sign_request *request)
{
    struct told_signer *told = CONTAINER_OF(self, struct told_signer, signer);

    told->asked++;
    told->scheme = request->scheme;
    told->request = request;
    if (told->on_ask != NULL) {
        told->on_ask();
    }
    if (told->how == AT_ONCE) {
        answer(told);
    } else if (told->how == LATE) {
        loop_defer(loop, &told->later);
    }
}

static void tell(EVP_PKEY *key, enum how how)
{
    signer = (struct told_signer){.signer = {.sign = be_asked}, .key = key, .how = how};
    deferred_init(&signer.later, answer_later);
}

/* ---- contexts ---- */

static struct tls_context *server_of(const char *certificate, enum client_verify clients)
{
    struct tls_certificate_files one = {.certificate = certificate, .signer = &signer.signer};
    struct tls_server_options options = {.certificates = &one,
                                         .certificate_count = 1,
                                         .policy = TLS_POLICY_INTERMEDIATE,
                                         .clients = clients,
                                         .client_ca = files[F_CA]};
    struct error error = {0};
    struct tls_context *context = tls_server_context_create(&options, &error);

    assert_string_equal(error.text, "");
    assert_non_null(context);
    return context;
}

static struct tls_context *client_of(const char *certificate)
{
    struct tls_client_options options = {
        .ca = files[F_CA], .certificate = certificate, .signer = &signer.signer};
    struct error error = {0};
    struct tls_context *context = tls_client_context_create(&options, &error);

    assert_string_equal(error.text, "");
    assert_non_null(context);
    return context;
}

static void start(struct both *both, struct tls_context *server_context,
                  struct tls_context *client_context)
{
    open_both(both, server_context);
    both->server.stops_with = &both->client;
    both->client.stops_with = &both->server;
    assert_true(tls_conn_connect(&both->client.conn, client_context, "site.example", &events));
}

/* ---- what comes, late or at once, is as good as a signature by the library ---- */

static void shake_hands(const char *certificate, EVP_PKEY *key, enum how how)
{
    struct tls_context *context;
    struct both both;

    tell(key, how);
    context = server_of(certificate, CLIENT_VERIFY_OFF);
    start(&both, context, trusting);
    run();
    assert_true(both.server.is_ok && both.client.is_ok);
    assert_int_equal(signer.asked, 1);
    assert_null(tls_of(&both.server.conn)->sign);
    close_both(&both);
    tls_context_destroy(context);
}

static void every_kind_of_key_signs_at_once_and_late(void **state)
{
    static const char *const kinds[] = {"EC", "EC:P-384", "RSA:2048", "ED25519"};
    static const uint16_t schemes[] = {0x0403, 0x0503, 0x0804, 0x0807};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct identity_options options = {
            .subject = "site", .names = "DNS:site.example", .key = kinds[i]};
        struct identity one = identity_make(&options, &ca);
        const char *file = test_write_certificate("one.pem", &one);

        shake_hands(file, one.key, AT_ONCE);
        assert_int_equal(signer.scheme, schemes[i]);
        shake_hands(file, one.key, LATE);
        assert_int_equal(signer.scheme, schemes[i]);
        identity_free(&one);
    }
}

static void tls12_waits_as_well(void **state)
{
    struct tls_context *context;
    struct stranger client_end;
    struct end end = {0};
    SSL_CTX *ctx = stranger_ctx(true);
    int fds[2];
    (void)state;

    tell(server_rsa.key, LATE);
    context = server_of(files[F_RSA], CLIENT_VERIFY_OFF);
    begin();
    pair(fds);
    end_open(&end, fds[0]);
    end.context = context;
    end.then = say_hello;
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    client_end = (struct stranger){0};
    stranger_open(&client_end, ctx, fds[1], false);
    run();
    assert_true(end.is_ok);
    assert_string_equal(tls_conn_version(&end.conn), "TLSv1.2");
    assert_int_equal(signer.asked, 1);
    stranger_close(&client_end);
    end_close(&end);
    finish();
    tls_context_destroy(context);
}

static void a_client_shows_its_certificate_late(void **state)
{
    struct tls_context *context;
    struct both both;
    char text[65];
    (void)state;

    tell(client.key, LATE);
    context = client_of(files[F_CLIENT]);
    start(&both, mutual, context);
    run();
    assert_true(both.server.is_ok && both.client.is_ok);
    assert_int_equal(signer.asked, 1);
    assert_true(tls_conn_peer_fingerprint(&both.server.conn, text));
    close_both(&both);
    tls_context_destroy(context);
}

static void other_contexts_have_none_of_it(void **state)
{
    struct both both;
    (void)state;

    assert_false(tls_context_has_signer(server));
    assert_false(tls_context_has_signer(with_certificate));
    open_both(&both, server);
    assert_true(tls_conn_connect(&both.client.conn, trusting, "site.example", &events));
    assert_null(tls_of(&both.client.conn)->sign);
    close_both(&both);
}

/* ---- it does not come, or not as it should ---- */

static void fail_for(const char *word)
{
    struct tls_context *context = server_of(files[F_EC], CLIENT_VERIFY_OFF);
    struct both both;

    start(&both, context, trusting);
    run();
    assert_true(both.server.is_done && !both.server.is_ok);
    assert_string_equal(both.server.failure.word, word);
    assert_int_equal(both.server.failure.alert_sent, TLS_ALERT_INTERNAL_ERROR);
    close_both(&both);
    tls_context_destroy(context);
}

static void a_refusal_fails_the_handshake(void **state)
{
    (void)state;
    tell(server_ec.key, LATE);
    signer.refuses = true;
    fail_for("not_signed");
    tell(server_ec.key, AT_ONCE);
    signer.refuses = true;
    fail_for("not_signed");
}

static void a_signature_by_another_key_fails_the_handshake(void **state)
{
    (void)state;
    tell(client.key, LATE);
    fail_for("wrong_signature");
    tell(client.key, AT_ONCE);
    fail_for("wrong_signature");
}

static void a_client_says_so_too(void **state)
{
    struct tls_context *context;
    struct both both;
    (void)state;

    tell(server_ec.key, LATE);
    context = client_of(files[F_CLIENT]);
    start(&both, mutual, context);
    both.client.stops_with = &both.client;
    run();
    assert_false(both.client.is_ok);
    assert_string_equal(both.client.failure.word, "wrong_signature");
    close_both(&both);
    tls_context_destroy(context);
}

/* ---- meanwhile ---- */

static struct both *waiting;

static void stop(void)
{
    loop_stop(loop);
}

/* Up to where the server waits. */
static struct tls_context *wait_for_signature(struct both *both, EVP_PKEY *key)
{
    struct tls_context *context;

    tell(key, ON_DEMAND);
    signer.on_ask = stop;
    context = server_of(files[F_EC], CLIENT_VERIFY_OFF);
    waiting = both;
    start(both, context, trusting);
    run();
    assert_non_null(signer.request);
    assert_int_equal(tls_of(&both->server.conn)->state, TLS_CONN_UNSIGNED);
    assert_false(tls_conn_is_established(&both->server.conn));
    assert_false(both->server.is_done);
    return context;
}

/* A loop that was stopped does not run again: what is left is done in one of its own. */
static void drain(void)
{
    sign_answer(signer.request, SPAN_OF("too late"));
    signer.request = NULL;
}

static void the_owner_may_close_while_it_waits(void **state)
{
    struct both both;
    struct tls_context *context = wait_for_signature(&both, server_ec.key);
    (void)state;

    conn_close(&both.server.conn);
    drain();
    close_both(&both);
    tls_context_destroy(context);
}

static void the_answer_may_come_just_before_the_end(void **state)
{
    struct both both;
    struct tls_context *context = wait_for_signature(&both, server_ec.key);
    (void)state;

    answer(&signer); /* the handshake would go on at the end of the turn */
    conn_close(&both.server.conn);
    assert_false(both.server.is_done);
    close_both(&both);
    tls_context_destroy(context);
}

static void a_context_may_go_while_a_handshake_waits(void **state)
{
    struct both both;
    struct tls_context *context = wait_for_signature(&both, server_ec.key);
    (void)state;

    tls_context_destroy(context);
    answer(&signer);
    close_both(&both);
}

static void leave(void)
{
    conn_close(&waiting->client.conn);
}

static void a_client_that_leaves_is_noticed_at_once(void **state)
{
    struct tls_context *context;
    struct both both;
    (void)state;

    tell(server_ec.key, ON_DEMAND);
    signer.on_ask = leave;
    waiting = &both;
    context = server_of(files[F_EC], CLIENT_VERIFY_OFF);
    start(&both, context, trusting);
    both.server.stops_with = &both.server;
    run();
    assert_true(both.server.is_done && !both.server.is_ok);
    assert_string_equal(both.server.failure.word, "closed");
    assert_int_equal(both.server.failure.alert_sent, TLS_ALERT_NONE);
    drain();
    close_both(&both);
    tls_context_destroy(context);
}

/* Two records that TLS 1.3 has clients send for the sake of old middleboxes, and that are passed
 * over (RFC 8446 section 5). */
static void send_more(void)
{
    static const char records[] = "\x14\x03\x03\x00\x01\x01\x14\x03\x03\x00\x01\x01";

    assert_int_equal(write(waiting->client.conn.watch.fd, records, sizeof(records) - 1),
                     sizeof(records) - 1);
}

static struct timer a_moment;

static void on_moment(struct timer *timer)
{
    (void)timer;
    assert_int_equal(tls_of(&waiting->server.conn)->leftover_len, 12);
    answer(&signer);
}

static void send_more_and_answer_in_a_moment(void)
{
    send_more();
    timer_set_ms(loop, &a_moment, 20);
}

static void what_comes_meanwhile_is_kept(void **state)
{
    struct tls_context *context;
    struct both both;
    (void)state;

    tell(server_ec.key, ON_DEMAND);
    signer.on_ask = send_more_and_answer_in_a_moment;
    waiting = &both;
    timer_init(&a_moment, on_moment);
    context = server_of(files[F_EC], CLIENT_VERIFY_OFF);
    start(&both, context, trusting);
    both.client.then = say_hello;
    both.server.wanted = 5;
    both.server.stops_with = NULL;
    both.client.stops_with = NULL;
    run();
    assert_true(both.server.is_ok);
    assert_memory_equal(both.server.got.ptr, "hello", 5);
    timer_destroy(loop, &a_moment);
    close_both(&both);
    tls_context_destroy(context);
}

static void flood(void)
{
    static char noise[4096];
    ssize_t n;

    do {
        n = write(waiting->client.conn.watch.fd, noise, sizeof(noise));
    } while (n > 0);
}

static void flood_on(struct timer *timer)
{
    static int rounds;

    flood();
    if (++rounds < 10) {
        timer_set_ms(loop, timer, 5);
        return;
    }
    assert_true(tls_of(&waiting->server.conn)->leftover_len <= CONN_RX_BYTES);
    assert_true(waiting->server.conn.bytes_in <= 2 * CONN_RX_BYTES);
    answer(&signer);
}

static void flood_in_a_moment(void)
{
    timer_set_ms(loop, &a_moment, 1);
}

static void what_is_kept_has_a_bound(void **state)
{
    struct tls_context *context;
    struct both both;
    (void)state;

    tell(server_ec.key, ON_DEMAND);
    signer.on_ask = flood_in_a_moment;
    waiting = &both;
    timer_init(&a_moment, flood_on);
    context = server_of(files[F_EC], CLIENT_VERIFY_OFF);
    start(&both, context, trusting);
    both.server.stops_with = &both.server;
    run();
    assert_false(both.server.is_ok); /* it was noise */
    timer_destroy(loop, &a_moment);
    close_both(&both);
    tls_context_destroy(context);
}

/* ---- the owner's deadline ---- */

static void end_it(struct timer *timer)
{
    (void)timer;
    conn_close(&waiting->server.conn);
    loop_stop(loop);
}

static void set_deadline(void)
{
    timer_set_ms(loop, &a_moment, 10);
}

static void a_signature_that_never_comes_is_ended_by_the_owners_deadline(void **state)
{
    struct tls_context *context;
    struct both both;
    (void)state;

    tell(server_ec.key, ON_DEMAND);
    signer.on_ask = set_deadline;
    waiting = &both;
    timer_init(&a_moment, end_it);
    context = server_of(files[F_EC], CLIENT_VERIFY_OFF);
    start(&both, context, trusting);
    run();
    assert_false(both.server.is_done);
    drain(); /* the signer's own end, at which it answers all */
    timer_destroy(loop, &a_moment);
    close_both(&both);
    tls_context_destroy(context);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_signs_at_once_and_late),
        cmocka_unit_test(tls12_waits_as_well),
        cmocka_unit_test(a_client_shows_its_certificate_late),
        cmocka_unit_test(other_contexts_have_none_of_it),
        cmocka_unit_test(a_refusal_fails_the_handshake),
        cmocka_unit_test(a_signature_by_another_key_fails_the_handshake),
        cmocka_unit_test(a_client_says_so_too),
        cmocka_unit_test(the_owner_may_close_while_it_waits),
        cmocka_unit_test(the_answer_may_come_just_before_the_end),
        cmocka_unit_test(a_context_may_go_while_a_handshake_waits),
        cmocka_unit_test(a_client_that_leaves_is_noticed_at_once),
        cmocka_unit_test(what_comes_meanwhile_is_kept),
        cmocka_unit_test(what_is_kept_has_a_bound),
        cmocka_unit_test(a_signature_that_never_comes_is_ended_by_the_owners_deadline),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
