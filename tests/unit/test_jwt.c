/* Signed tokens: what is taken, and the published ways of making one that should not be (RFC 8725).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "jose/jwt.h"
#include "jose_test.h"

#define NOW 1700000000
#define GOOD_CLAIMS                                                                                \
    "{\"iss\":\"https://id.example.com\",\"aud\":\"shop\",\"sub\":\"ann\",\"exp\":1700000060}"

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

static struct jwk_set *set_of(const char *members)
{
    return jose_set(members, &arena);
}

static struct jwk_set *set_of_key(struct jose_key *key)
{
    return set_of(jose_jwk(key, &arena));
}

static enum jwt_signature verify(const char *token, const struct jwk_set *set, uint32_t algorithms)
{
    return jose_verify(token, set, algorithms, &arena);
}

static void assert_unreadable(const char *token, const char *words)
{
    struct error error;
    struct jwt jwt;

    assert_false(jwt_read(span_from_cstr(token), &arena, &jwt, &error));
    jwt_free(&jwt);
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' is not about '%s'", error.text, words);
    }
}

/* ---- signatures ---- */

static const struct {
    const char *algorithm;
    const char *kind;
    unsigned bits;
} pairs[] = {
    {"RS256", "RS", 2048}, {"RS384", "RS", 2048},   {"RS512", "RS", 2048}, {"PS256", "RS", 2048},
    {"PS384", "RS", 2048}, {"PS512", "RS", 2048},   {"ES256", "P-256", 0}, {"ES384", "P-384", 0},
    {"ES512", "P-521", 0}, {"EdDSA", "Ed25519", 0}, {"EdDSA", "Ed448", 0},
};

static const char *signed_by(size_t i)
{
    const char *header = arena_printf(&arena, "{\"alg\":\"%s\"}", pairs[i].algorithm);

    return jose_sign(pairs[i].algorithm, jose_key_of(pairs[i].kind, pairs[i].bits), NULL, header,
                     GOOD_CLAIMS, &arena);
}

static void test_costs_are_of_the_keys_that_would_be_tried(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct jwk_set *set = set_of_key(jose_key_of(pairs[i].kind, pairs[i].bits));
        bool is_large = strcmp(pairs[i].kind, "P-384") == 0 ||
                        strcmp(pairs[i].kind, "P-521") == 0 || strcmp(pairs[i].kind, "Ed448") == 0;
        struct error error;
        struct jwt jwt;

        assert_true(jwt_read(span_from_cstr(signed_by(i)), &arena, &jwt, &error));
        assert_in_range(jwt_cost_us(&jwt, set, 0), is_large ? 300 : 10, is_large ? 1000 : 150);
        assert_int_equal(jwt_cost_us(&jwt, set, UINT32_C(1) << JWS_ALGORITHM_COUNT), 0);
        jwt_free(&jwt);
        jwk_set_release(set);
    }
}

static void test_each_algorithm_by_its_own_kind_of_key_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
            struct jose_key *key = jose_key_of(pairs[k].kind, pairs[k].bits);
            struct jwk_set *set = set_of_key(key);
            enum jwt_signature expected =
                key == jose_key_of(pairs[i].kind, pairs[i].bits)      ? JWT_SIGNATURE_GOOD
                : strcmp(pairs[i].algorithm, pairs[k].algorithm) == 0 ? JWT_SIGNATURE_WRONG
                                                                      : JWT_ALGORITHM_REFUSED;
            assert_int_equal(verify(signed_by(i), set, 0), expected);
            jwk_set_release(set);
        }
    }
}

static void test_any_change_breaks_the_signature(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct jwk_set *set = set_of_key(jose_key_of(pairs[i].kind, pairs[i].bits));
        const char *token = signed_by(i);
        const char *claims = strchr(token, '.') + 1;
        const char *signature = strrchr(token, '.') + 1;
        unsigned char bytes[1024];
        size_t len;
        const char *other = arena_printf(
            &arena, "%.*s%s.%s", (int)(claims - token), token,
            jose_encode(SPAN_OF("{\"iss\":\"https://id.example.com\",\"sub\":\"root\"}"), &arena),
            signature);

        assert_int_equal(verify(other, set, 0), JWT_SIGNATURE_WRONG);
        assert_true(
            base64_decode(BASE64_URL, span_from_cstr(signature), bytes, sizeof(bytes), &len));
        for (size_t at = 0; at < len; at += 17) {
            bytes[at] ^= 1;
            assert_int_equal(verify(arena_printf(&arena, "%.*s%s", (int)(signature - token), token,
                                                 jose_encode(span_make(bytes, len), &arena)),
                                    set, 0),
                             JWT_SIGNATURE_WRONG);
            bytes[at] ^= 1;
        }
        /* Zeros, which once were good for any text (CVE-2022-21449); one byte less, one more. */
        memset(bytes + len, 0, 1);
        assert_int_equal(verify(arena_printf(&arena, "%.*s%s", (int)(signature - token), token,
                                             jose_encode(span_make(bytes, len + 1), &arena)),
                                set, 0),
                         JWT_SIGNATURE_WRONG);
        assert_int_equal(verify(arena_printf(&arena, "%.*s%s", (int)(signature - token), token,
                                             jose_encode(span_make(bytes, len - 1), &arena)),
                                set, 0),
                         JWT_SIGNATURE_WRONG);
        memset(bytes, 0, len);
        assert_int_equal(verify(arena_printf(&arena, "%.*s%s", (int)(signature - token), token,
                                             jose_encode(span_make(bytes, len), &arena)),
                                set, 0),
                         JWT_SIGNATURE_WRONG);
        jwk_set_release(set);
    }
}

/* RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4. */
static void test_published_examples(void **state)
{
    static const struct {
        const char *key;
        enum jws_algorithm algorithm;
        const char *token;
    } examples[] = {
        {"\"kty\":\"EC\",\"crv\":\"P-256\","
         "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"",
         JWS_ES256,
         "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
         "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5d"
         "jxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
        {"\"kty\":\"OKP\",\"crv\":\"Ed25519\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"",
         JWS_EDDSA,
         "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7"
         "-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
        {"\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8"
         "W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690"
         "r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6"
         "65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFk"
         "MLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"",
         JWS_RS256,
         "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtc"
         "GxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOi"
         "Zj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
         "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu"
         "sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywl"
         "VmtVrBp0igcN_IoypGlUPQGe77Rw"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct jwk_set *set = set_of(examples[i].key);
        const char *dot = strrchr(examples[i].token, '.');
        unsigned char signature[512];
        size_t len;

        assert_true(
            base64_decode(BASE64_URL, span_from_cstr(dot + 1), signature, sizeof(signature), &len));
        assert_true(jws_key_verify(jwk_set_at(set, 0)->key, examples[i].algorithm,
                                   span_make(examples[i].token, (size_t)(dot - examples[i].token)),
                                   span_make(signature, len)));
        jwk_set_release(set);
    }
}

static void test_no_signature_is_never_one(void **state)
{
    static const char *const names[] = {"none", "None", "NONE", "nOnE", ""};
    struct jwk_set *set = set_of_key(jose_key_of("RS", 2048));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *header = arena_printf(&arena, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", names[i]);
        const char *text =
            arena_printf(&arena, "%s.%s", jose_encode(span_from_cstr(header), &arena),
                         jose_encode(SPAN_OF(GOOD_CLAIMS), &arena));
        assert_unreadable(arena_printf(&arena, "%s.", text), "signature");
        assert_unreadable(text, "three parts");
        assert_int_equal(verify(arena_printf(&arena, "%s.AA", text), set, 0),
                         JWT_ALGORITHM_REFUSED);
    }
    assert_unreadable(arena_printf(&arena, "%s.e30.AA",
                                   jose_encode(SPAN_OF("{\"alg\":\"RS256\\u0000\"}"), &arena)),
                      "no JSON");
    jwk_set_release(set);
}

/* CVE-2015-9235 and its heirs: the public key, which everybody has, as the secret of an HMAC. */
static void test_public_key_is_no_secret(void **state)
{
    struct jose_key *key = jose_key_of("RS", 2048);
    const char *pem = jose_public_pem(key, &arena);
    struct error error;
    struct jwk_set *sets[] = {jwk_set_parse(span_from_cstr(pem), &error), set_of_key(key)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *token =
            jose_sign("HS256", NULL, pem, "{\"alg\":\"HS256\"}", GOOD_CLAIMS, &arena);
        assert_int_equal(verify(token, sets[i], 0), JWT_ALGORITHM_REFUSED);
        assert_int_equal(verify(token, sets[i], UINT32_MAX), JWT_ALGORITHM_REFUSED);
        jwk_set_release(sets[i]);
    }
    /* And a secret among the keys is passed over. */
    assert_null(jwk_set_parse(
        SPAN_OF("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ\"}]}"),
        &error));
    assert_non_null(strstr(error.text, "no key that verifies signatures"));
}

static void test_listed_algorithms_are_the_only_ones(void **state)
{
    struct jwk_set *set = set_of_key(jose_key_of("RS", 2048));

    (void)state;
    assert_int_equal(verify(signed_by(0), set, 1U << JWS_RS256), JWT_SIGNATURE_GOOD);
    assert_int_equal(verify(signed_by(0), set, 1U << JWS_PS256 | 1U << JWS_RS512),
                     JWT_ALGORITHM_REFUSED);
    jwk_set_release(set);
    set = set_of(
        arena_printf(&arena, "\"alg\":\"PS256\",%s", jose_jwk(jose_key_of("RS", 2048), &arena)));
    assert_int_equal(verify(signed_by(0), set, 0), JWT_ALGORITHM_REFUSED);
    assert_int_equal(verify(signed_by(3), set, 0), JWT_SIGNATURE_GOOD);
    jwk_set_release(set);
}

static const char *with_header(const char *header)
{
    return jose_sign("ES256", jose_key_of("P-256", 0), NULL, header, GOOD_CLAIMS, &arena);
}

/* A token may say what it likes of keys: only its id counts, and only as a name. */
static void test_keys_of_the_token_itself_are_nothing(void **state)
{
    struct jose_key *attacker = jose_key_of("P-256", 0);
    const char *jwk = jose_jwk(attacker, &arena);
    const char *headers[] = {
        arena_printf(&arena, "{\"alg\":\"ES256\",\"jwk\":{%s}}", jwk),
        "{\"alg\":\"ES256\",\"jku\":\"https://evil.example/jwks.json\"}",
        "{\"alg\":\"ES256\",\"x5u\":\"https://evil.example/c.pem\"}",
        "{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"],\"x5t\":\"AA\",\"x5t#S256\":\"AA\"}",
        "{\"alg\":\"ES256\",\"kid\":\"good\"}",
    };
    struct jwk_set *set = set_of("\"kid\":\"good\",\"kty\":\"EC\",\"crv\":\"P-256\","
                                 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        assert_int_equal(verify(with_header(headers[i]), set, 0), JWT_SIGNATURE_WRONG);
    }
    jwk_set_release(set);
}

static void test_key_id_is_a_name_and_no_more(void **state)
{
    static const char *const ids[] = {
        "other", "", "../../../../dev/null", "a' UNION SELECT 'x", "|id", "GOOD", "good "};
    struct jwk_set *set = set_of(
        arena_printf(&arena, "\"kid\":\"good\",%s", jose_jwk(jose_key_of("P-256", 0), &arena)));
    char longest[JWK_ID_MAX + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(
            verify(with_header(arena_printf(&arena, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", ids[i])),
                   set, 0),
            JWT_KEY_UNKNOWN);
    }
    assert_int_equal(verify(with_header("{\"alg\":\"ES256\",\"kid\":\"good\"}"), set, 0),
                     JWT_SIGNATURE_GOOD);
    assert_int_equal(verify(with_header("{\"alg\":\"ES256\"}"), set, 0), JWT_SIGNATURE_GOOD);
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"kid\":7}"), "'kid'");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"kid\":null}"), "'kid'");
    memset(longest, 'k', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_unreadable(
        with_header(arena_printf(&arena, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", longest)),
        "longer than");
    jwk_set_release(set);
}

/* Without an id all that fit are tried, but not for ever. */
static void test_keys_that_are_tried_are_bounded(void **state)
{
    const char *other = "\"kty\":\"EC\",\"crv\":\"P-256\","
                        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"";
    const char *mine = jose_jwk(jose_key_of("P-256", 0), &arena);

    (void)state;
    for (int before = JWT_KEYS_TRIED_MAX - 1; before <= JWT_KEYS_TRIED_MAX; before++) {
        const char *keys = "";
        struct jwk_set *set;
        for (int i = 0; i < before; i++) {
            keys = arena_printf(&arena, "%s%s},{", keys, other);
        }
        set = set_of(arena_printf(&arena, "%s%s", keys, mine));
        assert_int_equal(verify(with_header("{\"alg\":\"ES256\"}"), set, 0),
                         before < JWT_KEYS_TRIED_MAX ? JWT_SIGNATURE_GOOD : JWT_SIGNATURE_WRONG);
        jwk_set_release(set);
    }
}

/* ---- what is read ---- */

static void test_tokens_that_are_none(void **state)
{
    const char *good = with_header("{\"alg\":\"ES256\"}");
    const char *dot = strchr(good, '.');
    const char *rest = arena_printf(&arena, "%s", dot);
    const char *head = arena_printf(&arena, "%.*s", (int)(dot - good), good);

    (void)state;
    assert_unreadable("", "three parts");
    assert_unreadable("a.b", "three parts");
    assert_unreadable("a.b.c.d", "three parts");
    assert_unreadable("a.b.c.d.e", "three parts"); /* encrypted (RFC 7516) */
    assert_unreadable("..", "header");
    assert_unreadable(arena_printf(&arena, "%s=%s", head, rest), "header");
    assert_unreadable(arena_printf(&arena, " %s%s", head, rest), "header");
    assert_unreadable(arena_printf(&arena, "%s%%3D%s", head, rest), "header");
    assert_unreadable(arena_printf(&arena, "%s\n%s", head, rest), "header");
    assert_unreadable(arena_printf(&arena, "%s+/%s", head, rest), "header");
    assert_unreadable(arena_printf(&arena, "%s=", good), "signature");
    assert_unreadable(arena_printf(&arena, "%s.e30.AB", head), "signature"); /* bits of no byte */
    assert_unreadable(arena_printf(&arena, "%s.e30=.AA", head), "payload");
    assert_unreadable(arena_printf(&arena, "%s.e31.AA", head), "payload");
}

static void test_headers_that_are_refused(void **state)
{
    (void)state;
    assert_unreadable(with_header("[]"), "no object");
    assert_unreadable(with_header("\"alg\""), "no JSON");
    assert_unreadable(with_header("{\"alg\":\"ES256\"} x"), "no JSON");
    assert_unreadable(with_header("{\"typ\":\"JWT\"}"), "no 'alg'");
    assert_unreadable(with_header("{\"alg\":[\"ES256\"]}"), "'alg'");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"alg\":\"none\"}"), "no JSON");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}"), "no JSON");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}"), "'crit'");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"crit\":[]}"), "'crit'");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"b64\":false}"), "'b64'");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"zip\":\"DEF\"}"), "'zip'");
    assert_unreadable(with_header("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}"), "'enc'");
    assert_unreadable(with_header("{\"alg\":\"ES256\",\"typ\":1}"), "'typ'");
    assert_unreadable(with_header(arena_printf(&arena, "{\"alg\":\"ES256\",\"x\":\"%02000d\"}", 0)),
                      "header is longer");
}

static const char *with_claims(const char *claims)
{
    return jose_sign("ES256", jose_key_of("P-256", 0), NULL, "{\"alg\":\"ES256\"}", claims, &arena);
}

static const char *nested(size_t depth)
{
    char *text = arena_alloc(&arena, 8 * depth + 32);
    char *at = text + sprintf(text, "{\"sub\":");

    for (size_t i = 1; i < depth; i++) {
        *at++ = '[';
    }
    *at++ = '1';
    for (size_t i = 1; i < depth; i++) {
        *at++ = ']';
    }
    memcpy(at, "}", 2);
    return text;
}

static const char *wide(size_t values)
{
    char *text = arena_alloc(&arena, 2 * values + 32);
    char *at = text + sprintf(text, "{\"groups\":[1");

    for (size_t i = 1; i < values; i++) {
        *at++ = ',';
        *at++ = '1';
    }
    memcpy(at, "]}", 3);
    return text;
}

static void test_payloads_that_are_refused(void **state)
{
    struct error error;
    struct jwt jwt;

    (void)state;
    assert_unreadable(with_claims("{\"sub\":\"a\",\"sub\":\"b\"}"), "no JSON");
    assert_unreadable(with_claims("{\"a\":{\"b\":1,\"b\":2}}"), "no JSON");
    assert_unreadable(with_claims("{\"sub\":\"\xff\"}"), "no JSON");
    assert_unreadable(with_claims("{\"sub\":\"\\u0000\"}"), "no JSON");
    assert_unreadable(with_claims("{\"sub\":\"\\ud800\"}"), "no JSON");
    assert_unreadable(with_claims("{\"sub\":1e999}"), "no JSON");
    assert_unreadable(with_claims("{sub:1}"), "no JSON");
    assert_unreadable(with_claims("{\"sub\":1}{}"), "no JSON");
    assert_unreadable(with_claims("7"), "no JSON");
    assert_unreadable(with_claims(nested(JWT_DEPTH_MAX + 1)), "nested deeper");
    assert_unreadable(with_claims(nested(100000)), "nested deeper");
    assert_unreadable(with_claims(wide(JWT_VALUES_MAX + 1)), "more than");
    assert_true(jwt_read(span_from_cstr(with_claims(nested(JWT_DEPTH_MAX))), &arena, &jwt, &error));
    jwt_free(&jwt);
    assert_true(
        jwt_read(span_from_cstr(with_claims(wide(JWT_VALUES_MAX - 2))), &arena, &jwt, &error));
    jwt_free(&jwt);
    /* Brackets and commas in texts are none. */
    assert_true(jwt_read(span_from_cstr(with_claims("{\"sub\":\"[[[[[[[[[[[[\\\"[[[,,\\\\\"}")),
                         &arena, &jwt, &error));
    jwt_free(&jwt);
}

/* ---- for whom, and when ---- */

static const struct {
    const char *claims;
    const char *type;
    enum jwt_verdict verdict;
    const char *words;
} checks[] = {
    {GOOD_CLAIMS, NULL, JWT_GOOD, ""},
    {GOOD_CLAIMS, "JWT", JWT_GOOD, ""},
    {GOOD_CLAIMS, "jwt", JWT_GOOD, ""},
    {GOOD_CLAIMS, "application/at+JWT", JWT_GOOD, ""},
    {GOOD_CLAIMS, "logout+jwt", JWT_WRONG, "'typ'"},
    {GOOD_CLAIMS, "", JWT_WRONG, "'typ'"},
    {"{\"aud\":\"shop\",\"exp\":1700000060}", NULL, JWT_WRONG, "'iss'"},
    {"{\"iss\":\"https://id.example.com/\",\"aud\":\"shop\",\"exp\":1700000060}", NULL, JWT_WRONG,
     "'iss'"},
    {"{\"iss\":[\"https://id.example.com\"],\"aud\":\"shop\",\"exp\":1700000060}", NULL, JWT_WRONG,
     "'iss'"},
#define ISS "{\"iss\":\"https://id.example.com\","
    {ISS "\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":\"bank\",\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":\"Shop\",\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":[\"bank\"],\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":[],\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":{\"shop\":1},\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":[[\"shop\"]],\"exp\":1700000060}", NULL, JWT_WRONG, "'aud'"},
    {ISS "\"aud\":[\"bank\",\"shop\"],\"exp\":1700000060}", NULL, JWT_GOOD, ""},
#define AUD ISS "\"aud\":\"shop\","
    {AUD "\"sub\":\"ann\"}", NULL, JWT_WRONG, "no 'exp'"},
    {AUD "\"exp\":\"1700000060\"}", NULL, JWT_WRONG, "'exp' is no time"},
    {AUD "\"exp\":null}", NULL, JWT_WRONG, "'exp' is no time"},
    {AUD "\"exp\":-1}", NULL, JWT_WRONG, "'exp' is no time"},
    {AUD "\"exp\":1e300}", NULL, JWT_WRONG, "'exp' is no time"},
    {AUD "\"exp\":1700000060.7}", NULL, JWT_GOOD, ""},
    {AUD "\"exp\":1699999991}", NULL, JWT_GOOD, ""}, /* the leeway is 10 s */
    {AUD "\"exp\":1699999990}", NULL, JWT_EXPIRED, "expired"},
    {AUD "\"exp\":0}", NULL, JWT_EXPIRED, "expired"},
    {AUD "\"exp\":1700000060,\"nbf\":1700000010}", NULL, JWT_GOOD, ""},
    {AUD "\"exp\":1700000060,\"nbf\":1700000011}", NULL, JWT_EARLY, "not good yet"},
    {AUD "\"exp\":1700000060,\"iat\":1700000011}", NULL, JWT_EARLY, "not good yet"},
    {AUD "\"exp\":1700000060,\"iat\":1700000011,\"nbf\":1}", NULL, JWT_EARLY, "not good yet"},
    {AUD "\"exp\":1700000060,\"iat\":1600000000,\"nbf\":1700000011}", NULL, JWT_EARLY,
     "not good yet"},
    {AUD "\"exp\":1700000060,\"nbf\":\"soon\"}", NULL, JWT_WRONG, "'nbf' is no time"},
    {AUD "\"exp\":1700000060,\"iat\":true}", NULL, JWT_WRONG, "'iat' is no time"},
};

static void test_whom_tokens_are_for_and_when(void **state)
{
    static const char *const audiences[] = {"shop", "admin"};
    static const char *const types[] = {"JWT", "at+jwt"};
    const struct jwt_rules rules = {.issuer = "https://id.example.com",
                                    .audiences = {audiences, 2},
                                    .types = {types, 2},
                                    .leeway_s = 10};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        const char *header =
            checks[i].type == NULL
                ? "{\"alg\":\"ES256\"}"
                : arena_printf(&arena, "{\"alg\":\"ES256\",\"typ\":\"%s\"}", checks[i].type);
        struct jwt_times times;
        struct error error = {""};
        struct jwt jwt;

        assert_true(jwt_read(span_from_cstr(jose_sign("ES256", jose_key_of("P-256", 0), NULL,
                                                      header, checks[i].claims, &arena)),
                             &arena, &jwt, &error));
        if (jwt_check(&jwt, &rules, NOW, &times, &error) != checks[i].verdict ||
            strstr(error.text, checks[i].words) == NULL) {
            fail_msg("%s: %s", checks[i].claims, error.text);
        }
        jwt_free(&jwt);
    }
}

static void test_type_and_audience_can_be_asked_for_or_left_open(void **state)
{
    static const char *const any[] = {"*"};
    static const char *const types[] = {"at+jwt"};
    const struct jwt_rules rules = {.issuer = "https://id.example.com",
                                    .audiences = {any, 1},
                                    .types = {types, 1},
                                    .needs_type = true};
    struct jwt_times times;
    struct error error;
    struct jwt jwt;

    (void)state;
    assert_true(
        jwt_read(span_from_cstr(with_claims(ISS "\"exp\":1700000060}")), &arena, &jwt, &error));
    assert_int_equal(jwt_check(&jwt, &rules, NOW, &times, &error), JWT_WRONG);
    jwt.type = SPAN_OF("at+jwt");
    assert_int_equal(jwt_check(&jwt, &rules, NOW, &times, &error), JWT_GOOD);
    assert_int_equal(jwt_check_times(&times, NOW + 59), JWT_GOOD);
    assert_int_equal(jwt_check_times(&times, NOW + 60), JWT_EXPIRED);
    jwt_free(&jwt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_costs_are_of_the_keys_that_would_be_tried, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_each_algorithm_by_its_own_kind_of_key_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_any_change_breaks_the_signature, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_published_examples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_signature_is_never_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_public_key_is_no_secret, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listed_algorithms_are_the_only_ones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_keys_of_the_token_itself_are_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_key_id_is_a_name_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_that_are_tried_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tokens_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_payloads_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whom_tokens_are_for_and_when, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_type_and_audience_can_be_asked_for_or_left_open,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
