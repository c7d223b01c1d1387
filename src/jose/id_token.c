#include "jose/id_token.h"

#include "base/base64.h"
#include "jose/json_strict.h"
#include "tls/digest.h"

static enum jwt_verdict check_usual(const struct jwt *jwt, const struct id_token_rules *rules,
                                    const char *const *types, size_t type_count, int64_t now_s,
                                    struct jwt_times *times, struct error *error)
{
    const struct jwt_rules usual = {
        .issuer = rules->issuer,
        .audiences = {&rules->client_id, 1},
        .types = {types, type_count},
        .leeway_s = rules->leeway_s,
    };

    /* For jwt_check this means everybody, and is nobody's id. */
    if (span_eq_cstr(SPAN_OF("*"), rules->client_id)) {
        (void)error_set(error, "no client is called '*'");
        return JWT_WRONG;
    }
    return jwt_check(jwt, &usual, now_s, times, error);
}

/* A text of bounded length; false: it is there, and none. */
static bool read_name(const json_t *claims, const char *name, struct span *text,
                      struct error *error)
{
    *text = json_strict_text(claims, name);
    if (text->ptr == NULL ? json_object_get(claims, name) != NULL
                          : text->len == 0 || text->len > ID_TOKEN_NAME_MAX) {
        return error_set(error, "its '%s' is no text of up to %d bytes", name, ID_TOKEN_NAME_MAX);
    }
    return true;
}

/* It was made for this client, and not for another one that this one is an audience of. */
static bool check_party(const json_t *claims, const char *client_id, struct error *error)
{
    const json_t *audience = json_object_get(claims, "aud");
    const json_t *party = json_object_get(claims, "azp");

    if (party == NULL) {
        return json_array_size(audience) <= 1 ||
               error_set(error, "it is for several ('aud'), and does not say for whom it was made "
                                "('azp')");
    }
    return span_eq_cstr(json_strict_text(claims, "azp"), client_id) ||
           error_set(error, "it was made for somebody else ('azp')");
}

static bool check_nonce(const json_t *claims, struct span nonce, struct error *error)
{
    struct span has = json_strict_text(claims, "nonce");

    return nonce.ptr == NULL || (has.ptr != NULL && span_eq(has, nonce)) ||
           error_set(error, "its 'nonce' is not that of this sign-in");
}

static unsigned hash_bits(enum jws_algorithm algorithm)
{
    switch (algorithm) {
    case JWS_RS384:
    case JWS_PS384:
    case JWS_ES384:
        return 384;
    case JWS_RS512:
    case JWS_PS512:
    case JWS_ES512:
    case JWS_EDDSA: /* Ed25519's hash */
        return 512;
    default:
        return 256;
    }
}

/* The left half of the access token's hash (Core section 3.1.3.6). */
static bool check_hash(const struct jwt *jwt, struct span access_token, struct error *error)
{
    struct span has = json_strict_text(jwt->claims, "at_hash");
    unsigned bits = hash_bits(jwt->algorithm);
    unsigned char digest[SHA512_BYTES];
    char text[BASE64_LEN(SHA512_BYTES / 2)];
    size_t len;

    if (json_object_get(jwt->claims, "at_hash") == NULL || access_token.ptr == NULL) {
        return true;
    }
    if (!digest_sha2(bits, access_token, digest)) {
        return error_set(error, "memory is out");
    }
    len = base64_encode(BASE64_URL, span_make(digest, bits / 16), text);
    return span_eq(has, span_make(text, len)) ||
           error_set(error, "its 'at_hash' is another access token's");
}

static bool check_subject(const json_t *claims, struct span before, struct error *error)
{
    struct span subject;

    if (!read_name(claims, "sub", &subject, error)) {
        return false;
    }
    if (subject.ptr == NULL) {
        return error_set(error, "it has no 'sub'");
    }
    return before.ptr == NULL || span_eq(before, subject) ||
           error_set(error, "its 'sub' is somebody else than before");
}

enum jwt_verdict id_token_check(const struct jwt *jwt, const struct id_token_rules *rules,
                                int64_t now_s, struct jwt_times *times, struct error *error)
{
    static const char *const types[] = {"JWT"};
    enum jwt_verdict verdict =
        check_usual(jwt, rules, types, ARRAY_LEN(types), now_s, times, error);

    if (verdict != JWT_GOOD) {
        return verdict;
    }
    return check_party(jwt->claims, rules->client_id, error) &&
                   check_nonce(jwt->claims, rules->nonce, error) &&
                   check_subject(jwt->claims, rules->subject, error) &&
                   check_hash(jwt, rules->access_token, error)
               ? JWT_GOOD
               : JWT_WRONG;
}

enum jwt_verdict logout_token_check(const struct jwt *jwt, const struct id_token_rules *rules,
                                    int64_t now_s, struct span *subject, struct span *session,
                                    struct error *error)
{
    static const char *const types[] = {"logout+jwt", "JWT"};
    static const char event[] = "http://schemas.openid.net/event/backchannel-logout";
    struct jwt_times times;
    enum jwt_verdict verdict =
        check_usual(jwt, rules, types, ARRAY_LEN(types), now_s, &times, error);

    if (verdict != JWT_GOOD) {
        return verdict;
    }
    if (!json_is_object(json_object_get(json_object_get(jwt->claims, "events"), event))) {
        (void)error_set(error, "its 'events' say nothing of a logout");
        return JWT_WRONG;
    }
    if (json_object_get(jwt->claims, "nonce") != NULL) {
        (void)error_set(error, "it has a 'nonce', as ID tokens have");
        return JWT_WRONG;
    }
    if (!read_name(jwt->claims, "sub", subject, error) ||
        !read_name(jwt->claims, "sid", session, error)) {
        return JWT_WRONG;
    }
    if (subject->ptr == NULL && session->ptr == NULL) {
        (void)error_set(error, "it has neither 'sub' nor 'sid'");
        return JWT_WRONG;
    }
    return JWT_GOOD;
}
