#include "server/websocket.h"

#include <openssl/rand.h>

#include "base/base64.h"
#include "http/fields.h"
#include "tls/digest.h"

#define KEY_BYTES 16
#define KEY_NAME SPAN_OF("Sec-WebSocket-Key")
#define ACCEPT_NAME SPAN_OF("Sec-WebSocket-Accept")
/* RFC 6455 section 1.3 */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

bool websocket_is_asked(const struct http_request *request)
{
    return request->is_extended_connect && span_ieq(request->upgrade, SPAN_OF("websocket"));
}

bool websocket_has_key(const struct http_request *request)
{
    const struct http_field *key = http_fields_find_name(&request->fields, KEY_NAME);

    return key != NULL && key->value.len == BASE64_LEN(KEY_BYTES);
}

void websocket_add_key(struct http_request *request, struct arena *arena)
{
    unsigned char bytes[KEY_BYTES] = {0};
    char text[BASE64_LEN(KEY_BYTES)];

    if (http_fields_find_name(&request->fields, KEY_NAME) != NULL) {
        return;
    }
    (void)RAND_bytes(bytes, sizeof(bytes));
    size_t len = base64_encode(BASE64, span_make(bytes, sizeof(bytes)), text);
    http_fields_add(&request->fields, arena, FIELD_OTHER, KEY_NAME,
                    arena_copy(arena, span_make(text, len)));
}

/* The answer to the request's key; false: there is none. */
static bool accept_of(const struct http_request *request, char text[BASE64_LEN(SHA1_BYTES)])
{
    const struct http_field *key = http_fields_find_name(&request->fields, KEY_NAME);
    unsigned char bytes[SHA1_BYTES];

    if (key == NULL || !digest_sha1((struct span[]){key->value, SPAN(KEY_SUFFIX)}, 2, bytes)) {
        return false;
    }
    (void)base64_encode(BASE64, span_make(bytes, sizeof(bytes)), text);
    return true;
}

bool websocket_is_accepted(const struct http_request *request, const struct http_response *response)
{
    const struct http_field *accept = http_fields_find_name(&response->fields, ACCEPT_NAME);
    char text[BASE64_LEN(SHA1_BYTES)];

    return accept != NULL && accept_of(request, text) &&
           span_eq(accept->value, span_make(text, sizeof(text)));
}

static void drop(struct http_fields *fields, struct span name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == FIELD_OTHER && span_ieq(fields->items[i].name, name)) {
            fields->items[i].is_not_sent = true;
        }
    }
}

void websocket_add_accept(const struct http_request *request, struct http_response *response,
                          struct arena *arena)
{
    char text[BASE64_LEN(SHA1_BYTES)];

    drop(&response->fields, ACCEPT_NAME);
    if (accept_of(request, text)) {
        http_fields_add(&response->fields, arena, FIELD_OTHER, ACCEPT_NAME,
                        arena_copy(arena, span_make(text, sizeof(text))));
    }
}
