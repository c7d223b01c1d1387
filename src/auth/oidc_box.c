#include "auth/oidc_box.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define VERSION 1
#define HEAD_BYTES (1 + 8)

_Static_assert(SHA256_BYTES == SEAL_KEY_BYTES, "a digest is a key");

/* ---- secrets ---- */

static bool add_secret(struct oidc_secrets *secrets, struct span line, struct error *error)
{
    if (line.len < OIDC_SECRET_MIN || line.len > OIDC_SECRET_MAX) {
        return error_set(error,
                         "a line has %zu bytes, and secrets have %d to %d: make one with openssl "
                         "rand -base64 32",
                         line.len, OIDC_SECRET_MIN, OIDC_SECRET_MAX);
    }
    if (secrets->count == OIDC_SECRETS_MAX) {
        return error_set(error, "it has more than %d secrets", OIDC_SECRETS_MAX);
    }
    return digest_sha256(&line, 1, secrets->items[secrets->count++]) ||
           error_set(error, "memory is out");
}

static void destroy_secrets(void *object)
{
    explicit_bzero(object, sizeof(struct oidc_secrets));
    free(object);
}

static void *parse_secrets(struct span bytes, struct error *error)
{
    struct oidc_secrets *secrets = xcalloc(1, sizeof(*secrets));
    struct span rest = bytes;
    struct span line;
    bool is_good = true;

    while (is_good && span_split(&rest, '\n', &line)) {
        if (line.len != 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        is_good = line.len == 0 || add_secret(secrets, line, error);
    }
    if (is_good && secrets->count == 0) {
        is_good = error_set(error, "it has no line with a secret");
    }
    if (is_good) {
        return secrets;
    }
    destroy_secrets(secrets);
    return NULL;
}

const struct followed_type oidc_secrets_type = {
    .what = "a file of secrets for sessions",
    .unnamed = "'keys' of 'session'",
    .max_bytes = (size_t)OIDC_SECRETS_MAX * 2 * OIDC_SECRET_MAX,
    .parse = parse_secrets,
    .destroy = destroy_secrets,
};

void oidc_secrets_of_process(struct oidc_secrets *secrets)
{
    const struct span parts[] = {SPAN_OF("tidegate sessions"),
                                 span_make(secret_of_process(), SECRET_BYTES)};

    CHECK(digest_sha256(parts, ARRAY_LEN(parts), secrets->items[0]));
    secrets->count = 1;
}

/* ---- keys ---- */

static bool make_key(const struct oidc_box *box, size_t which, struct span head,
                     unsigned char key[SEAL_KEY_BYTES])
{
    const struct span parts[] = {SPAN_OF("key"), head, box->purpose};

    return digest_hmac_sha256(span_make(box->secrets->items[which], SHA256_BYTES), parts,
                              ARRAY_LEN(parts), key);
}

static uint64_t period_of(const struct oidc_box *box, int64_t now_s)
{
    return (uint64_t)(now_s > 0 ? now_s : 0) / box->rotate_s;
}

/* ---- sealed and opened ---- */

struct span oidc_box_seal(const struct oidc_box *box, struct span text, int64_t now_s,
                          struct arena *arena)
{
    size_t len = HEAD_BYTES + text.len + SEAL_OVERHEAD;
    unsigned char *bytes = arena_alloc(arena, len);
    char *digits = arena_alloc(arena, BASE64_LEN(len));
    unsigned char key[SEAL_KEY_BYTES];
    bool is_sealed;

    bytes[0] = VERSION;
    (void)big_endian_put(bytes + 1, period_of(box, now_s), 8);
    is_sealed = make_key(box, 0, span_make(bytes, HEAD_BYTES), key) &&
                seal_close(key, box->purpose, text, bytes + HEAD_BYTES);
    explicit_bzero(key, sizeof(key));
    return is_sealed ? span_make(digits, base64_encode(BASE64_URL, span_make(bytes, len), digits))
                     : span_make(NULL, 0);
}

/* Of `head`. The next period, too: another gateway's clock may be ahead. */
static bool is_open_still(const struct oidc_box *box, struct span head, int64_t now_s)
{
    uint64_t now = period_of(box, now_s);
    struct cursor cursor = cursor_make(head);
    uint8_t version;
    uint64_t period;

    return cursor_u8(&cursor, &version) && version == VERSION && cursor_u64(&cursor, &period) &&
           period <= now + 1 && period + box->keep_s / box->rotate_s + 1 >= now;
}

struct span oidc_box_open(const struct oidc_box *box, struct span sealed, int64_t now_s,
                          struct arena *arena)
{
    unsigned char *bytes = arena_alloc(arena, sealed.len + 1);
    struct span none = {NULL, 0};
    struct span body;
    char *text;
    size_t len;

    if (!base64_decode(BASE64_URL, sealed, bytes, sealed.len, &len) ||
        len < HEAD_BYTES + SEAL_OVERHEAD ||
        !is_open_still(box, span_make(bytes, HEAD_BYTES), now_s)) {
        return none;
    }
    body = span_make(bytes + HEAD_BYTES, len - HEAD_BYTES);
    text = arena_alloc(arena, body.len - SEAL_OVERHEAD + 1);
    for (size_t i = 0; i < box->secrets->count; i++) {
        unsigned char key[SEAL_KEY_BYTES];
        bool is_opened = make_key(box, i, span_make(bytes, HEAD_BYTES), key) &&
                         seal_open(key, box->purpose, body, (unsigned char *)text);
        explicit_bzero(key, sizeof(key));
        if (is_opened) {
            return span_make(text, body.len - SEAL_OVERHEAD);
        }
    }
    return none;
}
