/* Keys of issuers, in JWK sets and PEM: which are used, and why the others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jose_test.h"

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

static enum jwt_signature verify_by(const char *algorithm, struct jose_key *key,
                                    const struct jwk_set *set)
{
    const char *header = arena_printf(&arena, "{\"alg\":\"%s\"}", algorithm);

    return jose_verify(jose_sign(algorithm, key, NULL, header, "{}", &arena), set, 0, &arena);
}

static void assert_no_keys(const char *text, const char *words)
{
    struct error error;

    assert_null(jwk_set_parse(span_from_cstr(text), &error));
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' is not about '%s'", error.text, words);
    }
}

static const char *in_set(const char *key)
{
    return arena_printf(&arena, "{\"keys\":[{%s}]}", key);
}

static void test_keys_that_are_not_used(void **state)
{
    const char *p256 = jose_jwk(jose_key_of("P-256", 0), &arena);
    const char *small = jose_jwk(jose_key_of("RS", 1024), &arena);

    (void)state;
    assert_no_keys("", "neither a JWK set nor");
    assert_no_keys("keys", "neither a JWK set nor");
    assert_no_keys("{}", "no 'keys'");
    assert_no_keys("{\"keys\":{}}", "no array");
    assert_no_keys("{\"keys\":[]}", "no key that verifies");
    assert_no_keys("{\"keys\":[1]}", "no object");
    assert_no_keys("{\"keys\":[],\"keys\":[]}", "no JSON");
    assert_no_keys(in_set(small), "2048 to 4096 bits");
    assert_no_keys(in_set("\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\""), "2048 to 4096 bits");
    assert_no_keys(in_set("\"kty\":\"RSA\",\"n\":\"A=\",\"e\":\"AQAB\""), "'n'");
    assert_no_keys(in_set("\"kty\":\"RSA\",\"n\":\"AQAB\""), "'e'");
    assert_no_keys(in_set("\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AQ\",\"y\":\"AQ\""),
                   "P-256, P-384 and P-521");
    assert_no_keys(in_set("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\""),
                   "32 bytes");
    assert_no_keys(in_set("\"kty\":\"EC\",\"crv\":\"P-256\","
                          "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                          "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""),
                   "no public key");
    assert_no_keys(in_set("\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AQ\""), "Ed25519 nor Ed448");
    assert_no_keys(in_set("\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\""), "no public key");
    assert_no_keys(in_set(arena_printf(&arena, "\"use\":\"enc\",%s", p256)), "something else");
    assert_no_keys(in_set(arena_printf(&arena, "\"key_ops\":[\"sign\"],%s", p256)),
                   "something else");
    assert_no_keys(in_set(arena_printf(&arena, "\"alg\":\"HS256\",%s", p256)), "'HS256'");
    assert_no_keys(in_set(arena_printf(&arena, "\"alg\":\"RS256\",%s", p256)),
                   "no key for its algorithm");
    assert_no_keys("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/"
                   "nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n",
                   "'PRIVATE KEY'");
}

static void test_keys_that_are_used(void **state)
{
    const char *p256 = jose_jwk(jose_key_of("P-256", 0), &arena);
    const char *rsa = jose_jwk(jose_key_of("RS", 2048), &arena);
    const char *many = "";
    struct jwk_set *set;
    struct error error;

    (void)state;
    /* What is not known is passed over (RFC 7517 section 5). */
    set = jose_set(
        arena_printf(&arena,
                     "\"kty\":\"new\",\"kid\":\"1\"},{\"use\":\"sig\",\"kid\":\"2\",%s},{%s", p256,
                     rsa),
        &arena);
    assert_int_equal(jwk_set_count(set), 2);
    assert_string_equal(arena_cstr(&arena, jwk_set_at(set, 0)->id), "2");
    assert_null(jwk_set_at(set, 1)->id.ptr);
    jwk_set_release(set);
    set = jwk_set_parse(span_from_cstr(arena_printf(&arena, " \n{%s}", p256)), &error);
    assert_int_equal(jwk_set_count(set), 1);
    jwk_set_release(set);
    set = jwk_set_parse(span_from_cstr(arena_printf(
                            &arena, "%s%s", jose_public_pem(jose_key_of("RS", 2048), &arena),
                            jose_public_pem(jose_key_of("Ed25519", 0), &arena))),
                        &error);
    assert_int_equal(jwk_set_count(set), 2);
    assert_int_equal(verify_by("RS256", jose_key_of("RS", 2048), set), JWT_SIGNATURE_GOOD);
    assert_int_equal(verify_by("EdDSA", jose_key_of("Ed25519", 0), set), JWT_SIGNATURE_GOOD);
    jwk_set_release(set);
    for (int i = 0; i <= JWK_SET_KEYS_MAX; i++) {
        many = arena_printf(&arena, "%s%s%s", many, i == 0 ? "" : "},{", p256);
    }
    assert_no_keys(in_set(many), "more than 64 keys");
}

static void test_each_set_has_a_number_of_its_own(void **state)
{
    struct jwk_set *one = jose_set(jose_jwk(jose_key_of("P-256", 0), &arena), &arena);
    struct jwk_set *other = jose_set(jose_jwk(jose_key_of("P-256", 0), &arena), &arena);

    (void)state;
    assert_int_not_equal(jwk_set_number(one), 0);
    assert_int_not_equal(jwk_set_number(one), jwk_set_number(other));
    jwk_set_release(one);
    jwk_set_release(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_that_are_not_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_that_are_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_set_has_a_number_of_its_own, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
