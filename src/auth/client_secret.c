#include "auth/client_secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

#define SECRET_MAX 1024

struct secret {
    size_t len;
    char text[SECRET_MAX];
};

static void destroy_secret(void *object)
{
    explicit_bzero(object, sizeof(struct secret));
    free(object);
}

static void *parse_secret(struct span bytes, struct error *error)
{
    struct secret *secret;

    while (bytes.len != 0 &&
           (bytes.ptr[bytes.len - 1] == '\n' || bytes.ptr[bytes.len - 1] == '\r')) {
        bytes.len--;
    }
    if (bytes.len == 0 || memchr(bytes.ptr, '\n', bytes.len) != NULL) {
        (void)error_set(error, "it has not one line, which is the secret");
        return NULL;
    }
    secret = xcalloc(1, sizeof(*secret));
    secret->len = bytes.len;
    memcpy(secret->text, bytes.ptr, bytes.len);
    return secret;
}

const struct followed_type client_secret_type = {
    .what = "a file with a secret",
    .unnamed = "'client_secret'",
    .max_bytes = SECRET_MAX,
    .parse = parse_secret,
    .destroy = destroy_secret,
};

void form_add(struct strbuf *to, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
            (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_') {
            strbuf_add_char(to, (char)byte);
        } else {
            strbuf_printf(to, "%%%02X", byte);
        }
    }
}

void form_add_parameter(struct strbuf *to, const char *name, struct span value)
{
    strbuf_printf(to, "%s%s=", to->len != 0 ? "&" : "", name);
    form_add(to, value);
}

void client_secret_add(struct strbuf *form, struct followed *file)
{
    struct followed_object *object = followed_get(file);
    const struct secret *secret = followed_read(object);

    form_add(form, span_make(secret->text, secret->len));
    followed_put(object);
}

struct span client_secret_basic(const char *client_id, struct followed *file, struct arena *arena)
{
    struct strbuf pair;
    char *text;
    size_t len;

    strbuf_init(&pair);
    form_add(&pair, span_from_cstr(client_id));
    strbuf_add_char(&pair, ':');
    client_secret_add(&pair, file);
    text = arena_alloc(arena, 6 + BASE64_LEN(pair.len));
    memcpy(text, "Basic ", 6);
    len = base64_encode(BASE64, strbuf_span(&pair), text + 6);
    explicit_bzero(pair.ptr, pair.len);
    strbuf_free(&pair);
    return span_make(text, 6 + len);
}
