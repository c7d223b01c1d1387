/* Sessions with a server that are kept for the next connection: which one is used, how often, and
 * when none is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "tls/crl.h"
#include "tls/openssl/peer_verify.h"
#include "tls/openssl/session_slot_internal.h"
#include "tls_pair.h"

#define KEPT_MAX 8 /* SESSIONS_MAX of the slot */
#define HOUR 3600

static struct identity ca, site;
static SSL_CTX *client, *server;
static struct session_slot *slot;
static int64_t now;

static int set_up(void **state)
{
    const struct identity_options ca_options = {.subject = "CA", .is_ca = true};
    const struct identity_options options = {.subject = "site", .names = "DNS:site.example"};

    ca = identity_make(&ca_options, NULL);
    site = identity_make(&options, &ca);
    client = SSL_CTX_new(TLS_client_method());
    server = SSL_CTX_new(TLS_server_method());
    tls_pair_use(server, &site, NULL, 0);
    (void)SSL_CTX_set_num_tickets(server, 1);
    (void)SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
    return tls_test_set_up(state);
}

static int tear_down(void **state)
{
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    identity_free(&ca);
    identity_free(&site);
    return tls_test_tear_down(state);
}

static int make_slot(void **state)
{
    (void)state;
    slot = session_slot_create();
    now = (int64_t)time(NULL);
    return 0;
}

static int drop_slot(void **state)
{
    (void)state;
    session_slot_destroy(slot);
    return 0;
}

/* A session of a handshake of its own, the caller's. */
static SSL_SESSION *new_session(int version)
{
    struct tls_pair pair = tls_pair_make(client, server, version);
    SSL_SESSION *session;

    assert_true(tls_pair_shake(&pair));
    session = SSL_get1_session(pair.client);
    assert_int_equal(SSL_SESSION_is_resumable(session), 1);
    tls_pair_free(&pair);
    return session;
}

/* Puts it as a connection of the context would. */
static void put_of(SSL_CTX *ssl_ctx, SSL_SESSION *session, int64_t deadline)
{
    SSL *ssl = SSL_new(ssl_ctx);

    session_slot_put(slot, "", ssl, session, deadline);
    SSL_free(ssl);
}

static void put(SSL_SESSION *session, int64_t deadline)
{
    put_of(client, session, deadline);
}

static bool is_same(const SSL_SESSION *a, const SSL_SESSION *b)
{
    const unsigned char *ticket_a, *ticket_b;
    size_t len_a = 0;
    size_t len_b = 0;

    SSL_SESSION_get0_ticket(a, &ticket_a, &len_a);
    SSL_SESSION_get0_ticket(b, &ticket_b, &len_b);
    return len_a != 0 && len_a == len_b && memcmp(ticket_a, ticket_b, len_a) == 0;
}

/* What a connection of the context is given; expected NULL: nothing. Returns the deadline. */
static int64_t use_of(SSL_CTX *ssl_ctx, const SSL_SESSION *expected)
{
    SSL *ssl = SSL_new(ssl_ctx);
    int64_t deadline = session_slot_use(slot, "", ssl);

    if (expected == NULL) {
        assert_true(deadline == 0);
        assert_null(SSL_get_session(ssl));
    } else {
        assert_true(deadline != 0);
        assert_non_null(SSL_get_session(ssl));
        assert_true(is_same(SSL_get_session(ssl), expected));
    }
    SSL_free(ssl);
    return deadline;
}

static int64_t use(const SSL_SESSION *expected)
{
    return use_of(client, expected);
}

static void an_empty_one_gives_nothing(void **state)
{
    (void)state;
    (void)use(NULL);
    session_slot_destroy(NULL);
}

static void tls13_sessions_are_used_once(void **state)
{
    SSL_SESSION *first = new_session(TLS1_3_VERSION);
    SSL_SESSION *second = new_session(TLS1_3_VERSION);

    (void)state;
    put(first, now + HOUR);
    put(second, now + 2 * HOUR);
    assert_true(use(second) == now + 2 * HOUR); /* the newest first */
    assert_true(use(first) == now + HOUR);
    (void)use(NULL);
    put(first, now + HOUR);
    (void)use(first);
    (void)use(NULL);
    SSL_SESSION_free(first);
    SSL_SESSION_free(second);
}

static void tls12_sessions_stay(void **state)
{
    SSL_SESSION *first = new_session(TLS1_2_VERSION);
    SSL_SESSION *second = new_session(TLS1_2_VERSION);

    (void)state;
    put(first, now + HOUR);
    put(second, now + HOUR);
    for (int i = 0; i < 3; i++) {
        (void)use(second);
    }
    SSL_SESSION_free(first);
    SSL_SESSION_free(second);
}

/* Who resumes proves no name, so a session is for the name that was proved. */
static void each_name_has_its_own(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        SSL_SESSION *one = new_session(versions[i]);
        SSL_SESSION *two = new_session(versions[i]);
        SSL *ssl = SSL_new(client);

        session_slot_put(slot, "one.example", ssl, one, now + HOUR);
        session_slot_put(slot, "two.example", ssl, two, now + HOUR);
        assert_true(session_slot_use(slot, "three.example", ssl) == 0);
        assert_true(session_slot_use(slot, "", ssl) == 0);
        assert_true(session_slot_use(slot, "one.example", ssl) != 0);
        assert_true(is_same(SSL_get_session(ssl), one));
        assert_true(session_slot_use(slot, "two.example", ssl) != 0);
        assert_true(is_same(SSL_get_session(ssl), two));
        SSL_free(ssl);
        SSL_SESSION_free(one);
        SSL_SESSION_free(two);
    }
}

/* Taken from the middle of a full ring, and old ones of the name dropped on the way. */
static void gaps_are_closed(void **state)
{
    static const char *const names[] = {"a", "b", "a", "b", "b", "a", "b", "a", "b", "a"};
    SSL_SESSION *session = new_session(TLS1_3_VERSION);
    SSL *ssl = SSL_new(client);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        session_slot_put(slot, names[i], ssl, session, i % 3 == 0 ? now - 1 : now + HOUR);
    }
    /* Of the last eight, 2 to 9, those of "a" are 2, 5, 7 and 9, which is over; of "b" 3, 6: over.
     */
    for (int i = 0; i < 3; i++) {
        assert_true(session_slot_use(slot, "a", ssl) == now + HOUR);
    }
    assert_true(session_slot_use(slot, "a", ssl) == 0);
    session_slot_put(slot, "c", ssl, session, now + HOUR);
    for (int i = 0; i < 2; i++) {
        assert_true(session_slot_use(slot, "b", ssl) == now + HOUR);
    }
    assert_true(session_slot_use(slot, "b", ssl) == 0);
    assert_true(session_slot_use(slot, "c", ssl) == now + HOUR);
    assert_true(session_slot_use(slot, "c", ssl) == 0);
    SSL_free(ssl);
    SSL_SESSION_free(session);
}

static void what_is_used_resumes(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        SSL_SESSION *session = new_session(versions[i]);
        struct tls_pair pair = tls_pair_make(client, server, versions[i]);
        put(session, now + HOUR);
        SSL_SESSION_free(session); /* the slot has a copy of its own */
        assert_true(session_slot_use(slot, "", pair.client) == now + HOUR);
        assert_true(tls_pair_shake(&pair));
        assert_int_equal(SSL_session_reused(pair.client), 1);
        tls_pair_free(&pair);
    }
}

static void a_connection_that_broke_does_not_spoil_it(void **state)
{
    struct tls_pair pair = tls_pair_make(client, server, TLS1_2_VERSION);
    SSL_SESSION *session;

    (void)state;
    assert_true(tls_pair_shake(&pair));
    session = SSL_get1_session(pair.client);
    session_slot_put(slot, "", pair.client, session, now + HOUR);
    SSL_free(pair.client); /* without close_notify: the library gives this one up */
    SSL_free(pair.server);
    SSL_SESSION_free(session);
    pair = tls_pair_make(client, server, TLS1_2_VERSION);
    assert_true(session_slot_use(slot, "", pair.client) != 0);
    assert_true(tls_pair_shake(&pair));
    assert_int_equal(SSL_session_reused(pair.client), 1);
    tls_pair_free(&pair);
}

static void the_ring_keeps_the_newest(void **state)
{
    SSL_SESSION *sessions[KEPT_MAX + 3];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        sessions[i] = new_session(TLS1_3_VERSION);
        put(sessions[i], now + HOUR);
    }
    for (size_t i = ARRAY_LEN(sessions); i > ARRAY_LEN(sessions) - KEPT_MAX; i--) {
        (void)use(sessions[i - 1]);
    }
    (void)use(NULL);
    /* And goes on behind what was taken. */
    put(sessions[0], now + HOUR);
    put(sessions[1], now + HOUR);
    (void)use(sessions[1]);
    put(sessions[2], now + HOUR);
    (void)use(sessions[2]);
    (void)use(sessions[0]);
    (void)use(NULL);
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++) {
        SSL_SESSION_free(sessions[i]);
    }
}

static void they_end_with_their_deadline(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        SSL_SESSION *good = new_session(versions[i]);
        SSL_SESSION *late = new_session(versions[i]);
        put(good, now + HOUR);
        put(late, now);
        put(late, now - HOUR);
        (void)use(good); /* those above it are gone */
        SSL_SESSION_free(good);
        SSL_SESSION_free(late);
    }
}

/* The server said how long it takes them (RFC 8446 section 4.6.1). */
static void they_end_with_their_lifetime(void **state)
{
    SSL_SESSION *session = new_session(TLS1_3_VERSION);

    (void)state;
    assert_int_equal(SSL_SESSION_set_timeout(session, 0), 1);
    put(session, now + HOUR);
    (void)use(NULL);
    SSL_SESSION_free(session);
}

static SSL_CTX *context_with(struct crl_file *crl)
{
    struct peer_verify_options options = {.crl = crl};
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_client_method());
    struct error error;

    assert_true(peer_verify_install(ssl_ctx, &options, &error));
    return ssl_ctx;
}

/* A server that was verified under other revocation lists must be verified again. */
static void they_end_with_the_revocation_lists(void **state)
{
    SSL_SESSION *session = new_session(TLS1_2_VERSION);
    struct error error;
    struct crl_file *crl = crl_file_open(test_write_crl("ca.crl", &ca, NULL, HOUR), &error);
    SSL_CTX *ssl_ctx;

    (void)state;
    assert_non_null(crl);
    ssl_ctx = context_with(crl);
    put_of(ssl_ctx, session, now + HOUR);
    (void)use_of(ssl_ctx, session);
    assert_int_equal(crl_file_refresh(crl, &error), CRL_SAME);
    (void)use_of(ssl_ctx, session);
    (void)test_write_crl("ca.crl", &ca, &site, HOUR);
    assert_int_equal(crl_file_refresh(crl, &error), CRL_RENEWED);
    (void)use_of(ssl_ctx, NULL);
    put_of(ssl_ctx, session, now + HOUR);
    (void)use_of(ssl_ctx, session);
    SSL_SESSION_free(session);
    SSL_CTX_free(ssl_ctx);
    crl_file_release(crl);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 300

static void *put_and_use(void *arg)
{
    SSL_SESSION *const *sessions = arg;
    size_t used = 0;

    for (int i = 0; i < ROUNDS; i++) {
        SSL *ssl = SSL_new(client);
        session_slot_put(slot, "", ssl, sessions[i % 2], now + HOUR);
        used += session_slot_use(slot, "", ssl) != 0;
        SSL_free(ssl);
    }
    return used != 0 ? arg : NULL;
}

static void threads_share_one(void **state)
{
    SSL_SESSION *sessions[2] = {new_session(TLS1_2_VERSION), new_session(TLS1_3_VERSION)};
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_and_use, sessions), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    SSL_SESSION_free(sessions[0]);
    SSL_SESSION_free(sessions[1]);
}

#define WITH_SLOT(test) cmocka_unit_test_setup_teardown(test, make_slot, drop_slot)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SLOT(an_empty_one_gives_nothing),
        WITH_SLOT(tls13_sessions_are_used_once),
        WITH_SLOT(tls12_sessions_stay),
        WITH_SLOT(each_name_has_its_own),
        WITH_SLOT(gaps_are_closed),
        WITH_SLOT(what_is_used_resumes),
        WITH_SLOT(a_connection_that_broke_does_not_spoil_it),
        WITH_SLOT(the_ring_keeps_the_newest),
        WITH_SLOT(they_end_with_their_deadline),
        WITH_SLOT(they_end_with_their_lifetime),
        WITH_SLOT(they_end_with_the_revocation_lists),
        WITH_SLOT(threads_share_one),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
