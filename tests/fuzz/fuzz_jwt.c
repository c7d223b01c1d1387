/* Signed tokens and sets of keys. The first byte says what the others are: T, a token as it comes;
 * P, header, line break and payload of one, which get encoded; K, a set of keys. Nothing of it is
 * ever taken for signed by a key that nobody has. */
#include <string.h>

#include "auth/claims.h"
#include "base/base64.h"
#include "base/strbuf.h"
#include "jose/jwt.h"

#define BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of RFC 7515 appendix A.3. */
static const char keys[] = "{\"keys\":[{\"kid\":\"k\",\"kty\":\"EC\",\"crv\":\"P-256\","
                           "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                           "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void look_at_claims(const struct jwt *jwt, struct arena *arena)
{
    struct auth_identity identity = {.claims = claims_of_json(jwt->claims, arena)};

    for (size_t i = 0; i < identity.claims.count; i++) {
        const struct auth_claim *claim = &identity.claims.items[i];
        struct auth_claims found = auth_identity_claims(&identity, claim->path);
        struct auth_list words = claims_words(&found, arena);

        CHECK(claim->path.len != 0 && claim->path.len <= CLAIM_PATH_MAX);
        CHECK(found.count != 0 && found.items <= claim && claim < found.items + found.count);
        CHECK(words.count <= claim->value.len + found.count * BYTES_MAX);
        CHECK(auth_identity_claim_text(&identity, claim->path, arena).len >= claim->value.len);
    }
}

static void look_at_token(struct span token, struct arena *arena)
{
    static const char *const texts[] = {"*"};
    const struct jwt_rules rules = {
        .issuer = "i", .audiences = {texts, 1}, .types = {texts, 1}, .leeway_s = 30};
    static struct jwk_set *set;
    struct jwt_times times;
    struct error error;
    struct jwt jwt;

    if (set == NULL) {
        set = jwk_set_parse(span_from_cstr(keys), &error);
    }
    if (!jwt_read(token, arena, &jwt, &error)) {
        CHECK(error.text[0] != '\0' && jwt.claims == NULL);
        return;
    }
    CHECK(jwt.text.ptr == token.ptr && jwt.text.len < token.len);
    CHECK(jwt_verify(&jwt, set, 0) != JWT_SIGNATURE_GOOD);
    if (jwt_check(&jwt, &rules, 1700000000, &times, &error) == JWT_GOOD) {
        CHECK(times.not_before <= 1700000000 && times.expires > 1700000000);
    }
    look_at_claims(&jwt, arena);
    jwt_free(&jwt);
}

static void look_at_parts(struct span header, struct span payload, struct arena *arena)
{
    char *token = arena_alloc(arena, BASE64_LEN(header.len) + BASE64_LEN(payload.len) + 8);
    size_t len = base64_encode(BASE64_URL, header, token);

    token[len++] = '.';
    len += base64_encode(BASE64_URL, payload, token + len);
    memcpy(token + len, ".AAAA", 5);
    look_at_token(span_make(token, len + 5), arena);
}

static void look_at_keys(struct span text)
{
    struct error error;
    struct jwk_set *set = jwk_set_parse(text, &error);

    if (set == NULL) {
        CHECK(error.text[0] != '\0');
        return;
    }
    CHECK(jwk_set_count(set) != 0 && jwk_set_count(set) <= JWK_SET_KEYS_MAX);
    for (size_t i = 0; i < jwk_set_count(set); i++) {
        CHECK(!jwk_takes(jwk_set_at(set, i), JWS_NONE));
        CHECK(!jws_key_verify(jwk_set_at(set, i)->key, JWS_ES256, SPAN_OF("x"), SPAN_OF("y")));
    }
    jwk_set_release(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_make((const char *)data, size);
    struct arena arena;
    struct span header;

    if (size == 0 || size > BYTES_MAX) {
        return 0;
    }
    arena_init(&arena, 4096);
    rest = span_skip(rest, 1);
    switch (data[0]) {
    case 'T':
        look_at_token(rest, &arena);
        break;
    case 'P':
        header = span_head(rest, span_find(rest, '\n'));
        look_at_parts(header, span_skip(rest, header.len < rest.len ? header.len + 1 : header.len),
                      &arena);
        break;
    case 'K':
        look_at_keys(rest);
        break;
    default:
        break;
    }
    arena_destroy(&arena);
    return 0;
}
