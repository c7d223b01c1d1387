#include "gateway/websocket.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "gateway/exchange.h"

#define KEY_BYTES 16
#define KEY_NAME SPAN_OF("Sec-WebSocket-Key")
/* RFC 6455 section 1.3 */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define SHA1_BYTES 20
/* Of n bytes, with the NUL. */
#define BASE64_BYTES(n) (((n) + 2) / 3 * 4 + 1)

bool websocket_is_asked(const struct exchange *x)
{
    return x->request.is_extended_connect && span_ieq(x->request.upgrade, SPAN_OF("websocket"));
}

void websocket_add_key(struct exchange *x)
{
    unsigned char bytes[KEY_BYTES] = {0};
    unsigned char text[BASE64_BYTES(KEY_BYTES)];

    if (http_fields_find_name(&x->request.fields, KEY_NAME) != NULL) {
        return;
    }
    (void)RAND_bytes(bytes, sizeof(bytes));
    int len = EVP_EncodeBlock(text, bytes, sizeof(bytes));
    http_fields_add(&x->request.fields, &x->arena, FIELD_OTHER, KEY_NAME,
                    arena_copy(&x->arena, span_make(text, (size_t)len)));
}

void websocket_drop_key(struct exchange *x)
{
    struct http_fields *fields = &x->request.fields;

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_OTHER && span_ieq(fields->items[i].name, KEY_NAME)) {
            fields->items[i].is_hop_by_hop = true;
        }
    }
}

static bool digest(struct span key, unsigned char out[SHA1_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
                   EVP_DigestUpdate(context, key.ptr, key.len) == 1 &&
                   EVP_DigestUpdate(context, KEY_SUFFIX, sizeof(KEY_SUFFIX) - 1) == 1 &&
                   EVP_DigestFinal_ex(context, out, NULL) == 1;

    EVP_MD_CTX_free(context);
    return is_done;
}

bool websocket_is_accepted(const struct exchange *x)
{
    const struct http_field *key = http_fields_find_name(&x->request.fields, KEY_NAME);
    const struct http_field *accept =
        http_fields_find_name(&x->response.fields, SPAN_OF("Sec-WebSocket-Accept"));
    unsigned char bytes[SHA1_BYTES];
    unsigned char text[BASE64_BYTES(SHA1_BYTES)];

    if (key == NULL || accept == NULL || !digest(key->value, bytes)) {
        return false;
    }
    int len = EVP_EncodeBlock(text, bytes, sizeof(bytes));
    return span_eq(accept->value, span_make(text, (size_t)len));
}
