#include "gateway/echo.h"

#include "base/strbuf.h"

static void add_value(struct strbuf *b, struct span value)
{
    if (value.ptr == NULL) {
        strbuf_add_cstr(b, "null");
    } else {
        strbuf_add_json(b, value);
    }
}

static void add_member(struct strbuf *b, const char *name, struct span value)
{
    strbuf_add_cstr(b, ",\n  \"");
    strbuf_add_cstr(b, name);
    strbuf_add_cstr(b, "\": ");
    add_value(b, value);
}

static void add_fields(struct strbuf *b, const struct http_fields *fields)
{
    strbuf_add_cstr(b, ",\n  \"fields\": [");
    for (size_t i = 0; i < fields->count; i++) {
        strbuf_add_cstr(b, i == 0 ? "\n    [" : ",\n    [");
        strbuf_add_json(b, fields->items[i].name);
        strbuf_add_cstr(b, ", ");
        strbuf_add_json(b, fields->items[i].value);
        strbuf_add_char(b, ']');
    }
    strbuf_add_cstr(b, fields->count != 0 ? "\n  ]" : "]");
}

static void add_tls(struct strbuf *b, const struct echo_facts *facts)
{
    strbuf_add_cstr(b, ",\n  \"tls\": ");
    if (!facts->is_tls) {
        strbuf_add_cstr(b, "null");
        return;
    }
    strbuf_add_cstr(b, "{\"version\": ");
    add_value(b, facts->tls_version);
    strbuf_add_cstr(b, ", \"cipher\": ");
    add_value(b, facts->tls_cipher);
    strbuf_add_cstr(b, ", \"sni\": ");
    add_value(b, facts->sni);
    strbuf_add_cstr(b, ", \"client_subject\": ");
    add_value(b, facts->client_subject);
    strbuf_add_char(b, '}');
}

static struct span version_text(enum http_version version)
{
    switch (version) {
    case HTTP_1_0:
        return SPAN_OF("HTTP/1.0");
    case HTTP_1_1:
        return SPAN_OF("HTTP/1.1");
    case HTTP_2:
        return SPAN_OF("HTTP/2");
    }
    return SPAN_OF("HTTP");
}

struct span echo_json(struct arena *arena, const struct http_request *request,
                      const struct echo_facts *facts)
{
    struct strbuf b;

    strbuf_init(&b);
    strbuf_add_cstr(&b, "{\n  \"method\": ");
    add_value(&b, request->method_name);
    add_member(&b, "target", request->target);
    add_member(&b, "path", request->path);
    add_member(&b, "query", request->query);
    add_member(&b, "version", version_text(request->version));
    add_member(&b, "scheme", request->scheme);
    add_member(&b, "authority", request->authority);
    add_fields(&b, &request->fields);
    add_member(&b, "client", facts->client);
    add_member(&b, "listener", facts->listener);
    add_member(&b, "server", facts->server);
    add_tls(&b, facts);
    strbuf_add_cstr(&b, ",\n  \"body_bytes\": ");
    strbuf_add_u64(&b, facts->body_bytes);
    strbuf_add_cstr(&b, "\n}\n");
    struct span json = arena_copy(arena, strbuf_span(&b));
    strbuf_free(&b);
    return json;
}
