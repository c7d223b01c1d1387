#include "client/fcgi_params.h"

#include <stdio.h>
#include <stdlib.h>

static void put_length(struct strbuf *out, size_t len)
{
    unsigned char bytes[4] = {(unsigned char)(0x80 | len >> 24), (unsigned char)(len >> 16),
                              (unsigned char)(len >> 8), (unsigned char)len};

    if (len < 128) {
        strbuf_add(out, span_make(bytes + 3, 1));
    } else {
        strbuf_add(out, span_make(bytes, sizeof(bytes)));
    }
}

static void fcgi_param(struct strbuf *out, struct span name, struct span value)
{
    put_length(out, name.len);
    put_length(out, value.len);
    strbuf_add(out, name);
    strbuf_add(out, value);
}

static void add(struct strbuf *out, const char *name, struct span value)
{
    fcgi_param(out, span_from_cstr(name), value);
}

static void add_known(struct strbuf *out, const char *name, struct span value)
{
    if (value.len != 0) {
        add(out, name, value);
    }
}

static void add_number(struct strbuf *out, const char *name, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);

    add(out, name, span_make(text, (size_t)len));
}

/* ---- fields ---- */

static bool has_plain_name(const struct http_field *field)
{
    for (size_t i = 0; i < field->name.len; i++) {
        char c = ascii_lower(field->name.ptr[i]);

        if (c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z')) {
            return false;
        }
    }
    return field->name.len != 0;
}

/* Told in a parameter of its own, of the connection alone, or never. */
static bool is_told(const struct http_field *field)
{
    switch (field->id) {
    case FIELD_HOST:
    case FIELD_CONTENT_LENGTH:
    case FIELD_CONTENT_TYPE:
    case FIELD_TE:
    case FIELD_EXPECT:
        return false;
    default:
        break;
    }
    return !field->is_not_sent && has_plain_name(field) && !span_ieq(field->name, SPAN_OF("Proxy"));
}

/* By name, whatever its case; those of one name in their order. */
static int compare(const void *one, const void *other)
{
    const struct http_field *a = *(const struct http_field *const *)one;
    const struct http_field *b = *(const struct http_field *const *)other;

    if (a->name.len != b->name.len) {
        return a->name.len < b->name.len ? -1 : 1;
    }
    for (size_t i = 0; i < a->name.len; i++) {
        char x = ascii_lower(a->name.ptr[i]);
        char y = ascii_lower(b->name.ptr[i]);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return a < b ? -1 : a > b;
}

static struct span name_of(struct span field, struct arena *arena)
{
    char *name = arena_alloc(arena, field.len + 5);

    memcpy(name, "HTTP_", 5);
    for (size_t i = 0; i < field.len; i++) {
        char c = ascii_lower(field.ptr[i]);
        name[5 + i] = (char)(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return span_make(name, field.len + 5);
}

/* The values of `count` lines of one field as one (RFC 9110 section 5.3; RFC 9113 section 8.2.3).
 */
static struct span join(const struct http_field *const *fields, size_t count, struct arena *arena)
{
    struct span between =
        span_ieq(fields[0]->name, SPAN_OF("Cookie")) ? SPAN_OF("; ") : SPAN_OF(", ");
    size_t len = 0;
    char *text;

    if (count == 1) {
        return fields[0]->value;
    }
    for (size_t i = 0; i < count; i++) {
        len += fields[i]->value.len + between.len;
    }
    text = arena_alloc(arena, len);
    len = 0;
    for (size_t i = 0; i < count; i++) {
        if (i != 0) {
            memcpy(text + len, between.ptr, between.len);
            len += between.len;
        }
        if (fields[i]->value.len != 0) {
            memcpy(text + len, fields[i]->value.ptr, fields[i]->value.len);
            len += fields[i]->value.len;
        }
    }
    return span_make(text, len);
}

static void add_fields(const struct call *call, struct strbuf *out)
{
    const struct http_fields *fields = &call->request->fields;
    const struct http_field **told =
        arena_alloc(call->arena, (fields->count + 1) * sizeof(struct http_field *));
    size_t count = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (is_told(&fields->items[i])) {
            told[count++] = &fields->items[i];
        }
    }
    qsort(told, count, sizeof(*told), compare);
    for (size_t i = 0; i < count;) {
        size_t same = 1;

        while (i + same < count && span_ieq(told[i + same]->name, told[i]->name)) {
            same++;
        }
        fcgi_param(out, name_of(told[i]->name, call->arena), join(&told[i], same, call->arena));
        i += same;
    }
}

/* ---- the rest ---- */

static void add_request(const struct call *call, uint64_t content_length, bool has_body,
                        struct strbuf *out)
{
    const struct http_request *request = call->request;
    const struct http_field *type = http_fields_find(&request->fields, FIELD_CONTENT_TYPE);

    add(out, "REQUEST_METHOD", request->method_name);
    add(out, "QUERY_STRING", request->query);
    add(out, "SERVER_PROTOCOL",
        request->version == HTTP_2     ? SPAN_OF("HTTP/2.0")
        : request->version == HTTP_1_0 ? SPAN_OF("HTTP/1.0")
                                       : SPAN_OF("HTTP/1.1"));
    if (has_body) {
        add_number(out, "CONTENT_LENGTH", content_length);
    } else {
        add(out, "CONTENT_LENGTH", SPAN_OF(""));
    }
    add(out, "CONTENT_TYPE", type != NULL && !type->is_not_sent ? type->value : SPAN_OF(""));
    add_known(out, "HTTP_HOST", request->authority);
}

static void add_script(const struct call *call, struct strbuf *out)
{
    const struct fcgi_facts *facts = call->fcgi;

    add(out, "SCRIPT_FILENAME", facts->script_filename);
    add(out, "SCRIPT_NAME", facts->script_name);
    add(out, "DOCUMENT_URI", facts->script_name);
    add(out, "DOCUMENT_ROOT", facts->document_root);
    add(out, "REQUEST_URI", facts->request_uri);
    if (facts->path_info.len != 0) {
        add(out, "PATH_INFO", facts->path_info);
        add(out, "PATH_TRANSLATED",
            span_from_cstr(arena_printf(call->arena, "%.*s%.*s", SPAN_ARG(facts->document_root),
                                        SPAN_ARG(facts->path_info))));
    }
    add(out, "REQUEST_SCHEME", facts->is_https ? SPAN_OF("https") : SPAN_OF("http"));
    if (facts->is_https) {
        add(out, "HTTPS", SPAN_OF("on"));
    }
    add(out, "REMOTE_ADDR", facts->remote_addr);
    if (facts->remote_port != 0) {
        add_number(out, "REMOTE_PORT", facts->remote_port);
    }
    add_known(out, "SERVER_ADDR", facts->server_addr);
    add(out, "SERVER_NAME", facts->server_name);
    add_number(out, "SERVER_PORT", facts->server_port);
    for (size_t i = 0; i < facts->param_count; i++) {
        fcgi_param(out, facts->params[i].name, facts->params[i].value);
    }
}

void fcgi_params_write(const struct call *call, uint64_t content_length, bool has_body,
                       struct strbuf *out)
{
    add(out, "GATEWAY_INTERFACE", SPAN_OF("CGI/1.1"));
    add(out, "SERVER_SOFTWARE", SPAN_OF("tidegate"));
    add(out, "REDIRECT_STATUS", SPAN_OF("200")); /* PHP built for CGI runs nothing without it */
    add_request(call, content_length, has_body, out);
    if (call->fcgi != NULL) {
        add_script(call, out);
    } else { /* a check of health: php-fpm's ping has a path and no script */
        add(out, "SCRIPT_FILENAME", call->path);
        add(out, "SCRIPT_NAME", call->path);
        add(out, "REQUEST_URI", call->path);
    }
    add_fields(call, out);
}
