#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_parse_internal.h"

/* s is "/path?query". What its bytes mean, and which of them no path may have, is told where the
 * path is matched (edge/path.h), which can say more about it. */
static void split_query(struct span s, struct http_request *request)
{
    const char *mark = memchr(s.ptr, '?', s.len);

    request->path = s;
    if (mark != NULL) {
        size_t at = (size_t)(mark - s.ptr);
        request->path = span_head(s, at);
        request->query = span_skip(s, at + 1);
    }
}

/* scheme "://" authority path-abempty [ "?" query ] (RFC 9112 section 3.2.2) */
static enum h1_error parse_absolute(struct http_request *request)
{
    static const struct span schemes[] = {SPAN("http"), SPAN("https")};
    struct span rest = request->target;
    size_t colon = span_find(rest, ':');
    size_t len = 0;

    request->scheme = span_head(rest, colon);
    if (!span_starts_with(span_skip(rest, colon), SPAN_OF("://")) ||
        (!span_ieq(request->scheme, schemes[0]) && !span_ieq(request->scheme, schemes[1]))) {
        return H1_BAD_TARGET;
    }
    rest = span_skip(rest, colon + 3);
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?') {
        len++;
    }
    request->target_form = HTTP_TARGET_ABSOLUTE;
    request->authority = span_head(rest, len);
    if (!http_parse_authority(request->authority, &request->host, &request->port)) {
        return H1_BAD_HOST;
    }
    rest = span_skip(rest, len);
    split_query(rest, request);
    if (request->path.len == 0) {
        bool is_asterisk = request->method == HTTP_OPTIONS && request->query.ptr == NULL;
        request->path = is_asterisk ? SPAN_OF("*") : SPAN_OF("/");
    }
    return H1_OK;
}

/* uri-host ":" port (RFC 9112 section 3.2.3) */
static enum h1_error parse_connect(struct http_request *request)
{
    request->target_form = HTTP_TARGET_AUTHORITY;
    request->authority = request->target;
    /* A target of some other form is no bad host. */
    if (memchr(request->target.ptr, '/', request->target.len) != NULL ||
        request->target.ptr[0] == '*') {
        return H1_BAD_TARGET;
    }
    if (!http_parse_authority(request->authority, &request->host, &request->port)) {
        return H1_BAD_HOST;
    }
    return request->port != 0 ? H1_OK : H1_BAD_TARGET;
}

static enum h1_error parse_form(struct http_request *request)
{
    if (UNLIKELY(request->method == HTTP_CONNECT)) {
        return parse_connect(request);
    }
    if (LIKELY(request->target.ptr[0] == '/')) {
        request->target_form = HTTP_TARGET_ORIGIN;
        split_query(request->target, request);
        return H1_OK;
    }
    if (request->target.len == 1 && request->target.ptr[0] == '*') {
        request->target_form = HTTP_TARGET_ASTERISK;
        request->path = request->target;
        return request->method == HTTP_OPTIONS ? H1_OK : H1_BAD_TARGET;
    }
    return parse_absolute(request);
}

enum h1_error h1_parse_target(struct http_request *request)
{
    enum h1_error error = parse_form(request);

    if (UNLIKELY(error != H1_OK) && request->refused.ptr == NULL) {
        request->refused = error == H1_BAD_HOST ? request->authority : request->target;
    }
    return error;
}

static uint16_t port_or_default(uint16_t port, struct span scheme)
{
    return port != 0 ? port : scheme.len == 5 ? 443 : scheme.len == 4 ? 80 : 0;
}

/* A copy only where there is something to lower. */
static struct span lower_host(struct span host, struct arena *arena)
{
    bool has_upper = false;

    for (size_t i = 0; i < host.len; i++) {
        has_upper |= http_is(host.ptr[i], HTTP_UPPER_CASE);
    }
    if (!has_upper) {
        return host;
    }
    char *copy = arena_alloc(arena, host.len);
    for (size_t i = 0; i < host.len; i++) {
        copy[i] = ascii_lower(host.ptr[i]);
    }
    return span_make(copy, host.len);
}

/* RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
 * request message that lacks a Host header field and to any request message that contains more than
 * one Host header field line or a Host header field with an invalid field value." */
static enum h1_error settle_host(struct http_request *request, uint64_t repeated,
                                 struct arena *arena)
{
    const struct http_field *field = http_fields_find(&request->fields, FIELD_HOST);
    struct span host = {NULL, 0};
    uint16_t port = 0;

    if (UNLIKELY((repeated & FIELD_BIT(FIELD_HOST)) != 0)) {
        return H1_BAD_MANY_HOSTS;
    }
    if (UNLIKELY(field == NULL && request->version != HTTP_1_0)) {
        return H1_BAD_NO_HOST;
    }
    if (field != NULL && !http_parse_authority(field->value, &host, &port)) {
        return H1_BAD_HOST;
    }
    if (UNLIKELY(request->authority.ptr != NULL)) {
        if (field != NULL && (!span_ieq(host, request->host) ||
                              port_or_default(port, request->scheme) !=
                                  port_or_default(request->port, request->scheme))) {
            return H1_BAD_HOST_CONFLICT;
        }
    } else if (field != NULL) {
        request->authority = field->value;
        request->host = host;
        request->port = port;
    }
    request->host = lower_host(request->host, arena);
    return H1_OK;
}

enum h1_error h1_settle_host(struct http_request *request, uint64_t repeated, struct arena *arena)
{
    enum h1_error error = settle_host(request, repeated, arena);

    if (UNLIKELY(error != H1_OK)) {
        request->refused = http_fields_last_value(&request->fields, FIELD_HOST);
    }
    return error;
}
