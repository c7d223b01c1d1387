/* Contexts: what they are made of, what they refuse to be made of, and what they then agree on with
 * the library's own peers, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/span.h"
#include "tls/openssl/peer_verify.h"
#include "tls/tls_context.h"
#include "tls_test.h"

static struct identity ca, ec, other_ec, rsa;

static int set_up(void **state)
{
    const struct identity_options ca_options = {.subject = "CA", .is_ca = true};
    struct identity_options options = {.subject = "site", .names = "DNS:site.example"};

    ca = identity_make(&ca_options, NULL);
    ec = identity_make(&options, &ca);
    other_ec = identity_make(&options, &ca);
    options.key = "RSA:2048";
    rsa = identity_make(&options, &ca);
    if (tls_test_set_up(state) != 0) {
        return -1;
    }
    (void)test_write_certificate("ca.pem", &ca);
    (void)test_write_certificate("ec.pem", &ec);
    (void)test_write_key("ec.key", &ec);
    (void)test_write_certificate("other.pem", &other_ec);
    (void)test_write_key("other.key", &other_ec);
    (void)test_write_certificate("rsa.pem", &rsa);
    (void)test_write_key("rsa.key", &rsa);
    return 0;
}

static int tear_down(void **state)
{
    identity_free(&ca);
    identity_free(&ec);
    identity_free(&other_ec);
    identity_free(&rsa);
    return tls_test_tear_down(state);
}

static struct tls_context *make_server(enum tls_policy policy, size_t certificate_count)
{
    struct tls_certificate_files files[] = {
        {test_path("ec.pem"), test_path("ec.key"), NULL, NULL},
        {test_path("rsa.pem"), test_path("rsa.key"), NULL, NULL}};
    struct tls_server_options options = {.certificates = files,
                                         .certificate_count = certificate_count,
                                         .policy = policy,
                                         .clients = CLIENT_VERIFY_OFF,
                                         .client_ca = NULL};
    struct error error;
    struct tls_context *context = tls_server_context_create(&options, &error);

    assert_non_null(context);
    return context;
}

static void expect_server_error(const struct tls_server_options *options, const char *words)
{
    struct error error = {"no error"};

    assert_null(tls_server_context_create(options, &error));
    if (strstr(error.text, words) == NULL) {
        print_message("%s\n", error.text);
    }
    assert_non_null(strstr(error.text, words));
}

static void server_errors_are_told(void **state)
{
    struct tls_certificate_files files[] = {
        {test_path("ec.pem"), test_path("ec.key"), NULL, NULL},
        {test_path("other.pem"), test_path("other.key"), NULL, NULL}};
    struct tls_server_options options = {.certificates = files,
                                         .certificate_count = 0,
                                         .policy = TLS_POLICY_INTERMEDIATE,
                                         .clients = CLIENT_VERIFY_OFF,
                                         .client_ca = NULL};

    (void)state;
    expect_server_error(&options, "needs a certificate");
    options.certificate_count = 1;
    options.clients = CLIENT_VERIFY_REQUIRED;
    expect_server_error(&options, "'ca' must name");
    options.client_ca = test_path("missing.pem");
    expect_server_error(&options, "does not exist");
    options.client_ca = test_path("ec.key");
    expect_server_error(&options, "swapped");
    options.client_ca = test_path("ca.pem");
    files[0].key = test_path("rsa.key");
    expect_server_error(&options, "does not belong");
    files[0].certificate = test_path("nothing.pem");
    expect_server_error(&options, "nothing.pem");
}

static void expect_client_error(const struct tls_client_options *options, const char *words)
{
    struct error error = {"no error"};

    assert_null(tls_client_context_create(options, &error));
    assert_non_null(strstr(error.text, words));
}

static void client_errors_are_told(void **state)
{
    struct tls_client_options options = {.ca = test_path("missing.pem")};

    (void)state;
    expect_client_error(&options, "does not exist");
    options.ca = test_path("ca.pem");
    options.certificate = test_path("ec.pem");
    expect_client_error(&options, "go together");
    options.key = test_path("rsa.key");
    expect_client_error(&options, "does not belong");
}

static void contexts_can_be_made_and_destroyed(void **state)
{
    struct tls_client_options options = {0};
    struct error error;
    struct tls_context *context = tls_client_context_create(&options, &error);

    (void)state;
    assert_non_null(context); /* the system's authorities */
    assert_int_equal(SSL_CTX_get_verify_mode(tls_context_ssl_ctx(context)), SSL_VERIFY_PEER);
    tls_context_destroy(context);
    tls_context_destroy(NULL);
    options.ca = test_path("ca.pem");
    options.certificate = test_path("ec.pem");
    options.key = test_path("ec.key");
    context = tls_client_context_create(&options, &error);
    assert_non_null(context);
    tls_context_destroy(context);
    options = (struct tls_client_options){.skip_verify = true};
    context = tls_client_context_create(&options, &error);
    assert_int_equal(SSL_CTX_get_verify_mode(tls_context_ssl_ctx(context)), SSL_VERIFY_NONE);
    tls_context_destroy(context);
    (void)tls_context_has_post_quantum();
}

/* What sessions with a server depend on: they are not used where it differs. */
static void expect_same_trust(const struct tls_context *a, const unsigned char *state, bool is_same)
{
    unsigned char other[PEER_VERIFY_STATE_BYTES];

    peer_verify_state(tls_context_ssl_ctx(a), other);
    assert_int_equal(memcmp(other, state, sizeof(other)) == 0, is_same);
}

static void clients_can_be_made_anew(void **state)
{
    struct tls_client_options options = {
        .ca = test_path("ca.pem"), .certificate = test_path("ec.pem"), .key = test_path("ec.key")};
    struct error error;
    struct tls_context *context = tls_client_context_create(&options, &error);
    SSL_CTX *first = tls_context_ssl_ctx(context);
    unsigned char trust[PEER_VERIFY_STATE_BYTES];

    (void)state;
    assert_non_null(context);
    peer_verify_state(first, trust);
    assert_int_equal(SSL_CTX_up_ref(first), 1); /* as a connection does */
    assert_true(tls_client_context_reload(context, &options, NULL, &error));
    assert_ptr_not_equal(tls_context_ssl_ctx(context), first);
    expect_same_trust(context, trust, true);
    SSL_CTX_free(first);
    /* What cannot be built leaves all as it was. */
    first = tls_context_ssl_ctx(context);
    options.key = test_path("rsa.key");
    assert_false(tls_client_context_reload(context, &options, NULL, &error));
    assert_non_null(strstr(error.text, "does not belong"));
    assert_ptr_equal(tls_context_ssl_ctx(context), first);
    options.certificate = test_path("rsa.pem");
    assert_true(tls_client_context_reload(context, &options, NULL, &error));
    expect_same_trust(context, trust, false);
    options = (struct tls_client_options){.ca = test_path("ca.pem")};
    assert_true(tls_client_context_reload(context, &options, NULL, &error));
    expect_same_trust(context, trust, false);
    peer_verify_state(tls_context_ssl_ctx(context), trust);
    options.ca = test_path("ec.pem");
    assert_true(tls_client_context_reload(context, &options, NULL, &error));
    expect_same_trust(context, trust, false);
    tls_context_destroy(context);
}

static void safe_defaults_are_set(void **state)
{
    struct tls_context *context = make_server(TLS_POLICY_INTERMEDIATE, 2);
    SSL_CTX *ssl_ctx = tls_context_ssl_ctx(context);
    uint64_t options = SSL_CTX_get_options(ssl_ctx);

    (void)state;
    assert_true((options & SSL_OP_NO_RENEGOTIATION) != 0);
    assert_true((options & SSL_OP_NO_COMPRESSION) != 0);
    assert_true((options & SSL_OP_CIPHER_SERVER_PREFERENCE) != 0);
    assert_true((SSL_CTX_get_mode(ssl_ctx) & SSL_MODE_RELEASE_BUFFERS) != 0);
    assert_int_equal(SSL_CTX_get_session_cache_mode(ssl_ctx), SSL_SESS_CACHE_OFF);
    assert_int_equal(SSL_CTX_get_num_tickets(ssl_ctx), 1);
    assert_int_equal(SSL_CTX_get_max_early_data(ssl_ctx), 0);
    assert_int_equal(SSL_CTX_get_min_proto_version(ssl_ctx), TLS1_2_VERSION);
    tls_context_destroy(context);
}

/* ---- agreements, in memory ---- */

struct agreement {
    bool ok;
    char cipher[64];
    char version[16];
    int key_kind;
    unsigned char alpn[32];
    unsigned alpn_len;
    int authority_count;
};

static int see_authorities(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
    struct agreement *agreement = SSL_get_app_data(ssl);

    (void)certificate;
    (void)key;
    agreement->authority_count = names != NULL ? sk_X509_NAME_num(names) : 0;
    return 0;
}

/* Takes the client's ctx over. */
static struct agreement agree(const struct tls_context *context, SSL_CTX *client_ctx,
                              const char *alpn)
{
    struct agreement agreement = {0};
    SSL *client = SSL_new(client_ctx);
    SSL *server = SSL_new(tls_context_ssl_ctx(context));
    BIO *client_bio, *server_bio;
    int client_result = 0;
    int server_result = 0;
    const unsigned char *protocol;

    assert_int_equal(BIO_new_bio_pair(&client_bio, 0, &server_bio, 0), 1);
    SSL_set_bio(client, client_bio, client_bio);
    SSL_set_bio(server, server_bio, server_bio);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    (void)SSL_set_app_data(client, &agreement);
    SSL_CTX_set_client_cert_cb(client_ctx, see_authorities);
    SSL_set_client_CA_list(client, NULL);
    if (alpn != NULL) {
        assert_int_equal(
            SSL_set_alpn_protos(client, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    }
    for (int i = 0; i < 10 && (client_result != 1 || server_result != 1); i++) {
        client_result = client_result == 1 ? 1 : SSL_do_handshake(client);
        server_result = server_result == 1 ? 1 : SSL_do_handshake(server);
    }
    agreement.ok = client_result == 1 && server_result == 1;
    if (agreement.ok) {
        EVP_PKEY *key = X509_get0_pubkey(SSL_get0_peer_certificate(client));
        agreement.key_kind = EVP_PKEY_get_base_id(key);
        (void)snprintf(agreement.cipher, sizeof(agreement.cipher), "%s",
                       SSL_CIPHER_standard_name(SSL_get_current_cipher(server)));
        (void)snprintf(agreement.version, sizeof(agreement.version), "%s", SSL_get_version(server));
        SSL_get0_alpn_selected(client, &protocol, &agreement.alpn_len);
        assert_true(agreement.alpn_len <= sizeof(agreement.alpn));
        if (agreement.alpn_len != 0) {
            memcpy(agreement.alpn, protocol, agreement.alpn_len);
        }
    }
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    return agreement;
}

static SSL_CTX *client_ctx(int min_version, int max_version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, min_version);
    SSL_CTX_set_max_proto_version(ctx, max_version);
    return ctx;
}

static void best_suite_is_preferred(void **state)
{
    struct tls_context *context = make_server(TLS_POLICY_INTERMEDIATE, 2);
    struct agreement agreement = agree(context, client_ctx(0, 0), NULL);

    (void)state;
    assert_true(agreement.ok);
    assert_string_equal(agreement.version, "TLSv1.3");
    assert_string_equal(agreement.cipher, "TLS_AES_128_GCM_SHA256");
    agreement = agree(context, client_ctx(0, TLS1_2_VERSION), NULL);
    assert_true(agreement.ok);
    assert_string_equal(agreement.cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    tls_context_destroy(context);
}

static void certificate_fits_the_client(void **state)
{
    struct tls_context *context = make_server(TLS_POLICY_INTERMEDIATE, 2);
    SSL_CTX *ctx = client_ctx(0, 0);
    struct agreement agreement;

    (void)state;
    assert_int_equal(agree(context, client_ctx(0, 0), NULL).key_kind, EVP_PKEY_EC);
    assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, "rsa_pss_rsae_sha256"), 1);
    agreement = agree(context, ctx, NULL);
    assert_true(agreement.ok);
    assert_int_equal(agreement.key_kind, EVP_PKEY_RSA);
    tls_context_destroy(context);
}

static void policies_draw_the_line(void **state)
{
    static const struct {
        enum tls_policy policy;
        int max_version;
        bool is_ok;
    } cases[] = {
        {TLS_POLICY_MODERN, TLS1_3_VERSION, true},
        {TLS_POLICY_MODERN, TLS1_2_VERSION, false},
        {TLS_POLICY_INTERMEDIATE, TLS1_2_VERSION, true},
        {TLS_POLICY_INTERMEDIATE, TLS1_1_VERSION, false},
        {TLS_POLICY_OLD, TLS1_3_VERSION, true},
        {TLS_POLICY_OLD, TLS1_1_VERSION, true},
        {TLS_POLICY_OLD, TLS1_VERSION, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_context *context = make_server(cases[i].policy, 2);
        struct agreement agreement =
            agree(context, client_ctx(TLS1_VERSION, cases[i].max_version), NULL);
        if (agreement.ok != cases[i].is_ok) {
            print_message("case %zu\n", i);
        }
        assert_int_equal(agreement.ok, cases[i].is_ok);
        tls_context_destroy(context);
    }
}

static void weak_ciphers_are_refused(void **state)
{
    static const char *const lists[] = {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA",
                                        "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256",
                                        "aNULL"};
    struct tls_context *context = make_server(TLS_POLICY_INTERMEDIATE, 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        SSL_CTX *ctx = client_ctx(TLS1_2_VERSION, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, lists[i]), 1);
        assert_false(agree(context, ctx, NULL).ok);
    }
    tls_context_destroy(context);
}

static void protocol_is_agreed_on(void **state)
{
    struct tls_context *context = make_server(TLS_POLICY_INTERMEDIATE, 1);
    struct agreement agreement = agree(context, client_ctx(0, 0), "\x04what\x08http/1.1");

    (void)state;
    assert_true(agreement.ok);
    assert_int_equal(agreement.alpn_len, 8);
    assert_memory_equal(agreement.alpn, "http/1.1", 8);
    agreement = agree(context, client_ctx(0, 0), NULL);
    assert_true(agreement.ok);
    assert_int_equal(agreement.alpn_len, 0);
    assert_false(agree(context, client_ctx(0, 0), "\x04what").ok);
    tls_context_destroy(context);
}

static void client_authorities_are_named(void **state)
{
    struct tls_certificate_files files = {test_path("ec.pem"), test_path("ec.key"), NULL, NULL};
    struct tls_server_options options = {.certificates = &files,
                                         .certificate_count = 1,
                                         .policy = TLS_POLICY_INTERMEDIATE,
                                         .clients = CLIENT_VERIFY_OPTIONAL,
                                         .client_ca = test_path("ca.pem")};
    struct error error;
    struct tls_context *context = tls_server_context_create(&options, &error);
    struct agreement agreement;

    (void)state;
    assert_non_null(context);
    agreement = agree(context, client_ctx(0, 0), NULL);
    assert_true(agreement.ok);
    assert_int_equal(agreement.authority_count, 1);
    tls_context_destroy(context);
    options.clients = CLIENT_VERIFY_REQUIRED;
    context = tls_server_context_create(&options, &error);
    assert_non_null(context);
    assert_false(agree(context, client_ctx(0, TLS1_2_VERSION), NULL).ok);
    tls_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_errors_are_told),
        cmocka_unit_test(client_errors_are_told),
        cmocka_unit_test(contexts_can_be_made_and_destroyed),
        cmocka_unit_test(clients_can_be_made_anew),
        cmocka_unit_test(safe_defaults_are_set),
        cmocka_unit_test(best_suite_is_preferred),
        cmocka_unit_test(certificate_fits_the_client),
        cmocka_unit_test(policies_draw_the_line),
        cmocka_unit_test(weak_ciphers_are_refused),
        cmocka_unit_test(protocol_is_agreed_on),
        cmocka_unit_test(client_authorities_are_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
