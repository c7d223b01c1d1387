/* What is verified of a peer beyond its chain: pinned keys and revocation lists; and which tickets
 * of a client still stand for its verification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "tls/crl.h"
#include "tls/openssl/peer_verify.h"
#include "tls_pair.h"

#define HOUR 3600
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* root <- between <- site, and root <- between <- partner. */
static struct identity root, between, site, partner, stranger;

static int set_up(void **state)
{
    struct identity_options options = {.subject = "root", .is_ca = true};

    root = identity_make(&options, NULL);
    options.subject = "between";
    between = identity_make(&options, &root);
    options = (struct identity_options){.subject = "site", .names = "DNS:site.example"};
    site = identity_make(&options, &between);
    options = (struct identity_options){.subject = "partner", .usage = "clientAuth"};
    partner = identity_make(&options, &between);
    options.subject = "stranger";
    stranger = identity_make(&options, NULL);
    return tls_test_set_up(state);
}

static int tear_down(void **state)
{
    struct identity *all[] = {&root, &between, &site, &partner, &stranger};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        identity_free(all[i]);
    }
    return tls_test_tear_down(state);
}

static void install(SSL_CTX *ssl_ctx, const struct peer_verify_options *options)
{
    struct error error = {"no error"};

    if (!peer_verify_install(ssl_ctx, options, &error)) {
        fail_msg("%s", error.text);
    }
}

static void trust_root(SSL_CTX *ssl_ctx)
{
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl_ctx), root.certificate), 1);
}

/* A file with the lists of the root and of the authority between. */
static struct crl_file *open_lists(const struct identity *revoked, long expires_in_s)
{
    const char *const parts[] = {
        test_write_crl("root.crl", &root, revoked == &between ? revoked : NULL, HOUR),
        test_write_crl("between.crl", &between, revoked != &between ? revoked : NULL,
                       expires_in_s)};
    char text[8192];
    size_t len = 0;
    struct error error = {"no error"};
    struct crl_file *crl;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        FILE *file = fopen(parts[i], "re");
        assert_non_null(file);
        len += fread(text + len, 1, sizeof(text) - len, file);
        (void)fclose(file);
    }
    crl = crl_file_open(test_write("all.crl", span_make(text, len)), &error);
    if (crl == NULL) {
        fail_msg("%s", error.text);
    }
    return crl;
}

/* Writes the file anew, and has it read. */
static void change_lists(struct crl_file *crl, const struct identity *revoked, long expires_in_s)
{
    struct error error;

    crl_file_release(open_lists(revoked, expires_in_s));
    assert_int_equal(crl_file_refresh(crl, &error), CRL_RENEWED);
}

/* ---- pins ---- */

static const char *pin_of(const struct identity *identity)
{
    static char pins[4][64];
    static unsigned next;
    char *pin = pins[next++ % 4];
    unsigned char hash[32];
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(identity->key, &der);

    assert_true(len > 0);
    assert_int_equal(EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    (void)strcpy(pin, "sha256/");
    (void)EVP_EncodeBlock((unsigned char *)pin + 7, hash, sizeof(hash));
    return pin;
}

/* What a client with these options makes of the site's certificate. */
static long verdict(const struct peer_verify_options *options, bool is_trusting)
{
    const struct identity *above[] = {&between};
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    struct tls_pair pair;
    long result;

    tls_pair_use(server, &site, above, 1);
    if (is_trusting) {
        trust_root(client);
    }
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    install(client, options);
    pair = tls_pair_make(client, server, TLS1_3_VERSION);
    SSL_CTX_free(client); /* what was installed lives as long as a connection */
    SSL_CTX_free(server);
    bool ok = tls_pair_shake(&pair);
    result = peer_verify_verdict(SSL_get_verify_result(pair.client));
    assert_int_equal(ok, result == X509_V_OK);
    tls_pair_free(&pair);
    return result;
}

static long verdict_with_pins(const char *first, const char *second, bool skip_chain,
                              bool is_trusting)
{
    const char *pins[] = {first, second};
    struct peer_verify_options options = {
        .pins = pins, .pin_count = second != NULL ? 2 : 1, .skip_chain = skip_chain};

    return verdict(&options, is_trusting);
}

static void one_key_of_the_chain_is_pinned(void **state)
{
    const long mismatch = X509_V_ERR_APPLICATION_VERIFICATION;

    (void)state;
    assert_int_equal(verdict_with_pins(pin_of(&site), NULL, false, true), X509_V_OK);
    assert_int_equal(verdict_with_pins(pin_of(&between), NULL, false, true), X509_V_OK);
    assert_int_equal(verdict_with_pins(pin_of(&root), NULL, false, true), X509_V_OK);
    assert_int_equal(verdict_with_pins(pin_of(&stranger), pin_of(&site), false, true), X509_V_OK);
    assert_int_equal(verdict_with_pins(pin_of(&stranger), NULL, false, true), mismatch);
    assert_int_equal(verdict_with_pins(pin_of(&stranger), pin_of(&partner), false, true), mismatch);
}

static void a_pin_is_no_trust(void **state)
{
    (void)state;
    assert_int_not_equal(verdict_with_pins(pin_of(&site), NULL, false, false), X509_V_OK);
}

/* The pins alone decide, so anybody could add a pinned authority to what is sent. */
static void without_a_chain_the_peers_own_key_counts(void **state)
{
    (void)state;
    assert_int_equal(verdict_with_pins(pin_of(&site), NULL, true, false), X509_V_OK);
    assert_int_equal(verdict_with_pins(pin_of(&between), NULL, true, false),
                     X509_V_ERR_APPLICATION_VERIFICATION);
    assert_int_equal(verdict_with_pins(pin_of(&root), NULL, true, true),
                     X509_V_ERR_APPLICATION_VERIFICATION);
}

static void what_is_no_pin_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "sha256/",
        "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU==",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZ!3hSuFU=",
        "sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *pins[] = {pin_of(&site), texts[i]};
        const struct peer_verify_options options = {.pins = pins, .pin_count = 2};
        SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());
        struct error error = {"no error"};
        if (peer_verify_install(ssl_ctx, &options, &error)) {
            fail_msg("'%s' was taken", texts[i]);
        }
        assert_non_null(strstr(error.text, "is no pin: write sha256/"));
        SSL_CTX_free(ssl_ctx);
    }
}

/* ---- revocation ---- */

static long verdict_with_lists(const struct identity *revoked, long expires_in_s)
{
    struct crl_file *crl = open_lists(revoked, expires_in_s);
    const struct peer_verify_options options = {.crl = crl};
    long result = verdict(&options, true);

    crl_file_release(crl);
    return result;
}

static void lists_are_asked(void **state)
{
    (void)state;
    assert_int_equal(verdict_with_lists(NULL, HOUR), X509_V_OK);
    assert_int_equal(verdict_with_lists(&partner, HOUR), X509_V_OK);
    assert_int_equal(verdict_with_lists(&site, HOUR), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict_with_lists(&between, HOUR), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict_with_lists(NULL, -HOUR), X509_V_ERR_CRL_HAS_EXPIRED);
}

static void each_authority_needs_a_list(void **state)
{
    struct error error;
    struct crl_file *crl = crl_file_open(test_write_crl("one.crl", &root, NULL, HOUR), &error);
    const struct peer_verify_options options = {.crl = crl};

    (void)state;
    assert_non_null(crl);
    assert_int_equal(verdict(&options, true), X509_V_ERR_UNABLE_TO_GET_CRL);
    crl_file_release(crl);
}

static void states_tell_lists_apart(void **state)
{
    static const unsigned char zero[PEER_VERIFY_STATE_BYTES];
    unsigned char first[PEER_VERIFY_STATE_BYTES], second[PEER_VERIFY_STATE_BYTES];
    struct crl_file *crl = open_lists(NULL, HOUR);
    const struct peer_verify_options options = {.crl = crl};
    const struct peer_verify_options without = {0};
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());

    (void)state;
    memset(first, 1, sizeof(first));
    peer_verify_state(ssl_ctx, first); /* nothing is installed */
    assert_memory_equal(first, zero, sizeof(zero));
    install(ssl_ctx, &without);
    memset(first, 1, sizeof(first));
    peer_verify_state(ssl_ctx, first);
    assert_memory_equal(first, zero, sizeof(zero));
    SSL_CTX_free(ssl_ctx);

    ssl_ctx = SSL_CTX_new(TLS_client_method());
    install(ssl_ctx, &options);
    peer_verify_state(ssl_ctx, first);
    assert_memory_not_equal(first, zero, sizeof(zero));
    peer_verify_state(ssl_ctx, second);
    assert_memory_equal(first, second, sizeof(first));
    change_lists(crl, &site, HOUR);
    peer_verify_state(ssl_ctx, second);
    assert_memory_not_equal(first, second, sizeof(first));
    SSL_CTX_free(ssl_ctx);
    crl_file_release(crl);
}

static void states_tell_trust_apart(void **state)
{
    const unsigned char first[PEER_VERIFY_STATE_BYTES] = {1};
    const unsigned char second[PEER_VERIFY_STATE_BYTES] = {2};
    unsigned char now[PEER_VERIFY_STATE_BYTES], with_lists[PEER_VERIFY_STATE_BYTES];
    struct crl_file *crl = open_lists(NULL, HOUR);
    const struct peer_verify_options options = {.crl = crl};
    const struct peer_verify_options without = {0};
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());

    (void)state;
    install(ssl_ctx, &without);
    peer_verify_set_trust(ssl_ctx, first);
    peer_verify_state(ssl_ctx, now);
    assert_memory_equal(now, first, sizeof(first));
    SSL_CTX_free(ssl_ctx);

    ssl_ctx = SSL_CTX_new(TLS_client_method());
    install(ssl_ctx, &options);
    peer_verify_set_trust(ssl_ctx, first);
    peer_verify_state(ssl_ctx, with_lists);
    assert_memory_not_equal(with_lists, first, sizeof(first));
    peer_verify_set_trust(ssl_ctx, second);
    peer_verify_state(ssl_ctx, now);
    assert_memory_not_equal(with_lists, now, sizeof(now));
    peer_verify_set_trust(ssl_ctx, first);
    change_lists(crl, &site, HOUR);
    peer_verify_state(ssl_ctx, now);
    assert_memory_not_equal(with_lists, now, sizeof(now));
    SSL_CTX_free(ssl_ctx);
    crl_file_release(crl);
}

/* ---- tickets of clients ---- */

/* A server that wants certificates, and a client that has one. */
struct two_way {
    SSL_CTX *server;
    SSL_CTX *client;
};

static struct two_way two_way(const struct identity *client, const struct identity *above,
                              struct crl_file *crl, bool keep_chain)
{
    const struct peer_verify_options options = {
        .crl = crl, .is_server = true, .keep_chain = keep_chain};
    const struct identity *chain[] = {&between};
    struct two_way both = {SSL_CTX_new(TLS_server_method()), SSL_CTX_new(TLS_client_method())};

    tls_pair_use(both.server, &site, chain, 1);
    trust_root(both.server);
    SSL_CTX_set_verify(both.server, SSL_VERIFY_PEER, NULL);
    assert_int_equal(SSL_CTX_set_session_id_context(both.server, (const unsigned char *)"x", 1), 1);
    (void)SSL_CTX_set_session_cache_mode(both.server, SSL_SESS_CACHE_OFF);
    install(both.server, &options);
    if (client != NULL) {
        chain[0] = above;
        tls_pair_use(both.client, client, chain, above != NULL ? 1 : 0);
    }
    return both;
}

static void two_way_free(struct two_way *both)
{
    SSL_CTX_free(both->server);
    SSL_CTX_free(both->client);
}

/* A handshake; *session is offered if there is one, and replaced by the new one. */
static bool shake(const struct two_way *both, int version, SSL_SESSION **session, bool *was_resumed)
{
    struct tls_pair pair = tls_pair_make(both->client, both->server, version);
    bool ok;

    if (*session != NULL) {
        assert_int_equal(SSL_set_session(pair.client, *session), 1);
        SSL_SESSION_free(*session);
        *session = NULL;
    }
    ok = tls_pair_shake(&pair);
    *was_resumed = ok && SSL_session_reused(pair.server) == 1;
    if (ok) {
        *session = SSL_get1_session(pair.client);
    }
    tls_pair_free(&pair);
    return ok;
}

static void expect_shake(const struct two_way *both, int version, SSL_SESSION **session,
                         bool is_resumed)
{
    bool was_resumed;

    assert_true(shake(both, version, session, &was_resumed));
    assert_int_equal(was_resumed, is_resumed);
}

static void tickets_stand_for_the_verification(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct two_way both = two_way(&partner, &between, NULL, false);
        SSL_SESSION *session = NULL;
        expect_shake(&both, versions[i], &session, false);
        expect_shake(&both, versions[i], &session, true);
        expect_shake(&both, versions[i], &session, true); /* by the ticket of a ticket */
        SSL_SESSION_free(session);
        two_way_free(&both);
    }
}

static void a_client_without_a_certificate_resumes(void **state)
{
    struct crl_file *crl = open_lists(NULL, HOUR);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct two_way both = two_way(NULL, NULL, crl, true);
        SSL_SESSION *session = NULL;
        expect_shake(&both, versions[i], &session, false);
        change_lists(crl, i == 0 ? &partner : NULL, HOUR); /* it is no concern of theirs */
        expect_shake(&both, versions[i], &session, true);
        SSL_SESSION_free(session);
        two_way_free(&both);
    }
    crl_file_release(crl);
}

/* Also the ticket that a resumed connection got remembers the first verification. */
static void new_lists_end_tickets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct crl_file *crl = open_lists(NULL, HOUR);
        struct two_way both = two_way(&partner, &between, crl, false);
        SSL_SESSION *session = NULL;
        bool was_resumed;
        expect_shake(&both, versions[i], &session, false);
        expect_shake(&both, versions[i], &session, true);
        change_lists(crl, &stranger, HOUR);
        expect_shake(&both, versions[i], &session, false);
        expect_shake(&both, versions[i], &session, true);
        change_lists(crl, &partner, HOUR);
        assert_false(shake(&both, versions[i], &session, &was_resumed));
        assert_null(session);
        two_way_free(&both);
        crl_file_release(crl);
    }
}

static void wait_until_past(int64_t when)
{
    while ((int64_t)time(NULL) <= when) {
        (void)poll(NULL, 0, 20);
    }
}

/* The list of the one, and the certificate of the other, end while their tickets are about. */
static void tickets_end_with_what_they_stand_for(void **state)
{
    enum { LIFE_S = 4 };
    const struct identity_options short_lived = {
        .subject = "brief", .usage = "clientAuth", .from_days = -1, .until_seconds = LIFE_S};
    struct identity brief = identity_make(&short_lived, &between);
    struct crl_file *crl = open_lists(NULL, LIFE_S);
    struct two_way by_list = two_way(&partner, &between, crl, false);
    struct two_way by_certificate = two_way(&brief, &between, NULL, false);
    SSL_SESSION *list_sessions[2] = {NULL};
    SSL_SESSION *certificate_sessions[2] = {NULL};
    int64_t end = (int64_t)time(NULL) + LIFE_S;
    bool was_resumed;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        expect_shake(&by_list, versions[i], &list_sessions[i], false);
        expect_shake(&by_certificate, versions[i], &certificate_sessions[i], false);
    }
    wait_until_past(end);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        assert_false(shake(&by_list, versions[i], &list_sessions[i], &was_resumed));
        assert_false(shake(&by_certificate, versions[i], &certificate_sessions[i], &was_resumed));
    }
    two_way_free(&by_list);
    two_way_free(&by_certificate);
    crl_file_release(crl);
    identity_free(&brief);
}

/* A ticket of another kind of server: nothing says what it stands for. */
static void tickets_without_a_note_are_not_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct two_way both = two_way(&partner, &between, NULL, false);
        struct two_way plain = {SSL_CTX_new(TLS_server_method()), both.client};
        const struct identity *above[] = {&between};
        unsigned char keys[80];
        SSL_SESSION *session = NULL;
        assert_int_equal(SSL_CTX_get_tlsext_ticket_keys(both.server, keys, sizeof(keys)), 1);
        assert_int_equal(SSL_CTX_set_tlsext_ticket_keys(plain.server, keys, sizeof(keys)), 1);
        tls_pair_use(plain.server, &site, above, 1);
        trust_root(plain.server);
        SSL_CTX_set_verify(plain.server, SSL_VERIFY_PEER, NULL);
        assert_int_equal(
            SSL_CTX_set_session_id_context(plain.server, (const unsigned char *)"x", 1), 1);
        expect_shake(&plain, versions[i], &session, false);
        expect_shake(&plain, versions[i], &session, true);
        expect_shake(&both, versions[i], &session, false);
        expect_shake(&both, versions[i], &session, true);
        SSL_SESSION_free(session);
        SSL_CTX_free(plain.server);
        two_way_free(&both);
    }
}

/* ---- the chain that was verified ---- */

/* How many certificates there are above the client's, after a handshake; the first is `first`. */
static int chain_after(const struct two_way *both, int version, SSL_SESSION **session,
                       const struct identity *first)
{
    struct tls_pair pair = tls_pair_make(both->client, both->server, version);
    STACK_OF(X509) * chain;
    int count;

    if (*session != NULL) {
        assert_int_equal(SSL_set_session(pair.client, *session), 1);
        SSL_SESSION_free(*session);
    }
    assert_true(tls_pair_shake(&pair));
    *session = SSL_get1_session(pair.client);
    chain = peer_verify_chain(pair.server);
    count = chain != NULL ? sk_X509_num(chain) : -1;
    if (count > 0) {
        assert_int_equal(X509_cmp(sk_X509_value(chain, 0), first->certificate), 0);
    }
    sk_X509_pop_free(chain, X509_free);
    tls_pair_free(&pair);
    return count;
}

static void the_chain_is_known_after_resumption(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct two_way both = two_way(&partner, &between, NULL, true);
        SSL_SESSION *session = NULL;
        for (int round = 0; round < 3; round++) {
            assert_int_equal(chain_after(&both, versions[i], &session, &between), 1);
        }
        SSL_SESSION_free(session);
        two_way_free(&both);
    }
}

static void the_chain_is_in_tickets_only_where_it_is_wanted(void **state)
{
    struct two_way both = two_way(&partner, &between, NULL, false);
    SSL_SESSION *session = NULL;

    (void)state;
    assert_int_equal(chain_after(&both, TLS1_3_VERSION, &session, &between), 1);
    assert_int_equal(chain_after(&both, TLS1_3_VERSION, &session, NULL), 0);
    SSL_SESSION_free(session);
    two_way_free(&both);
}

static void no_certificate_has_no_chain(void **state)
{
    struct two_way both = two_way(NULL, NULL, NULL, true);
    SSL_SESSION *session = NULL;

    (void)state;
    assert_int_equal(chain_after(&both, TLS1_3_VERSION, &session, NULL), -1);
    assert_int_equal(chain_after(&both, TLS1_3_VERSION, &session, NULL), -1);
    SSL_SESSION_free(session);
    two_way_free(&both);
}

static void issued_by_the_root_itself(void **state)
{
    const struct identity_options options = {.subject = "near", .usage = "clientAuth"};
    struct identity near_root = identity_make(&options, &root);
    struct two_way both = two_way(&near_root, NULL, NULL, true);
    SSL_SESSION *session = NULL;

    (void)state;
    assert_int_equal(chain_after(&both, TLS1_3_VERSION, &session, NULL), 0);
    assert_int_equal(chain_after(&both, TLS1_3_VERSION, &session, NULL), 0);
    SSL_SESSION_free(session);
    two_way_free(&both);
    identity_free(&near_root);
}

/* Each ClientHello would carry it: such a client makes full handshakes. */
static void a_chain_too_long_for_a_ticket_is_not_kept(void **state)
{
    enum { NAMES = 400, EACH = 32 };
    char *names = calloc(NAMES, EACH);
    struct identity_options options = {.subject = "wordy", .names = names, .is_ca = true};
    const struct identity_options client_options = {.subject = "far", .usage = "clientAuth"};
    struct identity wordy, far;
    struct two_way both;
    SSL_SESSION *session = NULL;

    (void)state;
    assert_non_null(names);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(names + strlen(names), EACH, "%sDNS:n%d.of.many.example", i == 0 ? "" : ",",
                       i);
    }
    wordy = identity_make(&options, &root);
    far = identity_make(&client_options, &wordy);
    both = two_way(&far, &wordy, NULL, true);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        assert_int_equal(chain_after(&both, versions[i], &session, &wordy), 1);
        expect_shake(&both, versions[i], &session, false);
        assert_int_equal(chain_after(&both, versions[i], &session, &wordy), 1);
        SSL_SESSION_free(session);
        session = NULL;
    }
    two_way_free(&both);
    identity_free(&wordy);
    identity_free(&far);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_key_of_the_chain_is_pinned),
        cmocka_unit_test(a_pin_is_no_trust),
        cmocka_unit_test(without_a_chain_the_peers_own_key_counts),
        cmocka_unit_test(what_is_no_pin_is_refused),
        cmocka_unit_test(lists_are_asked),
        cmocka_unit_test(each_authority_needs_a_list),
        cmocka_unit_test(states_tell_lists_apart),
        cmocka_unit_test(states_tell_trust_apart),
        cmocka_unit_test(tickets_stand_for_the_verification),
        cmocka_unit_test(a_client_without_a_certificate_resumes),
        cmocka_unit_test(new_lists_end_tickets),
        cmocka_unit_test(tickets_end_with_what_they_stand_for),
        cmocka_unit_test(tickets_without_a_note_are_not_taken),
        cmocka_unit_test(the_chain_is_known_after_resumption),
        cmocka_unit_test(the_chain_is_in_tickets_only_where_it_is_wanted),
        cmocka_unit_test(no_certificate_has_no_chain),
        cmocka_unit_test(issued_by_the_root_itself),
        cmocka_unit_test(a_chain_too_long_for_a_ticket_is_not_kept),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
