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

/* Registered as idempotent, besides those that have a number of their own. */
static bool is_registered_idempotent(struct span name)
{
    static const struct span names[] = {
        SPAN("ACL"),
        SPAN("BASELINE-CONTROL"),
        SPAN("BIND"),
        SPAN("CHECKIN"),
        SPAN("CHECKOUT"),
        SPAN("COPY"),
        SPAN("LABEL"),
        SPAN("LINK"),
        SPAN("MERGE"),
        SPAN("MKACTIVITY"),
        SPAN("MKCALENDAR"),
        SPAN("MKCOL"),
        SPAN("MKREDIRECTREF"),
        SPAN("MKWORKSPACE"),
        SPAN("MOVE"),
        SPAN("ORDERPATCH"),
        SPAN("PROPFIND"),
        SPAN("PROPPATCH"),
        SPAN("QUERY"),
        SPAN("REBIND"),
        SPAN("REPORT"),
        SPAN("SEARCH"),
        SPAN("UNBIND"),
        SPAN("UNCHECKOUT"),
        SPAN("UNLINK"),
        SPAN("UNLOCK"),
        SPAN("UPDATE"),
        SPAN("UPDATEREDIRECTREF"),
        SPAN("VERSION-CONTROL"),
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_eq(name, names[i])) {
            return true;
        }
    }
    return false;
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

bool http_method_is_safe(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_OPTIONS ||
           method == HTTP_TRACE;
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
