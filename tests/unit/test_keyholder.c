/* src/keys: handshakes whose keys are in another process, over a ring; what it refuses; what
 * happens when it dies; and which keys it has. */
#include "tls_ends.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "keys/key_client.h"
#include "keys/key_message.h"
#include "keys/key_supply.h"
#include "keys/key_use.h"
#include "keys/keyholder.h"
#include "tls/key_source.h"
#include "tls/signer.h"

/* ---- a keyholder, and who starts it ---- */

static struct key_supply *supply;
static const struct key_ring_fds *rings; /* [0]: of a loop; [1]: of threads without one */
static struct key_user *user, *self;
static pid_t keyholder;

static void start_keyholder(void)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    keyholder = fork();
    assert_true(keyholder >= 0);
    if (keyholder == 0) {
        (void)close(ends[0]);
        key_client_leave_rings();
        key_supply_destroy(supply); /* all that only the parent is to keep open */
        keyholder_lock_memory();
        _exit(keyholder_main(ends[1]));
    }
    (void)close(ends[1]);
    assert_true(key_supply_connect(supply, ends[0]));
    assert_int_equal(key_supply_fd(supply), ends[0]);
}

static void kill_keyholder(void)
{
    assert_int_equal(kill(keyholder, SIGKILL), 0);
    assert_int_equal(waitpid(keyholder, NULL, 0), keyholder);
}

static bool read_key(void *arg, const char *path, struct key_public *key, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct key_id id;
    (void)arg;

    assert_true(fd >= 0);
    if (!key_supply_take(supply, self, path, fd, key, error)) {
        return false;
    }
    assert_true(key_id_of(span_make(key->der, key->len), &id));
    key_use_took(&id);
    return true;
}

static unsigned unused;

static void on_unused(void *arg, const struct key_id *id, unsigned times)
{
    (void)arg;
    unused++;
    key_supply_let_go(supply, self, id, times);
}

static struct key_source source = {read_key, NULL, NULL};

static void use_rings(uint32_t rate)
{
    struct error error;

    key_supply_end_user(supply, user);
    user = key_supply_add_user(supply, 2, rate, &error);
    assert_non_null(user);
    rings = key_user_rings(user);
    assert_true(key_client_use_rings(rings, 2));
}

static int begin_all(void **state)
{
    struct error error;

    if (set_up(state) != 0) { /* with contexts that sign by themselves */
        return -1;
    }
    supply = key_supply_create();
    self = key_supply_add_user(supply, 0, 0, &error);
    assert_non_null(self);
    start_keyholder();
    use_rings(0);
    source.signer = key_client_signer();
    key_use_tell(on_unused, NULL);
    key_source_set(&source);
    return 0;
}

static int end_all(void **state)
{
    int status;

    key_source_set(NULL);
    key_client_leave_rings();
    key_supply_destroy(supply);
    /* Without supervisor and gateway it ends by itself. */
    assert_int_equal(waitpid(keyholder, &status, 0), keyholder);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return tear_down(state);
}

/* ---- handshakes ---- */

static struct tls_context *server_of(const char *certificate, const char *key)
{
    struct tls_certificate_files one = {.certificate = certificate, .key = key};
    struct tls_server_options options = {
        .certificates = &one, .certificate_count = 1, .policy = TLS_POLICY_INTERMEDIATE};
    struct error error = {0};
    struct tls_context *context = tls_server_context_create(&options, &error);

    assert_string_equal(error.text, "");
    assert_true(tls_context_has_signer(context));
    return context;
}

static struct key_client *attach(void)
{
    struct key_client *key_client = key_client_create(0, loop);

    assert_non_null(key_client);
    key_client_use(key_client);
    return key_client;
}

static void detach(struct key_client *key_client)
{
    key_client_use(NULL);
    key_client_destroy(key_client);
}

static void shake_hands(struct tls_context *server_context, struct tls_context *client_context)
{
    struct key_client *key_client;
    struct both both;

    open_both(&both, server_context);
    key_client = attach();
    both.server.stops_with = &both.client;
    both.client.stops_with = &both.server;
    assert_true(tls_conn_connect(&both.client.conn, client_context, "site.example", &events));
    run();
    assert_true(both.server.is_ok && both.client.is_ok);
    end_close(&both.server);
    end_close(&both.client);
    loop_run_deferred(loop);
    detach(key_client);
    finish();
}

/* The client verifies each of them against the certificate. */
static void every_kind_of_key_signs_in_another_process(void **state)
{
    static const char *const kinds[] = {"EC",       "EC:P-384", "EC:P-521",
                                        "RSA:2048", "RSA:3072", "ED25519"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct identity_options options = {
            .subject = "site", .names = "DNS:site.example", .key = kinds[i]};
        struct identity one = identity_make(&options, &ca);
        struct tls_context *context =
            server_of(test_write_certificate("one.pem", &one), test_write_key("one.key", &one));

        shake_hands(context, trusting);
        tls_context_destroy(context);
        identity_free(&one);
    }
}

static void clients_of_servers_sign_there_too(void **state)
{
    struct tls_context *context = make_client(files[F_CA], true, false);
    (void)state;

    assert_true(tls_context_has_signer(context));
    shake_hands(mutual, context);
    tls_context_destroy(context);
}

static void tls12(const char *certificate, const char *key)
{
    struct tls_context *context = server_of(certificate, key);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ends[2];
    BIO *bios[2];

    /* On a thread without a loop, which waits. */
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    ends[0] = SSL_new(ctx);
    ends[1] = tls_context_new_ssl(context);
    assert_int_equal(BIO_new_bio_pair(&bios[0], 0, &bios[1], 0), 1);
    for (size_t i = 0; i < 2; i++) {
        SSL_set_bio(ends[i], bios[i], bios[i]);
    }
    SSL_set_connect_state(ends[0]);
    SSL_set_accept_state(ends[1]);
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(ends[i % 2]);
    }
    assert_true(SSL_is_init_finished(ends[0]) && SSL_is_init_finished(ends[1]));
    assert_string_equal(SSL_get_version(ends[0]), "TLSv1.2");
    SSL_free(ends[0]);
    SSL_free(ends[1]);
    SSL_CTX_free(ctx);
    tls_context_destroy(context);
    ERR_clear_error();
}

static void tls12_is_signed_as_well(void **state)
{
    (void)state;
    tls12(files[F_EC], files[F_EC_KEY]);
    tls12(files[F_RSA], files[F_RSA_KEY]);
}

static void another_certificates_key_is_told_by_the_public_halves(void **state)
{
    struct tls_certificate_files one = {.certificate = files[F_EC], .key = files[F_CLIENT_KEY]};
    struct tls_server_options options = {
        .certificates = &one, .certificate_count = 1, .policy = TLS_POLICY_INTERMEDIATE};
    struct error error = {0};
    (void)state;

    assert_null(tls_server_context_create(&options, &error));
    assert_non_null(strstr(error.text, "does not belong to the certificate"));
    one.key = files[F_CA];
    assert_null(tls_server_context_create(&options, &error));
    assert_non_null(strstr(error.text, files[F_CA]));
}

/* ---- what it refuses ---- */

static const char tls13[] = "                                                                "
                            "TLS 1.3, server CertificateVerify\0"
                            "0123456789abcdef0123456789abcdef";

static void on_late_answer(void *arg)
{
    (void)arg;
}

/* Whether there was a signature. */
static bool ask(struct span public_key, uint16_t scheme, struct span message)
{
    struct sign_key key = {.der = public_key};
    struct sign_request *request;
    bool ok;

    assert_true(digest_sha256(&public_key, 1, key.digest));
    request = sign_ask(key_client_signer(), &key, scheme, message, on_late_answer, NULL);
    assert_int_equal(request->state, SIGN_ANSWERED);
    ok = request->signature.len != 0;
    sign_drop(request);
    return ok;
}

static uint64_t count_of(enum key_answer answer)
{
    struct key_counts counts;

    assert_true(key_client_counts(&counts));
    return counts.answers[answer];
}

static void only_handshakes_are_signed(void **state)
{
    struct tls_context *context = server_of(files[F_EC], files[F_EC_KEY]);
    struct span good = span_make(tls13, sizeof(tls13) - 1);
    static char endless[KEY_MESSAGE_MAX + 1];
    unsigned char *der = NULL;
    struct span key;
    int len = i2d_PUBKEY(server_ec.key, &der);
    (void)state;

    key = span_make(der, (size_t)len);
    use_rings(0);
    assert_true(ask(key, 0x0403, good));
    assert_false(ask(key, 0x0403, span_head(good, good.len - 1)));
    assert_false(ask(key, 0x0403, SPAN_OF("a certificate, or a token")));
    assert_false(ask(key, 0x0403, SPAN_OF("")));
    assert_int_equal(count_of(KEY_ANSWER_NO_HANDSHAKE), 3);
    assert_false(ask(key, 0x0503, good)); /* of another curve */
    assert_false(ask(key, 0x0203, good)); /* with SHA-1 */
    assert_false(ask(key, 0x0804, good)); /* of another kind of key */
    assert_false(ask(key, 0xffff, good));
    assert_int_equal(count_of(KEY_ANSWER_WRONG_SCHEME), 4);
    assert_false(ask(SPAN_OF("nobody's"), 0x0403, good));
    assert_int_equal(count_of(KEY_ANSWER_UNKNOWN_KEY), 1);
    assert_false(ask(key, 0x0403, span_make(endless, sizeof(endless))));
    assert_int_equal(count_of(KEY_ANSWER_SIGNED), 1);
    OPENSSL_free(der);
    tls_context_destroy(context);
}

static void a_client_that_breaks_the_rules_harms_itself_alone(void **state)
{
    struct tls_context *context = server_of(files[F_EC], files[F_EC_KEY]);
    struct key_ring hostile;
    uint64_t one = 1;
    (void)state;

    use_rings(0);
    assert_true(key_ring_map(&hostile, &rings[0]));
    /* The first number there is how much it has asked for. */
    *(volatile unsigned *)(void *)hostile.shared = KEY_RING_SLOTS + 1;
    assert_int_equal(write(rings[0].ask, &one, sizeof(one)), sizeof(one));
    tls12(files[F_RSA], files[F_RSA_KEY]); /* by the other ring */
    key_ring_unmap(&hostile);
    tls_context_destroy(context);
    use_rings(0);
}

static void a_second_has_so_many_signatures(void **state)
{
    struct tls_context *context = server_of(files[F_EC], files[F_EC_KEY]);
    struct span good = span_make(tls13, sizeof(tls13) - 1);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(server_ec.key, &der);
    struct key_counts counts;
    (void)state;

    use_rings(20);
    for (int i = 0; i < 22; i++) {
        assert_true(ask(span_make(der, (size_t)len), 0x0403, good));
    }
    assert_true(key_client_counts(&counts));
    assert_true(counts.delayed >= 1);
    assert_int_equal(counts.answers[KEY_ANSWER_SIGNED], 22);
    OPENSSL_free(der);
    tls_context_destroy(context);
    use_rings(0);
}

/* ---- when it is not there ---- */

static void what_waits_is_answered_by_the_next_one(void **state)
{
    struct tls_context *context = server_of(files[F_EC], files[F_EC_KEY]);
    struct key_client *key_client;
    struct both both;
    (void)state;

    kill_keyholder();
    open_both(&both, context);
    key_client = attach();
    both.server.stops_with = &both.client;
    both.client.stops_with = &both.server;
    assert_true(tls_conn_connect(&both.client.conn, trusting, "site.example", &events));
    while (loop_turn(loop)) {
    }
    assert_false(both.server.is_done);
    start_keyholder();
    run();
    assert_true(both.server.is_ok && both.client.is_ok);
    end_close(&both.server);
    end_close(&both.client);
    loop_run_deferred(loop);
    detach(key_client);
    finish();
    tls_context_destroy(context);
}

/* The file has another key meanwhile; what is in use is still given to the next one. */
static void keys_in_use_outlive_their_files_and_keyholders(void **state)
{
    struct identity_options options = {.subject = "site", .names = "DNS:site.example"};
    struct identity one = identity_make(&options, &ca);
    struct identity two = identity_make(&options, &ca);
    struct tls_context *context =
        server_of(test_write_certificate("renewed.pem", &one), test_write_key("renewed.key", &one));
    (void)state;

    assert_int_equal(rename(test_write_key("next.key", &two), test_path("renewed.key")), 0);
    kill_keyholder();
    start_keyholder();
    shake_hands(context, trusting);
    tls_context_destroy(context);
    identity_free(&one);
    identity_free(&two);
}

/* Messages are taken in order, and this one is answered: what was said before has been done. */
static void wait_for_keyholder(void)
{
    struct key_public key;
    struct error error;

    assert_false(
        key_supply_take(supply, self, files[F_CA], open(files[F_CA], O_RDONLY), &key, &error));
}

static void a_key_that_nobody_uses_is_forgotten(void **state)
{
    struct identity_options options = {.subject = "site", .names = "DNS:site.example"};
    struct identity one = identity_make(&options, &ca);
    struct tls_context *context =
        server_of(test_write_certificate("brief.pem", &one), test_write_key("brief.key", &one));
    struct span good = span_make(tls13, sizeof(tls13) - 1);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(one.key, &der);
    struct span key = span_make(der, (size_t)len);
    unsigned before = unused;
    (void)state;

    use_rings(0);
    assert_true(ask(key, 0x0403, good));
    tls_context_destroy(context);
    assert_int_equal(unused, before + 1);
    wait_for_keyholder();
    assert_false(ask(key, 0x0403, good));
    assert_int_equal(count_of(KEY_ANSWER_UNKNOWN_KEY), 1);
    OPENSSL_free(der);
    identity_free(&one);
}

static void what_was_read_can_be_had_again_as_it_was(void **state)
{
    struct identity_options options = {.subject = "site", .names = "DNS:site.example"};
    struct identity one = identity_make(&options, &ca);
    struct tls_context *context =
        server_of(test_write_certificate("copied.pem", &one), test_write_key("copied.key", &one));
    struct span good = span_make(tls13, sizeof(tls13) - 1);
    struct error error;
    struct key_user *copy = key_supply_add_user(supply, 0, 0, &error);
    struct key_public public_key;
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(one.key, &der);
    struct span key = span_make(der, (size_t)len);
    (void)state;

    assert_non_null(copy);
    assert_false(key_supply_take_as(supply, copy, self, "another", &public_key));
    assert_true(key_user_has_taken(self, test_path("copied.key")));
    assert_int_equal(unlink(test_path("copied.key")), 0);
    assert_true(key_supply_take_as(supply, copy, self, test_path("copied.key"), &public_key));
    assert_int_equal(public_key.len, (size_t)len);
    assert_memory_equal(public_key.der, der, (size_t)len);
    key_supply_end_rings(supply, copy);
    tls_context_destroy(context);
    assert_true(ask(key, 0x0403, good));
    key_supply_end_user(supply, copy);
    wait_for_keyholder();
    assert_false(ask(key, 0x0403, good));
    OPENSSL_free(der);
    identity_free(&one);
}

static void of_a_file_with_both_others_get_the_certificate(void **state)
{
    struct identity one = identity_make(
        &(struct identity_options){.subject = "site", .names = "DNS:site.example"}, &ca);
    const char *both = test_write_certificate("both.pem", &one);
    struct error error = {0};
    char text[8192];
    FILE *file = fopen(both, "a");
    ssize_t len;
    int rest;
    (void)state;

    assert_int_equal(PEM_write_PrivateKey(file, one.key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    rest = key_supply_read_rest(supply, both, open(both, O_RDONLY), &error);
    assert_string_equal(error.text, "");
    len = read(rest, text, sizeof(text) - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(strstr(text, "END CERTIFICATE"));
    assert_null(strstr(text, "PRIVATE"));
    assert_int_equal(close(rest), 0);
    rest = key_supply_read_rest(supply, "a folder", open("/", O_RDONLY), &error);
    assert_int_equal(rest, -1);
    assert_non_null(strstr(error.text, "a folder"));
    identity_free(&one);
}

static int answered;

static void count_answer(void *arg)
{
    (void)arg;
    answered++;
}

/* The clock stands still, and nobody answers. */
static void what_waits_has_a_bound_in_number_and_in_time(void **state)
{
    const struct sign_key unknown = {.der = SPAN_OF("key")};
    struct sign_request **requests = calloc(KEY_QUEUE_MAX + 2, sizeof(struct sign_request *));
    struct span good = span_make(tls13, sizeof(tls13) - 1);
    struct key_client *key_client;
    (void)state;

    kill_keyholder();
    use_rings(0);
    clock_set_for_tests(1000000);
    loop = loop_create();
    key_client = attach();
    for (size_t i = 0; i <= KEY_QUEUE_MAX; i++) {
        requests[i] = sign_ask(key_client_signer(), &unknown, 0x0403, good, count_answer, NULL);
        assert_int_equal(requests[i]->state, i < KEY_QUEUE_MAX ? SIGN_ASKED : SIGN_ANSWERED);
    }
    while (loop_turn(loop)) {
    }
    assert_int_equal(answered, 0);
    clock_set_for_tests(1000000 + KEY_WAIT_MS * 1000);
    while (loop_turn(loop)) {
    }
    assert_int_equal(answered, KEY_QUEUE_MAX);
    for (size_t i = 0; i <= KEY_QUEUE_MAX; i++) {
        assert_int_equal(requests[i]->signature.len, 0);
        sign_drop(requests[i]);
    }
    free(requests);
    detach(key_client);
    clock_set_for_tests(0);
    loop_destroy(loop);
    start_keyholder();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_signs_in_another_process),
        cmocka_unit_test(clients_of_servers_sign_there_too),
        cmocka_unit_test(tls12_is_signed_as_well),
        cmocka_unit_test(another_certificates_key_is_told_by_the_public_halves),
        cmocka_unit_test(only_handshakes_are_signed),
        cmocka_unit_test(a_client_that_breaks_the_rules_harms_itself_alone),
        cmocka_unit_test(a_second_has_so_many_signatures),
        cmocka_unit_test(what_waits_is_answered_by_the_next_one),
        cmocka_unit_test(keys_in_use_outlive_their_files_and_keyholders),
        cmocka_unit_test(a_key_that_nobody_uses_is_forgotten),
        cmocka_unit_test(what_was_read_can_be_had_again_as_it_was),
        cmocka_unit_test(of_a_file_with_both_others_get_the_certificate),
        cmocka_unit_test(what_waits_has_a_bound_in_number_and_in_time),
    };

    return cmocka_run_group_tests_name("keyholder", tests, begin_all, end_all);
}
