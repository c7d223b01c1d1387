#include "jose/jwt.h"

#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "jose/json_strict.h"

static const struct json_bounds token_bounds = {.depth = JWT_DEPTH_MAX, .values = JWT_VALUES_MAX};

/* ---- taken apart ---- */

static bool decode(struct span part, const char *what, struct arena *arena, struct span *bytes,
                   struct error *error)
{
    unsigned char *room = arena_alloc(arena, part.len + 1);
    size_t len;

    if (part.len == 0 || !base64_decode(BASE64_URL, part, room, part.len, &len)) {
        return error_set(error, "its %s is no base64url without padding", what);
    }
    *bytes = span_make(room, len);
    return true;
}

/* A text of the header, copied; false: it is there, and something else. */
static bool header_text(const json_t *header, const char *name, struct arena *arena,
                        struct span *text, struct error *error)
{
    *text = json_strict_text(header, name);
    if (text->ptr == NULL) {
        return json_object_get(header, name) == NULL ||
               error_set(error, "'%s' of its header is no text", name);
    }
    if (text->len > JWK_ID_MAX) {
        return error_set(error, "'%s' of its header is longer than %d bytes", name, JWK_ID_MAX);
    }
    *text = arena_copy(arena, *text);
    return true;
}

static bool take_header(const json_t *header, struct arena *arena, struct jwt *jwt,
                        struct error *error)
{
    /* What changes how a token is to be read, none of which is known here. */
    static const char *const strange[] = {"crit", "b64", "zip", "enc"};

    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        if (json_object_get(header, strange[i]) != NULL) {
            return error_set(error, "its header has '%s', which is not taken here", strange[i]);
        }
    }
    if (!header_text(header, "alg", arena, &jwt->algorithm_name, error) ||
        !header_text(header, "kid", arena, &jwt->key_id, error) ||
        !header_text(header, "typ", arena, &jwt->type, error)) {
        return false;
    }
    if (jwt->algorithm_name.ptr == NULL) {
        return error_set(error, "its header has no 'alg'");
    }
    jwt->algorithm = jws_algorithm_find(jwt->algorithm_name);
    if (span_istarts_with(jwt->type, SPAN_OF("application/"))) {
        jwt->type = span_skip(jwt->type, strlen("application/"));
    }
    return true;
}

static bool read_header(struct span part, struct arena *arena, struct jwt *jwt, struct error *error)
{
    struct span bytes;
    json_t *header;
    bool is_good;

    if (part.len > JWT_HEADER_MAX) {
        return error_set(error, "its header is longer than %d bytes", JWT_HEADER_MAX);
    }
    if (!decode(part, "header", arena, &bytes, error)) {
        return false;
    }
    header = json_strict_object(bytes, &token_bounds, error);
    if (header == NULL) {
        return false;
    }
    is_good = take_header(header, arena, jwt, error);
    json_decref(header);
    return is_good;
}

bool jwt_read(struct span token, struct arena *arena, struct jwt *jwt, struct error *error)
{
    struct span rest = token;
    struct span header;
    struct span payload;
    struct span bytes;

    *jwt = (struct jwt){.claims = NULL};
    if (!span_split(&rest, '.', &header) || !span_split(&rest, '.', &payload) || rest.ptr == NULL ||
        span_find(rest, '.') != rest.len) {
        return error_set(error, "it has not the three parts of a signed token");
    }
    jwt->text = span_head(token, header.len + 1 + payload.len);
    if (rest.len > BASE64_LEN(JWS_SIGNATURE_MAX)) {
        return error_set(error, "its signature is longer than any that is taken");
    }
    if (!read_header(header, arena, jwt, error) ||
        !decode(rest, "signature", arena, &jwt->signature, error) ||
        !decode(payload, "payload", arena, &bytes, error)) {
        return false;
    }
    jwt->claims = json_strict_object(bytes, &token_bounds, error);
    return jwt->claims != NULL;
}

void jwt_free(struct jwt *jwt)
{
    json_decref(jwt->claims);
    jwt->claims = NULL;
}

/* ---- signatures ---- */

/* A key without an id, as in PEM, may be the one that a token names; one with another id is not. */
static bool is_named(const struct jwt *jwt, const struct jwk *jwk)
{
    return jwt->key_id.ptr == NULL || jwk->id.ptr == NULL || span_eq(jwt->key_id, jwk->id);
}

static bool may_be(const struct jwt *jwt, uint32_t algorithms)
{
    return jwt->algorithm != JWS_NONE &&
           (algorithms == 0 || (algorithms >> jwt->algorithm & 1) != 0);
}

/* The next key that it could be of, from *at on; NULL: there is none. *is_known: some key is named
 * as it says. */
static const struct jwk *next_key(const struct jwt *jwt, const struct jwk_set *keys, size_t *at,
                                  bool *is_known)
{
    while (*at < jwk_set_count(keys)) {
        const struct jwk *jwk = jwk_set_at(keys, (*at)++);
        if (is_named(jwt, jwk)) {
            *is_known = true;
            if (jwk_takes(jwk, jwt->algorithm)) {
                return jwk;
            }
        }
    }
    return NULL;
}

unsigned jwt_cost_us(const struct jwt *jwt, const struct jwk_set *keys, uint32_t algorithms)
{
    const struct jwk *jwk;
    bool is_known = false;
    unsigned cost_us = 0;
    unsigned tried = 0;
    size_t at = 0;

    while (may_be(jwt, algorithms) && tried++ < JWT_KEYS_TRIED_MAX &&
           (jwk = next_key(jwt, keys, &at, &is_known)) != NULL) {
        cost_us += jws_key_cost_us(jwk->key);
    }
    return cost_us;
}

enum jwt_signature jwt_verify(const struct jwt *jwt, const struct jwk_set *keys,
                              uint32_t algorithms)
{
    const struct jwk *jwk;
    bool is_known = false;
    unsigned tried = 0;
    size_t at = 0;

    if (!may_be(jwt, algorithms)) {
        return JWT_ALGORITHM_REFUSED;
    }
    while (tried < JWT_KEYS_TRIED_MAX && (jwk = next_key(jwt, keys, &at, &is_known)) != NULL) {
        tried++;
        if (jws_key_verify(jwk->key, jwt->algorithm, jwt->text, jwt->signature)) {
            return JWT_SIGNATURE_GOOD;
        }
    }
    return tried != 0 ? JWT_SIGNATURE_WRONG : is_known ? JWT_ALGORITHM_REFUSED : JWT_KEY_UNKNOWN;
}

/* ---- claims ---- */

/* Further than any date; so that sums of two fit. */
#define TIME_MAX 9007199254740992.0

/* A date in seconds (RFC 7519 section 2). False: it is there, and is none. */
static bool read_time(const json_t *claims, const char *name, bool *is_there, int64_t *time_s,
                      struct error *error)
{
    const json_t *value = json_object_get(claims, name);
    double number = json_number_value(value);

    *is_there = value != NULL;
    if (value == NULL) {
        return true;
    }
    if (!json_is_number(value) || !isfinite(number) || number < 0 || number > TIME_MAX) {
        return error_set(error, "its '%s' is no time", name);
    }
    *time_s = (int64_t)number;
    return true;
}

static bool read_times(const json_t *claims, int64_t leeway_s, struct jwt_times *times,
                       struct error *error)
{
    int64_t expires = 0;
    int64_t not_before = 0;
    int64_t issued = 0;
    bool has_end;
    bool has_begin;
    bool has_issue;

    if (!read_time(claims, "exp", &has_end, &expires, error) ||
        !read_time(claims, "nbf", &has_begin, &not_before, error) ||
        !read_time(claims, "iat", &has_issue, &issued, error)) {
        return false;
    }
    if (!has_end) {
        return error_set(error, "it has no 'exp', and would be good for ever");
    }
    not_before = has_begin && (!has_issue || not_before > issued) ? not_before
                 : has_issue                                      ? issued
                                                                  : 0;
    *times = (struct jwt_times){.not_before = not_before - leeway_s, .expires = expires + leeway_s};
    return true;
}

static bool is_one_of(struct span text, const struct jwt_texts *texts, bool any_case)
{
    for (size_t i = 0; i < texts->count; i++) {
        struct span one = span_from_cstr(texts->items[i]);
        if (any_case ? span_ieq(text, one) : span_eq(text, one)) {
            return true;
        }
    }
    return false;
}

static bool has_audience(const json_t *claims, const struct jwt_texts *audiences)
{
    const json_t *audience = json_object_get(claims, "aud");
    struct span text = json_strict_text(claims, "aud");
    size_t i;
    const json_t *value;

    if (is_one_of(SPAN_OF("*"), audiences, false)) {
        return true;
    }
    if (text.ptr != NULL) {
        return is_one_of(text, audiences, false);
    }
    json_array_foreach(audience, i, value)
    {
        if (json_is_string(value) &&
            is_one_of(span_make(json_string_value(value), json_string_length(value)), audiences,
                      false)) {
            return true;
        }
    }
    return false;
}

enum jwt_verdict jwt_check_times(const struct jwt_times *times, int64_t now_s)
{
    return now_s >= times->expires ? JWT_EXPIRED : now_s < times->not_before ? JWT_EARLY : JWT_GOOD;
}

enum jwt_verdict jwt_check(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_s,
                           struct jwt_times *times, struct error *error)
{
    struct span issuer = json_strict_text(jwt->claims, "iss");
    enum jwt_verdict verdict;

    if (issuer.ptr == NULL || !span_eq_cstr(issuer, rules->issuer)) {
        (void)error_set(error, "its 'iss' is another issuer's, or missing");
        return JWT_WRONG;
    }
    if (jwt->type.ptr == NULL ? rules->needs_type : !is_one_of(jwt->type, &rules->types, true)) {
        (void)error_set(error, "its 'typ' is none of those of 'types'");
        return JWT_WRONG;
    }
    if (!has_audience(jwt->claims, &rules->audiences)) {
        (void)error_set(error, "its 'aud' is for somebody else, or missing");
        return JWT_WRONG;
    }
    if (!read_times(jwt->claims, rules->leeway_s, times, error)) {
        return JWT_WRONG;
    }
    verdict = jwt_check_times(times, now_s);
    if (verdict != JWT_GOOD) {
        (void)error_set(error, verdict == JWT_EXPIRED ? "it has expired"
                                                      : "it is not good yet ('nbf' or 'iat'): is "
                                                        "one of the two clocks wrong?");
    }
    return verdict;
}
