#include "gateway/websocket.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "gateway/exchange.h"

#define KEY_BYTES 16
#define KEY_NAME SPAN_OF("Sec-WebSocket-Key")
#define ACCEPT_NAME SPAN_OF("Sec-WebSocket-Accept")
/* RFC 6455 section 1.3 */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define SHA1_BYTES 20
/* Of n bytes, with the NUL. */
#define BASE64_BYTES(n) (((n) + 2) / 3 * 4 + 1)

bool websocket_is_asked(const struct exchange *x)
{
    return x->request.is_extended_connect && span_ieq(x->request.upgrade, SPAN_OF("websocket"));
}

bool websocket_has_key(const struct exchange *x)
{
    const struct http_field *key = http_fields_find_name(&x->request.fields, KEY_NAME);

    return key != NULL && key->value.len == BASE64_BYTES(KEY_BYTES) - 1;
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

/* The answer to the request's key; false: there is none. */
static bool accept_of(const struct exchange *x, unsigned char text[BASE64_BYTES(SHA1_BYTES)])
{
    const struct http_field *key = http_fields_find_name(&x->request.fields, KEY_NAME);
    unsigned char bytes[SHA1_BYTES];

    if (key == NULL || !digest(key->value, bytes)) {
        return false;
    }
    (void)EVP_EncodeBlock(text, bytes, sizeof(bytes));
    return true;
}

bool websocket_is_accepted(const struct exchange *x)
{
    const struct http_field *accept = http_fields_find_name(&x->response.fields, ACCEPT_NAME);
    unsigned char text[BASE64_BYTES(SHA1_BYTES)];

    return accept != NULL && accept_of(x, text) &&
           span_eq(accept->value, span_make(text, sizeof(text) - 1));
}

static void drop(struct http_fields *fields, struct span name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_OTHER && span_ieq(fields->items[i].name, name)) {
            fields->items[i].is_hop_by_hop = true;
        }
    }
}

void websocket_add_accept(struct exchange *x)
{
    unsigned char text[BASE64_BYTES(SHA1_BYTES)];

    drop(&x->response.fields, ACCEPT_NAME);
    if (accept_of(x, text)) {
        http_fields_add(&x->response.fields, &x->arena, FIELD_OTHER, ACCEPT_NAME,
                        arena_copy(&x->arena, span_make(text, sizeof(text) - 1)));
    }
}
