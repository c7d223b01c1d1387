/* What ID tokens and logout tokens must say, besides being signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "jose/id_token.h"
#include "jose_test.h"
#include "tls/digest.h"

#define NOW 1700000000
#define USUAL "\"iss\":\"https://id.example.com\",\"exp\":1700000060,\"iat\":1699999990"
#define EVENT "\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct jwt read_token(const char *header, const char *claims)
{
    const char *token = jose_sign("ES256", jose_key_of("P-256", 0), NULL, header,
                                  arena_printf(&arena, "{%s}", claims), &arena);
    struct error error;
    struct jwt jwt;

    assert_true(jwt_read(span_from_cstr(token), &arena, &jwt, &error));
    return jwt;
}

static struct id_token_rules rules(void)
{
    return (struct id_token_rules){.issuer = "https://id.example.com",
                                   .client_id = "shop",
                                   .leeway_s = 5,
                                   .nonce = SPAN_OF("n-1"),
                                   .access_token = SPAN_OF("access"),
                                   .subject = {NULL, 0}};
}

static void id_tokens_are_for_this_client_and_this_sign_in(void **state)
{
    static const struct {
        const char *claims;
        const char *problem; /* NULL: it is right */
    } cases[] = {
        {"\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-1\"", NULL},
        {"\"aud\":[\"shop\"],\"sub\":\"ann\",\"nonce\":\"n-1\"", NULL},
        {"\"aud\":[\"shop\",\"bank\"],\"azp\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-1\"", NULL},
        {"\"aud\":[\"shop\",\"bank\"],\"sub\":\"ann\",\"nonce\":\"n-1\"", "'azp'"},
        {"\"aud\":\"shop\",\"azp\":\"bank\",\"sub\":\"ann\",\"nonce\":\"n-1\"", "'azp'"},
        {"\"aud\":\"shop\",\"azp\":1,\"sub\":\"ann\",\"nonce\":\"n-1\"", "'azp'"},
        {"\"aud\":\"bank\",\"sub\":\"ann\",\"nonce\":\"n-1\"", "'aud'"},
        {"\"aud\":\"*\",\"sub\":\"ann\",\"nonce\":\"n-1\"", "'aud'"},
        {"\"sub\":\"ann\",\"nonce\":\"n-1\"", "'aud'"},
        {"\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-2\"", "'nonce'"},
        {"\"aud\":\"shop\",\"sub\":\"ann\"", "'nonce'"},
        {"\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":[\"n-1\"]", "'nonce'"},
        {"\"aud\":\"shop\",\"nonce\":\"n-1\"", "'sub'"},
        {"\"aud\":\"shop\",\"sub\":\"\",\"nonce\":\"n-1\"", "'sub'"},
        {"\"aud\":\"shop\",\"sub\":7,\"nonce\":\"n-1\"", "'sub'"},
        {"\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-1\",\"at_hash\":\"AAAA\"", "'at_hash'"},
        {"\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-1\",\"at_hash\":1", "'at_hash'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jwt jwt =
            read_token("{\"alg\":\"ES256\"}", arena_printf(&arena, USUAL ",%s", cases[i].claims));
        const struct id_token_rules wanted = rules();
        struct jwt_times times;
        struct error error = {""};
        enum jwt_verdict verdict = id_token_check(&jwt, &wanted, NOW, &times, &error);

        assert_int_equal(verdict, cases[i].problem == NULL ? JWT_GOOD : JWT_WRONG);
        if (cases[i].problem != NULL) {
            assert_non_null(strstr(error.text, cases[i].problem));
        }
        jwt_free(&jwt);
    }
}

static void id_tokens_end(void **state)
{
    struct jwt jwt = read_token("{\"alg\":\"ES256\"}",
                                USUAL ",\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-1\"");
    const struct id_token_rules wanted = rules();
    struct jwt_times times;
    struct error error;

    (void)state;
    assert_int_equal(id_token_check(&jwt, &wanted, 1700000064, &times, &error), JWT_GOOD);
    assert_int_equal(id_token_check(&jwt, &wanted, 1700000065, &times, &error), JWT_EXPIRED);
    assert_int_equal(id_token_check(&jwt, &wanted, 1699999984, &times, &error), JWT_EARLY);
    jwt_free(&jwt);
}

/* Each hash by its algorithm's (Core section 3.1.3.6). */
static void access_token_is_the_one_that_came_along(void **state)
{
    static const struct {
        const char *kind;
        const char *algorithm;
        unsigned bits;
    } cases[] = {{"P-256", "ES256", 256}, {"P-384", "ES384", 384}, {"P-521", "ES512", 512}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned char digest[SHA512_BYTES];
        struct id_token_rules wanted = rules();
        struct jwt_times times;
        struct error error;
        struct jwt jwt;

        assert_true(digest_sha2(cases[i].bits, wanted.access_token, digest));
        const char *token =
            jose_sign(cases[i].algorithm, jose_key_of(cases[i].kind, 0), NULL,
                      arena_printf(&arena, "{\"alg\":\"%s\"}", cases[i].algorithm),
                      arena_printf(&arena,
                                   "{" USUAL ",\"aud\":\"shop\",\"sub\":\"ann\",\"nonce\":\"n-1\","
                                   "\"at_hash\":\"%s\"}",
                                   jose_encode(span_make(digest, cases[i].bits / 16), &arena)),
                      &arena);
        assert_true(jwt_read(span_from_cstr(token), &arena, &jwt, &error));
        assert_int_equal(id_token_check(&jwt, &wanted, NOW, &times, &error), JWT_GOOD);
        wanted.access_token = SPAN_OF("another");
        assert_int_equal(id_token_check(&jwt, &wanted, NOW, &times, &error), JWT_WRONG);
        wanted.access_token = span_make(NULL, 0);
        assert_int_equal(id_token_check(&jwt, &wanted, NOW, &times, &error), JWT_GOOD);
        jwt_free(&jwt);
    }
}

static void refreshed_tokens_are_of_the_same_person(void **state)
{
    struct jwt jwt = read_token("{\"alg\":\"ES256\"}", USUAL ",\"aud\":\"shop\",\"sub\":\"ann\"");
    struct id_token_rules wanted = rules();
    struct jwt_times times;
    struct error error;

    (void)state;
    wanted.nonce = span_make(NULL, 0);
    wanted.subject = SPAN_OF("ann");
    assert_int_equal(id_token_check(&jwt, &wanted, NOW, &times, &error), JWT_GOOD);
    wanted.subject = SPAN_OF("bob");
    assert_int_equal(id_token_check(&jwt, &wanted, NOW, &times, &error), JWT_WRONG);
    jwt_free(&jwt);
}

static void nobody_is_everybodys_client(void **state)
{
    struct jwt jwt = read_token("{\"alg\":\"ES256\"}", USUAL ",\"aud\":\"bank\",\"sub\":\"ann\"");
    struct id_token_rules wanted = rules();
    struct jwt_times times;
    struct error error;

    (void)state;
    wanted.client_id = "*";
    wanted.nonce = span_make(NULL, 0);
    assert_int_equal(id_token_check(&jwt, &wanted, NOW, &times, &error), JWT_WRONG);
    jwt_free(&jwt);
}

static void logout_tokens_name_somebody_and_are_no_id_tokens(void **state)
{
    static const struct {
        const char *header;
        const char *claims;
        const char *subject; /* NULL, as the next: it is not there */
        const char *session;
        bool is_good;
    } cases[] = {
        {"logout+jwt", "\"sub\":\"ann\",\"sid\":\"s\"," EVENT, "ann", "s", true},
        {"JWT", "\"sub\":\"ann\"," EVENT, "ann", NULL, true},
        {"logout+jwt", "\"sid\":\"s\"," EVENT, NULL, "s", true},
        {"at+jwt", "\"sid\":\"s\"," EVENT, NULL, NULL, false},
        {"logout+jwt", EVENT, NULL, NULL, false},
        {"logout+jwt", "\"sid\":\"s\"", NULL, NULL, false},
        {"logout+jwt", "\"sid\":\"s\",\"events\":{}", NULL, NULL, false},
        {"logout+jwt", "\"sid\":\"s\",\"events\":[]", NULL, NULL, false},
        {"logout+jwt", "\"sid\":\"s\",\"nonce\":\"n\"," EVENT, NULL, NULL, false},
        {"logout+jwt", "\"sid\":{}," EVENT, NULL, NULL, false},
        {"logout+jwt", "\"sid\":\"\"," EVENT, NULL, NULL, false},
        {"logout+jwt", "\"sid\":\"s\",\"sub\":1," EVENT, NULL, NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jwt jwt =
            read_token(arena_printf(&arena, "{\"alg\":\"ES256\",\"typ\":\"%s\"}", cases[i].header),
                       arena_printf(&arena, USUAL ",\"aud\":\"shop\",%s", cases[i].claims));
        const struct id_token_rules wanted = rules();
        struct span subject;
        struct span session;
        struct error error;
        enum jwt_verdict verdict =
            logout_token_check(&jwt, &wanted, NOW, &subject, &session, &error);

        assert_int_equal(verdict, cases[i].is_good ? JWT_GOOD : JWT_WRONG);
        if (cases[i].is_good) {
            assert_true(span_eq(subject, span_from_cstr(cases[i].subject)));
            assert_true(span_eq(session, span_from_cstr(cases[i].session)));
        }
        jwt_free(&jwt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(id_tokens_are_for_this_client_and_this_sign_in, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(id_tokens_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(access_token_is_the_one_that_came_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refreshed_tokens_are_of_the_same_person, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_everybodys_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logout_tokens_name_somebody_and_are_no_id_tokens, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
