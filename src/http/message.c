#include "http/message.h"

#include "http/chars.h"

static inline bool is(struct span name, const char *literal)
{
    return memcmp(name.ptr, literal, name.len) == 0;
}

/* Method names are case-sensitive (RFC 9110 section 9.1): "get" is some other method. */
enum http_method http_method_from(struct span name)
{
    switch (name.len) {
    case 3:
        return is(name, "GET") ? HTTP_GET : is(name, "PUT") ? HTTP_PUT : HTTP_METHOD_OTHER;
    case 4:
        return is(name, "POST") ? HTTP_POST : is(name, "HEAD") ? HTTP_HEAD : HTTP_METHOD_OTHER;
    case 5:
        return is(name, "PATCH") ? HTTP_PATCH : is(name, "TRACE") ? HTTP_TRACE : HTTP_METHOD_OTHER;
    case 6:
        return is(name, "DELETE") ? HTTP_DELETE : HTTP_METHOD_OTHER;
    case 7:
        return is(name, "OPTIONS")   ? HTTP_OPTIONS
               : is(name, "CONNECT") ? HTTP_CONNECT
                                     : HTTP_METHOD_OTHER;
    default:
        return HTTP_METHOD_OTHER;
    }
}

/* IANA's registry of methods, but for those that have a number of their own. */
static const struct registered_method {
    struct span name;
    bool is_idempotent;
} registered_methods[] = {
    {SPAN("ACL"), true},
    {SPAN("BASELINE-CONTROL"), true},
    {SPAN("BIND"), true},
    {SPAN("CHECKIN"), true},
    {SPAN("CHECKOUT"), true},
    {SPAN("COPY"), true},
    {SPAN("LABEL"), true},
    {SPAN("LINK"), true},
    {SPAN("LOCK"), false},
    {SPAN("MERGE"), true},
    {SPAN("MKACTIVITY"), true},
    {SPAN("MKCALENDAR"), true},
    {SPAN("MKCOL"), true},
    {SPAN("MKREDIRECTREF"), true},
    {SPAN("MKWORKSPACE"), true},
    {SPAN("MOVE"), true},
    {SPAN("ORDERPATCH"), true},
    {SPAN("PROPFIND"), true},
    {SPAN("PROPPATCH"), true},
    {SPAN("QUERY"), true},
    {SPAN("REBIND"), true},
    {SPAN("REPORT"), true},
    {SPAN("SEARCH"), true},
    {SPAN("UNBIND"), true},
    {SPAN("UNCHECKOUT"), true},
    {SPAN("UNLINK"), true},
    {SPAN("UNLOCK"), true},
    {SPAN("UPDATE"), true},
    {SPAN("UPDATEREDIRECTREF"), true},
    {SPAN("VERSION-CONTROL"), true},
};

static const struct registered_method *find_registered(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(registered_methods); i++) {
        if (span_eq(name, registered_methods[i].name)) {
            return &registered_methods[i];
        }
    }
    return NULL;
}

static bool is_registered_idempotent(struct span name)
{
    const struct registered_method *found = find_registered(name);

    return found != NULL && found->is_idempotent;
}

bool http_method_is_idempotent(enum http_method method, struct span name)
{
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
    case HTTP_PUT:
    case HTTP_DELETE:
    case HTTP_OPTIONS:
    case HTTP_TRACE:
        return true;
    case HTTP_METHOD_OTHER:
        return is_registered_idempotent(name);
    case HTTP_POST:
    case HTTP_PATCH:
    case HTTP_CONNECT:
        return false;
    }
    return false;
}

bool http_method_is_registered(enum http_method method, struct span name)
{
    return method != HTTP_METHOD_OTHER || find_registered(name) != NULL;
}

bool http_method_wants_body(enum http_method method)
{
    return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
}

bool http_method_is_safe(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS ||
           method == HTTP_TRACE;
}

bool http_response_is_bodiless(unsigned status, enum http_method request_method)
{
    return status < 200 || status == 204 || status == 205 || status == 304 ||
           request_method == HTTP_HEAD || (request_method == HTTP_CONNECT && status < 300);
}

const char *http_reason(unsigned status)
{
    switch (status) {
#define STATUS(code, reason)                                                                       \
    case code:                                                                                     \
        return reason;
#include "http/status_table.h"
#undef STATUS
    default:
        return "Unknown";
    }
}

bool http_is_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!http_is(s.ptr[i], HTTP_TOKEN)) {
            return false;
        }
    }
    return s.len != 0;
}
