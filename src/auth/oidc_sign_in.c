#include "auth/oidc_sign_in.h"

#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/url.h"
#include "edge/credential.h"
#include "http/quality.h"
#include "tls/digest.h"

#define VERSION 1
#define HEAD_BYTES (1 + 8 + OIDC_SEED_BYTES)

void oidc_sign_in_begin(struct oidc_sign_in *sign_in, struct span target, int64_t now_s)
{
    sign_in->began_s = now_s;
    sign_in->target = oidc_return_target(target);
    CHECK(getrandom(sign_in->seed, sizeof(sign_in->seed), 0) == sizeof(sign_in->seed));
}

static struct span encode(const unsigned char *bytes, struct arena *arena)
{
    char *text = arena_alloc(arena, BASE64_LEN(SHA256_BYTES));

    return span_make(text, base64_encode(BASE64_URL, span_make(bytes, SHA256_BYTES), text));
}

static struct span derive(const struct oidc_sign_in *sign_in, struct span what, struct arena *arena)
{
    unsigned char mac[SHA256_BYTES];

    CHECK(digest_hmac_sha256(span_make(sign_in->seed, sizeof(sign_in->seed)), &what, 1, mac));
    return encode(mac, arena);
}

struct oidc_proofs oidc_sign_in_proofs(const struct oidc_sign_in *sign_in, struct arena *arena)
{
    struct oidc_proofs proofs = {
        .state = derive(sign_in, SPAN_OF("state"), arena),
        .nonce = derive(sign_in, SPAN_OF("nonce"), arena),
        .verifier = derive(sign_in, SPAN_OF("verifier"), arena),
    };
    unsigned char digest[SHA256_BYTES];

    CHECK(digest_sha256(&proofs.verifier, 1, digest));
    proofs.challenge = encode(digest, arena);
    return proofs;
}

struct span oidc_sign_in_pack(const struct oidc_sign_in *sign_in, struct arena *arena)
{
    size_t len = HEAD_BYTES + sign_in->target.len;
    char *bytes = arena_alloc(arena, len);
    char *to = big_endian_put(bytes, VERSION, 1);

    to = big_endian_put(to, (uint64_t)sign_in->began_s, 8);
    memcpy(to, sign_in->seed, OIDC_SEED_BYTES);
    memcpy(bytes + HEAD_BYTES, sign_in->target.ptr, sign_in->target.len);
    return span_make(bytes, len);
}

bool oidc_sign_in_unpack(struct span text, struct oidc_sign_in *sign_in)
{
    struct cursor cursor = cursor_make(text);
    uint8_t version;
    uint64_t began;
    struct span seed;

    if (!cursor_u8(&cursor, &version) || version != VERSION || !cursor_u64(&cursor, &began) ||
        !cursor_bytes(&cursor, OIDC_SEED_BYTES, &seed)) {
        return false;
    }
    sign_in->began_s = (int64_t)began;
    memcpy(sign_in->seed, seed.ptr, OIDC_SEED_BYTES);
    sign_in->target = oidc_return_target(span_skip(text, HEAD_BYTES));
    return true;
}

/* Browsers take '\' for '/', and pass over tabs and line breaks: "//host" and all that they could
 * read so is another site's. */
struct span oidc_return_target(struct span target)
{
    bool is_good = target.len != 0 && target.len <= OIDC_TARGET_MAX && target.ptr[0] == '/' &&
                   (target.len == 1 || target.ptr[1] != '/');

    for (size_t i = 0; i < target.len && is_good; i++) {
        unsigned char byte = (unsigned char)target.ptr[i];
        is_good = byte > ' ' && byte < 0x7f && byte != '\\';
    }
    return is_good ? target : SPAN_OF("/");
}

/* ---- who asks ---- */

static bool wants_page(struct span accept)
{
    struct quality_item item;

    while (quality_next(&accept, &item) == QUALITY_ITEM) {
        if (item.weight != 0 && (span_ieq(item.name, SPAN_OF("text/html")) ||
                                 span_ieq(item.name, SPAN_OF("application/xhtml+xml")))) {
            return true;
        }
    }
    return false;
}

bool oidc_is_navigation(const struct http_request *request)
{
    const struct http_fields *fields = &request->fields;
    const struct http_field *mode = http_fields_find_name(fields, SPAN_OF("Sec-Fetch-Mode"));
    const struct http_field *accept = http_fields_find_name(fields, SPAN_OF("Accept"));

    return (request->method == HTTP_GET || request->method == HTTP_HEAD) &&
           request->upgrade.ptr == NULL &&
           http_fields_find_name(fields, SPAN_OF("X-Requested-With")) == NULL &&
           (mode == NULL || span_ieq(mode->value, SPAN_OF("navigate"))) && accept != NULL &&
           wants_page(accept->value);
}

/* ---- the callback ---- */

static struct span decode(struct span text, struct arena *arena)
{
    char *spaced = arena_alloc(arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++) {
        spaced[i] = text.ptr[i];
        if (spaced[i] == '+') {
            spaced[i] = ' ';
        }
    }
    return url_decode(span_make(spaced, text.len), arena);
}

bool oidc_form_find(struct span form, const char *name, size_t most, struct arena *arena,
                    struct span *value)
{
    struct span found = {NULL, 0};

    *value = found;
    switch (credential_find(form, '&', span_from_cstr(name), &found)) {
    case CREDENTIAL_ABSENT:
        return true;
    case CREDENTIAL_ONE:
        break;
    case CREDENTIAL_MANY:
        return false;
    }
    *value = decode(found, arena);
    return value->len <= most;
}

bool oidc_callback_read(struct span query, struct arena *arena, struct oidc_callback *callback,
                        struct error *error)
{
    const struct {
        const char *name;
        size_t most;
        struct span *value;
    } parameters[] = {
        {"state", OIDC_WORD_MAX, &callback->state},
        {"code", OIDC_CODE_MAX, &callback->code},
        {"error", OIDC_WORD_MAX, &callback->error},
        {"error_description", OIDC_CODE_MAX, &callback->description},
        {"iss", OIDC_CODE_MAX, &callback->issuer},
    };

    *callback = (struct oidc_callback){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if (!oidc_form_find(query, parameters[i].name, parameters[i].most, arena,
                            parameters[i].value)) {
            return error_set(error, "'%s' is there twice, or is longer than %zu bytes",
                             parameters[i].name, parameters[i].most);
        }
    }
    if (callback->state.len == 0) {
        return error_set(error, "it has no 'state'");
    }
    return (callback->code.len != 0) != (callback->error.len != 0) ||
           error_set(error, callback->code.len != 0 ? "it has both 'code' and 'error'"
                                                    : "it has neither 'code' nor 'error'");
}
